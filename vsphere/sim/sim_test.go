package sim

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

// serveArg makes the test binary the simulator's process.
const serveArg = "serve-simulator"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == serveArg {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		err := Serve(ctx, os.Args[2])
		stop()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// world is a logged-in client of a simulator, and what it found there.
type world struct {
	t         *testing.T
	ctx       context.Context
	client    *govmomi.Client
	finder    *find.Finder
	dc        *object.Datacenter
	folder    *object.Folder
	pool      *object.ResourcePool
	datastore *object.Datastore
}

func newServer(t *testing.T, opts Options) *Server {
	t.Helper()
	opts.User, opts.Password = "user", "pass"
	server, err := New(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// login looks around at an address with credentials in it.
func login(t *testing.T, address *url.URL) *world {
	t.Helper()
	w := &world{t: t, ctx: t.Context()}
	var err error
	if w.client, err = govmomi.NewClient(w.ctx, address, true); err != nil {
		t.Fatal(err)
	}
	w.client.Client.Client.DefaultTransport().MaxIdleConnsPerHost = 64
	t.Cleanup(func() { w.client.CloseIdleConnections() })
	w.finder = find.NewFinder(w.client.Client)
	if w.dc, err = w.finder.DefaultDatacenter(w.ctx); err != nil {
		t.Fatal(err)
	}
	w.finder.SetDatacenter(w.dc)
	folders, err := w.dc.Folders(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	w.folder = folders.VmFolder
	pools, err := w.finder.ResourcePoolList(w.ctx, "*/Resources")
	if err != nil {
		t.Fatal(err)
	}
	w.pool = pools[0]
	if w.datastore, err = w.finder.DefaultDatastore(w.ctx); err != nil {
		t.Fatal(err)
	}
	return w
}

// vmSpec is a VM as our labs have it: one CPU, 1,024 MB, a thin disk, a NIC with
// an address of its own, and a serial port on a pipe.
func (w *world) vmSpec(name string) types.VirtualMachineConfigSpec {
	controller := &types.VirtualLsiLogicController{VirtualSCSIController: types.VirtualSCSIController{
		SharedBus:         types.VirtualSCSISharingNoSharing,
		VirtualController: types.VirtualController{VirtualDevice: types.VirtualDevice{Key: 1000}},
	}}
	unit := int32(0)
	disk := &types.VirtualDisk{CapacityInKB: 60 << 20, VirtualDevice: types.VirtualDevice{
		Key: -1, ControllerKey: 1000, UnitNumber: &unit,
		Backing: &types.VirtualDiskFlatVer2BackingInfo{DiskMode: "persistent", ThinProvisioned: types.NewBool(true)},
	}}
	return types.VirtualMachineConfigSpec{
		Name: name, GuestId: "rhel4Guest", NumCPUs: 1, MemoryMB: 1024, Annotation: "notes of " + name,
		Files:       &types.VirtualMachineFileInfo{VmPathName: "[" + w.datastore.Name() + "]"},
		ExtraConfig: []types.BaseOptionValue{&types.OptionValue{Key: "uclab.lab", Value: "voice"}},
		DeviceChange: []types.BaseVirtualDeviceConfigSpec{
			add(controller), addDisk(disk), add(nic("VM Network", "")), add(pipe("console-" + name)),
		},
	}
}

func add(device types.BaseVirtualDevice) *types.VirtualDeviceConfigSpec {
	return &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationAdd, Device: device}
}

func addDisk(disk *types.VirtualDisk) *types.VirtualDeviceConfigSpec {
	spec := add(disk)
	spec.FileOperation = types.VirtualDeviceConfigSpecFileOperationCreate
	return spec
}

func nic(network, mac string) *types.VirtualE1000 {
	card := &types.VirtualE1000{VirtualEthernetCard: types.VirtualEthernetCard{VirtualDevice: types.VirtualDevice{
		Key: -7, Backing: &types.VirtualEthernetCardNetworkBackingInfo{
			VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: network},
		},
	}}}
	if mac != "" {
		card.AddressType, card.MacAddress = string(types.VirtualEthernetCardMacTypeManual), mac
	}
	return card
}

func pipe(name string) *types.VirtualSerialPort {
	return &types.VirtualSerialPort{YieldOnPoll: true, VirtualDevice: types.VirtualDevice{
		Key: -9, Backing: &types.VirtualSerialPortPipeBackingInfo{
			VirtualDevicePipeBackingInfo: types.VirtualDevicePipeBackingInfo{PipeName: name},
			Endpoint:                     "server", NoRxLoss: types.NewBool(true),
		},
	}}
}

func (w *world) create(spec types.VirtualMachineConfigSpec) (*object.VirtualMachine, error) {
	w.t.Helper()
	running, err := w.folder.CreateVM(w.ctx, spec, w.pool, nil)
	if err != nil {
		return nil, err
	}
	info, err := running.WaitForResult(w.ctx)
	if err != nil {
		return nil, err
	}
	return object.NewVirtualMachine(w.client.Client, info.Result.(types.ManagedObjectReference)), nil
}

func (w *world) mustCreate(spec types.VirtualMachineConfigSpec) *object.VirtualMachine {
	w.t.Helper()
	vm, err := w.create(spec)
	if err != nil {
		w.t.Fatal(err)
	}
	return vm
}

// done waits for a task that must succeed.
func (w *world) done(running *object.Task, err error) *types.TaskInfo {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	info, err := running.WaitForResult(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	return info
}

// soon waits for a task that should succeed, in any goroutine.
func (w *world) soon(running *object.Task, err error) {
	w.t.Helper()
	if err == nil {
		err = running.Wait(w.ctx)
	}
	if err != nil {
		w.t.Error(err)
	}
}
