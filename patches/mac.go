package patches

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/uclab/uclab/appliance"
)

// MACPlace says where a wanted MAC address has to be set.
type MACPlace string

// The places of the decision table (facts 2.4).
const (
	// MACOnAdapter: VMware lets the virtual adapter have it (type "manual").
	MACOnAdapter MACPlace = "adapter"
	// MACInGuest: only the guest can take it over; the adapter keeps its own.
	MACInGuest MACPlace = "guest"
	// MACRefused: VMware gives out such addresses itself.
	MACRefused MACPlace = "refused"
)

// MACDecision is a row of the decision table.
type MACDecision struct {
	Place  MACPlace
	Reason string
}

// DecideMAC applies the decision table to a wanted address. Addresses in
// 00:50:56:00:00:00 to 00:50:56:3f:ff:ff go on the virtual adapter; what VMware
// generates itself is refused there unless unchecked, which stands for the
// machine's option ethernetX.checkMACAddress = "false"; every other address goes
// into the guest.
func DecideMAC(address net.HardwareAddr, unchecked bool) MACDecision {
	switch {
	case len(address) != 6:
		return MACDecision{MACRefused, "it is not six bytes long"}
	case address[0]&1 != 0:
		return MACDecision{MACRefused, "it is a multicast address, which no adapter can have"}
	case bytes.Equal(address, make([]byte, 6)):
		return MACDecision{MACRefused, "it is the address of no adapter"}
	case bytes.HasPrefix(address, []byte{0x00, 0x50, 0x56}) && address[3] <= 0x3f:
		return MACDecision{MACOnAdapter, "it is in VMware's static range, 00:50:56:00:00:00 to 00:50:56:3f:ff:ff"}
	case bytes.HasPrefix(address, []byte{0x00, 0x50, 0x56}), bytes.HasPrefix(address, []byte{0x00, 0x0c, 0x29}):
		if unchecked {
			return MACDecision{MACOnAdapter, "VMware's check of it is turned off (ethernetX.checkMACAddress = \"false\")"}
		}
		return MACDecision{MACRefused, "VMware gives out addresses of this range itself, and a machine with it may not power on; ethernetX.checkMACAddress = \"false\" allows it"}
	}
	return MACDecision{MACInGuest, "it is another maker's address, which VMware does not take for an adapter"}
}

// ParseMAC reads an address as licences (12 digits), RHEL and Windows write it.
func ParseMAC(text string) (net.HardwareAddr, error) {
	digits := strings.NewReplacer(":", "", "-", "", ".", "").Replace(strings.TrimSpace(text))
	if len(digits) != 12 || len(text) > 32 {
		return nil, fmt.Errorf("%q is not a MAC address: it needs 12 hexadecimal digits, as in 00:16:35:aa:bb:cc", text)
	}
	var parts []string
	for i := 0; i < 12; i += 2 {
		parts = append(parts, digits[i:i+2])
	}
	address, err := net.ParseMAC(strings.Join(parts, ":"))
	if err != nil {
		return nil, fmt.Errorf("%q is not a MAC address: it needs 12 hexadecimal digits, as in 00:16:35:aa:bb:cc", text)
	}
	return address, nil
}

// GuestMAC reads the address that the guest is set to take over on a network
// interface; "" when it keeps the adapter's own. A file that sets it twice is
// an error.
func GuestMAC(ctx context.Context, session *appliance.Session, device string) (string, error) {
	name := "/etc/sysconfig/network-scripts/ifcfg-" + device
	file, err := session.ReadFile(ctx, name, maxFile)
	if err != nil {
		return "", err
	}
	lines := splitLines(file.Data)
	key := setKey{key: "MACADDR"}
	switch at := key.find(lines, key.key); len(at) {
	case 0:
		return "", nil
	case 1:
		return strings.ToLower(key.valueAt(lines, at[0])), nil
	default:
		return "", fmt.Errorf("%s sets MACADDR twice, in lines %d and %d", name, at[0]+1, at[1]+1)
	}
}
