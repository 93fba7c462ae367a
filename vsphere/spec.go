package vsphere

import (
	"fmt"
	"maps"
	"slices"

	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
	"github.com/vmware/govmomi/vim25/types"
)

// The keys that vSphere gives devices follow from where they are attached:
// a controller's base plus its bus, a device's base plus its place. Asking for
// those very keys lets the create call name disks and NICs in its boot order.
const (
	ideKey     = 200
	scsiKey    = 1000
	diskKey    = 2000
	ideDevKey  = 3000
	nicKeyBase = 4000
	floppyKey  = 8000
	serialKey  = 9000
	soundKey   = 5000

	scsiSelf = 7 // the controller's own place on its bus
)

// slot is a place on an IDE controller.
type slot struct{ controller, unit int32 }

func (s slot) key() int32 { return ideDevKey + (s.controller-ideKey)*2 + s.unit }

// The places that IDE disks take, and those that CD-ROM drives take, in turn.
// The first drive is the secondary master, as vSphere's own clients have it.
var (
	diskSlots  = []slot{{ideKey, 0}, {ideKey, 1}, {ideKey + 1, 1}, {ideKey + 1, 0}}
	cdromSlots = []slot{{ideKey + 1, 0}, {ideKey + 1, 1}, {ideKey, 1}, {ideKey, 0}}
)

// builder makes the device changes of a configuration.
type builder struct {
	networks func(portGroup string) (types.BaseVirtualDeviceBackingInfo, error)
	changes  []types.BaseVirtualDeviceConfigSpec
	taken    map[slot]bool
}

// createSpec is the whole configuration of a new VM, marks included.
func createSpec(name string, want *plan.Machine, marks plan.Marks, networks func(string) (types.BaseVirtualDeviceBackingInfo, error)) (*types.VirtualMachineConfigSpec, error) {
	b := &builder{networks: networks, taken: make(map[slot]bool)}
	if err := b.devices(want); err != nil {
		return nil, err
	}
	return &types.VirtualMachineConfigSpec{
		Name:         name,
		GuestId:      want.GuestID,
		NumCPUs:      int32(want.CPUs),
		MemoryMB:     int64(want.MemoryMB),
		Firmware:     otherThanBIOS(want.Firmware),
		Version:      want.HardwareVersion,
		Annotation:   want.Notes,
		Files:        &types.VirtualMachineFileInfo{VmPathName: fmt.Sprintf("[%s]", want.Datastore)},
		DeviceChange: b.changes,
		BootOptions:  createBootOptions(want),
		ExtraConfig:  createExtra(want, marks),
	}, nil
}

// otherThanBIOS leaves the default out: hosts before 5.0 know no firmware.
func otherThanBIOS(firmware string) string {
	if firmware == "bios" {
		return ""
	}
	return firmware
}

func createExtra(want *plan.Machine, marks plan.Marks) []types.BaseOptionValue {
	extra := map[string]string{
		plan.MarkLab:    marks.Lab,
		plan.MarkNode:   marks.Node,
		plan.MarkSpec:   marks.Spec,
		plan.MarkFormat: marks.Format,
	}
	maps.Copy(extra, want.ExtraConfig)
	for i, nic := range want.NICs {
		if !nic.CheckMAC {
			extra[checkMACKey(nicKeyBase+int32(i))] = "FALSE"
		}
	}
	return options(extra)
}

// options lists keys in a fixed order.
func options(extra map[string]string) []types.BaseOptionValue {
	list := make([]types.BaseOptionValue, 0, len(extra))
	for _, key := range slices.Sorted(maps.Keys(extra)) {
		list = append(list, &types.OptionValue{Key: key, Value: extra[key]})
	}
	return list
}

// createBootOptions names disks and NICs by the keys that they will have.
func createBootOptions(want *plan.Machine) *types.VirtualMachineBootOptions {
	if len(want.BootOrder) == 0 {
		return nil
	}
	var disks, nics []int32
	for i := range want.Disks {
		disks = append(disks, wantedDiskKey(want.SCSI, i))
	}
	for i := range want.NICs {
		nics = append(nics, nicKeyBase+int32(i))
	}
	return bootOptions(want.BootOrder, disks, nics)
}

func bootOptions(order []string, disks, nics []int32) *types.VirtualMachineBootOptions {
	boot := &types.VirtualMachineBootOptions{}
	add := func(d types.BaseVirtualMachineBootOptionsBootableDevice) { boot.BootOrder = append(boot.BootOrder, d) }
	for _, kind := range order {
		switch kind {
		case "cdrom":
			add(&types.VirtualMachineBootOptionsBootableCdromDevice{})
		case "floppy":
			add(&types.VirtualMachineBootOptionsBootableFloppyDevice{})
		case "disk":
			for _, key := range disks {
				add(&types.VirtualMachineBootOptionsBootableDiskDevice{DeviceKey: key})
			}
		case "ethernet":
			for _, key := range nics {
				add(&types.VirtualMachineBootOptionsBootableEthernetDevice{DeviceKey: key})
			}
		}
	}
	return boot
}

