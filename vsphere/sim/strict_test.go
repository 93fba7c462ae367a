package sim_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/uclab/uclab/vsphere/sim"
)

func isFault[F types.BaseMethodFault](err error) bool {
	var want F
	_, ok := fault.As(err, &want)
	return ok
}

// TestCreateRefuses has every VM that a real server would not make.
func TestCreateRefuses(t *testing.T) {
	w := start(t, sim.Options{})
	w.mustCreate(spec("taken", card("VM Network", "00:50:56:00:00:01")))
	cases := []struct {
		name  string
		vm    func() types.VirtualMachineConfigSpec
		fault func(error) bool
	}{
		{"name taken", func() types.VirtualMachineConfigSpec { return spec("taken") }, isFault[*types.DuplicateName]},
		{"no name", func() types.VirtualMachineConfigSpec { return spec("") }, isFault[*types.InvalidName]},
		{"long name", func() types.VirtualMachineConfigSpec { return spec(strings.Repeat("x", 81)) }, isFault[*types.InvalidName]},
		{"unknown datastore", func() types.VirtualMachineConfigSpec {
			s := spec("x")
			s.Files.VmPathName = "[nope]"
			return s
		}, isFault[*types.InvalidDatastorePath]},
		{"no place", func() types.VirtualMachineConfigSpec {
			s := spec("x")
			s.Files = nil
			return s
		}, isFault[*types.InvalidDatastorePath]},
		{"disk on an unknown datastore", func() types.VirtualMachineConfigSpec {
			return spec("x", disk(200, 0, "[nope] x/x.vmdk"))
		}, isFault[*types.InvalidDatastorePath]},
		{"negative CPUs", func() types.VirtualMachineConfigSpec {
			s := spec("x")
			s.NumCPUs = -3
			return s
		}, isFault[*types.InvalidArgument]},
		{"too many CPUs", func() types.VirtualMachineConfigSpec {
			s := spec("x")
			s.NumCPUs = 129
			return s
		}, isFault[*types.InvalidArgument]},
		{"too little memory", func() types.VirtualMachineConfigSpec {
			s := spec("x")
			s.MemoryMB = 3
			return s
		}, isFault[*types.InvalidArgument]},
		{"unknown guest", func() types.VirtualMachineConfigSpec {
			s := spec("x")
			s.GuestId = "amigaGuest"
			return s
		}, isFault[*types.InvalidArgument]},
		{"unknown hardware version", func() types.VirtualMachineConfigSpec {
			s := spec("x")
			s.Version = "vmx-99"
			return s
		}, isFault[*types.InvalidArgument]},
		{"missing disc", func() types.VirtualMachineConfigSpec { return spec("x", cdrom("[LocalDS_0] no.iso")) }, isFault[*types.FileNotFound]},
		{"disc on an unknown datastore", func() types.VirtualMachineConfigSpec { return spec("x", cdrom("[nope] no.iso")) }, isFault[*types.InvalidDatastorePath]},
		{"missing floppy", func() types.VirtualMachineConfigSpec { return spec("x", floppy("[LocalDS_0] no.flp")) }, isFault[*types.FileNotFound]},
		{"five serial ports", func() types.VirtualMachineConfigSpec {
			return spec("x", serial(0), serial(1), serial(2), serial(3), serial(4))
		}, isFault[*types.TooManyDevices]},
		{"three on an IDE channel", func() types.VirtualMachineConfigSpec {
			return spec("x", disk(200, 0, ""), disk(200, 1, ""), disk(200, 2, ""))
		}, isFault[*types.TooManyDevices]},
		{"unknown port group", func() types.VirtualMachineConfigSpec { return spec("x", card("nope", "")) }, isFault[*types.InvalidDeviceBacking]},
		{"unknown distributed port group", func() types.VirtualMachineConfigSpec {
			c := card("", "")
			c.Backing = &types.VirtualEthernetCardDistributedVirtualPortBackingInfo{
				Port: types.DistributedVirtualSwitchPortConnection{PortgroupKey: "dvportgroup-999", SwitchUuid: "x"},
			}
			return spec("x", c)
		}, isFault[*types.InvalidDeviceBacking]},
		{"MAC of the generated range", func() types.VirtualMachineConfigSpec {
			return spec("x", card("VM Network", "00:50:56:40:00:00"))
		}, isFault[*types.InvalidArgument]},
		{"not a MAC", func() types.VirtualMachineConfigSpec { return spec("x", card("VM Network", "zz")) }, isFault[*types.InvalidArgument]},
		{"MAC taken", func() types.VirtualMachineConfigSpec {
			return spec("x", card("VM Network", "00:50:56:00:00:01"))
		}, isFault[*types.InvalidArgument]},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := w.create(c.vm())
			if !c.fault(err) {
				t.Fatalf("got %v", err)
			}
		})
	}
	// What was refused left nothing, and its name is free.
	w.mustCreate(spec("x"))
	vms, err := w.find.VirtualMachineList(t.Context(), "*")
	w.must(err)
	if len(vms) != 2 {
		t.Fatalf("%d VMs, want 2", len(vms))
	}
	w.stillAnswers()
}

