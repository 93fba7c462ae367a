package sim

import (
	"testing"

	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// What a server finds only when it carries a call out fails the call's task, and
// clients that look at the call alone miss it.
func TestRefusalsComeByTheTask(t *testing.T) {
	w := login(t, newServer(t, Options{}).URL())
	one := w.mustCreate(w.vmSpec("one"))
	w.done(one.PowerOn(w.ctx))
	disc := w.vmSpec("two")
	disc.DeviceChange = append(disc.DeviceChange, add(w.cdrom("missing.iso")))
	calls := map[string]struct {
		call func() (*object.Task, error)
		want types.BaseMethodFault
		on   types.ManagedObjectReference
	}{
		"create": {func() (*object.Task, error) { return w.folder.CreateVM(w.ctx, w.vmSpec("one"), w.pool, nil) },
			new(types.DuplicateName), w.folder.Reference()},
		"disc": {func() (*object.Task, error) { return w.folder.CreateVM(w.ctx, disc, w.pool, nil) },
			new(types.FileNotFound), w.folder.Reference()},
		"destroy": {func() (*object.Task, error) { return one.Destroy(w.ctx) },
			new(types.InvalidPowerState), one.Reference()},
		"reconfigure": {func() (*object.Task, error) {
			return one.Reconfigure(w.ctx, types.VirtualMachineConfigSpec{MemoryMB: 2048})
		}, new(types.InvalidPowerState), one.Reference()},
		"clone": {func() (*object.Task, error) {
			return one.Clone(w.ctx, w.folder, "one", types.VirtualMachineCloneSpec{})
		}, new(types.DuplicateName), one.Reference()},
	}
	for name, c := range calls {
		for range 2 { // the second is refused as the first was
			running, err := c.call()
			if err != nil {
				t.Errorf("%s: the call itself failed: %v", name, err)
				continue
			}
			if err := running.Wait(w.ctx); !fault.Is(err, c.want) {
				t.Errorf("%s: the task ended with %v", name, err)
			}
			var found mo.Task
			if err := running.Properties(w.ctx, running.Reference(), []string{"info"}, &found); err != nil {
				t.Fatal(err)
			}
			if found.Info.Entity == nil || *found.Info.Entity != c.on {
				t.Errorf("%s: the task is about %v", name, found.Info.Entity)
			}
		}
	}
	// A wrong parameter is said at once.
	spec := w.vmSpec("two")
	spec.NumCPUs = -3
	if _, err := w.folder.CreateVM(w.ctx, spec, w.pool, nil); !fault.Is(err, new(types.InvalidArgument)) {
		t.Errorf("a negative number of CPUs: %v", err)
	}
	w.mustCreate(w.vmSpec("two"))
}

func TestFullDatastore(t *testing.T) {
	server := newServer(t, Options{})
	w := login(t, server.URL())
	eager := func(name string, bytes int64) types.VirtualMachineConfigSpec {
		spec := w.vmSpec(name)
		disk := spec.DeviceChange[1].GetVirtualDeviceConfigSpec().Device.(*types.VirtualDisk)
		disk.CapacityInKB = bytes >> 10
		backing := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
		backing.ThinProvisioned, backing.EagerlyScrub = types.NewBool(false), types.NewBool(true)
		return spec
	}
	for _, name := range []string{"a", "b", "c", "d"} {
		w.mustCreate(eager(name, 62<<40))
	}
	if _, err := w.create(eager("e", 62<<40)); !fault.Is(err, new(types.NoDiskSpace)) {
		t.Errorf("a fifth disk of 62 TiB on 256 TiB: %v", err)
	}
	if _, err := w.create(eager("e", 63<<40)); !fault.Is(err, new(types.InvalidArgument)) {
		t.Errorf("a disk of 63 TiB: %v", err)
	}
	w.mustCreate(w.vmSpec("thin"))
}