func wantedDiskKey(scsi string, index int) int32 {
	if scsi == "none" {
		if index < len(diskSlots) {
			return diskSlots[index].key()
		}
		return 0
	}
	return diskKey + scsiUnit(index)
}

func scsiUnit(index int) int32 {
	if index >= scsiSelf {
		index++
	}
	return int32(index)
}

func (b *builder) add(device types.BaseVirtualDevice) {
	b.changes = append(b.changes, &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationAdd, Device: device})
}

func (b *builder) devices(want *plan.Machine) error {
	if err := b.controllers(want); err != nil {
		return err
	}
	for i, disk := range want.Disks {
		if err := b.disk(want, i, disk); err != nil {
			return err
		}
	}
	for _, path := range want.CDROMs {
		if err := b.cdrom(path); err != nil {
			return err
		}
	}
	for i, nic := range want.NICs {
		if err := b.nic(nicKeyBase+int32(i), nic); err != nil {
			return err
		}
	}
	for i, path := range want.Floppies {
		b.add(newFloppy(floppyKey+int32(i), path))
	}
	for i, port := range want.Serial {
		b.add(newSerial(serialKey+int32(i), port))
	}
	if want.Audio {
		b.add(newSound())
	}
	return nil
}

func (b *builder) controllers(want *plan.Machine) error {
	if want.SCSI != "none" && want.SCSI != "" {
		controller, err := newSCSI(want.SCSI)
		if err != nil {
			return err
		}
		b.add(controller)
	}
	ide := len(want.CDROMs)
	if want.SCSI == "none" {
		ide += len(want.Disks)
	}
	if ide > len(cdromSlots) {
		return &Error{Op: "configure", Why: fmt.Sprintf("%d IDE disks and CD-ROM drives, and a VM has room for four", ide), hint: "use a SCSI controller, or fewer drives"}
	}
	if ide > 0 {
		for bus := range int32(2) {
			b.add(&types.VirtualIDEController{VirtualController: types.VirtualController{
				VirtualDevice: types.VirtualDevice{Key: ideKey + bus}, BusNumber: bus,
			}})
		}
	}
	return nil
}

func newSCSI(kind string) (types.BaseVirtualDevice, error) {
	controller := types.VirtualSCSIController{
		VirtualController: types.VirtualController{VirtualDevice: types.VirtualDevice{Key: scsiKey}},
		SharedBus:         types.VirtualSCSISharingNoSharing,
	}
	switch kind {
	case "lsilogic":
		return &types.VirtualLsiLogicController{VirtualSCSIController: controller}, nil
	case "buslogic":
		return &types.VirtualBusLogicController{VirtualSCSIController: controller}, nil
	case "lsisas":
		return &types.VirtualLsiLogicSASController{VirtualSCSIController: controller}, nil
	case "pvscsi":
		return &types.ParaVirtualSCSIController{VirtualSCSIController: controller}, nil
	}
	return nil, &Error{Op: "configure", Why: fmt.Sprintf("SCSI controller %q is not known", kind), hint: "use lsilogic, buslogic, lsisas, pvscsi or none"}
}

func (b *builder) disk(want *plan.Machine, index int, disk plan.Disk) error {
	place, ok := slot{scsiKey, scsiUnit(index)}, true
	if want.SCSI == "none" {
		place, ok = b.free(diskSlots)
	}
	if !ok {
		return &Error{Op: "configure", Why: "there is no room for another IDE disk", hint: "use a SCSI controller"}
	}
	b.changes = append(b.changes, &types.VirtualDeviceConfigSpec{
		Operation:     types.VirtualDeviceConfigSpecOperationAdd,
		FileOperation: types.VirtualDeviceConfigSpecFileOperationCreate,
		Device: &types.VirtualDisk{
			VirtualDevice: types.VirtualDevice{
				Key:           wantedDiskKey(want.SCSI, index),
				ControllerKey: place.controller,
				UnitNumber:    &place.unit,
				Backing: &types.VirtualDiskFlatVer2BackingInfo{
					VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{FileName: fmt.Sprintf("[%s]", want.Datastore)},
					DiskMode:                     string(types.VirtualDiskModePersistent),
					ThinProvisioned:              types.NewBool(!disk.Thick),
				},
			},
			CapacityInKB: disk.SizeMB << 10, // hosts before 5.5 know nothing else
		},
	})
	return nil
}

func (b *builder) free(slots []slot) (slot, bool) {
	for _, s := range slots {
		if !b.taken[s] {
			b.taken[s] = true
			return s, true
		}
	}
	return slot{}, false
}

