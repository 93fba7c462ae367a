package vsphere

import (
	"context"
	"slices"
	"time"

	"github.com/uclab/uclab/plan"
	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/task"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// powerChunk is how many VMs one bulk power-on names.
const powerChunk = 50

// powerTime is how long DRS may take to power on what it was given.
const powerTime = time.Minute

// powerOnAll powers on what should run. The client ends of pipes come last: a
// client connects at power-on, and only to a server that is there.
func (a *applier) powerOnAll(ctx context.Context) {
	var first, clients []*Outcome
	for _, o := range a.of(plan.KindVM, func(action string) bool { return action != plan.Delete }) {
		if o.State != Done || o.Change.Power != "on" && !a.restart[o.Change.Address] {
			continue
		}
		if pipeClient(o.Change.Want) {
			clients = append(clients, o)
		} else {
			first = append(first, o)
		}
	}
	a.powerOnWave(ctx, first)
	a.powerOnWave(ctx, clients)
}

func pipeClient(m *plan.Machine) bool {
	return m != nil && slices.ContainsFunc(m.Serial, func(s plan.Serial) bool { return s.Backing == "pipe" && s.Endpoint == "client" })
}

func (a *applier) powerOnWave(ctx context.Context, wave []*Outcome) {
	if a.vim.IsVC() {
		for chunk := range slices.Chunk(wave, powerChunk) {
			a.powerOnBulk(ctx, chunk)
		}
		return
	}
	a.run(ctx, wave, a.opts.Parallelism, "power on", func(ctx context.Context, change *plan.Change) error {
		return failure("power on VM", change.Name, a.powerOnOne(ctx, a.vms[change.Address]))
	})
}

func (c *Client) powerOnOne(ctx context.Context, vm ref) error {
	return c.task(ctx, func(ctx context.Context) (ref, error) {
		res, err := methods.PowerOnVM_Task(ctx, c.vim, &types.PowerOnVM_Task{This: vm})
		if err != nil {
			return ref{}, err
		}
		return res.Returnval, nil
	}, alreadyOn)
}

func alreadyOn(err error) bool { return alreadyIn(err, types.VirtualMachinePowerStatePoweredOn) }

// alreadyIn says that a power operation failed because the VM is where it was to
// go.
func alreadyIn(err error, state types.VirtualMachinePowerState) bool {
	var invalid *types.InvalidPowerState
	_, ok := fault.As(err, &invalid)
	return ok && invalid.ExistingState == state
}

// powerOnBulk powers VMs on with one call, and those one by one that the call
// gave no task for.
func (a *applier) powerOnBulk(ctx context.Context, wave []*Outcome) {
	ended := map[ref]error{}
	var pending []ref
	for _, o := range wave {
		pending = append(pending, a.vms[o.Change.Address])
	}
	if ctx.Err() == nil {
		work := context.WithoutCancel(ctx)
		attempted, err := a.powerOnMulti(work, pending)
		switch {
		case err != nil && !lost(err) && !fault.Is(err, &types.NotSupported{}) && !fault.Is(err, &types.NotImplemented{}):
			for _, vm := range pending {
				ended[vm] = err
			}
		case err == nil:
			ended = a.attempted(work, attempted, pending)
		}
	}
	a.run(ctx, wave, a.opts.Parallelism, "power on", func(ctx context.Context, change *plan.Change) error {
		vm := a.vms[change.Address]
		err, known := ended[vm]
		if !known {
			err = a.powerOnOne(ctx, vm)
		}
		return failure("power on VM", change.Name, err)
	})
}

func (a *applier) powerOnMulti(ctx context.Context, vms []ref) (*types.ClusterPowerOnVmResult, error) {
	res, err := methods.PowerOnMultiVM_Task(ctx, a.vim, &types.PowerOnMultiVM_Task{
		This: a.place.datacenter.ref,
		Vm:   vms,
		// Without it a cluster whose DRS is not fully automated answers with
		// recommendations that wait for somebody's approval.
		Option: []types.BaseOptionValue{&types.OptionValue{
			Key: string(types.ClusterPowerOnVmOptionOverrideAutomationLevel), Value: string(types.DrsBehaviorFullyAutomated),
		}},
	})
	if err != nil {
		return nil, err
	}
	info, err := a.tasks.wait(ctx, res.Returnval, nil)
	if err != nil {
		return nil, err
	}
	result, _ := info.Result.(types.ClusterPowerOnVmResult)
	return &result, nil
}

// attempted waits for the tasks of a bulk power-on, and for the state of VMs
// that DRS has taken over and given no task for. It knows nothing of VMs that
// did not come on in time.
func (a *applier) attempted(ctx context.Context, result *types.ClusterPowerOnVmResult, vms []ref) map[ref]error {
	ended := make(map[ref]error, len(vms))
	var drs []ref
	for _, attempt := range result.Attempted {
		if attempt.Task == nil {
			drs = append(drs, attempt.Vm)
			continue
		}
		_, err := a.tasks.wait(ctx, *attempt.Task, nil)
		if alreadyOn(err) {
			err = nil
		}
		if !unsure(err) {
			ended[attempt.Vm] = err
		}
	}
	for _, refused := range result.NotAttempted {
		ended[refused.Vm] = task.Error{LocalizedMethodFault: &refused.Fault}
	}
	a.waitOn(ctx, drs, ended)
	return ended
}

func (a *applier) waitOn(ctx context.Context, vms []ref, ended map[ref]error) {
	deadline := time.Now().Add(powerTime)
	for wait := 100 * time.Millisecond; len(vms) > 0 && time.Now().Before(deadline); wait = min(wait*2, 5*time.Second) {
		states, err := a.powerStates(ctx, vms)
		if err != nil {
			return
		}
		vms = slices.DeleteFunc(vms, func(vm ref) bool {
			on := states[vm] == plan.StateRunning
			if on {
				ended[vm] = nil
			}
			return on
		})
		if len(vms) > 0 {
			time.Sleep(wait)
		}
	}
}
