package vsphere

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

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

type silent struct{}

func (silent) Start(_, _, _ string)      {}
func (silent) Step(_ string, _, _ int64) {}
func (silent) Done(_ string, _ error)    {}

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
	// OpenMedia opens a disc or floppy image for upload. It is called again
	// when an upload has to start over.
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

// Apply carries a plan out: media, networks, VMs, rules, power, and last what
// goes. The error joins those of the changes that failed, and wraps the
// context's when interrupted: then nothing new was started and what ran was
// waited for. Result is never nil.
func (c *Client) Apply(ctx context.Context, lab *labspec.Lab, inv *plan.Inventory, p *plan.Plan, opts ApplyOptions) (*Result, error) {
	a := newApplier(c, lab, inv, p, opts)
	if len(p.Changes) == 0 {
		return a.result, nil
	}
	err := a.prepare(ctx)
	if err == nil {
		err = a.prepareMasters(ctx)
	}
	if err != nil {
		a.skipAll(err)
		return a.result, err
	}
	a.carryOut(ctx)
	return a.result, a.conclude(ctx)
}

// applier is one Apply at work.
type applier struct {
	*Client
	lab    *labspec.Lab
	inv    *plan.Inventory
	plan   *plan.Plan
	opts   ApplyOptions
	result *Result

	world *world
	place *place

	mu      sync.Mutex
	vms     map[string]ref   // by Node.Address
	unmade  map[string]error // networks (by port group) and media (by path) that could not be made
	restart map[string]bool  // nodes shut off for an update that ran before
	// standard are the standard port groups just made: a vCenter may take a
	// while to list them.
	standard map[string]bool

	outcomes  map[*plan.Change]*Outcome
	reads     gather
	mends     sync.WaitGroup // clones that are being read back and mended
	mendSlots chan struct{}
}

// errLater says that a change goes on after its worker has ended, and is closed
// by whoever ends it.
var errLater = errors.New("to be closed later")

func newApplier(c *Client, lab *labspec.Lab, inv *plan.Inventory, p *plan.Plan, opts ApplyOptions) *applier {
	if opts.Parallelism <= 0 {
		opts.Parallelism = defaultParallelism
	}
	if opts.Progress == nil {
		opts.Progress = silent{}
	}
	a := &applier{
		Client: c, lab: lab, inv: inv, plan: p, opts: opts,
		result: &Result{Outcomes: make([]Outcome, len(p.Changes))},
		vms:    make(map[string]ref), unmade: make(map[string]error), restart: make(map[string]bool), standard: make(map[string]bool),
	}
	a.reads.client = c
	a.mendSlots = make(chan struct{}, opts.Parallelism)
	a.outcomes = make(map[*plan.Change]*Outcome, len(p.Changes))
	for i := range p.Changes {
		a.result.Outcomes[i].Change = &p.Changes[i]
		a.outcomes[&p.Changes[i]] = &a.result.Outcomes[i]
	}
	for i := range inv.VMs {
		vm := &inv.VMs[i]
		// A copy made by hand bears the same marks under another name.
		if _, known := a.vms[vm.Marks.Node]; !known || vm.Name == plan.VMName(lab.Name, vm.Marks.Node) {
			a.vms[vm.Marks.Node] = vmRef(vm)
		}
	}
	for i := range p.Changes {
		if change := &p.Changes[i]; change.Kind == plan.KindVM && change.Found != nil {
			a.vms[change.Address] = vmRef(change.Found)
		}
	}
	return a
}

func vmRef(vm *plan.VM) ref { return ref{Type: "VirtualMachine", Value: vm.Ref} }

// prepare takes what Observe found, or looks again when the plan is not that of
// the newest Observe.
func (a *applier) prepare(ctx context.Context) error {
	a.Client.mu.Lock()
	last := a.Client.last
	a.Client.mu.Unlock()
	if last != nil && last.inventory == a.inv {
		a.world, a.place = last.world, last.place
		return nil
	}
	w, err := a.readWorld(ctx, machineProperties)
	if err != nil {
		return failure("read the inventory of", a.host(), err)
	}
	a.world = w
	a.place, err = a.resolve(w, a.lab)
	if a.place == nil {
		return err
	}
	missing := &UnresolvedError{}
	if a.place.sources, err = a.sources(ctx, w, a.place, a.lab, nil); !missing.add(err) {
		return err
	}
	return nil
}

// prepareMasters finds what the nodes to be recreated are cloned from, before
// any of them goes.
func (a *applier) prepareMasters(ctx context.Context) (err error) {
	anew := map[string]bool{}
	for i := range a.plan.Changes {
		if change := &a.plan.Changes[i]; change.Action == plan.Recreate && change.Node != nil && change.Node.Clone != nil {
			anew[change.Address] = true
		}
	}
	if len(anew) > 0 {
		a.place.sources, err = a.sources(ctx, a.world, a.place, a.lab, anew)
	}
	return err
}

