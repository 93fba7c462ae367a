package vsphere

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// suboptionsKnown is what the concentrator says it knows.
var suboptionsKnown = []byte{
	knownSuboptions1, knownSuboptions2, unknownSuboptionRcvd1, unknownSuboptionRcvd2,
	vmotionBegin, vmotionGoahead, vmotionNotnow, vmotionPeer, vmotionPeerOK, vmotionComplete, vmotionAbort,
	doProxy, willProxy, wontProxy, vmVCUUID, getVMVCUUID, vmName, getVMName, vmBIOSUUID, getVMBIOSUUID,
}

// portIdentity is what a host says of a serial port.
type portIdentity struct {
	uuid    string // of the VM in vCenter, else its BIOS's; hexadecimal digits only
	name    string // of the VM
	service string // the port's service URI: a VM may have several ports
}

func (id portIdentity) key() string {
	vm := id.uuid
	if vm == "" {
		vm = "name " + id.name
	}
	return vm + "\n" + id.service
}

// portConn is one connection of an ESXi host, for one serial port of one VM.
type portConn struct {
	c       *Concentrator
	conn    net.Conn
	host    string
	out     *outbox
	decoder telnetDecoder
	options *telnetOptions

	identity           portIdentity
	vcUUID, biosUUID   string
	hasName, hasVCUUID bool // answered, be it with nothing
	hasBIOSUUID        bool
	proxied            bool
	early              []byte // output from before the console was known
	console            *console
	move               *move // this is the destination of a vMotion, not complete
}

func (c *Concentrator) servePort(conn net.Conn) {
	host, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
	eight := []byte{optionBinary, optionSuppressGoAhead}
	p := &portConn{
		c: c, conn: conn, host: host, out: newOutbox(conn, 2*inputLimit),
		options: newTelnetOptions([]byte{optionBinary, optionSuppressGoAhead, optionEcho}, []byte{optionBinary, optionSuppressGoAhead, optionVMware}),
	}
	p.out.put(p.options.open(eight, append(eight, optionVMware)))
	err := p.read()
	if err != nil {
		c.config.Notify(fmt.Sprintf("closed a connection from %s: %s", host, printable(err.Error())))
	}
	if p.console != nil {
		p.console.disconnect(p)
	}
	p.out.end()
	<-p.out.done
}

// read goes through what the host sends until the connection ends.
func (p *portConn) read() error {
	buffer := make([]byte, 16<<10)
	if err := p.conn.SetReadDeadline(time.Now().Add(identifyTime)); err != nil {
		return err
	}
	waiting := true
	for {
		n, err := p.conn.Read(buffer)
		if decodeErr := p.decoder.decode(buffer[:n], p); decodeErr != nil {
			return decodeErr
		}
		if waiting && errors.Is(err, os.ErrDeadlineExceeded) && p.console == nil {
			if err = p.identified(true); err != nil {
				return err
			}
		}
		if waiting && (p.console != nil || p.move != nil) {
			waiting = false
			if err := p.conn.SetReadDeadline(time.Time{}); err != nil {
				return err
			}
		}
		if err != nil {
			return nil // the host has closed: the VM is off, has moved, or the port was disconnected
		}
	}
}

// write sends input to the VM; false: it does not take it now.
func (p *portConn) write(data []byte) bool {
	return p.out.put(appendTelnet(nil, data, true))
}

func (p *portConn) data(data []byte) error {
	if p.console != nil {
		p.console.output(data)
		return nil
	}
	if len(p.early)+len(data) > inputLimit {
		return errors.New("it sends output but does not say for which VM")
	}
	p.early = append(p.early, data...)
	return nil
}

func (p *portConn) negotiate(verb, option byte) error {
	if option == optionVMware && verb == telnetWONT {
		return errors.New("it is not an ESXi host: it does not speak VMWARE-TELNET-EXT")
	}
	fresh := option == optionVMware && verb == telnetWILL && !p.options.theirs[optionVMware]
	p.reply(p.options.answer(verb, option))
	p.decoder.binary = p.options.theirs[optionBinary]
	if fresh {
		p.send(knownSuboptions2, suboptionsKnown)
		p.send(getVMName, nil)
		p.send(getVMVCUUID, nil)
		p.send(getVMBIOSUUID, nil)
	}
	return nil
}

func (p *portConn) reply(answer []byte) {
	if !p.out.put(answer) {
		p.out.end()
	}
}

func (p *portConn) send(suboption byte, payload []byte) {
	p.reply(appendSuboption(nil, suboption, payload))
}

