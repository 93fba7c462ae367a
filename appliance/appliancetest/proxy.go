package appliancetest

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// Proxy stands between a client and a server. It delays what passes, or can cut
// every connection after a number of packets.
type Proxy struct {
	latency  time.Duration // one way
	split    bool          // into SSH packets
	target   string
	listener net.Listener

	mu      sync.Mutex
	packets int // from the client, since the last Cut
	cutAt   int // -1: never
	down    bool
	reopen  bool
	conns   map[net.Conn]bool
}

// NewProxy starts a proxy that delays what passes by latency in each direction.
func NewProxy(t testing.TB, target string, latency time.Duration) *Proxy {
	t.Helper()
	return startProxy(t, &Proxy{target: target, latency: latency})
}

// NewCutter starts a proxy that can cut. It needs a server that speaks AES-GCM.
func NewCutter(t testing.TB, target string) *Proxy {
	t.Helper()
	return startProxy(t, &Proxy{target: target, split: true})
}

func startProxy(t testing.TB, p *Proxy) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.listener, p.cutAt, p.conns = listener, -1, map[net.Conn]bool{}
	var wg sync.WaitGroup
	wg.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.drop()
		wg.Wait()
	})
	return p
}

// Port is where on loopback the proxy listens.
func (p *Proxy) Port() int { return p.listener.Addr().(*net.TCPAddr).Port }

// Cut makes the proxy pass n more SSH packets from clients, then cut every
// connection and, unless reopen is set, refuse new ones.
func (p *Proxy) Cut(n int, reopen bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.packets, p.cutAt, p.down = 0, n, false
	p.reopen = reopen
}

// Mend lets everything pass and tells how many packets passed since Cut.
func (p *Proxy) Mend() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutAt, p.down = -1, false
	return p.packets
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		down := p.down
		p.mu.Unlock()
		if down {
			_ = client.Close()
			continue
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = true, true
		p.mu.Unlock()
		go p.fromClient(server, client)
		go p.fromServer(client, server)
	}
}

func (p *Proxy) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropLocked()
}

func (p *Proxy) dropLocked() {
	for conn := range p.conns {
		_ = conn.Close()
	}
	clear(p.conns)
}

func (p *Proxy) fromServer(client, server net.Conn) {
	defer client.Close()
	pipe := newDelay(client, p.latency)
	defer pipe.close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		pipe.write(buffer[:n])
		if err != nil {
			return
		}
	}
}

// fromClient passes SSH packets whole. Their lengths can be read: before the
// first NEWKEYS nothing is encrypted, and AES-GCM, which both sides prefer,
// leaves the length in the clear (RFC 5647).
func (p *Proxy) fromClient(server, client net.Conn) {
	defer server.Close()
	pipe := newDelay(server, p.latency)
	defer pipe.close()
	if !p.split {
		buffer := make([]byte, 64<<10)
		for {
			n, err := client.Read(buffer)
			pipe.write(buffer[:n])
			if err != nil {
				return
			}
		}
	}
	reader := &packetReader{r: client}
	for {
		packet, err := reader.next()
		if err != nil || !p.pass() {
			return
		}
		pipe.write(packet)
		p.passed()
	}
}

// pass tells whether one more packet may go.
func (p *Proxy) pass() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.down && (p.cutAt < 0 || p.packets < p.cutAt)
}

// passed counts a packet and cuts when it was the last.
func (p *Proxy) passed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.packets++
	if p.cutAt < 0 || p.packets < p.cutAt {
		return
	}
	p.dropLocked()
	p.down = !p.reopen
	p.cutAt = -1
}

// packetReader splits the client's half of an SSH connection.
type packetReader struct {
	r         io.Reader
	started   bool
	encrypted bool
}

func (r *packetReader) next() ([]byte, error) {
	if !r.started {
		r.started = true
		return r.line()
	}
	head := make([]byte, 4)
	if _, err := io.ReadFull(r.r, head); err != nil {
		return nil, err
	}
	rest := int(binary.BigEndian.Uint32(head))
	if r.encrypted {
		rest += 16 // the tag
	}
	packet := append(head, make([]byte, rest)...)
	if _, err := io.ReadFull(r.r, packet[4:]); err != nil {
		return nil, err
	}
	const newKeys = 21
	if !r.encrypted && packet[5] == newKeys {
		r.encrypted = true
	}
	return packet, nil
}

func (r *packetReader) line() ([]byte, error) {
	var line []byte
	one := make([]byte, 1)
	for {
		if _, err := io.ReadFull(r.r, one); err != nil {
			return nil, err
		}
		line = append(line, one[0])
		if one[0] == '\n' {
			return line, nil
		}
	}
}

// delay writes what it is given after a fixed time, in order, without slowing
// the rate.
type delay struct {
	w     io.Writer
	after time.Duration
	queue chan delayed
	done  chan struct{}
}

type delayed struct {
	due  time.Time
	data []byte
}

func newDelay(w io.Writer, after time.Duration) *delay {
	d := &delay{w: w, after: after, queue: make(chan delayed, 1<<16), done: make(chan struct{})}
	if after == 0 {
		close(d.done)
		return d
	}
	go func() {
		defer close(d.done)
		for item := range d.queue {
			time.Sleep(time.Until(item.due))
			_, _ = d.w.Write(item.data)
		}
	}()
	return d
}

func (d *delay) write(data []byte) {
	if len(data) == 0 {
		return
	}
	if d.after == 0 {
		_, _ = d.w.Write(data)
		return
	}
	d.queue <- delayed{time.Now().Add(d.after), append([]byte(nil), data...)}
}

func (d *delay) close() {
	close(d.queue)
	<-d.done
}
