package vsphere

import (
	"bytes"
	"fmt"
)

// Telnet commands and options (RFC 854, 856, 857, 858).
const (
	telnetSE   = 240
	telnetSB   = 250
	telnetWILL = 251
	telnetWONT = 252
	telnetDO   = 253
	telnetDONT = 254
	telnetIAC  = 255

	optionBinary          = 0
	optionEcho            = 1
	optionSuppressGoAhead = 3
	optionVMware          = 232 // VMWARE-TELNET-EXT
)

// Suboptions of VMWARE-TELNET-EXT ("Using a Proxy with vSphere Virtual Serial
// Ports", VMware technical note of vSphere 4.1).
const (
	knownSuboptions1      = 0 // VM: those that it knows
	knownSuboptions2      = 1 // concentrator: those that it knows
	unknownSuboptionRcvd1 = 2 // VM: suboption not known
	unknownSuboptionRcvd2 = 3 // concentrator: suboption not known
	vmotionBegin          = 40
	vmotionGoahead        = 41
	vmotionNotnow         = 43
	vmotionPeer           = 44
	vmotionPeerOK         = 45
	vmotionComplete       = 46
	vmotionAbort          = 48
	doProxy               = 70 // VM: direction 'C' or 'S', then the service URI
	willProxy             = 71
	wontProxy             = 73
	vmVCUUID              = 80
	getVMVCUUID           = 81
	vmName                = 82
	getVMName             = 83
	vmBIOSUUID            = 84
	getVMBIOSUUID         = 85
	maxSuboption          = 4096 // bytes; names have 80 characters, UUIDs 47
)

// telnetHandler is told what a telnet stream holds, in its order. The slices are
// good only until the call returns.
type telnetHandler interface {
	data(p []byte) error
	negotiate(verb, option byte) error
	suboption(option byte, payload []byte) error
}

// The places in a telnet stream.
const (
	inData = iota
	inCommand
	inNegotiation
	inSuboption
	inSuboptionCommand
)

// telnetDecoder takes a telnet stream apart, in whatever pieces it arrives.
type telnetDecoder struct {
	binary bool // the peer sends 8-bit data: no NUL is added to a CR (RFC 856)

	place   int
	verb    byte
	afterCR bool
	sub     []byte // option and payload of the suboption being read
}

// decode goes through the next piece of the stream. It fails for a suboption of
// more than maxSuboption bytes, and with what the handler fails with.
func (d *telnetDecoder) decode(p []byte, h telnetHandler) error {
	for len(p) > 0 {
		if d.place == inData {
			n := bytes.IndexByte(p, telnetIAC)
			if n < 0 {
				n = len(p)
			}
			if err := d.text(p[:n], h); err != nil {
				return err
			}
			if n == len(p) {
				return nil
			}
			p = p[n+1:]
			d.place = inCommand
			continue
		}
		if err := d.step(p[0], h); err != nil {
			return err
		}
		p = p[1:]
	}
	return nil
}

// text hands data on, without the NULs that follow CRs outside binary mode
// (RFC 854, The NVT printer and keyboard).
func (d *telnetDecoder) text(p []byte, h telnetHandler) error {
	for len(p) > 0 && !d.binary {
		if d.afterCR && p[0] == 0 {
			p = p[1:]
		}
		n := bytes.Index(p, []byte{'\r', 0})
		if n < 0 {
			break
		}
		d.afterCR = false
		if err := h.data(p[:n+1]); err != nil {
			return err
		}
		p = p[n+2:]
	}
	if len(p) == 0 {
		d.afterCR = false
		return nil
	}
	d.afterCR = p[len(p)-1] == '\r'
	return h.data(p)
}

