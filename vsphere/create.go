package vsphere

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uclab/uclab/plan"
	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// createVM creates one VM, marks included, in one call. A call whose answer was
// lost is not repeated before a look whether it was obeyed.
func (a *applier) createVM(ctx context.Context, change *plan.Change) error {
	if change.Node.Clone != nil {
		return a.cloneVM(ctx, change)
	}
	marks := a.marks(change)
	spec, err := createSpec(change.Name, change.Want, marks, a.backing)
	if err != nil {
		return failure("create VM", change.Name, err)
	}
	req := &types.CreateVM_Task{This: a.place.folderRef, Config: *spec, Pool: a.place.pool, Host: a.hostFor(change.Host)}
	start := func(ctx context.Context) (ref, error) {
		res, err := methods.CreateVM_Task(ctx, a.vim, req)
		if err != nil {
			return ref{}, err
		}
		return res.Returnval, nil
	}
	created, err := a.create(ctx, change, marks, start)
	if refusesBootOrder(err) {
		req.Config.BootOptions = nil
		if created, err = a.create(ctx, change, marks, start); err == nil {
			err = a.mend(ctx, change, created)
		}
	}
	if err != nil {
		return err
	}
	a.created(change, created)
	return nil
}

// refusesBootOrder says that the server wants the disks and NICs of a boot order
// to be there already.
func refusesBootOrder(err error) bool {
	var value *types.InvalidArgument
	if _, ok := fault.As(err, &value); ok {
		return strings.Contains(strings.ToLower(value.InvalidProperty), "boot")
	}
	var config *types.InvalidVmConfig
	_, ok := fault.As(err, &config)
	return ok && strings.Contains(strings.ToLower(config.Property), "boot")
}

// mend looks at a VM and makes it what is wanted.
func (a *applier) mend(ctx context.Context, change *plan.Change, vm ref) error {
	live, err := a.readLive(ctx, []ref{vm})
	if err == nil && live[vm] != nil {
		err = a.reconfigure(ctx, change, live[vm])
	}
	return failure("configure VM", change.Name, err)
}

// checkBootOrder reads one VM of each make back: a server that gives devices
// other keys than it was asked for drops disks and NICs from the boot order. All
// VMs of such a make are mended.
func (a *applier) checkBootOrder(ctx context.Context, creating []*Outcome) {
	makes := map[string][]*Outcome{}
	var samples []ref
	for _, o := range creating {
		if want := o.Change.Want; o.State == Done && o.Change.Node.Clone == nil && len(want.BootOrder) > 0 {
			key := fmt.Sprint(want.SCSI, len(want.Disks), len(want.NICs), want.BootOrder)
			if makes[key] == nil {
				samples = append(samples, a.vms[o.Change.Address])
			}
			makes[key] = append(makes[key], o)
		}
	}
	if len(samples) == 0 || ctx.Err() != nil {
		return
	}
	live, err := a.readLive(context.WithoutCancel(ctx), samples)
	if err != nil {
		return // the next plan sees what is wrong
	}
	for _, alike := range makes {
		sample := live[a.vms[alike[0].Change.Address]]
		if sample == nil || slices.Equal(bootOrder(sample.boot.BootOrder, sample.devices), alike[0].Change.Want.BootOrder) {
			continue
		}
		a.run(ctx, alike, a.opts.Parallelism, plan.Update, func(ctx context.Context, change *plan.Change) error {
			return a.mend(ctx, change, a.vms[change.Address])
		})
	}
}

// created notes the VM for the rules and the power-on.
func (a *applier) created(change *plan.Change, vm ref) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.vms[change.Address] = vm
}

func (a *applier) marks(change *plan.Change) plan.Marks {
	return plan.Marks{Lab: a.lab.Name, Node: change.Address, Spec: change.Spec, Format: markFormat}
}

// create runs a task that makes a VM until there is one that bears the marks.
func (a *applier) create(ctx context.Context, change *plan.Change, marks plan.Marks, start func(context.Context) (ref, error)) (ref, error) {
	for attempt := 1; ; attempt++ {
		made, err := a.startAndWait(ctx, start, a.percent(change.Address))
		if err == nil {
			return made, nil
		}
		taken := fault.Is(err, &types.DuplicateName{}) || fault.Is(err, &types.FileAlreadyExists{})
		if taken || unsure(err) {
			found, adoptErr := a.adopt(ctx, change.Name, marks)
			if adoptErr != nil {
				return ref{}, adoptErr
			}
			if found != (ref{}) {
				return found, nil
			}
		}
		if attempt == maxAttempts || !unsure(err) && !fault.IsTransientError(err) {
			return ref{}, failure("create VM", change.Name, err)
		}
		if err := backoff(ctx, attempt); err != nil {
			return ref{}, err
		}
	}
}

