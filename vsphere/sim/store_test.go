package sim

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// reopen ends a server and opens its world in another one.
func reopen(t *testing.T, server *Server, opts Options) *world {
	t.Helper()
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	return login(t, newServer(t, opts).URL())
}

func (w *world) properties(vm *object.VirtualMachine) mo.VirtualMachine {
	w.t.Helper()
	var found mo.VirtualMachine
	if err := vm.Properties(w.ctx, vm.Reference(), nil, &found); err != nil {
		w.t.Fatal(err)
	}
	return found
}

func (w *world) vm(name string) *object.VirtualMachine {
	w.t.Helper()
	vm, err := w.finder.VirtualMachine(w.ctx, name)
	if err != nil {
		w.t.Fatal(err)
	}
	return vm
}

func TestVirtualMachineIsKeptWhole(t *testing.T) {
	opts := Options{Dir: t.TempDir()}
	server := newServer(t, opts)
	w := login(t, server.URL())
	w.upload("discs/install.iso", "an image")
	spec := w.vmSpec("cucm-pub")
	spec.DeviceChange = append(spec.DeviceChange, add(w.cdrom("discs/install.iso")))
	spec.BootOptions = &types.VirtualMachineBootOptions{BootOrder: []types.BaseVirtualMachineBootOptionsBootableDevice{
		new(types.VirtualMachineBootOptionsBootableCdromDevice),
	}}
	vm := w.mustCreate(spec)
	w.done(vm.PowerOn(w.ctx))
	before := w.properties(vm)

	after := reopenedVM(t, server, opts, "cucm-pub")
	if diff := cmp.Diff(before, after, cmpopts.EquateApproxTime(0), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the VM changed on disk (-before +after):\n%s", diff)
	}
}

func reopenedVM(t *testing.T, server *Server, opts Options, name string) mo.VirtualMachine {
	t.Helper()
	w := reopen(t, server, opts)
	return w.properties(w.vm(name))
}

// What a loaded world is asked to do, it does as the one before would have.
func TestLoadedWorldWorks(t *testing.T) {
	opts := Options{Dir: t.TempDir()}
	server := newServer(t, opts)
	w := login(t, server.URL())
	vm := w.mustCreate(w.vmSpec("one"))
	w.done(vm.CreateSnapshot(w.ctx, "clean", "", false, false))

	w = reopen(t, server, opts)
	vm = w.vm("one")
	w.done(vm.CreateSnapshot(w.ctx, "patched", "", false, false))
	w.done(vm.RevertToSnapshot(w.ctx, "clean", true))
	if _, err := w.create(w.vmSpec("one")); !fault.Is(err, new(types.DuplicateName)) {
		t.Errorf("a second VM of the name: %v", err)
	}
	second := w.mustCreate(w.vmSpec("two"))
	if second.Reference() == vm.Reference() {
		t.Fatal("the new VM has the old one's reference")
	}
	w.done(vm.PowerOn(w.ctx))
	w.done(vm.Reset(w.ctx))
	w.done(vm.PowerOff(w.ctx))
	w.done(vm.Reconfigure(w.ctx, types.VirtualMachineConfigSpec{MemoryMB: 2048}))
	w.done(vm.Clone(w.ctx, w.folder, "three", types.VirtualMachineCloneSpec{}))
	w.done(vm.RemoveAllSnapshot(w.ctx, nil))
	w.done(vm.Destroy(w.ctx))
	vms, err := w.finder.VirtualMachineList(w.ctx, "*")
	if err != nil || len(vms) != 2 {
		t.Errorf("%d VMs, %v", len(vms), err)
	}
	if _, err := os.Stat(filepath.Join(opts.Dir, "datastores", "LocalDS_0", "one")); !os.IsNotExist(err) {
		t.Errorf("the VM's files are left: %v", err)
	}
}

func TestSnapshotTreeIsKept(t *testing.T) {
	opts := Options{Dir: t.TempDir()}
	server := newServer(t, opts)
	w := login(t, server.URL())
	vm := w.mustCreate(w.vmSpec("one"))
	for _, name := range []string{"a", "b", "c"} {
		w.done(vm.CreateSnapshot(w.ctx, name, "notes of "+name, false, false))
	}
	before := w.properties(vm)
	after := reopenedVM(t, server, opts, "one")
	if diff := cmp.Diff(before.Snapshot, after.Snapshot, cmpopts.EquateApproxTime(0)); diff != "" {
		t.Error(diff)
	}
}

