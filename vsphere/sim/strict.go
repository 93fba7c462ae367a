package sim

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// Limits of virtual hardware (VMware's configuration maximums).
const (
	maxCPUs        = 128
	minMemoryMB    = 4
	maxMemoryMB    = 6 << 20 // 6 TiB
	maxSerialPorts = 4       // of a VM before hardware version 10 (32 after), which a BIOS knows
	maxPerIDE      = 2
	maxDisk        = 62 << 40 // 62 TiB, in bytes
)

// strict refuses what a real server would refuse and the stock simulator takes,
// or dies of.
type strict struct {
	esx   bool
	macs  *addresses
	names *names

	clones *clones
}

func newStrict(esx bool) strict {
	return strict{esx, &addresses{seen: map[string]bool{}}, &names{given: map[string]time.Time{}}, &clones{pending: map[string]inheritance{}}}
}

// addresses remembers which MAC addresses were ever given, so that only one
// that was is looked for in all VMs.
type addresses struct {
	mu   sync.Mutex
	seen map[string]bool
}

// taken says that another VM has an address.
func (a *addresses) taken(ctx *simulator.Context, mac string, self *simulator.VirtualMachine) bool {
	mac = strings.ToLower(mac)
	a.mu.Lock()
	known := a.seen[mac]
	a.seen[mac] = true
	a.mu.Unlock()
	if !known {
		return false
	}
	return slices.ContainsFunc(ctx.Map.All("VirtualMachine"), func(entity mo.Entity) bool {
		vm, ok := entity.(*simulator.VirtualMachine)
		return ok && vm != self && vm.Config != nil && hasAddress(vm, mac)
	})
}

func hasAddress(vm *simulator.VirtualMachine, mac string) bool {
	return slices.ContainsFunc(vm.Config.Hardware.Device, func(device types.BaseVirtualDevice) bool {
		card, ok := device.(types.BaseVirtualEthernetCard)
		return ok && strings.EqualFold(card.GetVirtualEthernetCard().MacAddress, mac)
	})
}

// check gives the fault of a call, or nil when it may go on.
func (s strict) check(ctx *simulator.Context, method *simulator.Method) types.BaseMethodFault {
	switch req := method.Body.(type) {
	case *types.CreateVM_Task:
		return s.named(ctx, req.This, req.Config.Name, func() types.BaseMethodFault { return s.create(ctx, req) })
	case *types.CloneVM_Task:
		if s.esx {
			return new(types.NotSupported)
		}
		return s.named(ctx, req.Folder, req.Name, func() types.BaseMethodFault { return s.clone(ctx, req) })
	case *types.ReconfigVM_Task:
		return s.reconfigure(ctx, req)
	case *types.RelocateVM_Task:
		return relocatable(ctx, req)
	case *types.RegisterVM_Task:
		return s.register(ctx, req)
	case *types.MoveIntoFolder_Task:
		return movable(ctx, req)
	case *types.PowerOnMultiVM_Task:
		return startable(ctx, req)
	case *types.RemoveSnapshot_Task, *types.RenameSnapshot, *types.ExportSnapshot:
		return snapshotThere(ctx, method.This)
	case *types.Rename_Task:
		return s.rename(ctx, req)
	case *types.Destroy_Task:
		return s.destroyable(ctx, req.This)
	case *types.RevertToSnapshot_Task:
		return revert(ctx, req.This, req.SuppressPowerOn)
	case *types.RevertToCurrentSnapshot_Task:
		return revertToCurrent(ctx, req)
	case *types.CreateFolder:
		return s.freeName(ctx, req.This, req.Name)
	case *types.AddDVPortgroup_Task:
		return portGroups(req.Spec)
	case *types.MarkAsTemplate, *types.MarkAsVirtualMachine, *types.CreateDVS_Task, *types.InstantClone_Task:
		if s.esx {
			return new(types.NotSupported)
		}
	}
	return nil
}

// named claims a name for a new VM, and gives it back when the rest of the call
// is refused.
func (s strict) named(ctx *simulator.Context, folder types.ManagedObjectReference, name string, rest func() types.BaseMethodFault) types.BaseMethodFault {
	if fault := s.freeName(ctx, folder, name); fault != nil {
		return fault
	}
	fault := rest()
	if fault != nil {
		s.names.release(folder, name)
	}
	return fault
}