func (b *builder) cdrom(path string) error {
	place, ok := b.free(cdromSlots)
	if !ok {
		return &Error{Op: "configure", Why: "there is no room for another CD-ROM drive", hint: "use fewer drives, or a SCSI controller for the disks"}
	}
	b.add(&types.VirtualCdrom{VirtualDevice: types.VirtualDevice{
		Key:           place.key(),
		ControllerKey: place.controller,
		UnitNumber:    &place.unit,
		Backing:       cdromBacking(path),
		Connectable:   connectable(path != ""),
	}})
	return nil
}

// cdromBacking has the disc in the drive, or the client's drive that no client
// connects: an empty one.
func cdromBacking(path string) types.BaseVirtualDeviceBackingInfo {
	if path == "" {
		return &types.VirtualCdromRemotePassthroughBackingInfo{
			VirtualDeviceRemoteDeviceBackingInfo: types.VirtualDeviceRemoteDeviceBackingInfo{UseAutoDetect: types.NewBool(false)},
		}
	}
	return &types.VirtualCdromIsoBackingInfo{VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{FileName: path}}
}

func connectable(start bool) *types.VirtualDeviceConnectInfo {
	return &types.VirtualDeviceConnectInfo{StartConnected: start, AllowGuestControl: true, Connected: start}
}

func (b *builder) nic(key int32, nic plan.NIC) error {
	card, err := newNIC(nic.Type)
	if err != nil {
		return err
	}
	backing, err := b.networks(nic.PortGroup)
	if err != nil {
		return err
	}
	c := card.(types.BaseVirtualEthernetCard).GetVirtualEthernetCard()
	c.Key = key
	setNIC(c, nic, backing)
	b.add(card)
	return nil
}

func setNIC(c *types.VirtualEthernetCard, nic plan.NIC, backing types.BaseVirtualDeviceBackingInfo) {
	c.Backing = backing
	c.Connectable = connectable(nic.Connected)
	c.AddressType = string(types.VirtualEthernetCardMacTypeGenerated)
	if nic.MAC != "" {
		c.AddressType = string(types.VirtualEthernetCardMacTypeManual)
		c.MacAddress = nic.MAC
	}
}

func newNIC(kind string) (types.BaseVirtualDevice, error) {
	switch kind {
	case "pcnet32":
		return &types.VirtualPCNet32{}, nil
	case "e1000":
		return &types.VirtualE1000{}, nil
	case "e1000e":
		return &types.VirtualE1000e{}, nil
	case "vmxnet2":
		return &types.VirtualVmxnet2{}, nil
	case "vmxnet3":
		return &types.VirtualVmxnet3{}, nil
	}
	return nil, &Error{Op: "configure", Why: fmt.Sprintf("NIC type %q is not known", kind), hint: "use e1000, e1000e, pcnet32, vmxnet2 or vmxnet3"}
}

func newFloppy(key int32, path string) *types.VirtualFloppy {
	return &types.VirtualFloppy{VirtualDevice: types.VirtualDevice{
		Key: key, Backing: floppyBacking(path), Connectable: connectable(path != ""),
	}}
}

func floppyBacking(path string) types.BaseVirtualDeviceBackingInfo {
	if path == "" {
		return &types.VirtualFloppyRemoteDeviceBackingInfo{
			VirtualDeviceRemoteDeviceBackingInfo: types.VirtualDeviceRemoteDeviceBackingInfo{UseAutoDetect: types.NewBool(false)},
		}
	}
	return &types.VirtualFloppyImageBackingInfo{VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{FileName: path}}
}

// newSerial is a serial port that yields the CPU while the guest polls it. The
// far end of a pipe is a VM, never an application, so NoRxLoss stays off
// ("Virtualize everything!", and the API's note on the field).
func newSerial(key int32, port plan.Serial) *types.VirtualSerialPort {
	return &types.VirtualSerialPort{
		VirtualDevice: types.VirtualDevice{Key: key, Backing: serialBacking(port), Connectable: connectable(true)},
		YieldOnPoll:   true,
	}
}

func serialBacking(port plan.Serial) types.BaseVirtualDeviceBackingInfo {
	if port.Backing == "network" {
		return &types.VirtualSerialPortURIBackingInfo{VirtualDeviceURIBackingInfo: types.VirtualDeviceURIBackingInfo{
			ServiceURI: port.URI, Direction: port.Endpoint, ProxyURI: port.Proxy,
		}}
	}
	return &types.VirtualSerialPortPipeBackingInfo{
		VirtualDevicePipeBackingInfo: types.VirtualDevicePipeBackingInfo{PipeName: port.Name},
		Endpoint:                     port.Endpoint,
		NoRxLoss:                     types.NewBool(false),
	}
}

func newSound() types.BaseVirtualDevice {
	return &types.VirtualHdAudioCard{VirtualSoundCard: types.VirtualSoundCard{VirtualDevice: types.VirtualDevice{
		Key: soundKey,
		Backing: &types.VirtualSoundCardDeviceBackingInfo{
			VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{UseAutoDetect: types.NewBool(true)},
		},
	}}}
}

// markFormat is the value of the uclab.format mark.
var markFormat = fmt.Sprint(labspec.Format)
