package sim

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vmware/govmomi/vim25/types"
)

// A revert brings back the configuration, in the world that took the snapshot
// and in one that was loaded since.
func TestRevertRestoresTheConfiguration(t *testing.T) {
	for _, loaded := range []bool{false, true} {
		opts := Options{Dir: t.TempDir()}
		server := newServer(t, opts)
		w := login(t, server.URL())
		vm := w.mustCreate(w.vmSpec("one"))
		w.done(vm.CreateSnapshot(w.ctx, "clean", "", false, false))
		before := w.properties(vm)
		w.done(vm.Reconfigure(w.ctx, types.VirtualMachineConfigSpec{
			MemoryMB: 2048, NumCPUs: 2, Annotation: "changed",
			ExtraConfig:  []types.BaseOptionValue{&types.OptionValue{Key: "uclab.lab", Value: "other"}},
			DeviceChange: []types.BaseVirtualDeviceConfigSpec{add(nic("VM Network", "00:50:56:00:00:09"))},
		}))
		w.done(vm.PowerOn(w.ctx))
		if loaded {
			w = reopen(t, server, opts)
			vm = w.vm("one")
		}
		w.done(vm.RevertToSnapshot(w.ctx, "clean", false))
		after := w.properties(vm)
		if diff := cmp.Diff(before.Config, after.Config, cmpopts.EquateApproxTime(0), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("loaded %t: the configuration differs (-before +after):\n%s", loaded, diff)
		}
		if diff := cmp.Diff(before.Summary.Config, after.Summary.Config, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("loaded %t: the summary differs:\n%s", loaded, diff)
		}
		if after.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOff {
			t.Errorf("loaded %t: the VM is %s after a revert to a snapshot without memory", loaded, after.Runtime.PowerState)
		}
		// The snapshot is not what the VM is now: both can change and go again.
		w.done(vm.Reconfigure(w.ctx, types.VirtualMachineConfigSpec{MemoryMB: 4096}))
		w.done(vm.RevertToSnapshot(w.ctx, "clean", false))
		if got := w.properties(vm).Config.Hardware.MemoryMB; got != 1024 {
			t.Errorf("loaded %t: %d MB after a second revert", loaded, got)
		}
		w.done(vm.Destroy(w.ctx))
	}
}

func TestRevertWithMemoryKeepsRunning(t *testing.T) {
	w := login(t, newServer(t, Options{}).URL())
	vm := w.mustCreate(w.vmSpec("one"))
	w.done(vm.PowerOn(w.ctx))
	w.done(vm.CreateSnapshot(w.ctx, "live", "", true, false))
	w.done(vm.PowerOff(w.ctx))
	w.done(vm.RevertToSnapshot(w.ctx, "live", true))
	if got := w.properties(vm).Runtime.PowerState; got != types.VirtualMachinePowerStatePoweredOff {
		t.Errorf("%s though powering on was suppressed", got)
	}
	w.done(vm.RevertToCurrentSnapshot(w.ctx, false))
	if got := w.properties(vm).Runtime.PowerState; got != types.VirtualMachinePowerStatePoweredOn {
		t.Errorf("%s after a revert to a snapshot with memory", got)
	}
}