func (p *portConn) suboption(option byte, payload []byte) error {
	if option != optionVMware || len(payload) == 0 {
		return nil
	}
	code, rest := payload[0], payload[1:]
	switch code {
	case knownSuboptions1:
		p.send(knownSuboptions2, suboptionsKnown)
	case unknownSuboptionRcvd1:
		for _, unknown := range rest {
			p.answered(unknown - 1) // the VM- answer of each GET-VM- is one less
		}
		return p.identified(false)
	case vmName:
		p.identity.name, p.hasName = string(rest), true
		return p.identified(false)
	case vmVCUUID:
		p.vcUUID, p.hasVCUUID = uuidDigits(rest), true
		return p.identified(false)
	case vmBIOSUUID:
		p.biosUUID, p.hasBIOSUUID = uuidDigits(rest), true
		return p.identified(false)
	case doProxy:
		return p.proxy(rest)
	case vmotionBegin:
		return p.vmotionBegin(rest)
	case vmotionPeer:
		return p.vmotionPeer(rest)
	case vmotionComplete:
		return p.vmotionComplete()
	case vmotionAbort:
		return p.vmotionAbort()
	default:
		p.send(unknownSuboptionRcvd2, []byte{code})
	}
	return nil
}

// answered notes that the host cannot tell something.
func (p *portConn) answered(code byte) {
	switch code {
	case vmName:
		p.hasName = true
	case vmVCUUID:
		p.hasVCUUID = true
	case vmBIOSUUID:
		p.hasBIOSUUID = true
	}
}

// proxy answers DO-PROXY: the direction that the port is configured with, 'S'
// for server, and its service URI. A console is somebody who answers, so the
// port has to be the server.
func (p *portConn) proxy(payload []byte) error {
	if len(payload) == 0 || payload[0] != 'S' {
		p.send(wontProxy, nil)
		return errors.New(`the serial port's direction is "client": a port with a concentrator needs endpoint = "server"`)
	}
	p.identity.service, p.proxied = string(payload[1:]), true
	p.send(willProxy, nil)
	return p.identified(false)
}

// identified connects the port to its console as soon as it is known which; at
// the latest with what is known when time is up.
func (p *portConn) identified(now bool) error {
	if p.console != nil || p.move != nil {
		return nil
	}
	all := p.hasName && p.proxied && (p.vcUUID != "" || p.hasVCUUID && p.hasBIOSUUID)
	if !all && !now {
		return nil
	}
	p.identity.uuid = p.vcUUID
	if p.identity.uuid == "" {
		p.identity.uuid = p.biosUUID
	}
	if p.identity.uuid == "" && p.identity.name == "" {
		return errors.New("it does not say for which VM it is")
	}
	console, err := p.c.register(p.identity)
	if err != nil {
		return err
	}
	p.console = console
	console.connect(p, "connected")
	p.c.config.Notify(console.name + " connected from " + p.host)
	console.output(p.early)
	p.early = nil
	return nil
}

// vmotionBegin answers VMOTION-BEGIN (a sequence number) of the source with
// VMOTION-GOAHEAD: the number and a secret, which the destination will show.
func (p *portConn) vmotionBegin(sequence []byte) error {
	secret := make([]byte, 4)
	rand.Read(secret)
	cookie := append(append([]byte{}, sequence...), secret...)
	if p.console == nil || len(sequence) == 0 || len(sequence) > 64 || !p.console.hold(p) {
		p.send(vmotionNotnow, cookie)
		return nil
	}
	p.c.begin(string(cookie), &move{console: p.console, source: p, begun: time.Now()})
	p.send(vmotionGoahead, cookie)
	p.c.config.Notify(p.console.name + " is moving to another host")
	return nil
}

// vmotionPeer answers VMOTION-PEER of the destination.
func (p *portConn) vmotionPeer(cookie []byte) error {
	m := p.c.moving(string(cookie))
	if m == nil || p.console != nil {
		p.send(unknownSuboptionRcvd2, []byte{vmotionPeer})
		return errors.New("it names a vMotion that is not under way")
	}
	p.move = m
	p.send(vmotionPeerOK, cookie)
	return nil
}

// vmotionComplete gives the console to the destination.
func (p *portConn) vmotionComplete() error {
	if p.move == nil {
		return nil
	}
	p.console, p.move = p.move.console, nil
	p.c.finish(p.console)
	p.console.connect(p, "moved")
	p.c.config.Notify(p.console.name + " has moved to " + p.host)
	p.console.output(p.early)
	p.early = nil
	return nil
}

// vmotionAbort leaves the console where it was.
func (p *portConn) vmotionAbort() error {
	switch {
	case p.move != nil: // the destination
		p.c.finish(p.move.console)
		p.move.console.unhold()
		p.move = nil
		return errors.New("its vMotion was aborted")
	case p.console != nil:
		p.c.finish(p.console)
		p.console.unhold()
	}
	return nil
}

// uuidDigits gives a UUID, which hosts write as "aa bb … -cc …", as digits.
func uuidDigits(text []byte) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'a' && r <= 'f':
			return r
		case r >= 'A' && r <= 'F':
			return r - 'A' + 'a'
		}
		return -1
	}, string(text))
}