// step takes one byte of a command.
func (d *telnetDecoder) step(b byte, h telnetHandler) error {
	switch d.place {
	case inCommand:
		return d.command(b, h)
	case inNegotiation:
		d.place = inData
		return h.negotiate(d.verb, b)
	case inSuboption:
		if b == telnetIAC {
			d.place = inSuboptionCommand
			return nil
		}
		return d.collect(b)
	default: // inSuboptionCommand
		switch b {
		case telnetIAC:
			d.place = inSuboption
			return d.collect(b)
		case telnetSE:
			d.place = inData
			if len(d.sub) == 0 {
				return nil
			}
			return h.suboption(d.sub[0], d.sub[1:])
		default: // no such thing inside a suboption: it ends here, unused
			return d.command(b, h)
		}
	}
}

func (d *telnetDecoder) command(b byte, h telnetHandler) error {
	d.place = inData
	switch b {
	case telnetIAC:
		d.afterCR = false
		return h.data([]byte{telnetIAC})
	case telnetWILL, telnetWONT, telnetDO, telnetDONT:
		d.place, d.verb = inNegotiation, b
	case telnetSB:
		d.place, d.sub = inSuboption, d.sub[:0]
	}
	return nil
}

func (d *telnetDecoder) collect(b byte) error {
	if len(d.sub) == maxSuboption {
		return fmt.Errorf("telnet: a suboption of more than %d bytes", maxSuboption)
	}
	d.sub = append(d.sub, b)
	return nil
}

// appendTelnet adds data as telnet carries it: IAC is doubled and, outside
// binary mode, CR is followed by NUL.
func appendTelnet(out, p []byte, binary bool) []byte {
	for _, b := range p {
		out = append(out, b)
		switch {
		case b == telnetIAC:
			out = append(out, telnetIAC)
		case b == '\r' && !binary:
			out = append(out, 0)
		}
	}
	return out
}

// appendSuboption adds a VMWARE-TELNET-EXT suboption.
func appendSuboption(out []byte, suboption byte, payload []byte) []byte {
	out = append(out, telnetIAC, telnetSB, optionVMware)
	out = appendTelnet(out, []byte{suboption}, true)
	out = appendTelnet(out, payload, true)
	return append(out, telnetIAC, telnetSE)
}

// telnetOptions is the state of the options on both sides. A change is answered
// once, so that two sides never agree for ever (RFC 1143).
type telnetOptions struct {
	ours, theirs             [256]bool // in force
	offered, asked           [256]bool // by us, unanswered
	weWould, wouldHaveOthers [256]bool
}

func newTelnetOptions(ours, theirs []byte) *telnetOptions {
	o := &telnetOptions{}
	for _, option := range ours {
		o.weWould[option] = true
	}
	for _, option := range theirs {
		o.wouldHaveOthers[option] = true
	}
	return o
}

// open is what to send first: offers and requests of the options given.
func (o *telnetOptions) open(ours, theirs []byte) []byte {
	var out []byte
	for _, option := range ours {
		o.offered[option] = true
		out = append(out, telnetIAC, telnetWILL, option)
	}
	for _, option := range theirs {
		o.asked[option] = true
		out = append(out, telnetIAC, telnetDO, option)
	}
	return out
}

// answer takes a negotiation in and gives what to send back, nil for nothing.
func (o *telnetOptions) answer(verb, option byte) []byte {
	switch verb {
	case telnetWILL, telnetWONT:
		return settle(verb == telnetWILL, option, o.wouldHaveOthers[option], &o.theirs[option], &o.asked[option], telnetDO, telnetDONT)
	default:
		return settle(verb == telnetDO, option, o.weWould[option], &o.ours[option], &o.offered[option], telnetWILL, telnetWONT)
	}
}

func settle(on bool, option byte, acceptable bool, inForce, pending *bool, yes, no byte) []byte {
	was, answered := *inForce, *pending
	*pending = false
	*inForce = on && acceptable
	switch {
	case on && !acceptable:
		return []byte{telnetIAC, no, option}
	case on == was || answered:
		return nil
	case on:
		return []byte{telnetIAC, yes, option}
	default:
		return []byte{telnetIAC, no, option}
	}
}
