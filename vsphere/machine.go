package vsphere

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/uclab/uclab/plan"
	"github.com/vmware/govmomi/vim25/types"
)

// machine is one VM as read.
type machine struct {
	*entity
	pool, host ref
	state      string
	snapshots  bool
	template   bool
	tools      bool // its guest can be asked to shut down

	guestID, firmware, version, notes, vmx string
	cpus, memoryMB                         int32
	devices                                []types.BaseVirtualDevice
	boot                                   types.VirtualMachineBootOptions
	extra                                  []types.BaseOptionValue
	marks                                  plan.Marks
	created                                time.Time
}

func newMachine(e *entity, props []types.DynamicProperty) *machine {
	m := &machine{entity: e, state: plan.StateStopped}
	for _, p := range props {
		m.set(p.Name, p.Val)
	}
	return m
}

func (m *machine) set(name string, value any) {
	switch name {
	case "resourcePool":
		m.pool = valueOf[ref](value)
	case "runtime.host":
		m.host = valueOf[ref](value)
	case "runtime.powerState":
		m.state = stateOf(valueOf[types.VirtualMachinePowerState](value))
	case "snapshot.currentSnapshot":
		m.snapshots = valueOf[ref](value) != ref{}
	case "guest.toolsRunningStatus":
		m.tools = valueOf[string](value) == string(types.VirtualMachineToolsRunningStatusGuestToolsRunning)
	case "config.template":
		m.template = valueOf[bool](value)
	case "config.guestId":
		m.guestID = valueOf[string](value)
	case "config.firmware":
		m.firmware = valueOf[string](value)
	case "config.version":
		m.version = valueOf[string](value)
	case "config.annotation":
		m.notes = valueOf[string](value)
	case "config.files.vmPathName":
		m.vmx = valueOf[string](value)
	case "config.hardware.numCPU":
		m.cpus = valueOf[int32](value)
	case "config.hardware.memoryMB":
		m.memoryMB = valueOf[int32](value)
	case "config.hardware.device":
		m.devices = valueOf[types.ArrayOfVirtualDevice](value).VirtualDevice
	case "config.bootOptions":
		m.boot = valueOf[types.VirtualMachineBootOptions](value)
	case "config.createDate":
		m.created = valueOf[time.Time](value)
	case "config.extraConfig":
		m.extra = valueOf[types.ArrayOfOptionValue](value).OptionValue
		m.marks = marksOf(m.extra)
	}
}

func stateOf(power types.VirtualMachinePowerState) string {
	switch power {
	case types.VirtualMachinePowerStatePoweredOn:
		return plan.StateRunning
	case types.VirtualMachinePowerStateSuspended:
		return plan.StateSuspended
	default:
		return plan.StateStopped
	}
}

func marksOf(extra []types.BaseOptionValue) plan.Marks {
	var marks plan.Marks
	for _, option := range extra {
		o := option.GetOptionValue()
		if !strings.HasPrefix(o.Key, "uclab.") {
			continue
		}
		value, _ := o.Value.(string)
		switch o.Key {
		case plan.MarkLab:
			marks.Lab = value
		case plan.MarkNode:
			marks.Node = value
		case plan.MarkSpec:
			marks.Spec = value
		case plan.MarkFormat:
			marks.Format = value
		}
	}
	return marks
}

// extraConfig is every key of the VM's extra configuration.
func (m *machine) extraConfig() map[string]string {
	all := make(map[string]string, len(m.extra))
	for _, option := range m.extra {
		o := option.GetOptionValue()
		if value, ok := o.Value.(string); ok {
			all[o.Key] = value
		} else {
			all[o.Key] = fmt.Sprint(o.Value)
		}
	}
	return all
}