// TestCreateRefusesPlaces has references that lead nowhere, of which the stock
// simulator dies.
func TestCreateRefusesPlaces(t *testing.T) {
	w := start(t, sim.Options{})
	nowhere := func(kind string) types.ManagedObjectReference {
		return types.ManagedObjectReference{Type: kind, Value: "nowhere"}
	}
	pool := object.NewResourcePool(w.client.Client, nowhere("ResourcePool"))
	_, err := w.wait(w.folder.CreateVM(t.Context(), spec("x"), pool, nil))
	wantFault[*types.ManagedObjectNotFound](t, err)
	host := object.NewHostSystem(w.client.Client, nowhere("HostSystem"))
	_, err = w.wait(w.folder.CreateVM(t.Context(), spec("x"), w.pool, host))
	wantFault[*types.ManagedObjectNotFound](t, err)
	folder := object.NewFolder(w.client.Client, nowhere("Folder"))
	_, err = w.wait(folder.CreateVM(t.Context(), spec("x"), w.pool, nil))
	wantFault[*types.ManagedObjectNotFound](t, err)

	vm := w.mustCreate(spec("source"))
	for name, location := range map[string]types.VirtualMachineRelocateSpec{
		"datastore": {Datastore: types.NewReference(nowhere("Datastore"))},
		"pool":      {Pool: types.NewReference(nowhere("ResourcePool"))},
		"host":      {Host: types.NewReference(nowhere("HostSystem"))},
		"folder":    {Folder: types.NewReference(nowhere("Folder"))},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.wait(vm.Clone(t.Context(), w.folder, "x", types.VirtualMachineCloneSpec{Location: location}))
			wantFault[*types.ManagedObjectNotFound](t, err)
			_, err = w.wait(vm.Relocate(t.Context(), location, ""))
			wantFault[*types.ManagedObjectNotFound](t, err)
			w.properties(vm)
		})
	}
	w.stillAnswers()
}

func TestClone(t *testing.T) {
	w := start(t, sim.Options{})
	source := w.mustCreate(spec("source", card("VM Network", "00:50:56:00:00:01")))
	clone := func(name string, spec types.VirtualMachineCloneSpec) error {
		_, err := w.wait(source.Clone(t.Context(), w.folder, name, spec))
		return err
	}
	linked := types.VirtualMachineCloneSpec{Location: types.VirtualMachineRelocateSpec{
		DiskMoveType: string(types.VirtualMachineRelocateDiskMoveOptionsCreateNewChildDiskBacking),
	}}
	wantFault[*types.DuplicateName](t, clone("source", types.VirtualMachineCloneSpec{}))
	wantFault[*types.InvalidArgument](t, clone("linked", linked))
	linked.Snapshot = &types.ManagedObjectReference{Type: "VirtualMachineSnapshot", Value: "nowhere"}
	wantFault[*types.ManagedObjectNotFound](t, clone("linked", linked))
	info, err := w.wait(source.CreateSnapshot(t.Context(), "clean", "", false, false))
	w.must(err)
	linked.Snapshot = types.NewReference(info.Result.(types.ManagedObjectReference))
	w.must(clone("linked", linked))

	// A change of devices that cannot be made fails the clone.
	missing := types.VirtualMachineCloneSpec{Config: &types.VirtualMachineConfigSpec{
		DeviceChange: spec("", cdrom("[LocalDS_0] no.iso")).DeviceChange,
	}}
	wantFault[*types.FileNotFound](t, clone("disc", missing))
	w.stillAnswers()
}