// startAndWait runs a task to its end and gives the object that it made, if any.
func (c *Client) startAndWait(ctx context.Context, start func(context.Context) (ref, error), progress func(percent int32)) (ref, error) {
	task, err := start(ctx)
	if err != nil {
		return ref{}, err
	}
	info, err := c.tasks.wait(ctx, task, progress)
	if err != nil {
		return ref{}, err
	}
	made, _ := info.Result.(ref)
	return made, nil
}

// percent passes a task's progress on.
func (a *applier) percent(address string) func(int32) {
	return func(percent int32) { a.opts.Progress.Step(address, int64(percent), 100) }
}

// unsure says that nobody knows whether the server obeyed: its answer was lost,
// or the task is no longer known.
func unsure(err error) bool { return lost(err) || fault.Is(err, &types.ManagedObjectNotFound{}) }

// adopt looks for a VM of the name in the lab's folder. One that bears the marks
// of the same node is ours already; any other is in the way. A VM that the
// server is still making may not be there yet, or not have its marks yet.
func (a *applier) adopt(ctx context.Context, name string, marks plan.Marks) (ref, error) {
	var other *machine
	waited := time.Duration(0)
	for attempt := 1; attempt <= adoptLooks; attempt++ {
		m, err := a.look(ctx, name)
		if err != nil {
			return ref{}, failure("look for VM", name, err)
		}
		other = m
		if m != nil && m.marks.Lab == marks.Lab && m.marks.Node == marks.Node {
			return m.ref, nil
		}
		if m != nil && m.marks.Lab != "" {
			break
		}
		if m != nil && m.cpus == 0 && waited < creationTime {
			// It has no hardware yet: the server is at it, and a clone takes long.
			attempt--
			waited += time.Second
			time.Sleep(time.Second)
			continue
		}
		if err := backoff(ctx, attempt); err != nil {
			return ref{}, err
		}
	}
	if other == nil {
		return ref{}, nil
	}
	owner := "does not belong to any lab"
	if other.marks.Lab != "" {
		owner = fmt.Sprintf("belongs to node %s of lab %s", other.marks.Node, other.marks.Lab)
	}
	return ref{}, &Error{
		Op: "create VM", On: name, Why: fmt.Sprintf("the name is taken by a VM that %s", owner),
		hint: "rename that VM, or this lab or node; uclab does not touch what it did not make",
	}
}

// adoptLooks is how often adopt looks, over about a second; creationTime is how
// long it waits for a VM that the server is still making.
const (
	adoptLooks   = 4
	creationTime = 15 * time.Minute
)

func (a *applier) look(ctx context.Context, name string) (*machine, error) {
	child, err := methods.FindChild(ctx, a.vim, &types.FindChild{This: *a.vim.ServiceContent.SearchIndex, Entity: a.place.folderRef, Name: name})
	if err != nil || child.Returnval == nil {
		return nil, err
	}
	live, err := a.readLive(ctx, []ref{*child.Returnval})
	return live[*child.Returnval], err
}

// hostFor is the host to create on. A cluster without DRS does not choose one,
// so the emptiest is.
func (a *applier) hostFor(name string) *ref {
	var emptiest *hostSystem
	for _, h := range a.place.hosts {
		if h.name == name {
			return &h.ref
		}
		if h.usable() && (emptiest == nil || h.memory>>20-h.usedMB > emptiest.memory>>20-emptiest.usedMB) {
			emptiest = h
		}
	}
	pinned := len(a.place.hosts) == 1
	if emptiest == nil || !pinned && (!a.place.compute.cluster || a.place.compute.drs) {
		return nil
	}
	return &emptiest.ref
}

// makeFolder makes what is missing of the lab's folder. It says whether VMs can
// be created now.
func (a *applier) makeFolder(ctx context.Context, creating []*Outcome) bool {
	if len(creating) == 0 || ctx.Err() != nil {
		return true // run says for each that it was interrupted
	}
	_, err := a.wholeFolder(context.WithoutCancel(ctx))
	if err != nil {
		err = failure("create folder", a.place.folder, err)
		for _, o := range creating {
			a.close(o, err)
		}
	}
	return err == nil
}

// wholeFolder is the lab's folder, made first if need be.
func (a *applier) wholeFolder(ctx context.Context) (ref, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.place.missing) > 0 {
		child, err := a.makeChildFolder(ctx, a.place.folderRef, a.place.missing[0])
		if err != nil {
			return ref{}, err
		}
		a.place.folderRef, a.place.missing = child, a.place.missing[1:]
	}
	return a.place.folderRef, nil
}

func (a *applier) makeChildFolder(ctx context.Context, parent ref, name string) (ref, error) {
	for attempt := 1; ; attempt++ {
		res, err := methods.CreateFolder(ctx, a.vim, &types.CreateFolder{This: parent, Name: name})
		if err == nil {
			return res.Returnval, nil
		}
		var taken *types.DuplicateName
		if _, ok := fault.As(err, &taken); ok {
			return taken.Object, nil
		}
		if attempt == maxAttempts || !lost(err) {
			return ref{}, err
		}
		if err := backoff(ctx, attempt); err != nil {
			return ref{}, err
		}
	}
}