func (s strict) create(ctx *simulator.Context, req *types.CreateVM_Task) types.BaseMethodFault {
	s.clones.forget(req.This, req.Config.Name)
	if fault := there(ctx, &req.This, &req.Pool, req.Host); fault != nil {
		return fault
	}
	if req.Config.Files == nil || req.Config.Files.VmPathName == "" {
		return &types.InvalidDatastorePath{DatastorePath: ""}
	}
	if datastoreOf(ctx, req.Config.Files.VmPathName) == nil {
		return &types.InvalidDatastorePath{DatastorePath: req.Config.Files.VmPathName}
	}
	if req.Config.NumCPUs == 0 {
		req.Config.NumCPUs = 1
	}
	if req.Config.MemoryMB == 0 {
		req.Config.MemoryMB = minMemoryMB
	}
	return s.hardware(ctx, &req.Config, nil)
}

func (s strict) clone(ctx *simulator.Context, req *types.CloneVM_Task) types.BaseMethodFault {
	if fault := first(there(ctx, &req.Folder), placed(ctx, req.Spec.Location)); fault != nil {
		return fault
	}
	source, ok := ctx.Map.Get(req.This).(*simulator.VirtualMachine)
	if !ok {
		return &types.ManagedObjectNotFound{Obj: req.This}
	}
	linked := req.Spec.Location.DiskMoveType == string(types.VirtualMachineRelocateDiskMoveOptionsCreateNewChildDiskBacking)
	switch {
	case req.Spec.Snapshot != nil && !hasSnapshot(source, *req.Spec.Snapshot):
		return &types.ManagedObjectNotFound{Obj: *req.Spec.Snapshot}
	case linked && req.Spec.Snapshot == nil:
		return &types.InvalidArgument{InvalidProperty: "spec.snapshot"}
	}
	if req.Spec.Config != nil {
		if fault := s.hardware(ctx, req.Spec.Config, source); fault != nil {
			return fault
		}
	}
	s.clones.expect(req, source)
	return nil
}

func (s strict) reconfigure(ctx *simulator.Context, req *types.ReconfigVM_Task) types.BaseMethodFault {
	vm, ok := ctx.Map.Get(req.This).(*simulator.VirtualMachine)
	if !ok {
		return nil
	}
	if vm.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOff && needsPowerOff(vm, &req.Spec) {
		return invalidState(vm, types.VirtualMachinePowerStatePoweredOff)
	}
	if req.Spec.Name != "" && req.Spec.Name != vm.Name && vm.Parent != nil {
		if fault := s.freeName(ctx, *vm.Parent, req.Spec.Name); fault != nil {
			return fault
		}
	}
	return s.hardware(ctx, &req.Spec, vm)
}

func invalidState(vm *simulator.VirtualMachine, wanted types.VirtualMachinePowerState) types.BaseMethodFault {
	return &types.InvalidPowerState{RequestedState: wanted, ExistingState: vm.Runtime.PowerState}
}

// needsPowerOff says that a change cannot be made while a VM of this age runs:
// CPUs and memory without hot add, controllers, serial ports, floppy and CD
// drives themselves, a NIC's address.
func needsPowerOff(vm *simulator.VirtualMachine, spec *types.VirtualMachineConfigSpec) bool {
	hotCPU := vm.Config.CpuHotAddEnabled != nil && *vm.Config.CpuHotAddEnabled
	hotMemory := vm.Config.MemoryHotAddEnabled != nil && *vm.Config.MemoryHotAddEnabled
	switch {
	case spec.NumCPUs != 0 && spec.NumCPUs != vm.Config.Hardware.NumCPU && !hotCPU,
		spec.MemoryMB != 0 && spec.MemoryMB != int64(vm.Config.Hardware.MemoryMB) && !hotMemory,
		spec.GuestId != "" && spec.GuestId != vm.Config.GuestId,
		spec.Firmware != "" && spec.Firmware != vm.Config.Firmware:
		return true
	}
	return slices.ContainsFunc(spec.DeviceChange, func(change types.BaseVirtualDeviceConfigSpec) bool {
		return coldDevice(vm, change.GetVirtualDeviceConfigSpec())
	})
}

func coldDevice(vm *simulator.VirtualMachine, change *types.VirtualDeviceConfigSpec) bool {
	edit := change.Operation == types.VirtualDeviceConfigSpecOperationEdit
	switch device := change.Device.(type) {
	case *types.VirtualCdrom, *types.VirtualFloppy:
		return !edit
	case *types.VirtualSerialPort, *types.VirtualIDEController, types.BaseVirtualSoundCard:
		return true
	case types.BaseVirtualSCSIController:
		return !edit
	case types.BaseVirtualEthernetCard:
		return edit && addressChanges(vm, device.GetVirtualEthernetCard())
	default:
		return false
	}
}

