package vsphere

import (
	"context"
	"time"

	"github.com/uclab/uclab/plan"
	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// liveChunk is how many VMs are read together right before they are changed.
const liveChunk = 64

// shutdownTime is how long a guest that was asked to shut down may take before
// its VM is powered off.
const shutdownTime = 2 * time.Minute

// onLive reads the VMs of changes as they are now, some at a time, and does the
// changes on those that still bear the marks.
func (a *applier) onLive(ctx context.Context, outcomes []*Outcome, action string, do func(context.Context, *plan.Change, *machine) error) {
	for len(outcomes) > 0 {
		chunk := outcomes[:min(len(outcomes), max(liveChunk, a.opts.Parallelism))]
		outcomes = outcomes[len(chunk):]
		live, err := a.readOwn(ctx, chunk)
		a.run(ctx, chunk, a.opts.Parallelism, action, func(ctx context.Context, change *plan.Change) error {
			if err != nil {
				return failure(change.Action+" VM", change.Found.Name, err)
			}
			m := live[vmRef(change.Found)]
			if m != nil && (m.marks.Lab != a.lab.Name || m.marks.Node != change.Found.Marks.Node) {
				return &Error{
					Op: change.Action + " VM", On: change.Found.Name, Why: "it does not bear this lab's marks any more",
					hint: "somebody changed its uclab.* settings since; uclab does not touch what it did not make",
				}
			}
			return do(ctx, change, m)
		})
	}
}

func (a *applier) readOwn(ctx context.Context, chunk []*Outcome) (map[ref]*machine, error) {
	refs := make([]ref, len(chunk))
	for i, o := range chunk {
		refs[i] = vmRef(o.Change.Found)
	}
	return a.readLive(ctx, refs)
}

// readLive reads VMs as they are now; those that are gone are left out.
func (c *Client) readLive(ctx context.Context, refs []ref) (map[ref]*machine, error) {
	filter := types.PropertyFilterSpec{
		PropSet:                       machineSpecs(append([]string{"guest.toolsRunningStatus"}, machineProperties...)),
		ReportMissingObjectsInResults: types.NewBool(true),
	}
	for _, r := range refs {
		filter.ObjectSet = append(filter.ObjectSet, types.ObjectSpec{Obj: r})
	}
	var objects []types.ObjectContent
	err := c.again(ctx, &filter.PropSet, func() (err error) {
		objects, _, err = retrieve(ctx, c.vim, filter, pageSize)
		return err
	})
	if err != nil {
		return nil, err
	}
	live := make(map[ref]*machine, len(objects))
	for i := range objects {
		o := &objects[i]
		if len(o.PropSet) == 0 {
			continue
		}
		e := &entity{ref: o.Obj}
		for _, p := range o.PropSet {
			switch p.Name {
			case "name":
				e.name = unescape(valueOf[string](p.Val))
			case "parent":
				e.parent = valueOf[ref](p.Val)
			}
		}
		live[o.Obj] = newMachine(e, o.PropSet)
	}
	return live, nil
}

// task starts a task and waits for it. A repeat is harmless for those that it
// is used with: they set a state. settled says that a fault means that the
// state is reached.
func (c *Client) task(ctx context.Context, start func(context.Context) (ref, error), settled func(error) bool) error {
	for attempt := 1; ; attempt++ {
		_, err := c.startAndWait(ctx, start, nil)
		if err == nil || settled(err) {
			return nil
		}
		if attempt == maxAttempts || !lost(err) && !fault.IsTransientError(err) {
			return err
		}
		if err := backoff(ctx, attempt); err != nil {
			return err
		}
	}
}

// deleteVM shuts a VM off and destroys it with its disks.
func (a *applier) deleteVM(ctx context.Context, change *plan.Change, live *machine) error {
	if live == nil {
		return nil
	}
	if live.state != plan.StateStopped {
		if err := a.powerOff(ctx, live.ref); err != nil {
			return failure("shut off VM", live.name, err)
		}
	}
	err := a.task(ctx, func(ctx context.Context) (ref, error) {
		res, err := methods.Destroy_Task(ctx, a.vim, &types.Destroy_Task{This: live.ref})
		if err != nil {
			return ref{}, err
		}
		return res.Returnval, nil
	}, gone)
	return failure("delete VM", live.name, err)
}

func gone(err error) bool { return fault.Is(err, &types.ManagedObjectNotFound{}) }

func (c *Client) powerOff(ctx context.Context, vm ref) error {
	return c.task(ctx, func(ctx context.Context) (ref, error) {
		res, err := methods.PowerOffVM_Task(ctx, c.vim, &types.PowerOffVM_Task{This: vm})
		if err != nil {
			return ref{}, err
		}
		return res.Returnval, nil
	}, func(err error) bool { return alreadyIn(err, types.VirtualMachinePowerStatePoweredOff) || gone(err) })
}

// shutDown asks the guest to shut down when it can be asked, and powers off.
func (a *applier) shutDown(ctx context.Context, m *machine) error {
	if m.state == plan.StateRunning && m.tools {
		_, err := methods.ShutdownGuest(ctx, a.vim, &types.ShutdownGuest{This: m.ref})
		if err == nil && a.waitOff(ctx, m.ref) {
			return nil
		}
	}
	return failure("shut off VM", m.name, a.powerOff(ctx, m.ref))
}

// waitOff waits until the guest has shut down, within shutdownTime.
func (a *applier) waitOff(ctx context.Context, vm ref) bool {
	deadline := time.Now().Add(shutdownTime)
	for wait := 100 * time.Millisecond; time.Now().Before(deadline); wait = min(wait*2, 5*time.Second) {
		time.Sleep(wait)
		states, err := a.powerStates(ctx, []ref{vm})
		if err != nil {
			return false
		}
		if states[vm] != plan.StateRunning {
			return true
		}
	}
	return false
}

func (c *Client) powerStates(ctx context.Context, vms []ref) (map[ref]string, error) {
	filter := types.PropertyFilterSpec{PropSet: machineSpecs([]string{"runtime.powerState"}), ReportMissingObjectsInResults: types.NewBool(true)}
	for _, vm := range vms {
		filter.ObjectSet = append(filter.ObjectSet, types.ObjectSpec{Obj: vm})
	}
	objects, _, err := retrieve(ctx, c.vim, filter, 0)
	if err != nil {
		return nil, err
	}
	states := make(map[ref]string, len(objects))
	for _, o := range objects {
		for _, p := range o.PropSet {
			if power, ok := p.Val.(types.VirtualMachinePowerState); ok {
				states[o.Obj] = stateOf(power)
			}
		}
	}
	return states, nil
}

// updateVM makes a VM what is wanted, shutting it off first where the plan says
// so.
func (a *applier) updateVM(ctx context.Context, change *plan.Change, live *machine) error {
	if live == nil {
		return vanished(change.Name)
	}
	running := live.state == plan.StateRunning
	if live.state != plan.StateStopped && (change.PowerOff || change.Power == "off") {
		if err := a.shutDown(ctx, live); err != nil {
			return err
		}
	}
	if err := a.reconfigure(ctx, change, live); err != nil {
		return failure("update VM", live.name, err)
	}
	if err := a.move(ctx, change, live); err != nil {
		return failure("move VM", live.name, err)
	}
	if running && change.PowerOff && change.Power == "" {
		a.mu.Lock()
		a.restart[change.Address] = true
		a.mu.Unlock()
	}
	return nil
}