func TestRunningMachineRefuses(t *testing.T) {
	w := start(t, sim.Options{})
	ctx := t.Context()
	vm := w.mustCreate(spec("asa", card("VM Network", "00:50:56:00:00:01")))
	_, err := w.wait(vm.PowerOff(ctx))
	wantFault[*types.InvalidPowerState](t, err)
	_, err = w.wait(vm.PowerOn(ctx))
	w.must(err)
	_, err = w.wait(vm.PowerOn(ctx))
	wantFault[*types.InvalidPowerState](t, err)
	_, err = w.wait(vm.Destroy(ctx))
	wantFault[*types.InvalidPowerState](t, err)
	for name, change := range map[string]types.VirtualMachineConfigSpec{
		"memory": {MemoryMB: 2048}, "cpus": {NumCPUs: 2}, "serial": {DeviceChange: spec("", serial(0)).DeviceChange},
	} {
		_, err = w.wait(vm.Reconfigure(ctx, change))
		if !isFault[*types.InvalidPowerState](err) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	_, err = w.wait(vm.Reconfigure(ctx, types.VirtualMachineConfigSpec{Annotation: "kept", MemoryMB: 1024}))
	w.must(err)
	_, err = w.wait(vm.PowerOff(ctx))
	w.must(err)
	_, err = w.wait(vm.Reconfigure(ctx, types.VirtualMachineConfigSpec{MemoryMB: 2048}))
	w.must(err)
	got := w.properties(vm)
	if got.Config.Hardware.MemoryMB != 2048 || got.Config.Annotation != "kept" {
		t.Errorf("memory %d, annotation %q", got.Config.Hardware.MemoryMB, got.Config.Annotation)
	}
}

func TestRename(t *testing.T) {
	w := start(t, sim.Options{})
	w.mustCreate(spec("one"))
	two := w.mustCreate(spec("two"))
	_, err := w.wait(two.Rename(t.Context(), "one"))
	wantFault[*types.DuplicateName](t, err)
	_, err = w.wait(two.Reconfigure(t.Context(), types.VirtualMachineConfigSpec{Name: "one"}))
	wantFault[*types.DuplicateName](t, err)
	_, err = w.wait(two.Rename(t.Context(), "three"))
	w.must(err)
	w.mustCreate(spec("two")) // free again
}

func TestUncheckedAddress(t *testing.T) {
	w := start(t, sim.Options{})
	s := spec("x", card("VM Network", "00:50:56:80:00:01"))
	s.ExtraConfig = []types.BaseOptionValue{&types.OptionValue{Key: "ethernet0.checkMACAddress", Value: "false"}}
	w.mustCreate(s)
}

// TestDestroyRemovesFiles shows that a VM's name and files are free after it.
func TestDestroyRemovesFiles(t *testing.T) {
	w := start(t, sim.Options{})
	ctx := t.Context()
	for range 2 {
		vm := w.mustCreate(spec("again", disk(200, 0, "")))
		if _, err := w.store.Stat(ctx, "again/again.vmx"); err != nil {
			t.Fatal(err)
		}
		_, err := w.wait(vm.Destroy(ctx))
		w.must(err)
		if _, err := w.store.Stat(ctx, "again"); err == nil {
			t.Error("the VM's directory is still there")
		}
	}
}

// TestPortGroups shows port groups as real hosts have them: of each host's own,
// one network by name.
func TestPortGroups(t *testing.T) {
	w := start(t, sim.Options{})
	ctx := t.Context()
	hosts, err := w.find.HostSystemList(ctx, "*/*")
	w.must(err)
	if len(hosts) < 2 {
		t.Fatalf("%d hosts", len(hosts))
	}
	group := types.HostPortGroupSpec{Name: "voice", VlanId: 210, VswitchName: "vSwitch0"}
	for _, host := range hosts {
		system, err := host.ConfigManager().NetworkSystem(ctx)
		w.must(err)
		w.must(system.AddPortGroup(ctx, group))
		wantFault[*types.AlreadyExists](t, system.AddPortGroup(ctx, group))
		wantFault[*types.InvalidArgument](t, system.AddPortGroup(ctx, types.HostPortGroupSpec{Name: "x", VlanId: 9999, VswitchName: "vSwitch0"}))
	}
	networks, err := w.find.NetworkList(ctx, "voice")
	w.must(err)
	if len(networks) != 1 {
		t.Fatalf("%d networks of one name", len(networks))
	}
	vm := w.mustCreate(spec("x", card("voice", "")))
	host, err := vm.HostSystem(ctx)
	w.must(err)
	system, err := host.ConfigManager().NetworkSystem(ctx)
	w.must(err)
	wantFault[*types.ResourceInUse](t, system.RemovePortGroup(ctx, "voice"))
	_, err = w.wait(vm.Destroy(ctx))
	w.must(err)
	for _, host := range hosts {
		system, err := host.ConfigManager().NetworkSystem(ctx)
		w.must(err)
		w.must(system.RemovePortGroup(ctx, "voice"))
	}
	if _, err := w.find.Network(ctx, "voice"); err == nil {
		t.Error("the network outlived its last port group")
	}
}

func TestDistributedPortGroup(t *testing.T) {
	w := start(t, sim.Options{})
	ctx := t.Context()
	network, err := w.find.Network(ctx, "DVS0")
	w.must(err)
	dvs := network.(*object.DistributedVirtualSwitch)
	group := func(vlan int32) []types.DVPortgroupConfigSpec {
		return []types.DVPortgroupConfigSpec{{
			Name: "voice", Type: string(types.DistributedVirtualPortgroupPortgroupTypeEarlyBinding),
			DefaultPortConfig: &types.VMwareDVSPortSetting{Vlan: &types.VmwareDistributedVirtualSwitchVlanIdSpec{VlanId: vlan}},
		}}
	}
	_, err = w.wait(dvs.AddPortgroup(ctx, group(4095)))
	wantFault[*types.InvalidArgument](t, err)
	_, err = w.wait(dvs.AddPortgroup(ctx, group(210)))
	w.must(err)
	found, err := w.find.Network(ctx, "voice")
	w.must(err)
	backing, err := found.EthernetCardBackingInfo(ctx)
	w.must(err)
	c := card("", "")
	c.Backing = backing
	vm := w.mustCreate(spec("x", c))
	portgroup := object.NewCommon(w.client.Client, found.Reference())
	_, err = w.wait(portgroup.Destroy(ctx))
	wantFault[*types.ResourceInUse](t, err)
	_, err = w.wait(vm.Destroy(ctx))
	w.must(err)
	_, err = w.wait(portgroup.Destroy(ctx))
	w.must(err)
}

func TestStandaloneHost(t *testing.T) {
	w := start(t, sim.Options{ESX: true})
	ctx := t.Context()
	vm := w.mustCreate(spec("x"))
	_, err := w.wait(vm.Clone(ctx, w.folder, "y", types.VirtualMachineCloneSpec{}))
	wantFault[*types.NotSupported](t, err)
	wantFault[*types.NotSupported](t, vm.MarkAsTemplate(ctx))
	_, err = w.folder.CreateFolder(ctx, "labs")
	wantFault[*types.NotSupported](t, err)
	w.stillAnswers()
}

// TestUpload shows the way that media take.
func TestUpload(t *testing.T) {
	w := start(t, sim.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	content := "a disc"
	w.must(w.store.Upload(ctx, strings.NewReader(content), "uclab/media/x.iso", &soap.Upload{Type: "application/octet-stream", Method: "PUT", ContentLength: int64(len(content))}))
	vm := w.mustCreate(spec("x", cdrom("[LocalDS_0] uclab/media/x.iso")))
	if n := len(w.properties(vm).Config.Hardware.Device); n == 0 {
		t.Error("no devices")
	}
}

func TestPowerOnMany(t *testing.T) {
	w := start(t, sim.Options{})
	ctx := t.Context()
	one, two := w.mustCreate(spec("one")), w.mustCreate(spec("two"))
	datacenter, err := w.find.DefaultDatacenter(ctx)
	w.must(err)
	_, err = w.wait(datacenter.PowerOnVM(ctx, []types.ManagedObjectReference{one.Reference(), two.Reference()}))
	w.must(err)
	for _, vm := range []*object.VirtualMachine{one, two} {
		if state := w.properties(vm).Runtime.PowerState; state != types.VirtualMachinePowerStatePoweredOn {
			t.Errorf("state %s", state)
		}
	}
}

func TestAffinityRule(t *testing.T) {
	w := start(t, sim.Options{})
	ctx := t.Context()
	one, two := w.mustCreate(spec("one")), w.mustCreate(spec("two"))
	cluster, err := w.find.ClusterComputeResource(ctx, "DC0_C0")
	w.must(err)
	rule := &types.ClusterAffinityRuleSpec{
		ClusterRuleInfo: types.ClusterRuleInfo{Name: "together", Enabled: types.NewBool(true)},
		Vm:              []types.ManagedObjectReference{one.Reference(), two.Reference()},
	}
	_, err = w.wait(cluster.Reconfigure(ctx, &types.ClusterConfigSpecEx{RulesSpec: []types.ClusterRuleSpec{{
		ArrayUpdateSpec: types.ArrayUpdateSpec{Operation: types.ArrayUpdateOperationAdd}, Info: rule,
	}}}, true))
	w.must(err)
	config, err := cluster.Configuration(ctx)
	w.must(err)
	if len(config.Rule) != 1 || config.Rule[0].GetClusterRuleInfo().Name != "together" {
		t.Errorf("rules %v", config.Rule)
	}
}
