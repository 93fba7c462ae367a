package vsphere

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// ConcentratorConfig says how a Concentrator works.
type ConcentratorConfig struct {
	LogDir   string // where each console has its <name>.log; made when missing
	LogLimit int64  // bytes after which a log becomes <name>.log.1 and a new one begins; 0: 64 MiB
	Token    string // what viewers must know; at least 16 characters

	// Node gives a VM's node ("ccie-voice/asa") by its name; "" when it has none.
	// Optional.
	Node func(vm string) string
	// Notify is told, one sentence at a time, what happens. Optional; it must not
	// block.
	Notify func(message string)
}

// Concentrator is a virtual serial port concentrator (vSPC): ESXi hosts connect
// to it for the serial ports of their VMs, so that hosts need no open port, and
// a console goes on through vMotion ("Using a Proxy with vSphere Virtual Serial
// Ports", VMware technical note of vSphere 4.1). Each console is written to a
// log; any number of viewers share it. The protocol has no authentication: who
// can reach the hosts' address can claim to be a VM.
type Concentrator struct {
	config ConcentratorConfig

	mu       sync.Mutex
	consoles map[string]*console // by VM and service URI
	moves    map[string]*move    // vMotions under way, by sequence and secret
	conns    map[net.Conn]bool
	closing  bool
	running  sync.WaitGroup
}

// move is a vMotion under way.
type move struct {
	console *console
	source  *portConn
	begun   time.Time
}

// The limits of a concentrator.
const (
	maxConsoles    = 4096
	maxConns       = 16384
	moveTime       = time.Hour // a vMotion takes less
	identifyTime   = 15 * time.Second
	inputLimit     = 64 << 10 // bytes that wait for a VM that reads slowly
	viewerLimit    = 1 << 20  // bytes that wait for a viewer: 18 minutes at 9,600 baud
	replayLimit    = 16 << 10 // bytes shown to a viewer that comes
	defaultLogSize = 64 << 20
	minToken       = 16
)

// NewConcentrator makes a concentrator; ServeHosts and ServeViewers run it.
func NewConcentrator(config ConcentratorConfig) (*Concentrator, error) {
	if len(config.Token) < minToken {
		return nil, fmt.Errorf("concentrator: the viewers' token needs at least %d characters", minToken)
	}
	config.LogLimit = cmp.Or(config.LogLimit, defaultLogSize)
	if config.Node == nil {
		config.Node = func(string) string { return "" }
	}
	if config.Notify == nil {
		config.Notify = func(string) {}
	}
	if err := makeLogDir(config.LogDir); err != nil {
		return nil, err
	}
	return &Concentrator{config: config, consoles: map[string]*console{}, moves: map[string]*move{}, conns: map[net.Conn]bool{}}, nil
}

// ServeHosts takes the connections of ESXi hosts until the context ends, which
// is no error.
func (c *Concentrator) ServeHosts(ctx context.Context, listener net.Listener) error {
	return c.serve(ctx, listener, c.servePort)
}

// ServeViewers takes the connections of viewers until the context ends, which
// is no error. The listener should be on loopback: the token is sent in clear.
func (c *Concentrator) ServeViewers(ctx context.Context, listener net.Listener) error {
	return c.serve(ctx, listener, c.serveViewer)
}

// Close ends all connections and closes the logs.
func (c *Concentrator) Close() error {
	c.mu.Lock()
	c.closing = true
	for conn := range c.conns {
		_ = conn.Close() // their own loops report
	}
	c.mu.Unlock()
	c.running.Wait()
	var errs []error
	for _, console := range c.consoles {
		errs = append(errs, console.log.close())
	}
	return errors.Join(errs...)
}

func (c *Concentrator) serve(ctx context.Context, listener net.Listener, one func(net.Conn)) error {
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("concentrator: %w", err)
		}
		if err != nil { // out of descriptors, or the peer was gone already
			c.config.Notify("cannot take a connection: " + err.Error())
			time.Sleep(100 * time.Millisecond)
			continue
		}
		if !c.admit(conn) {
			_ = conn.Close()
			continue
		}
		go func() {
			defer c.running.Done()
			defer c.dismiss(conn)
			one(conn)
		}()
	}
}

func (c *Concentrator) admit(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing || len(c.conns) >= maxConns {
		return false
	}
	c.conns[conn] = true
	c.running.Add(1)
	return true
}

func (c *Concentrator) dismiss(conn net.Conn) {
	c.mu.Lock()
	delete(c.conns, conn)
	c.mu.Unlock()
	_ = conn.Close() // mostly closed before
}

// Consoles lists the consoles seen since the start, by name.
func (c *Concentrator) Consoles() []ConsoleInfo {
	c.mu.Lock()
	all := make([]*console, 0, len(c.consoles))
	for _, console := range c.consoles {
		all = append(all, console)
	}
	c.mu.Unlock()
	list := make([]ConsoleInfo, 0, len(all))
	for _, console := range all {
		list = append(list, console.info())
	}
	slices.SortFunc(list, func(a, b ConsoleInfo) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// find gives a console by its name, its VM's or its node's.
func (c *Concentrator) find(name string) (*console, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []*console
	for _, console := range c.consoles {
		if console.name == name {
			return console, nil
		}
		if console.vm == name || console.node == name {
			found = append(found, console)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("no console %q has come to the concentrator", name)
	case 1:
		return found[0], nil
	}
	names := make([]string, 0, len(found))
	for _, console := range found {
		names = append(names, console.name)
	}
	slices.Sort(names)
	return nil, fmt.Errorf("%q has several consoles: %s", name, strings.Join(names, ", "))
}

// register finds or makes the console of a VM's port.
func (c *Concentrator) register(id portIdentity) (*console, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.consoles[id.key()]; known != nil {
		return known, nil
	}
	if len(c.consoles) >= maxConsoles {
		return nil, fmt.Errorf("there are %d consoles already", maxConsoles)
	}
	name := c.freeName(id)
	log, err := openConsoleLog(c.config.LogDir, name, c.config.LogLimit)
	if err != nil {
		return nil, err
	}
	made := &console{
		name: name, vm: printable(id.name), node: c.config.Node(id.name), uuid: printable(id.uuid), log: log,
		viewers: map[*outbox]bool{}, notify: c.config.Notify,
	}
	c.consoles[id.key()] = made
	return made, nil
}

// freeName names a console after its VM; a second one of the same name, with
// part of its UUID and a number.
func (c *Concentrator) freeName(id portIdentity) string {
	name := fileName(cmp.Or(id.name, id.uuid))
	taken := func(name string) bool {
		for _, console := range c.consoles {
			if strings.EqualFold(console.name, name) {
				return true
			}
		}
		return false
	}
	free := name
	for n := 2; taken(free); n++ {
		free = fmt.Sprintf("%s-%d", name, n)
	}
	return free
}

// begin notes a vMotion, and forgets those that came to nothing.
func (c *Concentrator) begin(cookie string, m *move) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, other := range c.moves {
		if time.Since(other.begun) > moveTime || other.console == m.console {
			delete(c.moves, key)
		}
	}
	c.moves[cookie] = m
}

func (c *Concentrator) moving(cookie string) *move {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.moves[cookie]
}

// finish forgets a console's vMotion.
func (c *Concentrator) finish(console *console) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, m := range c.moves {
		if m.console == console {
			delete(c.moves, key)
		}
	}
}
