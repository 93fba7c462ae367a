package labspec

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
)

// macKind says where a wanted address can go (facts 2.4).
type macKind int

const (
	macInvalid  macKind = iota
	macStatic           // 00:50:56:00:00:00-3F:FF:FF: on the adapter
	macReserved         // VMware's own ranges: nowhere
	macForeign          // any other: inside the guest
)

// parseMAC reads an address in any usual spelling and gives it in lower case
// with colons.
func parseMAC(text string) (string, macKind) {
	plain := strings.NewReplacer(":", "", "-", "", ".", "").Replace(text)
	raw, err := hex.DecodeString(plain)
	if err != nil || len(raw) != 6 || len(text) > 17 {
		return "", macInvalid
	}
	mac := net.HardwareAddr(raw)
	switch {
	case raw[0]&1 == 1, [6]byte(raw) == [6]byte{}:
		return mac.String(), macInvalid
	case raw[0] == 0x00 && raw[1] == 0x50 && raw[2] == 0x56:
		if raw[3] <= 0x3f {
			return mac.String(), macStatic
		}
		return mac.String(), macReserved
	case raw[0] == 0x00 && raw[1] == 0x0c && raw[2] == 0x29, raw[0] == 0x00 && raw[1] == 0x05 && raw[2] == 0x69:
		return mac.String(), macReserved
	}
	return mac.String(), macForeign
}

// derivedMAC gives an adapter an address that stays the same for ever: a hash
// of lab, pod, node and adapter in the 22 bits of the static range. A further
// attempt resolves a collision.
func derivedMAC(lab, address string, nic, attempt int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d\x00%d", lab, address, nic, attempt))
	bits := binary.BigEndian.Uint32(sum[:4]) & 0x3fffff
	return fmt.Sprintf("00:50:56:%02x:%02x:%02x", bits>>16, bits>>8&0xff, bits&0xff)
}

// assignMACs gives every adapter its address: first those that are wanted, then
// derived ones around them.
func (l *loader) assignMACs() {
	taken := map[string]string{} // vNIC address to node
	for i, o := range l.nodes {
		n := &l.lab.Nodes[i]
		for j := range n.NICs {
			l.wantedMAC(o, n, j, taken)
		}
	}
	for i := range l.lab.Nodes {
		n := &l.lab.Nodes[i]
		for j := range n.NICs {
			nic := &n.NICs[j]
			for attempt := 0; nic.MAC == ""; attempt++ {
				if mac := derivedMAC(l.lab.Name, n.Address, j, attempt); taken[mac] == "" {
					nic.MAC, nic.Derived, taken[mac] = mac, true, n.Address
				}
			}
		}
	}
}

// wantedMAC places the address that the file, or a licence, wants an adapter to
// have: on the adapter or inside the guest.
func (l *loader) wantedMAC(o *nodeObject, n *Node, j int, taken map[string]string) {
	nic, r := &n.NICs[j], o.nics[j]
	text, written := r.str("mac")
	rng := r.rangeOf("mac")
	if !written {
		if j > 0 || o.hostID == "" {
			return
		}
		text, rng = o.hostID, o.rangeOf("license")
	}
	mac, where := parseMAC(text)
	if mac == "" || where == macInvalid {
		l.report.add("MAC001", o.address(), rng, "%q is not the MAC address of an adapter.", text)
		return
	}
	if !nic.CheckMAC && written {
		where = macStatic
	}
	switch where {
	case macReserved:
		l.report.add("MAC002", o.address(), rng, "%s is in a range from which VMware gives out addresses itself.", mac)
	case macForeign:
		nic.GuestMAC = mac
	case macStatic:
		if other, dup := taken[mac]; dup {
			l.report.add("MAC003", o.address(), rng, "%s is also an adapter's of node %q.", mac, other)
			return
		}
		nic.MAC, taken[mac] = mac, n.Address
	}
}
