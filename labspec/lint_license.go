package labspec

import "slices"

// What CUCM allows on a VMware MAC address, "at the time" (July 2009).
const (
	maxVMwareNodes = 3
	maxVMwareDLUs  = 125
)

// lintLicenses compares licences with nodes.
func (c *linter) lintLicenses() {
	order, members := c.groups()
	for _, g := range order {
		switch g.product {
		case "cucm":
			c.lintVMwareNodes(g, members[g])
		case "cer":
			c.lintEmergencyResponder(members[g])
		}
	}
	owner := map[string]string{}
	for i, o := range c.nodes {
		n := &c.lab.Nodes[i]
		if len(n.Licenses) == 0 {
			continue
		}
		c.lintLicensePlace(o, n)
		c.lintLicenseAge(o, n)
		c.lintLicenseMAC(o, n)
		c.lintSharedLicense(o, n, owner)
		if n.Product == "cucm" {
			c.lintUnits(o, n)
		}
	}
}

// lintVMwareNodes counts the nodes of a CUCM cluster whose publisher keeps a
// VMware MAC address. From 8.x on the licence is not bound to it.
func (c *linter) lintVMwareNodes(g group, members []int) {
	if len(members) <= maxVMwareNodes {
		return
	}
	publishers := 0
	for _, i := range members {
		n := &c.lab.Nodes[i]
		if !licenseFollowsMAC(n) || n.Role == "publisher" && foreignMAC(n) {
			return
		}
		if n.Role == "publisher" {
			publishers++
		}
	}
	if g.cluster == "" && publishers != 1 {
		return // nodes outside cluster blocks: of one cluster only if they have one publisher
	}
	o := c.nodes[members[maxVMwareNodes]]
	c.find("LIC001", o.object, o.block.declRange, "%s has %d CUCM nodes on VMware MAC addresses; CUCM allows %d.", g, len(members), maxVMwareNodes)
}

// foreignMAC says whether a node's first adapter ends up with an address that
// is not VMware's.
func foreignMAC(n *Node) bool {
	if len(n.NICs) == 0 {
		return false
	}
	if n.NICs[0].GuestMAC != "" {
		return true
	}
	_, where := parseMAC(n.NICs[0].MAC)
	return where == macForeign
}

// lintEmergencyResponder wants a licence for publisher and subscriber, as soon
// as one of them has one.
func (c *linter) lintEmergencyResponder(members []int) {
	licensed := slices.ContainsFunc(members, func(i int) bool { return len(c.lab.Nodes[i].Licenses) > 0 })
	if !licensed {
		return
	}
	for _, i := range members {
		if n, o := &c.lab.Nodes[i], c.nodes[i]; len(n.Licenses) == 0 {
			c.find("LIC004", o.object, o.block.declRange, "%s has no licence, another Emergency Responder node has.", n.Name)
		}
	}
}

// lintLicensePlace wants CUCM and Presence licences on the publisher.
func (c *linter) lintLicensePlace(o *nodeObject, n *Node) {
	if n.Role != "subscriber" || n.Product == "cer" {
		return
	}
	c.find("LIC003", o.object, o.rangeOf("license"), "%s is a subscriber.", n.Name)
}

// lintLicenseAge: versions are compared by their major number.
func (c *linter) lintLicenseAge(o *nodeObject, n *Node) {
	running, known := majorVersion(n)
	if !known {
		return
	}
	for _, license := range n.Licenses {
		if major := licenseMajor(license); major > 0 && major < running {
			c.find("LIC007", o.object, o.rangeOf("license"), "%s is for version %d; %s runs %d.", license.Path, major, n.Name, running)
		}
	}
}

// lintLicenseMAC compares the HOSTID with the MAC address that the file writes.
func (c *linter) lintLicenseMAC(o *nodeObject, n *Node) {
	if !licenseFollowsMAC(n) {
		c.find("LIC008", o.object, o.rangeOf("license"), "%s has version %s: its licence is not bound to the adapter's MAC address.", n.Name, n.Version)
		return
	}
	if len(o.nics) == 0 {
		return
	}
	text, written := o.nics[0].str("mac")
	if !written {
		return
	}
	mac, _ := parseMAC(text)
	wanted, _ := parseMAC(n.Licenses[0].HostID)
	if mac != "" && mac != wanted {
		c.find("LIC002", o.object, o.nics[0].rangeOf("mac"), "%s has the MAC address %s; its licence is for %s.", n.Name, mac, wanted)
	}
}

// lintSharedLicense finds one licence on two nodes of a pod.
func (c *linter) lintSharedLicense(o *nodeObject, n *Node, owner map[string]string) {
	if !licenseFollowsMAC(n) {
		return
	}
	for _, license := range n.Licenses {
		key := n.Pod + " " + license.HostID
		if other, taken := owner[key]; taken && other != n.Address {
			c.find("LIC006", o.object, o.rangeOf("license"), "%s and %s have licences of the same HOSTID %s.", other, n.Address, license.HostID)
		}
		owner[key] = n.Address
	}
}

// lintUnits counts device licence units, and looks for the feature licence.
func (c *linter) lintUnits(o *nodeObject, n *Node) {
	if units := licenseUnits(n.Licenses, "PHONE_UNIT"); units > maxVMwareDLUs && licenseFollowsMAC(n) && !foreignMAC(n) {
		c.find("LIC009", o.object, o.rangeOf("license"), "The licences of %s count %d units; on a VMware MAC address CUCM allows %d.", n.Name, units, maxVMwareDLUs)
	}
	running, known := majorVersion(n)
	if !known || running != 7 {
		return
	}
	for _, license := range n.Licenses {
		for _, f := range license.Features {
			if f.Name == "SW_FEATURE" {
				return
			}
		}
	}
	c.find("LIC010", o.object, o.rangeOf("license"), "The licences of %s have no SW_FEATURE line.", n.Name)
}
