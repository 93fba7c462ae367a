package labspec

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// segment names the layer 2 network that a Network is: what has the same
// segment hears each other.
func segment(n *Network) string {
	switch {
	case n.Switch != "":
		return fmt.Sprintf("VLAN %d of switch %s", n.VLAN, n.Switch)
	case n.DistributedSwitch != "":
		return fmt.Sprintf("VLAN %d of distributed switch %s", n.VLAN, n.DistributedSwitch)
	}
	return "port group " + n.PortGroup
}

// networkObject is what findings about a network are silenced by.
func (c *linter) networkObject(n *Network) *object {
	o := &object{kind: "network", name: n.Name, block: c.blockAt("network", n.Name), shared: true}
	if n.Pod != "" {
		o.shared, o.scope = false, &scope{name: n.Pod}
	}
	return o
}

// lintNetworks finds networks in each other's way.
func (c *linter) lintNetworks() {
	groups := map[string]*Network{}
	segments := map[string][]*Network{}
	for i := range c.lab.Networks {
		n := &c.lab.Networks[i]
		if n.PortGroup == "" {
			continue
		}
		if first, taken := groups[n.PortGroup]; taken && (n.Create || first.Create) {
			c.find("NET006", c.networkObject(n), n.DeclRange, "Networks %q and %q are both port group %q.", first.Address, n.Address, n.PortGroup)
		}
		groups[n.PortGroup] = n
		segments[segment(n)] = append(segments[segment(n)], n)
	}
	for i := range c.lab.Networks {
		n := &c.lab.Networks[i]
		if same := segments[segment(n)]; len(same) > 1 && same[0] != n {
			c.lintSameSegment(same[0], n)
		}
	}
	c.lintOverlaps()
}

// lintSameSegment judges two networks that are one on the wire.
func (c *linter) lintSameSegment(first, n *Network) {
	if n.Pod != "" && first.Pod != "" && n.Pod != first.Pod && n.Name == first.Name {
		f := c.find("NET004", c.networkObject(n), n.DeclRange, "Network %q of %s and of %s are both %s.", n.Name, first.Pod, n.Pod, segment(n))
		if !n.Create {
			f.Fix = "Mark it shared = true when all pods are to use it, or compute port_group from pod.name."
		}
		return
	}
	c.find("NET005", c.networkObject(n), n.DeclRange, "Networks %q and %q are both %s.", first.Address, n.Address, segment(n))
}

// lintOverlaps finds address blocks that overlap, within each pod and the
// shared networks. Sorted by their first address, overlapping blocks nest, so
// one pass finds them.
func (c *linter) lintOverlaps() {
	byPod := map[string][]*Network{}
	for i := range c.lab.Networks {
		if n := &c.lab.Networks[i]; n.CIDR.IsValid() {
			byPod[n.Pod] = append(byPod[n.Pod], n)
		}
	}
	for _, pod := range slices.Sorted(maps.Keys(byPod)) {
		networks := byPod[pod]
		slices.SortStableFunc(networks, func(a, b *Network) int {
			return cmp.Or(a.CIDR.Addr().Compare(b.CIDR.Addr()), cmp.Compare(a.CIDR.Bits(), b.CIDR.Bits()))
		})
		for i := 1; i < len(networks); i++ {
			outer, n := networks[i-1], networks[i]
			if outer.CIDR.Overlaps(n.CIDR) {
				c.find("NET005", c.networkObject(n), n.DeclRange, "%s of network %q overlaps %s of network %q.", n.CIDR, n.Name, outer.CIDR, outer.Name)
				networks[i] = outer
			}
		}
	}
}

// ipKey is where an address has to be alone. Pods that hear each other are
// NET004's business, once, not every address's.
type ipKey struct {
	pod, segment string
	ip           netip.Addr
}

// lintAddresses checks the adapters' addresses against networks and each other.
func (c *linter) lintAddresses() {
	networks := make(map[string]*Network, len(c.lab.Networks))
	segments := make(map[string]string, len(c.lab.Networks))
	for i := range c.lab.Networks {
		n := &c.lab.Networks[i]
		networks[n.Address], segments[n.Address] = n, segment(n)
	}
	ips, guests := map[ipKey]string{}, map[string]string{}
	for i, o := range c.nodes {
		n := &c.lab.Nodes[i]
		for j := range n.NICs {
			nic, r := &n.NICs[j], o.nics[j]
			network, known := networks[nic.Network]
			if !known {
				continue
			}
			if nic.IP.IsValid() {
				c.lintAddress(o, r, network, nic.IP)
				key := ipKey{n.Pod, segments[nic.Network], nic.IP}
				if other, taken := ips[key]; taken {
					c.find("NET003", o.object, r.rangeOf("ip"), "%s has the address %s of %s.", n.Address, nic.IP, other)
				}
				ips[key] = n.Address
			}
			if nic.GuestMAC != "" {
				c.lintGuestMAC(o, n, nic, segments[nic.Network], guests)
			}
		}
	}
}

// lintGuestMAC reports an address that has to be set inside the guest. Pods may
// share one, as they may share a licence.
func (c *linter) lintGuestMAC(o *nodeObject, n *Node, nic *NIC, segment string, guests map[string]string) {
	rng := o.nics[0].rangeOf("mac")
	if _, written := o.nics[0].attribute("mac"); !written {
		rng = o.rangeOf("license")
	}
	key := n.Pod + " " + segment + " " + nic.GuestMAC
	if other, taken := guests[key]; taken {
		c.find("MAC003", o.object, rng, "%s is to be set inside %s and inside %s, on the same network.", nic.GuestMAC, other, n.Address)
	}
	guests[key] = n.Address
	c.find("MAC004", o.object, rng, "%s is outside VMware's range: the adapter of %s has %s, and %s is to be set inside the guest.", nic.GuestMAC, n.Name, nic.MAC, nic.GuestMAC)
}

// lintAddress checks one address against its network.
func (c *linter) lintAddress(o *nodeObject, r reader, network *Network, ip netip.Addr) {
	switch {
	case !network.CIDR.IsValid():
	case !network.CIDR.Contains(ip):
		c.find("NET002", o.object, r.rangeOf("ip"), "%s is not in %s, the block of network %q.", ip, network.CIDR, network.Name)
	case network.Gateway == ip:
		c.find("NET003", o.object, r.rangeOf("ip"), "%s is the gateway of network %q.", ip, network.Name)
	case ip.Is4() && network.CIDR.Bits() < 31 && (ip == network.CIDR.Addr() || ip == broadcast(network.CIDR)):
		c.find("NET002", o.object, r.rangeOf("ip"), "%s is the network or broadcast address of %s.", ip, network.CIDR)
	}
}

// broadcast is the last address of an IPv4 block.
func broadcast(p netip.Prefix) netip.Addr {
	raw := p.Masked().Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		raw[bit/8] |= 1 << (7 - bit%8)
	}
	return netip.AddrFrom4(raw)
}
