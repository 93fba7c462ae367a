package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
	"github.com/uclab/uclab/plan"
)

// applyProgress shows the work of an apply: bars on a terminal, plain lines
// elsewhere. It implements vsphere.Progress.
type applyProgress struct {
	app    *app
	writer progress.Writer // nil without a terminal
	begun  time.Time

	mu       sync.Mutex
	trackers map[string]*progress.Tracker
	actions  map[string]string
	done     int
	total    int
}

// newProgress shows work of so many steps.
func (a *app) newProgress(steps int) *applyProgress {
	shown := &applyProgress{
		app: a, begun: time.Now(), total: steps,
		trackers: map[string]*progress.Tracker{}, actions: map[string]string{},
	}
	if a.progress {
		writer := progress.NewWriter()
		writer.SetOutputWriter(a.err)
		writer.SetAutoStop(false)
		writer.SetTrackerLength(24)
		writer.SetUpdateFrequency(100 * time.Millisecond)
		writer.SetStyle(progress.StyleBlocks)
		writer.Style().Visibility.ETA = true
		writer.Style().Visibility.Speed = true
		writer.SetNumTrackersExpected(shown.total)
		shown.writer = writer
		go writer.Render()
	}
	return shown
}

// shown does work of so many steps with its progress shown.
func (a *app) shown(steps int, work func(*applyProgress) error) error {
	progress := a.newProgress(steps)
	defer progress.stop()
	return work(progress)
}

// steps counts what an apply will report: the changes, of which a recreation is
// two, and the VMs that are powered on after them.
func steps(p *plan.Plan) int {
	count := len(p.Changes)
	for _, change := range p.Changes {
		if change.Power == "on" {
			count++
		}
		if change.Action == plan.Recreate {
			count++
		}
	}
	return count
}

// Start says that work on something begins.
func (p *applyProgress) Start(kind, address, action string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.actions[address] = action
	if p.writer == nil {
		p.app.notef("%s %s: %s ...\n", kind, address, action)
		return
	}
	tracker := &progress.Tracker{Message: fmt.Sprintf("%s %s: %s", kind, address, action), Total: 0, Units: progress.UnitsDefault}
	if kind == plan.KindMedia {
		tracker.Units = progress.UnitsBytes
	}
	p.trackers[address] = tracker
	p.writer.AppendTracker(tracker)
}

// Step says how far it is.
func (p *applyProgress) Step(address string, done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if tracker := p.trackers[address]; tracker != nil {
		tracker.UpdateTotal(total)
		tracker.SetValue(done)
	}
}

// Done says how it ended.
func (p *applyProgress) Done(address string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	if tracker := p.trackers[address]; tracker != nil {
		if err != nil {
			tracker.MarkAsErrored()
		} else {
			tracker.MarkAsDone()
		}
		return
	}
	if err != nil {
		p.app.notef("%s: %s failed: %v\n", address, p.actions[address], err)
		return
	}
	p.app.notef("%s: %s done (%d of %d, %s)\n", address, p.actions[address], p.done, p.total, time.Since(p.begun).Round(100*time.Millisecond))
}

// stop ends the display, with what was last drawn left in place.
func (p *applyProgress) stop() {
	if p.writer == nil {
		return
	}
	p.writer.Stop()
	for p.writer.IsRenderInProgress() {
		time.Sleep(10 * time.Millisecond)
	}
}

// byteProgress shows how much of a long read is done, on a terminal.
type byteProgress struct {
	app     *app
	what    string
	total   int64
	done    int64
	begun   time.Time
	redrawn time.Time
}

func (a *app) newByteProgress(what string, total int64) *byteProgress {
	return &byteProgress{app: a, what: what, total: total, begun: time.Now()}
}

// Write counts bytes.
func (b *byteProgress) Write(p []byte) (int, error) {
	b.advance(int64(len(p)))
	return len(p), nil
}

// advance counts bytes that were done elsewhere.
func (b *byteProgress) advance(n int64) {
	b.done += n
	if b.app.progress && time.Since(b.redrawn) > 100*time.Millisecond {
		b.redrawn = time.Now()
		b.app.notef("\r\x1b[K%s", b.line())
	}
}

// line gives percentage, rate and time left.
func (b *byteProgress) line() string {
	elapsed := time.Since(b.begun)
	rate := float64(b.done) / max(elapsed.Seconds(), 0.001)
	left := time.Duration(float64(b.total-b.done)/max(rate, 1)) * time.Second
	percent := 100.0
	if b.total > 0 {
		percent = 100 * float64(b.done) / float64(b.total)
	}
	return fmt.Sprintf("%s  %5.1f%%  %s/s  %s left", b.what, percent, progress.FormatBytes(int64(rate)), left)
}

// stop takes the line away.
func (b *byteProgress) stop() {
	if b.app.progress && !b.redrawn.IsZero() {
		b.app.notef("\r\x1b[K")
	}
}