func addressChanges(vm *simulator.VirtualMachine, card *types.VirtualEthernetCard) bool {
	for _, device := range vm.Config.Hardware.Device {
		if have, ok := device.(types.BaseVirtualEthernetCard); ok && device.GetVirtualDevice().Key == card.Key {
			return card.MacAddress != "" && !strings.EqualFold(card.MacAddress, have.GetVirtualEthernetCard().MacAddress)
		}
	}
	return false
}

func (s strict) rename(ctx *simulator.Context, req *types.Rename_Task) types.BaseMethodFault {
	entity, ok := ctx.Map.Get(req.This).(mo.Entity)
	if !ok || entity.Entity().Parent == nil || nameOf(entity) == req.NewName {
		return nil
	}
	return s.freeName(ctx, *entity.Entity().Parent, req.NewName)
}

// freeName makes sure that nothing in a folder has a name already.
func (s strict) freeName(ctx *simulator.Context, ref types.ManagedObjectReference, name string) types.BaseMethodFault {
	folder, ok := ctx.Map.Get(ref).(*simulator.Folder)
	if !ok {
		return nil
	}
	if name == "" || len(name) > 80 || strings.ContainsAny(name, "/\\%") {
		return &types.InvalidName{Name: name}
	}
	before := s.names.claim(ref, name)
	if before.IsZero() {
		return nil
	}
	for {
		if other := childNamed(ctx, folder, name); other != nil {
			return &types.DuplicateName{Name: name, Object: *other}
		}
		if time.Since(before) > claimTime {
			return nil
		}
		time.Sleep(10 * time.Millisecond) // who claimed it is still at it
	}
}

func childNamed(ctx *simulator.Context, folder *simulator.Folder, name string) *types.ManagedObjectReference {
	var found *types.ManagedObjectReference
	ctx.WithLock(folder, func() {
		for _, child := range folder.ChildEntity {
			if other, ok := ctx.Map.Get(child).(mo.Entity); ok && nameOf(other) == name {
				found = &child
			}
		}
	})
	return found
}

// remember notes the names and addresses of a world that was loaded.
func (s strict) remember(registry *simulator.Registry) {
	for _, entity := range registry.All("") {
		if parent := entity.Entity().Parent; parent != nil {
			s.names.given[parent.Value+"/"+entity.Entity().Name] = time.Now()
		}
		vm, ok := entity.(*simulator.VirtualMachine)
		if !ok || vm.Config == nil {
			continue
		}
		for _, device := range vm.Config.Hardware.Device {
			if card, ok := device.(types.BaseVirtualEthernetCard); ok {
				s.macs.seen[strings.ToLower(card.GetVirtualEthernetCard().MacAddress)] = true
			}
		}
	}
}

// destroyable refuses to destroy what runs or is in use.
func (s strict) destroyable(ctx *simulator.Context, ref types.ManagedObjectReference) types.BaseMethodFault {
	switch o := ctx.Map.Get(ref).(type) {
	case *simulator.VirtualMachine:
		if o.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOff {
			return invalidState(o, types.VirtualMachinePowerStatePoweredOff)
		}
	case *simulator.DistributedVirtualPortgroup:
		for _, entity := range ctx.Map.All("VirtualMachine") {
			if vm, ok := entity.(*simulator.VirtualMachine); ok && onDistributed(vm, o.Key) {
				return &types.ResourceInUse{Type: "DistributedVirtualPortgroup", Name: o.Name}
			}
		}
	}
	return nil
}

func onDistributed(vm *simulator.VirtualMachine, key string) bool {
	if vm.Config == nil {
		return false
	}
	return slices.ContainsFunc(vm.Config.Hardware.Device, func(device types.BaseVirtualDevice) bool {
		card, ok := device.(types.BaseVirtualEthernetCard)
		if !ok {
			return false
		}
		backing, ok := card.GetVirtualEthernetCard().Backing.(*types.VirtualEthernetCardDistributedVirtualPortBackingInfo)
		return ok && backing.Port.PortgroupKey == key
	})
}

func portGroups(specs []types.DVPortgroupConfigSpec) types.BaseMethodFault {
	for _, spec := range specs {
		setting, ok := spec.DefaultPortConfig.(*types.VMwareDVSPortSetting)
		if !ok {
			continue
		}
		if vlan, ok := setting.Vlan.(*types.VmwareDistributedVirtualSwitchVlanIdSpec); ok && (vlan.VlanId < 0 || vlan.VlanId >= maxVLAN) {
			return &types.InvalidArgument{InvalidProperty: "spec.defaultPortConfig.vlan.vlanId"}
		}
	}
	return nil
}