func (w *world) upload(path, content string) {
	w.t.Helper()
	err := w.datastore.Upload(w.ctx, strings.NewReader(content), path, &soap.Upload{Method: "PUT", ContentLength: int64(len(content))})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) download(path string) string {
	w.t.Helper()
	reader, _, err := w.datastore.Download(w.ctx, path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	text, err := io.ReadAll(reader)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

func (w *world) cdrom(path string) *types.VirtualCdrom {
	return &types.VirtualCdrom{VirtualDevice: types.VirtualDevice{
		Key: -8, ControllerKey: 200, UnitNumber: types.NewInt32(0),
		Backing: &types.VirtualCdromIsoBackingInfo{VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{
			FileName: w.datastore.Path(path),
		}},
	}}
}

func TestUploadedFilesAreKept(t *testing.T) {
	opts := Options{Dir: t.TempDir()}
	server := newServer(t, opts)
	w := login(t, server.URL())
	w.upload("uclab/sha256-abc/disc.iso", "content")
	w = reopen(t, server, opts)
	if got := w.download("uclab/sha256-abc/disc.iso"); got != "content" {
		t.Errorf("downloaded %q", got)
	}
}

func TestFoldersPoolsAndNetworksAreKept(t *testing.T) {
	opts := Options{Dir: t.TempDir()}
	server := newServer(t, opts)
	w := login(t, server.URL())
	labs, err := w.folder.CreateFolder(w.ctx, "labs")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := labs.CreateFolder(w.ctx, "voice"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.pool.Create(w.ctx, "students", types.DefaultResourceConfigSpec()); err != nil {
		t.Fatal(err)
	}
	w.portGroup("voice-hq", 210)
	w.distributedPortGroup("voice-wan", 77)

	w = reopen(t, server, opts)
	for _, path := range []string{"/DC0/vm/labs/voice", "/DC0/host/DC0_C0/Resources/students", "/DC0/network/voice-hq", "/DC0/network/voice-wan"} {
		found, err := w.finder.ManagedObjectList(w.ctx, path)
		if err != nil || len(found) != 1 {
			t.Errorf("%s: %v, %v", path, found, err)
		}
	}
	if got := w.vlans("voice-hq"); !slices.Equal(got, []int32{210, 210, 210}) {
		t.Errorf("VLANs of the port group: %v", got)
	}
	spec := w.vmSpec("one")
	spec.DeviceChange = append(spec.DeviceChange, add(nic("voice-hq", "00:50:56:00:00:01")))
	w.mustCreate(spec)
}

func (w *world) hosts() []*object.HostSystem {
	w.t.Helper()
	hosts, err := w.finder.HostSystemList(w.ctx, "DC0_C0/*")
	if err != nil {
		w.t.Fatal(err)
	}
	return hosts
}

func (w *world) portGroup(name string, vlan int32) {
	w.t.Helper()
	for _, host := range w.hosts() {
		system, err := host.ConfigManager().NetworkSystem(w.ctx)
		if err != nil {
			w.t.Fatal(err)
		}
		if err := system.AddPortGroup(w.ctx, types.HostPortGroupSpec{Name: name, VlanId: vlan, VswitchName: "vSwitch0"}); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) vlans(name string) []int32 {
	w.t.Helper()
	var vlans []int32
	for _, host := range w.hosts() {
		system, err := host.ConfigManager().NetworkSystem(w.ctx)
		if err != nil {
			w.t.Fatal(err)
		}
		var found mo.HostNetworkSystem
		if err := system.Properties(w.ctx, system.Reference(), []string{"networkInfo"}, &found); err != nil {
			w.t.Fatal(err)
		}
		for _, group := range found.NetworkInfo.Portgroup {
			if group.Spec.Name == name {
				vlans = append(vlans, group.Spec.VlanId)
			}
		}
	}
	return vlans
}

func (w *world) distributedPortGroup(name string, vlan int32) {
	w.t.Helper()
	found, err := w.finder.Network(w.ctx, "DVS0")
	if err != nil {
		w.t.Fatal(err)
	}
	dvs := found.(*object.DistributedVirtualSwitch)
	w.done(dvs.AddPortgroup(w.ctx, []types.DVPortgroupConfigSpec{{
		Name: name, Type: string(types.DistributedVirtualPortgroupPortgroupTypeEarlyBinding), NumPorts: 8,
		DefaultPortConfig: &types.VMwareDVSPortSetting{Vlan: &types.VmwareDistributedVirtualSwitchVlanIdSpec{VlanId: vlan}},
	}}))
}

func TestAffinityRuleIsKept(t *testing.T) {
	opts := Options{Dir: t.TempDir()}
	server := newServer(t, opts)
	w := login(t, server.URL())
	one, two := w.mustCreate(w.vmSpec("one")), w.mustCreate(w.vmSpec("two"))
	rule := &types.ClusterAffinityRuleSpec{
		ClusterRuleInfo: types.ClusterRuleInfo{Name: "voice-console", Enabled: types.NewBool(true)},
		Vm:              []types.ManagedObjectReference{one.Reference(), two.Reference()},
	}
	w.done(w.cluster().Reconfigure(w.ctx, &types.ClusterConfigSpecEx{RulesSpec: []types.ClusterRuleSpec{{
		ArrayUpdateSpec: types.ArrayUpdateSpec{Operation: types.ArrayUpdateOperationAdd}, Info: rule,
	}}}, true))

	w = reopen(t, server, opts)
	config, err := w.cluster().Configuration(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(config.Rule) != 1 || config.Rule[0].GetClusterRuleInfo().Name != "voice-console" {
		t.Fatalf("rules: %v", config.Rule)
	}
	if got := config.Rule[0].(*types.ClusterAffinityRuleSpec).Vm; len(got) != 2 {
		t.Errorf("VMs of the rule: %v", got)
	}
}

func (w *world) cluster() *object.ClusterComputeResource {
	w.t.Helper()
	cluster, err := w.finder.ClusterComputeResource(w.ctx, "DC0_C0")
	if err != nil {
		w.t.Fatal(err)
	}
	return cluster
}

func TestCustomFieldsAreKept(t *testing.T) {
	opts := Options{Dir: t.TempDir()}
	server := newServer(t, opts)
	w := login(t, server.URL())
	fields, err := object.GetCustomFieldsManager(w.client.Client)
	if err != nil {
		t.Fatal(err)
	}
	field, err := fields.Add(w.ctx, "owner", "VirtualMachine", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	vm := w.mustCreate(w.vmSpec("one"))
	if err := fields.Set(w.ctx, vm.Reference(), field.Key, "trainer"); err != nil {
		t.Fatal(err)
	}

	w = reopen(t, server, opts)
	if fields, err = object.GetCustomFieldsManager(w.client.Client); err != nil {
		t.Fatal(err)
	}
	another, err := fields.Add(w.ctx, "room", "VirtualMachine", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if another.Key == field.Key {
		t.Errorf("two fields have the key %d", field.Key)
	}
	values := w.properties(w.vm("one")).CustomValue
	if len(values) != 1 || values[0].(*types.CustomFieldStringValue).Value != "trainer" {
		t.Errorf("values: %v", values)
	}
}

// Whatever a killed process left half done, the world loads, and every VM in it
// is whole.
func TestWorldOfAKilledProcessLoads(t *testing.T) {
	opts := Options{Dir: t.TempDir()}
	server := newServer(t, opts)
	w := login(t, server.URL())
	w.mustCreate(w.vmSpec("one"))
	w.mustCreate(w.vmSpec("two"))
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	objects, err := os.ReadDir(server.store.dir)
	if err != nil || len(objects) == 0 {
		t.Fatal(err)
	}
	for _, object := range objects {
		t.Run("without "+object.Name(), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "world")
			if err := os.CopyFS(dir, os.DirFS(opts.Dir)); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, filepath.Base(server.store.dir), object.Name())
			if err := os.Rename(path, path+".new"); err != nil { // written, not yet renamed
				t.Fatal(err)
			}
			w := login(t, newServer(t, Options{Dir: dir}).URL())
			vms, err := w.finder.VirtualMachineList(w.ctx, "*")
			if err != nil {
				t.Fatal(err)
			}
			for _, vm := range vms {
				w.done(vm.Destroy(w.ctx))
			}
		})
	}
}

func TestDamagedWorldIsNamed(t *testing.T) {
	opts := Options{Dir: t.TempDir()}
	server := newServer(t, opts)
	w := login(t, server.URL())
	vm := w.mustCreate(w.vmSpec("one"))
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	path := server.store.path(vm.Reference())
	if err := os.WriteFile(path, []byte("<not"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(t.Context(), opts); err == nil || !strings.Contains(err.Error(), filepath.Base(path)) {
		t.Errorf("the error does not name the file: %v", err)
	}
}

// Nothing that a client may have secret is in the world's files.
func TestPasswordIsNotInTheWorld(t *testing.T) {
	opts := Options{Dir: t.TempDir()}
	server, err := New(t.Context(), Options{Dir: opts.Dir, User: "user", Password: "s3cr3t-passw0rd"})
	if err != nil {
		t.Fatal(err)
	}
	w := login(t, server.URL())
	w.mustCreate(w.vmSpec("one"))
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(opts.Dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte("s3cr3t")) {
			t.Errorf("%s holds the password", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
