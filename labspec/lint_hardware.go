package labspec

import (
	"cmp"
	"slices"
	"strings"
)

// The most devices that a machine takes (vSphere configuration maximums).
const (
	maxNICs        = 10
	maxSCSIDisks   = 15 // on one controller
	maxIDEDevices  = 4  // disks and CD-ROM drives together
	maxFloppies    = 2
	maxSerialPorts = 32 // 4 before hardware version 11
	oldSerialPorts = 4
)

// lintHardware compares the nodes with what their installers look for.
func (c *linter) lintHardware() {
	for i, o := range c.nodes {
		n := &c.lab.Nodes[i]
		c.lintDevices(o, n)
		switch strings.TrimPrefix(n.HardwareVersion, "vmx-") {
		case "06", "12", "16":
			c.find("VM008", o.object, o.rangeOf("hardware_version"), "%s exists on VMware Workstation only.", n.HardwareVersion)
		}
		if strings.HasPrefix(n.GuestID, "winVista") || strings.HasPrefix(n.GuestID, "winLonghorn") {
			c.find("VM009", o.object, o.rangeOf("guest_id"), "%s is to run Windows Vista.", n.Name)
		}
		if n.Audio {
			c.find("VM005", o.object, o.rangeOf("audio"), "%s is to have a sound card.", n.Name)
		}
		if o.profile != nil {
			c.lintSizes(o, n, &o.profile.hardware)
			c.lintPlatform(o, n, &o.profile.hardware)
		}
	}
}

// lintSizes compares memory, disk and CPUs with the profile's limits.
func (c *linter) lintSizes(o *nodeObject, n *Node, h *hardware) {
	minimum := func(figure string, f *Finding) {
		if h.MinimumFix != "" {
			f.Fix += " " + h.MinimumFix
		}
		f.Source = o.profile.source(figure)
	}
	if n.MemoryMB < h.MinMemoryMB {
		minimum("memory", c.find("VM001", o.object, o.rangeOf("memory"), "%s has %d MiB; %s wants at least %d MiB.", n.Name, n.MemoryMB, o.profile.Name, h.MinMemoryMB))
	}
	switch {
	case len(n.Disks) == 0 && h.MinDiskGB > 0:
		c.find("VM002", o.object, o.rangeOf("disks"), "%s has no disk; %s wants one of at least %d GiB.", n.Name, o.profile.Name, h.MinDiskGB)
	case h.MinDiskGB > 0 && n.Disks[0].SizeGB < h.MinDiskGB:
		name := "disk"
		if _, several := o.attribute("disks"); several {
			name = "disks"
		}
		minimum("disk", c.find("VM002", o.object, o.rangeOf(name), "%s has a disk of %d GiB; %s wants at least %d GiB.", n.Name, n.Disks[0].SizeGB, o.profile.Name, h.MinDiskGB))
	}
	switch {
	case h.MaxCPUs > 0 && n.CPUs > h.MaxCPUs:
		c.find("VM003", o.object, o.rangeOf("cpus"), "%s has %d CPUs; %s wants %d.", n.Name, n.CPUs, o.profile.Name, h.MaxCPUs)
	case n.CPUs < h.MinCPUs:
		c.find("VM003", o.object, o.rangeOf("cpus"), "%s has %d CPUs; %s wants at least %d.", n.Name, n.CPUs, o.profile.Name, h.MinCPUs)
	}
}

// lintPlatform compares guest, firmware, controller and adapters with the
// profile: an installer without a driver finds no disk or no network.
func (c *linter) lintPlatform(o *nodeObject, n *Node, h *hardware) {
	if h.GuestID != "" && n.GuestID != h.GuestID {
		c.find("VM004", o.object, o.rangeOf("guest_id"), "%s has guest_id %q; %s is %q.", n.Name, n.GuestID, o.profile.Name, h.GuestID)
	}
	if n.Firmware == "efi" && h.Firmware == "bios" {
		c.find("VM006", o.object, o.rangeOf("firmware"), "%s has EFI firmware; %s is installed with a BIOS.", n.Name, o.profile.Name)
	}
	if len(h.SCSITypes) > 0 && !slices.Contains(h.SCSITypes, n.SCSI) {
		c.find("VM007", o.object, o.rangeOf("scsi"), "%s has the controller %q; %s takes %s.", n.Name, n.SCSI, o.profile.Name, strings.Join(h.SCSITypes, ", "))
	}
	for j, nic := range n.NICs {
		if len(h.NICTypes) == 0 || slices.Contains(h.NICTypes, nic.Type) {
			continue
		}
		rng := o.rangeOf("nic_type")
		if a, own := o.nics[j].block.attributes["type"]; own {
			rng = a.Expr.Range()
		}
		c.find("VM007", o.object, rng, "%s has a %s adapter; %s takes %s.", n.Name, nic.Type, o.profile.Name, strings.Join(h.NICTypes, ", "))
	}
}

