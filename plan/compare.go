package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// An effect is what it takes to make one field right.
type effect int

const (
	live     effect = iota // while the VM runs
	powerOff               // the VM has to be shut off for it
	rebuild                // only a new VM can have it
)

// difference is a Field with what it takes and why it matters.
type difference struct {
	Field
	effect effect
	reason string
}

// comparison collects the differences of one VM.
type comparison struct {
	found []difference
}

func (c *comparison) add(effect effect, path string, from, to any, format string, args ...any) {
	c.found = append(c.found, difference{Field{path, from, to}, effect, fmt.Sprintf(format, args...)})
}

// compare lists in which fields a VM is not as wanted. What the lab says
// nothing about (an empty string, a key of extraConfig that it does not name)
// is left as it is.
func compare(found *VM, want *Machine) []difference {
	c := &comparison{}
	c.processor(found, want)
	c.placement(found, want)
	c.disks(found, want)
	c.nics(found.NICs, want.NICs)
	c.drives("cdroms", "disc", found.CDROMs, want.CDROMs)
	c.drives("floppies", "floppy", found.Floppies, want.Floppies)
	c.serial(found.Serial, want.Serial)
	c.settings(found, want)
	return c.found
}

func (c *comparison) processor(found *VM, want *Machine) {
	if want.CPUs != found.CPUs {
		c.add(powerOff, "cpus", found.CPUs, want.CPUs, "has %d CPUs, wanted %d", found.CPUs, want.CPUs)
	}
	if want.MemoryMB != found.MemoryMB {
		c.add(powerOff, "memory_mb", found.MemoryMB, want.MemoryMB, "has %d MiB of memory, wanted %d", found.MemoryMB, want.MemoryMB)
	}
	if want.GuestID != "" && want.GuestID != found.GuestID {
		c.add(powerOff, "guest_id", found.GuestID, want.GuestID, "guest OS is %s, wanted %s", found.GuestID, want.GuestID)
	}
	if want.SCSI != "" && want.SCSI != found.SCSI {
		c.add(rebuild, "scsi", found.SCSI, want.SCSI, "disk controller is %s, wanted %s: an installed guest would not boot from another", found.SCSI, want.SCSI)
	}
	if want.Firmware != "" && want.Firmware != found.Firmware {
		c.add(rebuild, "firmware", found.Firmware, want.Firmware, "firmware is %s, wanted %s: an installed guest would not boot from another", found.Firmware, want.Firmware)
	}
	c.hardwareVersion(found.HardwareVersion, want.HardwareVersion)
}

func (c *comparison) hardwareVersion(found, want string) {
	if want == "" || want == found {
		return
	}
	if versionNumber(want) > versionNumber(found) {
		c.add(powerOff, "hardware_version", found, want, "hardware version is %s, wanted %s", found, want)
		return
	}
	c.add(rebuild, "hardware_version", found, want,
		"hardware version %s cannot go back to %s; to keep it write hardware_version = %q", found, want, found)
}

// versionNumber is the number in "vmx-07"; 0 when there is none.
func versionNumber(version string) int {
	number, err := strconv.Atoi(strings.TrimPrefix(version, "vmx-"))
	if err != nil {
		return 0
	}
	return number
}

func (c *comparison) placement(found *VM, want *Machine) {
	if want.Folder != found.Folder {
		c.add(live, "folder", found.Folder, want.Folder, "is in folder %q, wanted in %q", found.Folder, want.Folder)
	}
	if want.Pool != "" && want.Pool != found.Pool {
		c.add(live, "pool", found.Pool, want.Pool, "is in resource pool %s, wanted in %s", found.Pool, want.Pool)
	}
	if want.Datastore != "" && found.Datastore != "" && want.Datastore != found.Datastore {
		c.add(live, "datastore", found.Datastore, want.Datastore, "is on datastore %s, wanted on %s", found.Datastore, want.Datastore)
	}
}

// disks never takes a disk away: what is on it is not uclab's to lose.
func (c *comparison) disks(found *VM, want *Machine) {
	for i, disk := range want.Disks {
		path := fmt.Sprintf("disks[%d].size_mb", i)
		switch {
		case i >= len(found.Disks):
			c.add(live, path, nil, disk.SizeMB, "disk %d is missing", i+1)
		case disk.SizeMB > found.Disks[i].SizeMB && found.Snapshots:
			c.add(rebuild, path, found.Disks[i].SizeMB, disk.SizeMB,
				"disk %d cannot grow while the VM has snapshots; delete them to let it grow", i+1)
		case disk.SizeMB > found.Disks[i].SizeMB:
			c.add(live, path, found.Disks[i].SizeMB, disk.SizeMB, "disk %d has %d MiB, wanted %d", i+1, found.Disks[i].SizeMB, disk.SizeMB)
		case disk.SizeMB < found.Disks[i].SizeMB:
			c.add(rebuild, path, found.Disks[i].SizeMB, disk.SizeMB,
				"disk %d has %d MiB, wanted %d: a disk cannot shrink", i+1, found.Disks[i].SizeMB, disk.SizeMB)
		}
	}
}

