package vsphere

import (
	"context"
	"sync"
	"time"

	"github.com/vmware/govmomi/task"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// poller waits for all tasks in flight with one property read a tick, so that
// waiting costs calls in proportion to time and not to the number of tasks.
type poller struct {
	vim *vim25.Client

	mu      sync.Mutex
	pending map[types.ManagedObjectReference]*pendingTask
	running bool
	credit  float64
	failed  int // reads in a row; touched by run only
}

type pendingTask struct {
	done     chan taskResult
	progress func(percent int32)
}

type taskResult struct {
	info types.TaskInfo
	err  error
}

const (
	minTick = 15 * time.Millisecond
	maxTick = time.Second

	// Reads of the pending tasks are paid from a credit: some to begin with,
	// and a part of one for every task. Without credit they wait for more tasks
	// to end between two reads.
	initialCredit = 20
	taskCredit    = 0.2

	// maxFailedPolls is how many reads in a row may fail, each after its own
	// repeats, before those who wait are told.
	maxFailedPolls = 5
)

func newPoller(vim *vim25.Client) *poller {
	return &poller{vim: vim, pending: make(map[types.ManagedObjectReference]*pendingTask), credit: initialCredit}
}

// wait blocks until the task has ended and gives its result, or its fault as an
// error that the fault package understands. It does not cancel the task.
func (p *poller) wait(ctx context.Context, ref types.ManagedObjectReference, progress func(percent int32)) (types.TaskInfo, error) {
	t := &pendingTask{done: make(chan taskResult, 1), progress: progress}
	p.mu.Lock()
	p.pending[ref] = t
	p.credit += taskCredit
	if !p.running {
		p.running = true
		go p.run(context.WithoutCancel(ctx))
	}
	p.mu.Unlock()

	select {
	case <-ctx.Done():
		p.mu.Lock()
		delete(p.pending, ref)
		p.mu.Unlock()
		return types.TaskInfo{}, ctx.Err()
	case r := <-t.done:
		return r.info, r.err
	}
}

// grant pays for further reads.
func (p *poller) grant(credit float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.credit += credit
}

// run polls until nothing is pending.
func (p *poller) run(ctx context.Context) {
	tick := minTick
	for {
		time.Sleep(tick)
		refs, credit := p.take()
		if refs == nil {
			return
		}
		ended := p.poll(ctx, refs)
		tick = nextTick(tick, ended, len(refs), credit)
	}
}

// nextTick polls sooner when enough of what was asked about had ended, a quarter
// with credit and half without, and later otherwise; with credit to spare not as
// long as anything ends.
func nextTick(tick time.Duration, ended, asked int, credit float64) time.Duration {
	enough := 2
	if credit >= 1 {
		enough = 4
	}
	switch {
	case ended*enough >= asked:
		return max(tick/2, minTick)
	case credit > initialCredit && ended > 0:
		return tick
	default:
		return min(tick*3/2, maxTick)
	}
}

// take lists what is pending; nil ends the run.
func (p *poller) take() (refs []types.ManagedObjectReference, credit float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.pending) == 0 {
		p.running = false
		return nil, 0
	}
	for ref := range p.pending {
		refs = append(refs, ref)
	}
	credit = p.credit
	if credit >= 1 {
		p.credit--
	}
	return refs, credit
}

// poll reads the pending tasks once and answers those who wait for one that has
// ended. It gives how many had.
func (p *poller) poll(ctx context.Context, refs []types.ManagedObjectReference) int {
	objects, err := retrieveTasks(ctx, p.vim, refs)
	if err != nil {
		if p.failed++; p.failed < maxFailedPolls && faultOf(err) == nil {
			return 0
		}
		for _, ref := range refs {
			p.finish(ref, taskResult{err: err})
		}
		return len(refs)
	}
	p.failed = 0
	ended := 0
	seen := make(map[types.ManagedObjectReference]bool, len(objects))
	for i := range objects {
		seen[objects[i].Obj] = true
		if p.update(&objects[i]) {
			ended++
		}
	}
	for _, ref := range refs {
		if !seen[ref] { // the server keeps ended tasks for some minutes only
			p.finish(ref, taskResult{err: task.Error{LocalizedMethodFault: &types.LocalizedMethodFault{
				Fault: &types.ManagedObjectNotFound{Obj: ref},
			}}})
			ended++
		}
	}
	return ended
}

func (p *poller) update(object *types.ObjectContent) (ended bool) {
	var info types.TaskInfo
	percent := int32(0)
	for _, prop := range object.PropSet {
		switch prop.Name {
		case "info.state":
			info.State, _ = prop.Val.(types.TaskInfoState)
		case "info.error":
			if f, ok := prop.Val.(types.LocalizedMethodFault); ok {
				info.Error = &f
			}
		case "info.result":
			info.Result = prop.Val
		case "info.progress":
			percent, _ = prop.Val.(int32)
		}
	}
	switch info.State {
	case types.TaskInfoStateSuccess:
		p.finish(object.Obj, taskResult{info: info})
		return true
	case types.TaskInfoStateError:
		err := task.Error{LocalizedMethodFault: info.Error}
		if info.Error == nil {
			err.LocalizedMethodFault = &types.LocalizedMethodFault{Fault: &types.RuntimeFault{}}
		}
		p.finish(object.Obj, taskResult{info: info, err: err})
		return true
	}
	p.report(object.Obj, percent)
	return false
}

func (p *poller) report(ref types.ManagedObjectReference, percent int32) {
	p.mu.Lock()
	t := p.pending[ref]
	p.mu.Unlock()
	if t != nil && t.progress != nil && percent > 0 {
		t.progress(percent)
	}
}

func (p *poller) finish(ref types.ManagedObjectReference, result taskResult) {
	p.mu.Lock()
	t, ok := p.pending[ref]
	delete(p.pending, ref)
	p.mu.Unlock()
	if ok {
		t.done <- result
	}
}

func retrieveTasks(ctx context.Context, vim *vim25.Client, refs []types.ManagedObjectReference) ([]types.ObjectContent, error) {
	filter := types.PropertyFilterSpec{
		PropSet:                       []types.PropertySpec{{Type: "Task", PathSet: []string{"info.state", "info.error", "info.result", "info.progress"}}},
		ReportMissingObjectsInResults: types.NewBool(true),
	}
	for _, ref := range refs {
		filter.ObjectSet = append(filter.ObjectSet, types.ObjectSpec{Obj: ref})
	}
	objects, _, err := retrieve(ctx, vim, filter, 0)
	return objects, err
}

// retrieve reads one property filter whole, page by page, and says in how many.
func retrieve(ctx context.Context, vim *vim25.Client, filter types.PropertyFilterSpec, page int32) (objects []types.ObjectContent, pages int, err error) {
	collector := vim.ServiceContent.PropertyCollector
	first, err := methods.RetrievePropertiesEx(ctx, vim, &types.RetrievePropertiesEx{
		This:    collector,
		SpecSet: []types.PropertyFilterSpec{filter},
		Options: types.RetrieveOptions{MaxObjects: page},
	})
	if err != nil {
		return nil, 0, err
	}
	if first.Returnval == nil {
		return nil, 1, nil
	}
	objects, token := first.Returnval.Objects, first.Returnval.Token
	for pages = 1; token != ""; pages++ {
		next, err := methods.ContinueRetrievePropertiesEx(ctx, vim, &types.ContinueRetrievePropertiesEx{This: collector, Token: token})
		if err != nil {
			return nil, pages, err
		}
		objects, token = append(objects, next.Returnval.Objects...), next.Returnval.Token
	}
	return objects, pages, nil
}
