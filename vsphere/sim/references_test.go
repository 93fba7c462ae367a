package sim

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

// A datastore is a directory on the user's disk: no path leads out of it, and
// none removes it whole.
func TestPathsStayInsideTheDatastore(t *testing.T) {
	dir := t.TempDir()
	w := login(t, newServer(t, Options{Dir: filepath.Join(dir, "sim")}).URL())
	w.upload("kept.iso", "content")
	treasure := filepath.Join(dir, "treasure")
	if err := os.WriteFile(treasure, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	files, disks := object.NewFileManager(w.client.Client), object.NewVirtualDiskManager(w.client.Client)
	out := "[LocalDS_0] x/../../../../treasure"
	spec := &types.FileBackedVirtualDiskSpec{CapacityKb: 1024, VirtualDiskSpec: types.VirtualDiskSpec{DiskType: "thin", AdapterType: "lsiLogic"}}
	wait := func(task *object.Task, err error) error {
		if err != nil {
			return err
		}
		return task.Wait(w.ctx)
	}
	evil := w.vmSpec("evil")
	evil.Files.VmPathName = out + ".vmx"
	disc := w.vmSpec("evil")
	disc.DeviceChange = append(disc.DeviceChange, add(w.cdrom("x/../../../../treasure")))
	attempts := map[string]error{
		"delete":      wait(files.DeleteDatastoreFile(w.ctx, out, w.dc)),
		"delete root": wait(files.DeleteDatastoreFile(w.ctx, "[LocalDS_0]", w.dc)),
		"delete dot":  wait(files.DeleteDatastoreFile(w.ctx, "[LocalDS_0] ./", w.dc)),
		"move root":   wait(files.MoveDatastoreFile(w.ctx, "[LocalDS_0] /", w.dc, "[LocalDS_0] x", w.dc, true)),
		"move":        wait(files.MoveDatastoreFile(w.ctx, out, w.dc, "[LocalDS_0] x", w.dc, true)),
		"overwrite":   wait(files.CopyDatastoreFile(w.ctx, "[LocalDS_0] kept.iso", w.dc, out, w.dc, true)),
		"directory":   files.MakeDirectory(w.ctx, out+"-dir", w.dc, true),
		"disk":        wait(disks.CreateVirtualDisk(w.ctx, out+".vmdk", w.dc, spec)),
		"delete disk": wait(disks.DeleteVirtualDisk(w.ctx, out, w.dc)),
		"VM":          second(w.create(evil)),
		"disc":        second(w.create(disc)),
	}
	for name, err := range attempts {
		if !fault.Is(err, new(types.InvalidDatastorePath)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("beside the simulator: %v, %v", entries, err)
	}
	if got := w.download("kept.iso"); got != "content" {
		t.Errorf("the datastore's file is %q", got)
	}
}

func second(_ *object.VirtualMachine, err error) error { return err }

// References of the wrong type end a call, not the simulator.
func TestReferencesOfTheWrongType(t *testing.T) {
	w := login(t, newServer(t, Options{}).URL())
	vm := w.mustCreate(w.vmSpec("one"))
	host := w.hosts()[0]
	wrong := host.Reference()
	dc := w.dc.Reference()
	ended := func(task *object.Task, err error) error {
		if err != nil {
			return err
		}
		return task.Wait(w.ctx)
	}
	attempts := map[string]error{
		"pool":      ended(w.folder.CreateVM(w.ctx, w.vmSpec("two"), object.NewResourcePool(w.client.Client, wrong), nil)),
		"host":      ended(w.folder.CreateVM(w.ctx, w.vmSpec("two"), w.pool, object.NewHostSystem(w.client.Client, dc))),
		"folder":    ended(vm.Clone(w.ctx, object.NewFolder(w.client.Client, wrong), "two", types.VirtualMachineCloneSpec{})),
		"datastore": ended(vm.Relocate(w.ctx, types.VirtualMachineRelocateSpec{Datastore: &wrong}, "")),
		"template":  vm.MarkAsVirtualMachine(w.ctx, *object.NewResourcePool(w.client.Client, wrong), nil),
	}
	for name, err := range attempts {
		if !fault.Is(err, new(types.InvalidArgument)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if w.properties(vm).Name != "one" {
		t.Error("the VM does not answer")
	}
}