func (c *comparison) nics(found, want []NIC) {
	for i := range max(len(found), len(want)) {
		path := fmt.Sprintf("nics[%d]", i)
		switch {
		case i >= len(found):
			c.add(live, path, nil, want[i].PortGroup, "NIC %d is missing", i+1)
		case i >= len(want):
			c.add(live, path, found[i].PortGroup, nil, "NIC %d is not wanted", i+1)
		default:
			c.nic(path, i+1, found[i], want[i])
		}
	}
}

func (c *comparison) nic(path string, number int, found, want NIC) {
	if want.Type != "" && want.Type != found.Type {
		c.add(powerOff, path+".type", found.Type, want.Type, "NIC %d is a %s, wanted %s", number, found.Type, want.Type)
	}
	if want.PortGroup != found.PortGroup {
		c.add(live, path+".port_group", found.PortGroup, want.PortGroup, "NIC %d is on %s, wanted on %s", number, found.PortGroup, want.PortGroup)
	}
	if want.MAC != "" && !strings.EqualFold(want.MAC, found.MAC) {
		c.add(powerOff, path+".mac", found.MAC, want.MAC, "NIC %d has address %s, wanted %s", number, found.MAC, want.MAC)
	}
	if want.CheckMAC != found.CheckMAC {
		c.add(powerOff, path+".check_mac", found.CheckMAC, want.CheckMAC, "NIC %d has its address checked: %t, wanted %t", number, found.CheckMAC, want.CheckMAC)
	}
	if want.Connected && !found.Connected {
		c.add(live, path+".connected", false, true, "NIC %d does not connect at power-on", number)
	}
}

func (c *comparison) drives(path, what string, found, want []string) {
	for i := range max(len(found), len(want)) {
		field := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case i >= len(found):
			c.add(powerOff, field, nil, want[i], "%s drive %d is missing", what, i+1)
		case i >= len(want):
			c.add(powerOff, field, found[i], nil, "%s drive %d is not wanted", what, i+1)
		case want[i] == found[i]:
		case want[i] == "":
			c.add(live, field, found[i], "", "%s drive %d holds %s, wanted empty", what, i+1, found[i])
		case found[i] == "":
			c.add(live, field, "", want[i], "%s drive %d is empty, wanted %s", what, i+1, want[i])
		default:
			c.add(live, field, found[i], want[i], "%s drive %d holds %s, wanted %s", what, i+1, found[i], want[i])
		}
	}
}

func (c *comparison) serial(found, want []Serial) {
	for i := range max(len(found), len(want)) {
		path := fmt.Sprintf("serial[%d]", i)
		switch {
		case i >= len(found):
			c.add(powerOff, path, nil, want[i].String(), "serial port %d is missing", i+1)
		case i >= len(want):
			c.add(powerOff, path, found[i].String(), nil, "serial port %d is not wanted", i+1)
		case want[i].String() != found[i].String():
			c.add(powerOff, path, found[i].String(), want[i].String(), "serial port %d is %s, wanted %s", i+1, found[i], want[i])
		}
	}
}

// String describes a serial port by everything but its key, e.g. "pipe
// asa-console (server)".
func (s Serial) String() string {
	text := fmt.Sprintf("%s %s (%s)", s.Backing, s.Name+s.URI, s.Endpoint)
	if s.Proxy != "" {
		text += " via " + s.Proxy
	}
	return text
}

func (c *comparison) settings(found *VM, want *Machine) {
	if want.Audio != found.Audio {
		c.add(powerOff, "audio", found.Audio, want.Audio, "sound card: %t, wanted %t", found.Audio, want.Audio)
	}
	if len(want.BootOrder) > 0 && !slices.Equal(want.BootOrder, found.BootOrder) {
		c.add(live, "boot_order", strings.Join(found.BootOrder, ", "), strings.Join(want.BootOrder, ", "),
			"boots from %s, wanted %s", orNone(found.BootOrder), orNone(want.BootOrder))
	}
	if want.Notes != found.Notes {
		c.add(live, "notes", found.Notes, want.Notes, "notes differ")
	}
	for _, key := range sortedKeys(want.ExtraConfig) {
		if value := want.ExtraConfig[key]; value != found.ExtraConfig[key] {
			c.add(live, "extra_config."+key, found.ExtraConfig[key], value, "%s is %q, wanted %q", key, found.ExtraConfig[key], value)
		}
	}
}

func orNone(words []string) string {
	if len(words) == 0 {
		return "its default order"
	}
	return strings.Join(words, ", ")
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