// lintDevices counts devices.
func (c *linter) lintDevices(o *nodeObject, n *Node) {
	serial := maxSerialPorts
	if n.HardwareVersion != "" && n.HardwareVersion < "vmx-11" {
		serial = oldSerialPorts
	}
	disks, drives := maxSCSIDisks, maxIDEDevices
	if n.SCSI == "none" {
		disks, drives = maxIDEDevices, maxIDEDevices-min(len(n.Disks), maxIDEDevices)
	}
	for _, device := range []struct {
		name       string
		have, most int
	}{
		{"network adapters", len(n.NICs), maxNICs},
		{"disks", len(n.Disks), disks},
		{"CD-ROM drives", len(n.CDROMs), drives},
		{"floppy drives", len(n.Floppies), maxFloppies},
		{"serial ports", len(n.Serial), serial},
	} {
		if device.have > device.most {
			c.find("VM010", o.object, o.block.declRange, "%s has %d %s; it can have %d.", n.Name, device.have, device.name, device.most)
		}
	}
}

// end is one end of a named pipe.
type end struct {
	node int // in Lab.Nodes
	port int // in its Serial
}

// lintSerial pairs the ends of pipes, and wants a console for what has no
// screen.
func (c *linter) lintSerial() {
	pipes := map[string][]end{}
	var names []string
	for i, o := range c.nodes {
		n := &c.lab.Nodes[i]
		if o.profile != nil && o.profile.hardware.Console == "serial" && len(n.Serial) == 0 {
			c.find("SER001", o.object, o.block.declRange, "%s has no serial port, and so no console: %s has no screen and keyboard.", n.Name, cmp.Or(o.profile.Title, n.Product))
		}
		for j := range n.Serial {
			if port := &n.Serial[j]; port.Backing == "pipe" {
				if pipes[port.Name] == nil {
					names = append(names, port.Name)
				}
				pipes[port.Name] = append(pipes[port.Name], end{i, j})
			}
		}
	}
	for _, name := range names {
		c.lintPipe(name, pipes[name])
	}
}

func (c *linter) lintPipe(name string, ends []end) {
	first := map[string]end{}
	for _, e := range ends {
		o, n := c.nodes[e.node], &c.lab.Nodes[e.node]
		endpoint := n.Serial[e.port].Endpoint
		other, taken := first[endpoint]
		if !taken {
			first[endpoint] = e
			continue
		}
		c.find("SER002", o.object, o.ports[e.port], "Pipe %q has a %s end at %s and another at %s.", name, endpoint, c.lab.Nodes[other.node].Address, n.Address)
	}
	server, hasServer := first["server"]
	client, hasClient := first["client"]
	switch {
	case hasServer && hasClient:
		c.lintPipeHosts(name, server.node, client.node)
	case hasServer:
		c.lintLoneEnd(name, server, "a server end at %s and no client")
	case hasClient:
		c.lintLoneEnd(name, client, "a client end at %s and no server")
	}
}

func (c *linter) lintLoneEnd(name string, e end, format string) {
	o := c.nodes[e.node]
	c.find("SER003", o.object, o.ports[e.port], "Pipe %q has "+format+".", name, c.lab.Nodes[e.node].Address)
}

func (c *linter) lintPipeHosts(name string, server, client int) {
	a, b := &c.lab.Nodes[server], &c.lab.Nodes[client]
	if a.Host != "" && b.Host != "" && a.Host != b.Host {
		c.find("SER004", c.nodes[client].object, c.nodes[client].rangeOf("host"), "Pipe %q joins %s on host %s and %s on host %s.", name, a.Address, a.Host, b.Address, b.Host)
	}
}
