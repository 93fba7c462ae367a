package vsphere

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"time"
)

// ConsoleAddress is where the console of a network-backed serial port answers
// (VirtualSerialPortURIBackingInfo, direction "server"): the host of the URI or,
// as in "telnet://:2001", the ESXi host of the VM. scheme is "telnet" or "tcp".
func ConsoleAddress(uri, esxi string) (scheme, address string, err error) {
	parsed, err := url.Parse(uri)
	if err != nil {
		return "", "", fmt.Errorf("serial port URI %q: not a URI; it is written telnet://:2001", uri)
	}
	if parsed.Scheme != "telnet" && parsed.Scheme != "tcp" {
		return "", "", fmt.Errorf("serial port URI %q: only telnet:// and tcp:// can be opened", uri)
	}
	if parsed.Port() == "" {
		return "", "", fmt.Errorf("serial port URI %q: no port; it is written telnet://:2001", uri)
	}
	host := parsed.Hostname()
	if host == "" || host == "0.0.0.0" || host == "::" {
		host = esxi
	}
	if host == "" {
		return "", "", fmt.Errorf("serial port URI %q: no host, and the VM's host is not known", uri)
	}
	return parsed.Scheme, net.JoinHostPort(host, parsed.Port()), nil
}

// DialConsole opens a console: scheme "telnet" speaks telnet in 8-bit mode,
// "tcp" sends the bytes as they are. Read gives what the guest writes.
func DialConsole(ctx context.Context, scheme, address string) (io.ReadWriteCloser, error) {
	dialer := net.Dialer{Timeout: 10 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("open the console at %s: %w", address, err)
	}
	if scheme == "tcp" {
		return conn, nil
	}
	eight := []byte{optionBinary, optionSuppressGoAhead}
	t := &telnetConn{
		Conn:    conn,
		options: newTelnetOptions(eight, []byte{optionBinary, optionSuppressGoAhead, optionEcho}),
	}
	if err := t.send(t.options.open(eight, eight)); err != nil {
		return nil, errors.Join(fmt.Errorf("open the console at %s: %w", address, err), conn.Close())
	}
	return t, nil
}

// telnetConn is a console that speaks telnet.
type telnetConn struct {
	net.Conn
	decoder telnetDecoder
	pending []byte // decoded, not yet read
	buffer  [4096]byte

	mu      sync.Mutex // over options and writes
	options *telnetOptions
}

func (t *telnetConn) Read(p []byte) (int, error) {
	for len(t.pending) == 0 {
		n, err := t.Conn.Read(t.buffer[:])
		t.pending = t.pending[:0]
		if decodeErr := t.decoder.decode(t.buffer[:n], t); decodeErr != nil {
			return 0, decodeErr
		}
		if err != nil && len(t.pending) == 0 {
			return 0, err
		}
	}
	n := copy(p, t.pending)
	t.pending = t.pending[n:]
	return n, nil
}

func (t *telnetConn) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, err := t.Conn.Write(appendTelnet(nil, p, t.options.ours[optionBinary])); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (t *telnetConn) send(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	_, err := t.Conn.Write(p)
	return err
}

func (t *telnetConn) data(p []byte) error {
	t.pending = append(t.pending, p...)
	return nil
}

func (t *telnetConn) negotiate(verb, option byte) error {
	t.mu.Lock()
	reply := t.options.answer(verb, option)
	t.decoder.binary = t.options.theirs[optionBinary]
	t.mu.Unlock()
	return t.send(reply)
}

func (t *telnetConn) suboption(byte, []byte) error { return nil }
