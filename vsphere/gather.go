package vsphere

import (
	"context"
	"sync"
	"time"
)

// gather reads VMs for many goroutines: those that ask within a moment share one
// call.
type gather struct {
	client *Client

	mu      sync.Mutex
	waiting map[ref][]chan gathered
}

type gathered struct {
	live *machine
	err  error
}

// gatherTime is how long the first to ask waits for others.
const gatherTime = 20 * time.Millisecond

// read gives a VM as it is now; nil when it is gone.
func (g *gather) read(ctx context.Context, vm ref) (*machine, error) {
	answer := make(chan gathered, 1)
	g.mu.Lock()
	if g.waiting == nil {
		g.waiting = make(map[ref][]chan gathered)
	}
	if len(g.waiting) == 0 {
		time.AfterFunc(gatherTime, func() { g.run(context.WithoutCancel(ctx)) })
	}
	g.waiting[vm] = append(g.waiting[vm], answer)
	g.mu.Unlock()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case got := <-answer:
		return got.live, got.err
	}
}

func (g *gather) run(ctx context.Context) {
	g.mu.Lock()
	waiting := g.waiting
	g.waiting = nil
	g.mu.Unlock()
	refs := make([]ref, 0, len(waiting))
	for vm := range waiting {
		refs = append(refs, vm)
	}
	live, err := g.client.readLive(ctx, refs)
	for vm, answers := range waiting {
		for _, answer := range answers {
			answer <- gathered{live: live[vm], err: err}
		}
	}
}
