package labspec

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/go-version"
)

// complete fills in what the file leaves open: the profile's figures, licences,
// MAC addresses.
func (l *loader) complete(ctx context.Context) error {
	licenses := licenseReader{loader: l, byPath: map[string]*License{}}
	for i, o := range l.nodes {
		if i%1000 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		n := &l.lab.Nodes[i]
		licenses.read(o, n)
		l.completeHardware(o, n)
	}
	l.assignMACs()
	return nil
}

// completeHardware lays what the node says over its profile.
func (l *loader) completeHardware(o *nodeObject, n *Node) {
	o.profile = l.nodeProfile(o, n)
	var figures hardware
	if o.profile != nil {
		figures, n.Profile = o.profile.hardware, o.profile.Name
	}
	h := o.hardware(figures)
	n.GuestID, n.CPUs, n.MemoryMB, n.SCSI, n.Firmware = h.GuestID, h.CPUs, h.MemoryMB, h.SCSI, h.Firmware
	n.HardwareVersion, n.Audio, n.ExtraConfig, n.Patches = h.HardwareVersion, h.Audio, h.ExtraConfig, slices.Clone(h.Patches)
	n.BootOrder = h.BootOrder
	if n.BootOrder == nil {
		n.BootOrder = []string{"cdrom", "disk"}
	}
	thick := o.boolean("thick", false)
	for _, size := range h.DisksGB {
		n.Disks = append(n.Disks, Disk{SizeGB: size, Thick: thick})
	}
	for i := range n.NICs {
		n.NICs[i].Type = cmp.Or(n.NICs[i].Type, h.NICType)
	}
	n.Notes = orText(o.reader, "notes", l.notes(o.profile, n))
	l.checkComplete(o, n)
}

// checkComplete finds what neither the file nor a profile said: only a profile
// of the lab's own can leave something open.
func (l *loader) checkComplete(o *nodeObject, n *Node) {
	if o.profile == nil || l.report.failed {
		return
	}
	missing := map[string]bool{
		"guest_id": n.GuestID == "", "cpus": n.CPUs == 0, "memory": n.MemoryMB == 0, "scsi": n.SCSI == "",
		"firmware": n.Firmware == "", "hardware_version": n.HardwareVersion == "",
		"nic_type": slices.ContainsFunc(n.NICs, func(nic NIC) bool { return nic.Type == "" }),
	}
	var names []string
	for name, absent := range missing {
		if absent {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		slices.Sort(names)
		l.report.add("LANG007", o.address(), o.block.declRange, "Neither the node nor profile %q says %s.", o.profile.Name, strings.Join(names, ", ")).Fix =
			"Add it to the profile or the node."
	}
}

// nodeProfile finds the profile of a node's product and version.
func (l *loader) nodeProfile(o *nodeObject, n *Node) *Profile {
	if n.Product == "" {
		if _, given := o.attribute("product"); !given {
			o.need("product", "Node %q has no product, and no cluster gives it one.", n.Name)
		}
		return nil
	}
	known := l.profiles.byProduct[n.Product]
	if len(known) == 0 {
		l.report.add("LANG004", o.address(), o.rangeOf("product"), "There is no product %q.%s", n.Product, didYouMean(n.Product, l.profiles.products())).Fix =
			"Use one of `uclab profiles`, or add a profile block for it."
		return nil
	}
	var v *version.Version
	if n.Version != "" {
		var err error
		if v, err = ParseVersion(n.Version); err != nil {
			o.invalid("version", "%s.", err)
			return nil
		}
	} else if len(known) == 1 {
		return known[0]
	}
	p := l.profiles.match(n.Product, v)
	switch {
	case p != nil:
		return p
	case v == nil && l.tried(o.reader, "version"):
	case v == nil:
		o.need("version", "Product %q needs a version: %s.", n.Product, l.profiles.ranges(n.Product))
	default:
		l.report.add("LANG004", o.address(), o.rangeOf("version"), "No profile of %q covers version %s: %s.", n.Product, n.Version, l.profiles.ranges(n.Product)).Fix =
			"Use a version in one of the ranges, or add a profile block for it."
	}
	return nil
}

// notes describes the node to somebody who finds its VM.
func (l *loader) notes(p *Profile, n *Node) string {
	what := n.Product
	if p != nil {
		what = cmp.Or(p.Title, p.Product)
	}
	if n.Version != "" {
		what += " " + n.Version
	}
	if n.Role != "" {
		what += ", " + n.Role
	}
	return fmt.Sprintf("%s. Node %s of lab %s, made by uclab.", what, n.Address, l.lab.Name)
}