// hardware checks numbers, guest, version and devices of a VM. vm is nil for a
// new one.
func (s strict) hardware(ctx *simulator.Context, spec *types.VirtualMachineConfigSpec, vm *simulator.VirtualMachine) types.BaseMethodFault {
	switch {
	case spec.NumCPUs != 0 && (spec.NumCPUs < 1 || spec.NumCPUs > maxCPUs):
		return &types.InvalidArgument{InvalidProperty: "configSpec.numCPUs"}
	case spec.MemoryMB != 0 && (spec.MemoryMB < minMemoryMB || spec.MemoryMB > maxMemoryMB || spec.MemoryMB%4 != 0):
		return &types.InvalidArgument{InvalidProperty: "configSpec.memoryMB"}
	case spec.GuestId != "" && !slices.Contains(types.VirtualMachineGuestOsIdentifier("").Strings(), spec.GuestId):
		return &types.InvalidArgument{InvalidProperty: "configSpec.guestId"}
	case spec.Version != "" && !knownVersion(spec.Version):
		return &types.InvalidArgument{InvalidProperty: "configSpec.version"}
	}
	return s.devices(ctx, spec, vm)
}

// knownVersion says that ESXi has a hardware version; 5, 6, 12 and 16 are
// Workstation's.
func knownVersion(version string) bool {
	number, err := strconv.Atoi(strings.TrimPrefix(version, "vmx-"))
	return err == nil && strings.HasPrefix(version, "vmx-") && number >= 3 && number <= 22 &&
		!slices.Contains([]int{5, 6, 12, 16}, number)
}

func (s strict) devices(ctx *simulator.Context, spec *types.VirtualMachineConfigSpec, vm *simulator.VirtualMachine) types.BaseMethodFault {
	serial, perIDE := 0, map[int32]int{}
	ide := map[int32]bool{200: true, 201: true}
	count := func(device types.BaseVirtualDevice, by int) {
		switch device.(type) {
		case *types.VirtualSerialPort:
			serial += by
		case *types.VirtualIDEController:
			ide[device.GetVirtualDevice().Key] = true
		case *types.VirtualCdrom, *types.VirtualDisk:
			perIDE[device.GetVirtualDevice().ControllerKey] += by
		}
	}
	if vm != nil {
		for _, device := range vm.Config.Hardware.Device {
			count(device, 1)
		}
	}
	for _, base := range spec.DeviceChange {
		change := base.GetVirtualDeviceConfigSpec()
		switch change.Operation {
		case types.VirtualDeviceConfigSpecOperationRemove:
			count(change.Device, -1)
			continue
		case types.VirtualDeviceConfigSpecOperationAdd:
			count(change.Device, 1)
		}
		if fault := first(s.backing(ctx, change.Device, spec, vm), space(ctx, change, spec, vm)); fault != nil {
			return fault
		}
	}
	if serial > maxSerialPorts {
		return &types.TooManyDevices{InvalidVmConfig: types.InvalidVmConfig{Property: "configSpec.deviceChange"}}
	}
	for key, number := range perIDE {
		if ide[key] && number > maxPerIDE {
			return &types.TooManyDevices{InvalidVmConfig: types.InvalidVmConfig{Property: fmt.Sprintf("controller %d", key)}}
		}
	}
	return nil
}

// backing checks what a device is to be connected to.
func (s strict) backing(ctx *simulator.Context, device types.BaseVirtualDevice, spec *types.VirtualMachineConfigSpec, vm *simulator.VirtualMachine) types.BaseMethodFault {
	if disk, ok := device.(*types.VirtualDisk); ok {
		if capacity := capacityOf(disk); disk.CapacityInKB < 0 || capacity < 0 || capacity > maxDisk {
			return &types.InvalidArgument{InvalidProperty: "configSpec.deviceChange.device.capacityInKB"}
		}
	}
	if card, ok := device.(types.BaseVirtualEthernetCard); ok {
		return s.network(ctx, card.GetVirtualEthernetCard(), spec, vm)
	}
	switch info := device.GetVirtualDevice().Backing.(type) {
	case *types.VirtualCdromIsoBackingInfo:
		return fileThere(ctx, info.FileName)
	case *types.VirtualFloppyImageBackingInfo:
		return fileThere(ctx, info.FileName)
	case *types.VirtualDiskFlatVer2BackingInfo:
		if info.FileName != "" && datastoreOf(ctx, info.FileName) == nil {
			return &types.InvalidDatastorePath{DatastorePath: info.FileName}
		}
		return there(ctx, info.Datastore)
	}
	return nil
}