// hardware gives the devices in plan's words. networks names the port group
// that a NIC's backing is on.
func (m *machine) hardware(portGroup func(types.BaseVirtualDeviceBackingInfo) string) plan.Machine {
	extra := m.extraConfig()
	hw := plan.Machine{
		GuestID:         m.guestID,
		CPUs:            int(m.cpus),
		MemoryMB:        int(m.memoryMB),
		SCSI:            "none",
		Firmware:        m.firmware,
		HardwareVersion: m.version,
		Notes:           m.notes,
		ExtraConfig:     extra,
		Datastore:       datastoreOf(m.vmx),
	}
	devices := inOrder(m.devices)
	for _, device := range devices {
		switch d := device.(type) {
		case types.BaseVirtualSCSIController:
			if hw.SCSI == "none" {
				hw.SCSI = scsiName(d)
			}
		case *types.VirtualDisk:
			hw.Disks = append(hw.Disks, diskOf(d))
		case types.BaseVirtualEthernetCard:
			hw.NICs = append(hw.NICs, nicOf(d, extra, portGroup))
		case *types.VirtualCdrom:
			hw.CDROMs = append(hw.CDROMs, fileOf(d.Backing))
		case *types.VirtualFloppy:
			hw.Floppies = append(hw.Floppies, fileOf(d.Backing))
		case *types.VirtualSerialPort:
			hw.Serial = append(hw.Serial, serialOf(d))
		case types.BaseVirtualSoundCard:
			hw.Audio = true
		}
	}
	hw.BootOrder = bootOrder(m.boot.BootOrder, devices)
	return hw
}

// inOrder sorts devices by where they are attached, since the server lists them
// in the order in which they were last changed.
func inOrder(devices []types.BaseVirtualDevice) []types.BaseVirtualDevice {
	sorted := slices.Clone(devices)
	slices.SortStableFunc(sorted, func(a, b types.BaseVirtualDevice) int {
		return cmp.Compare(rank(a), rank(b))
	})
	return sorted
}

// rank puts disks and CD-ROM drives in the order in which diskSlots and
// cdromSlots fill, and everything else in that of its key.
func rank(device types.BaseVirtualDevice) int64 {
	d := device.GetVirtualDevice()
	unit := int64(0)
	if d.UnitNumber != nil {
		unit = int64(*d.UnitNumber)
	}
	place := int64(d.ControllerKey)<<8 + unit
	index := func(slots []slot) int64 {
		return int64(slices.Index(slots, slot{d.ControllerKey, int32(unit)}))
	}
	switch device.(type) {
	case *types.VirtualDisk:
		if ideController(d.ControllerKey) {
			return 1<<32 + index(diskSlots) // after the SCSI disks
		}
		return place
	case *types.VirtualCdrom:
		if ideController(d.ControllerKey) {
			return index(cdromSlots)
		}
		return place
	}
	return int64(d.Key)
}

func ideController(key int32) bool { return key == ideKey || key == ideKey+1 }

func datastoreOf(path string) string {
	if name, _, ok := strings.Cut(strings.TrimPrefix(path, "["), "]"); ok {
		return name
	}
	return ""
}

func scsiName(controller types.BaseVirtualSCSIController) string {
	switch controller.(type) {
	case *types.VirtualLsiLogicController:
		return "lsilogic"
	case *types.VirtualBusLogicController:
		return "buslogic"
	case *types.VirtualLsiLogicSASController:
		return "lsisas"
	case *types.ParaVirtualSCSIController:
		return "pvscsi"
	}
	return "other"
}

func diskOf(d *types.VirtualDisk) plan.Disk {
	disk := plan.Disk{Key: d.Key, SizeMB: d.CapacityInKB / 1024}
	if d.CapacityInBytes > 0 {
		disk.SizeMB = d.CapacityInBytes >> 20
	}
	if flat, ok := d.Backing.(*types.VirtualDiskFlatVer2BackingInfo); ok {
		disk.Thick = flat.ThinProvisioned == nil || !*flat.ThinProvisioned
	}
	return disk
}

