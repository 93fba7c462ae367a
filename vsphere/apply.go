package vsphere

import (
	"context"
	"errors"
	"io"

	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
)

// Progress is told how the work goes. Its methods are called from many
// goroutines at once.
type Progress interface {
	// Start says that work on address begins: kind is plan.KindVM and so on,
	// action is plan.Create and so on, or "power on".
	Start(kind, address, action string)
	// Step says how far it is: bytes for media, per cent for tasks.
	Step(address string, done, total int64)
	// Done says how it ended.
	Done(address string, err error)
}

// MediaReader is a disc or floppy image being read for upload. It yields
// exactly labspec.Media.Size bytes.
type MediaReader interface {
	io.Reader
	io.Closer
}

// ApplyOptions says how to apply a plan.
type ApplyOptions struct {
	Parallelism int      // changes in flight; 0 means 8
	Progress    Progress // nil: silent
	// OpenMedia opens a disc or floppy image for upload.
	OpenMedia func(ctx context.Context, m labspec.Media) (MediaReader, error)
}

// The states of an Outcome.
const (
	Done    = "done"
	Failed  = "failed"
	Skipped = "skipped" // not started: interrupted, or what it needs failed
)

// Outcome is what became of one change.
type Outcome struct {
	Change *plan.Change
	State  string // Done, Failed or Skipped
	Err    error  // why it failed or was skipped
}

// Result is what became of a plan, in the plan's order.
type Result struct {
	Outcomes []Outcome
}

// Apply carries a plan out: media, networks, VMs, rules, power. The error joins
// those of the changes that failed, and wraps the context's when interrupted.
// Result is never nil.
func (c *Client) Apply(ctx context.Context, lab *labspec.Lab, inv *plan.Inventory, p *plan.Plan, opts ApplyOptions) (*Result, error) {
	return &Result{}, errors.New("not connected")
}
