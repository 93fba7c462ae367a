package sim_test

import (
	"context"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/uclab/uclab/vsphere/sim"
)

// world is a simulated server as one client sees it.
type world struct {
	t      *testing.T
	server *sim.Server // nil: in another process
	client *govmomi.Client
	find   *find.Finder
	folder *object.Folder
	pool   *object.ResourcePool
	host   *object.HostSystem
	store  *object.Datastore
}

// start gives a world that is forgotten with the test, or kept in opts.Dir.
func start(t *testing.T, opts sim.Options) *world {
	t.Helper()
	server, err := sim.New(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	w := connect(t, server.URL())
	w.server = server
	return w
}

func connect(t *testing.T, address *url.URL) *world {
	t.Helper()
	client, err := govmomi.NewClient(t.Context(), address, true)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, client: client, find: find.NewFinder(client.Client)}
	datacenter, err := w.find.DefaultDatacenter(t.Context())
	w.must(err)
	w.find.SetDatacenter(datacenter)
	folders, err := datacenter.Folders(t.Context())
	w.must(err)
	w.folder = folders.VmFolder
	hosts, err := w.find.HostSystemList(t.Context(), "*/*")
	w.must(err)
	w.host = hosts[0]
	w.pool, err = w.host.ResourcePool(t.Context())
	w.must(err)
	w.store, err = w.find.Datastore(t.Context(), "LocalDS_0")
	w.must(err)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// wait ends a task; neither the call nor the task may take for ever, as those of
// a simulator that lost a lock do.
func (w *world) wait(task *object.Task, err error) (*types.TaskInfo, error) {
	w.t.Helper()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	return task.WaitForResult(ctx, nil)
}

// spec is a small VM like those that labs have.
func spec(name string, devices ...types.BaseVirtualDevice) types.VirtualMachineConfigSpec {
	change, err := object.VirtualDeviceList(devices).ConfigSpec(types.VirtualDeviceConfigSpecOperationAdd)
	if err != nil {
		panic(err) // the devices are the test's own
	}
	return types.VirtualMachineConfigSpec{
		Name: name, GuestId: "rhel4Guest", NumCPUs: 1, MemoryMB: 1024, DeviceChange: change,
		Files: &types.VirtualMachineFileInfo{VmPathName: "[LocalDS_0]"},
	}
}

func (w *world) create(spec types.VirtualMachineConfigSpec) (*object.VirtualMachine, error) {
	w.t.Helper()
	info, err := w.wait(w.folder.CreateVM(w.t.Context(), spec, w.pool, nil))
	if err != nil {
		return nil, err
	}
	return object.NewVirtualMachine(w.client.Client, info.Result.(types.ManagedObjectReference)), nil
}

func (w *world) mustCreate(spec types.VirtualMachineConfigSpec) *object.VirtualMachine {
	w.t.Helper()
	vm, err := w.create(spec)
	w.must(err)
	return vm
}

func (w *world) properties(vm *object.VirtualMachine) mo.VirtualMachine {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	var properties mo.VirtualMachine
	w.must(vm.Properties(ctx, vm.Reference(), nil, &properties))
	return properties
}

// card is a NIC on a port group; mac "" leaves the address to the server.
func card(group, mac string) *types.VirtualPCNet32 {
	card := new(types.VirtualPCNet32)
	card.Key = -100
	card.Backing = &types.VirtualEthernetCardNetworkBackingInfo{
		VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: group},
	}
	if mac != "" {
		card.AddressType, card.MacAddress = string(types.VirtualEthernetCardMacTypeManual), mac
	}
	return card
}

func disk(controller, unit int32, file string) *types.VirtualDisk {
	disk := &types.VirtualDisk{CapacityInKB: 1 << 20}
	disk.Key, disk.ControllerKey, disk.UnitNumber = -200-unit, controller, &unit
	disk.Backing = &types.VirtualDiskFlatVer2BackingInfo{
		DiskMode: string(types.VirtualDiskModePersistent), ThinProvisioned: types.NewBool(true),
		VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{FileName: file},
	}
	return disk
}

func cdrom(iso string) *types.VirtualCdrom {
	drive := new(types.VirtualCdrom)
	drive.Key, drive.ControllerKey, drive.UnitNumber = -300, 200, types.NewInt32(0)
	drive.Backing = &types.VirtualCdromIsoBackingInfo{VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{FileName: iso}}
	return drive
}

func floppy(image string) *types.VirtualFloppy {
	drive := new(types.VirtualFloppy)
	drive.Key = -400
	drive.Backing = &types.VirtualFloppyImageBackingInfo{VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{FileName: image}}
	return drive
}

func serial(n int32) *types.VirtualSerialPort {
	port := new(types.VirtualSerialPort)
	port.Key = -500 - n
	port.Backing = &types.VirtualSerialPortPipeBackingInfo{
		VirtualDevicePipeBackingInfo: types.VirtualDevicePipeBackingInfo{PipeName: fmt.Sprintf("console-%d", n)},
		Endpoint:                     "server",
	}
	return port
}

// wantFault makes sure that an error is a fault of type F.
func wantFault[F types.BaseMethodFault](t *testing.T, err error) {
	t.Helper()
	var want F
	if err == nil {
		t.Fatalf("no error, want %T", want)
	}
	if _, ok := fault.As(err, &want); !ok {
		t.Fatalf("got %v, want %T", err, want)
	}
}

// stillAnswers makes sure that what went wrong took nothing with it.
func (w *world) stillAnswers() {
	w.t.Helper()
	vm := w.mustCreate(spec("canary"))
	w.properties(vm)
	_, err := w.wait(vm.Destroy(w.t.Context()))
	w.must(err)
}