func nicOf(card types.BaseVirtualEthernetCard, extra map[string]string, portGroup func(types.BaseVirtualDeviceBackingInfo) string) plan.NIC {
	c := card.GetVirtualEthernetCard()
	nic := plan.NIC{
		Key:       c.Key,
		PortGroup: portGroup(c.Backing),
		Type:      nicName(card),
		MAC:       strings.ToLower(c.MacAddress),
		CheckMAC:  !strings.EqualFold(extra[checkMACKey(c.Key)], "false"),
		Connected: c.Connectable == nil || c.Connectable.StartConnected,
	}
	return nic
}

// checkMACKey is the VMX key that lets a NIC have an address of VMware's
// reserved ranges (facts 2.4).
func checkMACKey(nicKey int32) string {
	return "ethernet" + strconv.Itoa(int(nicKey-nicKeyBase)) + ".checkMACAddress"
}

func nicName(card types.BaseVirtualEthernetCard) string {
	switch card.(type) {
	case *types.VirtualPCNet32:
		return "pcnet32"
	case *types.VirtualE1000:
		return "e1000"
	case *types.VirtualE1000e:
		return "e1000e"
	case *types.VirtualVmxnet2:
		return "vmxnet2"
	case *types.VirtualVmxnet3:
		return "vmxnet3"
	}
	return "other"
}

// fileOf is the datastore path in a drive; "" when the drive has no file.
func fileOf(backing types.BaseVirtualDeviceBackingInfo) string {
	if file, ok := backing.(types.BaseVirtualDeviceFileBackingInfo); ok {
		return file.GetVirtualDeviceFileBackingInfo().FileName
	}
	return ""
}

func serialOf(port *types.VirtualSerialPort) plan.Serial {
	switch b := port.Backing.(type) {
	case *types.VirtualSerialPortPipeBackingInfo:
		return plan.Serial{Key: port.Key, Backing: "pipe", Name: b.PipeName, Endpoint: b.Endpoint}
	case *types.VirtualSerialPortURIBackingInfo:
		return plan.Serial{Key: port.Key, Backing: "network", URI: b.ServiceURI, Endpoint: b.Direction, Proxy: b.ProxyURI}
	}
	return plan.Serial{Key: port.Key, Backing: "other"}
}

// bootOrder names the kinds of boot device. A disk or NIC that is not there,
// because the server renumbered it, leaves its place out: that is a drift that
// an update mends.
func bootOrder(order []types.BaseVirtualMachineBootOptionsBootableDevice, devices []types.BaseVirtualDevice) []string {
	has := func(key int32) bool {
		return slices.ContainsFunc(devices, func(d types.BaseVirtualDevice) bool { return d.GetVirtualDevice().Key == key })
	}
	var kinds []string
	add := func(kind string) {
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	for _, device := range order {
		switch d := device.(type) {
		case *types.VirtualMachineBootOptionsBootableCdromDevice:
			add("cdrom")
		case *types.VirtualMachineBootOptionsBootableFloppyDevice:
			add("floppy")
		case *types.VirtualMachineBootOptionsBootableDiskDevice:
			if has(d.DeviceKey) {
				add("disk")
			}
		case *types.VirtualMachineBootOptionsBootableEthernetDevice:
			if has(d.DeviceKey) {
				add("ethernet")
			}
		}
	}
	return kinds
}

// pipes lists the named pipes that the VM has an end of.
func (m *machine) pipes() []string {
	var names []string
	for _, device := range m.devices {
		if port, ok := device.(*types.VirtualSerialPort); ok {
			if pipe, ok := port.Backing.(*types.VirtualSerialPortPipeBackingInfo); ok {
				names = append(names, pipe.PipeName)
			}
		}
	}
	return names
}

// files lists the datastore paths of the images in the VM's drives.
func (m *machine) files() []string {
	var paths []string
	for _, device := range m.devices {
		switch device.(type) {
		case *types.VirtualCdrom, *types.VirtualFloppy:
			if path := fileOf(device.GetVirtualDevice().Backing); path != "" {
				paths = append(paths, path)
			}
		}
	}
	return paths
}