// space makes sure that a disk that is not thin has room. Thin ones may promise
// more than there is.
func space(ctx *simulator.Context, change *types.VirtualDeviceConfigSpec, spec *types.VirtualMachineConfigSpec, vm *simulator.VirtualMachine) types.BaseMethodFault {
	disk, ok := change.Device.(*types.VirtualDisk)
	if !ok || change.FileOperation != types.VirtualDeviceConfigSpecFileOperationCreate {
		return nil
	}
	backing, ok := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	if !ok || backing.ThinProvisioned != nil && *backing.ThinProvisioned {
		return nil
	}
	file := backing.FileName
	switch {
	case file != "":
	case spec.Files != nil && spec.Files.VmPathName != "":
		file = spec.Files.VmPathName
	case vm != nil:
		file = vm.Config.Files.VmPathName
	}
	datastore := datastoreOf(ctx, file)
	if datastore == nil {
		return nil
	}
	var free int64
	ctx.WithLock(datastore, func() { free = datastore.Summary.FreeSpace })
	if capacityOf(disk) > free {
		return &types.NoDiskSpace{FileFault: types.FileFault{File: file}, Datastore: datastore.Name}
	}
	return nil
}

// capacityOf gives a disk's size in bytes.
func capacityOf(disk *types.VirtualDisk) int64 {
	if disk.CapacityInBytes != 0 {
		return disk.CapacityInBytes
	}
	return disk.CapacityInKB << 10
}

func (s strict) network(ctx *simulator.Context, card *types.VirtualEthernetCard, spec *types.VirtualMachineConfigSpec, vm *simulator.VirtualMachine) types.BaseMethodFault {
	switch info := card.Backing.(type) {
	case *types.VirtualEthernetCardNetworkBackingInfo:
		found := slices.ContainsFunc(ctx.Map.All("Network"), func(e mo.Entity) bool { return nameOf(e) == info.DeviceName })
		if !found {
			return &types.InvalidDeviceBacking{InvalidDeviceSpec: types.InvalidDeviceSpec{InvalidVmConfig: types.InvalidVmConfig{Property: info.DeviceName}}}
		}
	case *types.VirtualEthernetCardDistributedVirtualPortBackingInfo:
		ref := types.ManagedObjectReference{Type: "DistributedVirtualPortgroup", Value: info.Port.PortgroupKey}
		if ctx.Map.Get(ref) == nil {
			return &types.InvalidDeviceBacking{InvalidDeviceSpec: types.InvalidDeviceSpec{InvalidVmConfig: types.InvalidVmConfig{Property: info.Port.PortgroupKey}}}
		}
	}
	return s.address(ctx, card, spec, vm)
}

// address checks a manual MAC: one of VMware's static range, unless the VM says
// not to check it, and nobody else's in this target.
func (s strict) address(ctx *simulator.Context, card *types.VirtualEthernetCard, spec *types.VirtualMachineConfigSpec, vm *simulator.VirtualMachine) types.BaseMethodFault {
	if card.AddressType != string(types.VirtualEthernetCardMacTypeManual) || card.MacAddress == "" {
		return nil
	}
	mac, err := net.ParseMAC(card.MacAddress)
	if err != nil || len(mac) != 6 || mac[0]&1 != 0 {
		return &types.InvalidArgument{InvalidProperty: "configSpec.deviceChange.device.macAddress"}
	}
	vmware := mac[0] == 0x00 && mac[1] == 0x50 && mac[2] == 0x56
	if s.macs.taken(ctx, card.MacAddress, vm) {
		return &types.InvalidArgument{InvalidProperty: "configSpec.deviceChange.device.macAddress"}
	}
	reserved := vmware && mac[3] > 0x3f || mac[0] == 0x00 && mac[1] == 0x0c && mac[2] == 0x29
	if reserved && !unchecked(spec, vm) {
		return &types.InvalidArgument{InvalidProperty: "configSpec.deviceChange.device.macAddress"}
	}
	return nil
}

// unchecked says that the VM has ethernetX.checkMACAddress = false.
func unchecked(spec *types.VirtualMachineConfigSpec, vm *simulator.VirtualMachine) bool {
	options := spec.ExtraConfig
	if vm != nil {
		options = slices.Concat(options, vm.Config.ExtraConfig)
	}
	return slices.ContainsFunc(options, func(option types.BaseOptionValue) bool {
		value := option.GetOptionValue()
		return strings.HasSuffix(strings.ToLower(value.Key), ".checkmacaddress") && strings.EqualFold(fmt.Sprint(value.Value), "false")
	})
}
