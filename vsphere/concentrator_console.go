package vsphere

import (
	"bytes"
	"strings"
	"sync"
	"time"
)

// ConsoleInfo is one console of a concentrator.
type ConsoleInfo struct {
	Name      string `json:"name"` // unique; its log is <name>.log
	VM        string `json:"vm"`
	Node      string `json:"node,omitempty"`
	UUID      string `json:"uuid,omitempty"`
	Host      string `json:"host"` // address of the ESXi host
	Connected bool   `json:"connected"`
	Moving    bool   `json:"moving,omitempty"` // a vMotion is under way
	Viewers   int    `json:"viewers"`
	Bytes     int64  `json:"bytes"` // received since the concentrator started
	LastLine  string `json:"last_line"`
	Log       string `json:"log"`
	LogError  string `json:"log_error,omitempty"` // why the log is not whole
}

// console is one VM's serial port with all who look at it.
type console struct {
	name, vm, node, uuid string
	notify               func(string)

	mu      sync.Mutex
	port    *portConn // nil while the VM is off
	host    string
	moving  bool   // between VMOTION-GOAHEAD and VMOTION-COMPLETE
	held    []byte // viewers' input of that time
	log     *consoleLog
	logErr  error
	recent  []byte // the last replayLimit bytes and up to as many more
	bytes   int64
	viewers map[*outbox]bool
}

// connect makes a connection the console's own. One that was there before is
// replaced: the host has lost it.
func (c *console) connect(port *portConn, how string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.port
	c.port, c.host, c.moving = port, port.host, false
	c.writeLog(c.log.header(how + " from " + port.host))
	if old != nil && old != port {
		old.out.end()
	}
	c.release()
}

// release sends the input that was held during a vMotion.
func (c *console) release() {
	if len(c.held) > 0 && c.port != nil {
		c.port.write(c.held)
	}
	c.held = nil
}

// disconnect notes that a connection has ended, if it is the console's.
func (c *console) disconnect(port *portConn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.port != port {
		return
	}
	c.port = nil
	if !c.moving {
		c.writeLog(c.log.header("disconnected"))
		c.notify(c.name + " disconnected")
	}
}

// hold begins a vMotion: the VM reads no input until it ends.
func (c *console) hold(port *portConn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.port != port {
		return false
	}
	c.moving = true
	return true
}

// unhold ends a vMotion that was aborted.
func (c *console) unhold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.moving = false
	c.release()
}

// output takes what the guest wrote to the log and to every viewer. A viewer
// that has not read for long is dropped; none is waited for.
func (c *console) output(p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes += int64(len(p))
	c.writeLog(c.log.write(p))
	c.recent = append(c.recent, p...)
	if len(c.recent) > 2*replayLimit {
		c.recent = append(c.recent[:0], c.recent[len(c.recent)-replayLimit:]...)
	}
	for viewer := range c.viewers {
		if !viewer.put(p) {
			delete(c.viewers, viewer)
			viewer.end()
			c.notify("dropped a viewer of " + c.name + ", which does not read")
		}
	}
}

// writeLog notes that the log could not be written, once. The console goes on.
func (c *console) writeLog(err error) {
	if err != nil && c.logErr == nil {
		c.logErr = err
		c.notify("the log of " + c.name + " is not whole: " + err.Error())
	}
}

// input sends what a viewer typed. It gives false while the VM does not take it;
// for a VM that is off it is lost, as on a cable without a machine.
func (c *console) input(p []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.moving:
		if len(c.held)+len(p) > inputLimit {
			return false
		}
		c.held = append(c.held, p...)
		return true
	case c.port == nil:
		return true
	default:
		return c.port.write(p)
	}
}

// watch adds a viewer; it is shown first what was last seen.
func (c *console) watch(viewer *outbox, hello []byte, replay bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	viewer.put(hello)
	if replay {
		viewer.put(c.recent[max(0, len(c.recent)-replayLimit):])
	}
	c.viewers[viewer] = true
}

func (c *console) unwatch(viewer *outbox) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.viewers, viewer)
}

func (c *console) info() ConsoleInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	info := ConsoleInfo{
		Name: c.name, VM: c.vm, Node: c.node, UUID: c.uuid, Host: c.host, Connected: c.port != nil, Moving: c.moving,
		Viewers: len(c.viewers), Bytes: c.bytes, LastLine: lastLine(c.recent), Log: c.log.path,
	}
	if c.logErr != nil {
		info.LogError = c.logErr.Error()
	}
	return info
}

// lastLine is the last line with something to read on it, without what would
// steer a terminal.
func lastLine(recent []byte) string {
	recent = recent[max(0, len(recent)-4096):]
	lines := bytes.FieldsFunc(recent, func(r rune) bool { return r == '\n' || r == '\r' })
	for i := len(lines) - 1; i >= 0; i-- {
		if line := strings.TrimSpace(printable(withoutEscapes(string(lines[i])))); line != "" {
			return line
		}
	}
	return ""
}

// withoutEscapes leaves out the control sequences of ECMA-48: ESC [ … final.
func withoutEscapes(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != 0x1b {
			out.WriteByte(s[i])
			continue
		}
		if i++; i < len(s) && s[i] == '[' {
			for i++; i < len(s) && (s[i] < 0x40 || s[i] > 0x7e); i++ {
			}
		}
	}
	return out.String()
}

// logTime is how times stand in the headers of logs.
func logTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }
