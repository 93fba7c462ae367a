package vsphere

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/uclab/uclab/plan"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// Snapshot is a snapshot of a lab, or of some of its nodes: one of the same name
// on each.
type Snapshot struct {
	Name        string
	Description string
	Created     time.Time // the earliest
	Memory      bool      // with the memory of running VMs
	Nodes       []string  // addresses of those that have it, sorted
	Missing     []string  // addresses of those that do not, sorted
}

// SnapshotOptions say how to work on the snapshots of many VMs.
type SnapshotOptions struct {
	Description string   // of a new one
	Memory      bool     // a new one keeps the memory of running VMs
	Parallelism int      // VMs in flight; 0 means 8
	Progress    Progress // nil: silent
}

// snapshotPower begins the line of a snapshot's description that says how the VM
// was when it was taken, since one without memory always comes back shut off;
// withMemory ends it.
const (
	snapshotPower = "uclab power: "
	withMemory    = ", with memory"
)

// taken is one snapshot of one VM.
type taken struct {
	ref         ref
	name        string
	description string
	created     time.Time
	memory      bool
	power       string // plan.StateRunning, … when it was taken
}

// Snapshots lists the snapshots of VMs by name, oldest first.
func (c *Client) Snapshots(ctx context.Context, vms []plan.VM) ([]Snapshot, error) {
	trees, err := c.snapshotTrees(ctx, vms)
	if err != nil {
		return nil, err
	}
	byName := map[string]*Snapshot{}
	for i := range vms {
		for _, t := range trees[vmRef(&vms[i])] {
			s := byName[t.name]
			if s == nil {
				s = &Snapshot{Name: t.name, Description: t.description, Created: t.created}
				byName[t.name] = s
			}
			if t.created.Before(s.Created) {
				s.Created = t.created
			}
			s.Memory = s.Memory || t.memory
			s.Nodes = append(s.Nodes, vms[i].Marks.Node)
		}
	}
	list := make([]Snapshot, 0, len(byName))
	for _, s := range byName {
		slices.Sort(s.Nodes)
		s.Nodes = slices.Compact(s.Nodes)
		for i := range vms {
			if !slices.Contains(s.Nodes, vms[i].Marks.Node) {
				s.Missing = append(s.Missing, vms[i].Marks.Node)
			}
		}
		slices.Sort(s.Missing)
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b Snapshot) int {
		if order := a.Created.Compare(b.Created); order != 0 {
			return order
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list, nil
}

// CreateSnapshot takes a snapshot of every VM, or of none: when one fails, or
// the work is interrupted, those that were taken are removed again. Leftovers of
// a work that was killed, which only some VMs have, are replaced.
func (c *Client) CreateSnapshot(ctx context.Context, vms []plan.VM, name string, opts SnapshotOptions) error {
	trees, err := c.snapshotTrees(ctx, vms)
	if err != nil {
		return err
	}
	having := havingSnapshot(vms, trees, name)
	if len(having) == len(vms) && len(vms) > 0 {
		return &Error{Op: "create snapshot", On: name, Why: "there is one of that name", hint: "use another name, or delete it first"}
	}
	w := c.snapshotWork(opts)
	if err := w.each(ctx, having, "delete snapshot", func(ctx context.Context, vm *plan.VM) error {
		return c.removeSnapshots(ctx, trees[vmRef(vm)], name)
	}); err != nil {
		return err
	}
	err = w.each(ctx, vms, "create snapshot", func(ctx context.Context, vm *plan.VM) error {
		return c.takeSnapshot(ctx, vm, name, opts)
	})
	if err == nil {
		return nil
	}
	return errors.Join(err, c.undoSnapshot(context.WithoutCancel(ctx), w, vms, name))
}

func (c *Client) undoSnapshot(ctx context.Context, w *snapshotWork, vms []plan.VM, name string) error {
	trees, err := c.snapshotTrees(ctx, vms)
	if err != nil {
		return err
	}
	return w.each(ctx, havingSnapshot(vms, trees, name), "delete snapshot", func(ctx context.Context, vm *plan.VM) error {
		return c.removeSnapshots(ctx, trees[vmRef(vm)], name)
	})
}

// RevertSnapshot brings every VM back to the snapshot of the name, and to the
// power state that it had when it was taken. Nothing is changed unless every VM
// has it.
func (c *Client) RevertSnapshot(ctx context.Context, vms []plan.VM, name string, opts SnapshotOptions) error {
	trees, err := c.snapshotTrees(ctx, vms)
	if err != nil {
		return err
	}
	if err := wantSnapshot("revert to", vms, trees, name); err != nil {
		return err
	}
	w := c.snapshotWork(opts)
	return w.each(ctx, vms, "revert", func(ctx context.Context, vm *plan.VM) error {
		t := named(trees[vmRef(vm)], name)[0]
		return c.revert(ctx, vm, t)
	})
}

// DeleteSnapshot removes the snapshot of the name from every VM that has it; at
// least one has to.
func (c *Client) DeleteSnapshot(ctx context.Context, vms []plan.VM, name string, opts SnapshotOptions) error {
	trees, err := c.snapshotTrees(ctx, vms)
	if err != nil {
		return err
	}
	having := havingSnapshot(vms, trees, name)
	if len(having) == 0 {
		return noSnapshot("delete", vms, trees, name)
	}
	return c.snapshotWork(opts).each(ctx, having, "delete snapshot", func(ctx context.Context, vm *plan.VM) error {
		return c.removeSnapshots(ctx, trees[vmRef(vm)], name)
	})
}

// snapshotWork runs one step on many VMs.
type snapshotWork struct {
	parallelism int
	progress    Progress
}

func (c *Client) snapshotWork(opts SnapshotOptions) *snapshotWork {
	w := &snapshotWork{parallelism: opts.Parallelism, progress: opts.Progress}
	if w.parallelism <= 0 {
		w.parallelism = defaultParallelism
	}
	if w.progress == nil {
		w.progress = silent{}
	}
	return w
}

// each does a step on every VM in parallel. After a failure or an interrupt no
// further VM is begun; those at work are waited for.
func (w *snapshotWork) each(ctx context.Context, vms []plan.VM, action string, do func(context.Context, *plan.VM) error) error {
	var (
		mu      sync.Mutex
		errs    []error
		workers sync.WaitGroup
		slots   = make(chan struct{}, w.parallelism)
	)
	failed := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(errs) > 0
	}
	for i := range vms {
		slots <- struct{}{}
		if ctx.Err() != nil || failed() {
			<-slots
			break
		}
		vm := &vms[i]
		workers.Go(func() {
			defer func() { <-slots }()
			w.progress.Start(plan.KindVM, vm.Marks.Node, action)
			err := failure(action+" of VM", vm.Name, do(context.WithoutCancel(ctx), vm))
			w.progress.Done(vm.Marks.Node, err)
			if err != nil {
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	if err := ctx.Err(); err != nil {
		errs = append(errs, fmt.Errorf("interrupted: %w", err))
	}
	return errors.Join(errs...)
}

func (c *Client) takeSnapshot(ctx context.Context, vm *plan.VM, name string, opts SnapshotOptions) error {
	memory := opts.Memory && vm.State == plan.StateRunning
	power := snapshotPower + vm.State
	if memory {
		power += withMemory
	}
	description := strings.TrimSpace(opts.Description + "\n" + power)
	return c.task(ctx, func(ctx context.Context) (ref, error) {
		res, err := methods.CreateSnapshot_Task(ctx, c.vim, &types.CreateSnapshot_Task{
			This: vmRef(vm), Name: name, Description: description, Memory: memory,
		})
		if err != nil {
			return ref{}, err
		}
		return res.Returnval, nil
	}, func(err error) bool { return unsure(err) && c.hasSnapshot(ctx, vm, name) })
}

// hasSnapshot looks whether a call whose answer was lost was obeyed.
func (c *Client) hasSnapshot(ctx context.Context, vm *plan.VM, name string) bool {
	for attempt := 1; attempt <= adoptLooks; attempt++ {
		trees, err := c.snapshotTrees(ctx, []plan.VM{*vm})
		if err == nil && len(named(trees[vmRef(vm)], name)) > 0 {
			return true
		}
		if backoff(ctx, attempt) != nil {
			return false
		}
	}
	return false
}

func (c *Client) removeSnapshots(ctx context.Context, all []taken, name string) error {
	for _, t := range named(all, name) {
		err := c.task(ctx, func(ctx context.Context) (ref, error) {
			res, err := methods.RemoveSnapshot_Task(ctx, c.vim, &types.RemoveSnapshot_Task{
				This: t.ref, RemoveChildren: false, Consolidate: types.NewBool(true),
			})
			if err != nil {
				return ref{}, err
			}
			return res.Returnval, nil
		}, gone)
		if err != nil {
			return err
		}
	}
	return nil
}

// revert goes back, and powers on what ran when the snapshot was taken.
func (c *Client) revert(ctx context.Context, vm *plan.VM, t taken) error {
	err := c.task(ctx, func(ctx context.Context) (ref, error) {
		res, err := methods.RevertToSnapshot_Task(ctx, c.vim, &types.RevertToSnapshot_Task{This: t.ref, SuppressPowerOn: types.NewBool(false)})
		if err != nil {
			return ref{}, err
		}
		return res.Returnval, nil
	}, func(error) bool { return false })
	if err != nil {
		return err
	}
	states, err := c.powerStates(ctx, []ref{vmRef(vm)})
	if err != nil {
		return err
	}
	switch is := states[vmRef(vm)]; {
	case t.power == plan.StateRunning && is != plan.StateRunning:
		return c.powerOnOne(ctx, vmRef(vm))
	case t.power == plan.StateStopped && is != plan.StateStopped:
		return c.powerOff(ctx, vmRef(vm))
	}
	return nil
}

// snapshotTrees reads the snapshots of VMs in one call.
func (c *Client) snapshotTrees(ctx context.Context, vms []plan.VM) (map[ref][]taken, error) {
	filter := types.PropertyFilterSpec{PropSet: machineSpecs([]string{"snapshot"}), ReportMissingObjectsInResults: types.NewBool(true)}
	for i := range vms {
		filter.ObjectSet = append(filter.ObjectSet, types.ObjectSpec{Obj: vmRef(&vms[i])})
	}
	if len(vms) == 0 {
		return nil, nil
	}
	var objects []types.ObjectContent
	err := c.again(ctx, &filter.PropSet, func() (err error) {
		objects, _, err = retrieve(ctx, c.vim, filter, pageSize)
		return err
	})
	if err != nil {
		return nil, failure("read the snapshots on", c.host(), err)
	}
	trees := make(map[ref][]taken, len(objects))
	for _, o := range objects {
		for _, p := range o.PropSet {
			info := valueOf[types.VirtualMachineSnapshotInfo](p.Val)
			trees[o.Obj] = flatten(info.RootSnapshotList, nil)
		}
	}
	return trees, nil
}

func flatten(tree []types.VirtualMachineSnapshotTree, all []taken) []taken {
	for _, node := range tree {
		t := taken{
			ref: node.Snapshot, name: unescape(node.Name), created: node.CreateTime,
			power: stateOf(node.State), memory: node.State != types.VirtualMachinePowerStatePoweredOff,
		}
		t.note(node.Description)
		all = append(all, t)
		all = flatten(node.ChildSnapshotList, all)
	}
	return all
}

// note reads a snapshot's description and the line that takeSnapshot wrote in it.
func (t *taken) note(text string) {
	before, power, ours := strings.Cut(text, snapshotPower)
	t.description = strings.TrimSpace(before)
	if ours {
		power = strings.TrimSpace(power)
		t.power, t.memory = strings.TrimSuffix(power, withMemory), strings.HasSuffix(power, withMemory)
	}
}

func named(all []taken, name string) []taken {
	var list []taken
	for _, t := range all {
		if t.name == name {
			list = append(list, t)
		}
	}
	return list
}

func havingSnapshot(vms []plan.VM, trees map[ref][]taken, name string) []plan.VM {
	var having []plan.VM
	for i := range vms {
		if len(named(trees[vmRef(&vms[i])], name)) > 0 {
			having = append(having, vms[i])
		}
	}
	return having
}

func wantSnapshot(op string, vms []plan.VM, trees map[ref][]taken, name string) error {
	having := havingSnapshot(vms, trees, name)
	if len(having) == 0 {
		return noSnapshot(op, vms, trees, name)
	}
	var missing []string
	for i := range vms {
		if len(named(trees[vmRef(&vms[i])], name)) == 0 {
			missing = append(missing, vms[i].Marks.Node)
		}
	}
	if len(missing) > 0 {
		return &Error{
			Op: op + " snapshot", On: name, Why: "these nodes have none of that name: " + strings.Join(missing, ", "),
			hint: "choose the nodes that have it, or take it anew",
		}
	}
	return nil
}

func noSnapshot(op string, vms []plan.VM, trees map[ref][]taken, name string) error {
	var names []string
	for i := range vms {
		for _, t := range trees[vmRef(&vms[i])] {
			names = append(names, t.name)
		}
	}
	hint := "take one with 'uclab snapshot create'"
	if near := nearest(name, names); len(near) > 0 {
		hint = "there is " + strings.Join(near, ", ")
	}
	return &Error{Op: op + " snapshot", On: name, Why: "no node has one of that name", hint: hint}
}
