package vsphere

import (
	"net"
	"sync"
	"time"
)

// outbox sends to a connection from a goroutine of its own, so that whoever
// writes never waits for the network.
type outbox struct {
	conn  net.Conn
	limit int // bytes that may wait

	mu     sync.Mutex
	buffer []byte
	closed bool
	ready  chan struct{} // holds one: something waits, or it is closed
	done   chan struct{} // run has ended
}

func newOutbox(conn net.Conn, limit int) *outbox {
	o := &outbox{conn: conn, limit: limit, ready: make(chan struct{}, 1), done: make(chan struct{})}
	go o.run()
	return o
}

// put takes bytes to send, all or none: false says that the other side does not
// read, or is gone.
func (o *outbox) put(p []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || len(o.buffer)+len(p) > o.limit {
		return false
	}
	o.buffer = append(o.buffer, p...)
	o.wake()
	return true
}

// end sends what waits, for a moment at most, and closes the connection.
func (o *outbox) end() {
	o.mu.Lock()
	o.closed = true
	o.wake()
	o.mu.Unlock()
	_ = o.conn.SetDeadline(time.Now().Add(time.Second)) // best effort: closing follows anyway
}

func (o *outbox) wake() {
	select {
	case o.ready <- struct{}{}:
	default:
	}
}

func (o *outbox) run() {
	defer close(o.done)
	defer func() { _ = o.conn.Close() }() // the peer learns all it needs by the end of the stream
	var sending []byte
	for range o.ready {
		o.mu.Lock()
		sending, o.buffer = o.buffer, sending[:0]
		closed := o.closed
		o.mu.Unlock()
		if _, err := o.conn.Write(sending); err != nil || closed {
			o.mu.Lock()
			o.closed = true
			o.mu.Unlock()
			return
		}
	}
}