// carryOut runs the phases: what a later one needs comes in an earlier one.
func (a *applier) carryOut(ctx context.Context) {
	is := func(wanted string) func(string) bool { return func(action string) bool { return action == wanted } }
	creates := func(action string) bool { return action == plan.Create || action == plan.Recreate }
	changes := func(action string) bool { return action != plan.Delete }
	deletes := is(plan.Delete)

	a.run(ctx, a.of(plan.KindMedia, changes), min(a.opts.Parallelism, maxUploads), "", func(_ context.Context, change *plan.Change) error {
		return a.upload(ctx, change) // an upload may be cut off: its part is removed
	})
	a.run(ctx, a.of(plan.KindNetwork, changes), a.opts.Parallelism, "", a.makeNetwork)
	a.refreshNetworks(ctx)
	a.deleteRules(ctx, a.of(plan.KindRule, deletes))
	a.onLive(ctx, a.of(plan.KindVM, deletes), plan.Delete, a.deleteVM)
	a.onLive(ctx, a.of(plan.KindVM, is(plan.Recreate)), plan.Delete, a.deleteVM)
	a.onLive(ctx, a.of(plan.KindVM, is(plan.Update)), plan.Update, a.updateVM)
	if creating := a.of(plan.KindVM, creates); a.makeFolder(ctx, creating) {
		a.run(ctx, creating, a.opts.Parallelism, plan.Create, a.createVM)
		a.mends.Wait()
		a.checkBootOrder(ctx, creating)
	}
	a.setRules(ctx, a.of(plan.KindRule, changes))
	a.powerOnAll(ctx)
	a.run(ctx, a.of(plan.KindNetwork, deletes), a.opts.Parallelism, "", a.deleteNetwork)
	a.run(ctx, a.of(plan.KindMedia, deletes), a.opts.Parallelism, "", a.deleteMedia)
}

// of lists the outcomes-to-be of one kind that are still open.
func (a *applier) of(kind string, action func(string) bool) []*Outcome {
	var list []*Outcome
	for i := range a.result.Outcomes {
		o := &a.result.Outcomes[i]
		if o.Change.Kind == kind && action(o.Change.Action) {
			list = append(list, o)
		}
	}
	return list
}

// run does changes in parallel; action is what progress calls it, "" for the
// change's own. Once ctx is cancelled none is started; those at work are given a
// context that is not, since a call cut off in the middle leaves nobody knowing
// what it did.
func (a *applier) run(ctx context.Context, outcomes []*Outcome, parallelism int, action string, do func(context.Context, *plan.Change) error) {
	slots := make(chan struct{}, parallelism)
	var workers sync.WaitGroup
	for _, o := range outcomes {
		slots <- struct{}{}
		if !a.open(ctx, o) {
			<-slots
			continue
		}
		workers.Go(func() {
			defer func() { <-slots }()
			a.opts.Progress.Start(o.Change.Kind, o.Change.Address, first(action, o.Change.Action))
			if err := do(context.WithoutCancel(ctx), o.Change); err != errLater {
				a.close(o, err)
			}
		})
	}
	workers.Wait()
}

// open says whether a change may start, and marks it skipped otherwise.
func (a *applier) open(ctx context.Context, o *Outcome) bool {
	if o.State == Failed || o.State == Skipped {
		return false
	}
	if err := ctx.Err(); err != nil {
		o.State, o.Err = Skipped, err
		return false
	}
	if err := a.blocked(o.Change); err != nil {
		o.State, o.Err = Skipped, err
		return false
	}
	return true
}

func (a *applier) close(o *Outcome, err error) {
	o.State, o.Err = Done, err
	switch {
	case errors.Is(err, context.Canceled):
		o.State = Skipped
	case err != nil:
		o.State = Failed
	}
	a.opts.Progress.Done(o.Change.Address, err)
}

// blocked says what a VM needs that could not be made.
func (a *applier) blocked(change *plan.Change) error {
	if change.Kind != plan.KindVM || change.Want == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var needs []string
	for _, nic := range change.Want.NICs {
		needs = append(needs, nic.PortGroup)
	}
	needs = append(append(needs, change.Want.CDROMs...), change.Want.Floppies...)
	for _, need := range needs {
		if need != "" && a.unmade[need] != nil {
			return &Error{Op: change.Action, On: change.Address, Why: fmt.Sprintf("it needs %s, which could not be made", need), Err: a.unmade[need]}
		}
	}
	return nil
}

// fail remembers that what others need could not be made.
func (a *applier) fail(need string, err error) error {
	if err != nil {
		a.mu.Lock()
		a.unmade[need] = err
		a.mu.Unlock()
	}
	return err
}

func (a *applier) skipAll(err error) {
	for i := range a.result.Outcomes {
		if o := &a.result.Outcomes[i]; o.State == "" {
			o.State, o.Err = Skipped, err
		}
	}
}

// conclude joins the errors of what failed. Skipped changes add nothing: their
// cause has its own.
func (a *applier) conclude(ctx context.Context) error {
	a.skipAll(ctx.Err())
	var errs []error
	left := 0
	for _, o := range a.result.Outcomes {
		switch o.State {
		case Failed:
			errs = append(errs, o.Err)
		case Skipped:
			left++
		}
	}
	if err := ctx.Err(); err != nil && left > 0 {
		errs = append([]error{fmt.Errorf("interrupted with %d of %d changes left to do: %w", left, len(a.result.Outcomes), err)}, errs...)
	}
	return errors.Join(errs...)
}
