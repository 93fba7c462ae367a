package vsphere

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const testToken = "a token of the tests"

type testConcentrator struct {
	*Concentrator
	hosts, viewers string
	dir            string
}

func startConcentrator(t testing.TB) *testConcentrator {
	t.Helper()
	dir := t.TempDir()
	c, err := NewConcentrator(ConcentratorConfig{LogDir: dir, Token: testToken, Node: func(vm string) string { return strings.Replace(vm, "lab-", "lab/", 1) }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	listen := func(serve func(context.Context, net.Listener) error) string {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		serving.Go(func() {
			if err := serve(ctx, listener); err != nil {
				t.Error(err)
			}
		})
		return listener.Addr().String()
	}
	tc := &testConcentrator{c, listen(c.ServeHosts), listen(c.ServeViewers), dir}
	t.Cleanup(func() {
		cancel()
		serving.Wait()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return tc
}

func (c *testConcentrator) client() ConcentratorClient {
	return ConcentratorClient{Address: c.viewers, Token: testToken}
}

func (c *testConcentrator) attach(t testing.TB, name string, replay bool) io.ReadWriteCloser {
	t.Helper()
	conn, err := c.client().Attach(context.Background(), name, replay)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// fakeHost is one serial port of an ESXi host as the concentrator meets it.
type fakeHost struct {
	t          testing.TB
	conn       net.Conn
	name, uuid string
	events     chan string // suboptions from the concentrator, by number and payload
	mu         sync.Mutex
	input      bytes.Buffer
	decoder    telnetDecoder
}

func (c *testConcentrator) host(t testing.TB, name, uuid string) *fakeHost {
	t.Helper()
	conn, err := net.Dial("tcp", c.hosts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	h := &fakeHost{t: t, conn: conn, name: name, uuid: uuid, events: make(chan string, 100)}
	h.decoder.binary = true
	h.raw([]byte{telnetIAC, telnetWILL, optionBinary, telnetIAC, telnetWILL, optionVMware, telnetIAC, telnetDO, optionBinary})
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := conn.Read(buffer)
			if h.decoder.decode(buffer[:n], h) != nil || err != nil {
				return
			}
		}
	}()
	return h
}

// port is host with the proxy asked for, and waits until it is connected.
func (c *testConcentrator) port(t testing.TB, name, uuid string) *fakeHost {
	t.Helper()
	h := c.host(t, name, uuid)
	h.sub(doProxy, []byte("Suclab"))
	h.expect(string([]byte{willProxy}))
	eventually(t, func() bool {
		for _, console := range c.Consoles() {
			if console.VM == name && console.Connected {
				return true
			}
		}
		return false
	})
	return h
}

// raw sends; a concentrator that has closed is noticed by what does not come.
func (h *fakeHost) raw(p []byte) { _, _ = h.conn.Write(p) }

func (h *fakeHost) say(text string)               { h.raw(appendTelnet(nil, []byte(text), true)) }
func (h *fakeHost) sub(code byte, payload []byte) { h.raw(appendSuboption(nil, code, payload)) }

func (h *fakeHost) expect(prefix string) string {
	h.t.Helper()
	for {
		select {
		case event := <-h.events:
			if strings.HasPrefix(event, prefix) {
				return event
			}
		case <-time.After(20 * time.Second):
			h.t.Fatalf("the concentrator did not send %q", prefix)
		}
	}
}

func (h *fakeHost) typed() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.input.String()
}

func (h *fakeHost) data(p []byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.input.Write(p)
	return nil
}
func (h *fakeHost) negotiate(byte, byte) error { return nil }
func (h *fakeHost) suboption(_ byte, payload []byte) error {
	switch payload[0] {
	case getVMName:
		h.sub(vmName, []byte(h.name))
	case getVMVCUUID:
		h.sub(vmVCUUID, []byte(h.uuid))
	default:
		h.events <- string(payload)
	}
	return nil
}

func eventually(t testing.TB, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited for 20 seconds in vain")
		}
	}
}

func readN(t testing.TB, r io.Reader, n int) []byte {
	t.Helper()
	p := make([]byte, n)
	if _, err := io.ReadFull(r, p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestConcentratorSharesAndLogsAConsole(t *testing.T) {
	c := startConcentrator(t)
	h := c.port(t, "lab-asa", "50 0a bb-cc 01")
	first, second := c.attach(t, "lab-asa", false), c.attach(t, "lab/asa", false)
	h.say("ciscoasa> \xff\x00\r\n")
	for _, viewer := range []io.Reader{first, second} {
		if got := readN(t, viewer, 14); string(got) != "ciscoasa> \xff\x00\r\n" {
			t.Errorf("a viewer read %q", got)
		}
	}
	if _, err := second.Write([]byte("enable\r\xff")); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return h.typed() == "enable\r\xff" })
	late := c.attach(t, "lab-asa", true)
	if got := readN(t, late, 14); string(got) != "ciscoasa> \xff\x00\r\n" {
		t.Errorf("one who came late read %q", got)
	}
	h.say("\x1b[31mready\x1b[0m\x07\r\n")
	eventually(t, func() bool { return c.Consoles()[0].LastLine == "ready" })
	list, err := c.client().Consoles(context.Background())
	if err != nil || len(list) != 1 || list[0].Node != "lab/asa" || list[0].UUID != "500abbcc01" || list[0].Viewers != 3 {
		t.Errorf("the list is %+v, %v", list, err)
	}
	log, err := os.ReadFile(filepath.Join(c.dir, "lab-asa.log"))
	header, rest, _ := strings.Cut(string(log), "\n")
	if err != nil || !strings.HasPrefix(header, "--- ") || rest != "ciscoasa> \xff\x00\r\n\x1b[31mready\x1b[0m\x07\r\n" {
		t.Errorf("the log is %q, %v", log, err)
	}
	if info, err := os.Stat(filepath.Join(c.dir, "lab-asa.log")); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("the log's mode is %v, %v", info.Mode(), err)
	}
}

func TestConcentratorKeepsAConsoleThroughVMotion(t *testing.T) {
	for _, completes := range []bool{true, false} {
		t.Run(fmt.Sprint(completes), func(t *testing.T) {
			c := startConcentrator(t)
			source := c.port(t, "lab-asa", "01")
			viewer := c.attach(t, "lab-asa", false)
			source.say("before")
			source.sub(vmotionBegin, []byte{0, 0, 0, 255})
			cookie := source.expect(string([]byte{vmotionGoahead, 0, 0, 0, 255}))[1:]
			if _, err := viewer.Write([]byte("held")); err != nil {
				t.Fatal(err)
			}
			destination := c.host(t, "lab-asa", "01")
			destination.sub(vmotionPeer, []byte(cookie))
			destination.expect(string([]byte{vmotionPeerOK}) + cookie)
			last, other := destination, source
			if completes {
				destination.sub(vmotionComplete, []byte{0, 0, 0, 255})
			} else {
				source.sub(vmotionAbort, nil)
				last, other = source, destination
			}
			eventually(t, func() bool { return last.typed() == "held" })
			last.say("after")
			if got := readN(t, viewer, 11); string(got) != "beforeafter" {
				t.Errorf("the viewer read %q", got)
			}
			if other.typed() != "" {
				t.Errorf("the other host got %q", other.typed())
			}
			if list := c.Consoles(); len(list) != 1 || !list[0].Connected || list[0].Moving {
				t.Errorf("consoles %+v", list)
			}
		})
	}
}

func TestConcentratorRefuses(t *testing.T) {
	c := startConcentrator(t)
	c.port(t, "lab-asa", "01")
	closed := func(name string, send func(h *fakeHost)) {
		t.Run(name, func(t *testing.T) {
			h := c.host(t, "lab-x", "02")
			send(h)
			eventually(t, func() bool { _, err := h.conn.Write([]byte{telnetIAC, 241}); return err != nil })
		})
	}
	closed("forged vMotion", func(h *fakeHost) { h.sub(vmotionPeer, []byte("12345678")) })
	closed("client direction", func(h *fakeHost) { h.sub(doProxy, []byte("Cuclab")) })
	closed("huge suboption", func(h *fakeHost) { h.sub(vmName, make([]byte, 2*maxSuboption)) })
	closed("no extensions", func(h *fakeHost) { h.raw([]byte{telnetIAC, telnetWONT, optionVMware}) })
	wrong := ConcentratorClient{Address: c.viewers, Token: "another token"}
	if list, err := wrong.Consoles(context.Background()); err == nil || list != nil {
		t.Errorf("a wrong token gave %v", list)
	}
	if _, err := c.client().Attach(context.Background(), "nobody", false); err == nil || !strings.Contains(err.Error(), `"nobody"`) {
		t.Errorf("an unknown console gave %v", err)
	}
	if list := c.Consoles(); len(list) != 1 {
		t.Errorf("consoles %+v", list)
	}
}

// TestConcentratorDropsStalledViewers checks that one who does not read costs
// the others nothing, and is dropped.
func TestConcentratorDropsStalledViewers(t *testing.T) {
	c := startConcentrator(t)
	h := c.port(t, "lab-asa", "01")
	reader := c.attach(t, "lab-asa", false)
	c.attach(t, "lab-asa", false) // never reads
	block := strings.Repeat("0123456789abcde\n", 4096)
	for n := 0; n < 400 && c.Consoles()[0].Viewers == 2; n++ {
		h.say(block)
		if got := readN(t, reader, len(block)); string(got) != block {
			t.Fatal("the reader lost bytes")
		}
	}
	if viewers := c.Consoles()[0].Viewers; viewers != 1 {
		t.Errorf("%d viewers are left, want the one that reads", viewers)
	}
}

// TestConcentratorIsByteExact sends all byte values over several consoles at once
// in odd pieces.
func TestConcentratorIsByteExact(t *testing.T) {
	c := startConcentrator(t)
	var running sync.WaitGroup
	for i := range 8 {
		name := fmt.Sprintf("lab-%d", i)
		h := c.port(t, name, fmt.Sprintf("%02x", i))
		viewer := c.attach(t, name, false)
		random := rand.New(rand.NewPCG(uint64(i), 1))
		want := make([]byte, 100_000)
		for j := range want {
			want[j] = byte(random.Uint32())
			if random.IntN(4) == 0 {
				want[j] = []byte{255, 0, '\r', '\n'}[random.IntN(4)]
			}
		}
		running.Go(func() {
			wire := appendTelnet(nil, want, true)
			for len(wire) > 0 {
				n := min(len(wire), 1+random.IntN(3000))
				h.raw(wire[:n])
				wire = wire[n:]
			}
		})
		running.Go(func() {
			got := make([]byte, len(want))
			if _, err := io.ReadFull(viewer, got); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: the viewer's bytes differ (%v)", name, err)
			}
			log, err := os.ReadFile(filepath.Join(c.dir, name+".log"))
			if _, body, _ := bytes.Cut(log, []byte("\n")); err != nil || !bytes.Equal(body, want) {
				t.Errorf("%s: the log's bytes differ (%v)", name, err)
			}
		})
	}
	running.Wait()
}

func TestConsoleLogIsBounded(t *testing.T) {
	dir := t.TempDir()
	log, err := openConsoleLog(dir, "x", 100)
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if err := log.write([]byte("0123456789\n")); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"x.log", "x.log.1"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() > 100 || info.Size() == 0 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

func TestConsoleNamesAreHarmless(t *testing.T) {
	for name, want := range map[string]string{"../../etc/passwd": "_.._etc_passwd", "": "unnamed", "a b\x1b[2J": "a_b__2J", "..": "unnamed"} {
		if got := fileName(name); got != want {
			t.Errorf("%q gives %q, want %q", name, got, want)
		}
	}
	if got := printable("a\x1b[2J\u202eb\xffc"); got != "a[2Jbc" {
		t.Errorf("printable gives %q", got)
	}
}

func TestDialConsoleSpeaksTelnet(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = conn.Write([]byte("a\r\x00b\xff\xff\xff\xfb\x01\xff\xfb\x00\xff\xfd\x00c\r\x00d"))
		_, _ = io.Copy(io.Discard, conn)
	}()
	scheme, address, err := ConsoleAddress("telnet://:"+strings.TrimPrefix(listener.Addr().String(), "127.0.0.1:"), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := DialConsole(context.Background(), scheme, address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if got := readN(t, conn, 8); string(got) != "a\rb\xffc\r\x00d" {
		t.Errorf("read %q", got)
	}
}

type collected struct{ text, rest []byte }

func (c *collected) data(p []byte) error       { c.text = append(c.text, p...); return nil }
func (c *collected) negotiate(v, o byte) error { c.rest = append(c.rest, v, o); return nil }
func (c *collected) suboption(o byte, p []byte) error {
	c.rest = append(append(c.rest, o), p...)
	return nil
}

// FuzzTelnet checks that a stream means the same in whatever pieces it comes,
// and that what is encoded comes back.
func FuzzTelnet(f *testing.F) {
	f.Add([]byte("a\r\x00\xff\xffb\xff\xfa\xe8\x52name\xff\xff\xff\xf0\xff\xfb\x00"), true)
	f.Add([]byte("\r\x00\x00\r\xff\xff\x00"), false)
	f.Fuzz(func(t *testing.T, stream []byte, binary bool) {
		whole, pieces := &collected{}, &collected{}
		d := telnetDecoder{binary: binary}
		wholeErr := d.decode(stream, whole)
		d = telnetDecoder{binary: binary}
		var piecesErr error
		for i := 0; i < len(stream) && piecesErr == nil; i++ {
			piecesErr = d.decode(stream[i:i+1], pieces)
		}
		if (wholeErr == nil) != (piecesErr == nil) || !bytes.Equal(whole.text, pieces.text) || !bytes.Equal(whole.rest, pieces.rest) {
			t.Fatalf("whole %q %q %v, in pieces %q %q %v", whole.text, whole.rest, wholeErr, pieces.text, pieces.rest, piecesErr)
		}
		back := &collected{}
		d = telnetDecoder{binary: binary}
		if err := d.decode(appendTelnet(nil, stream, binary), back); err != nil || !bytes.Equal(back.text, stream) || back.rest != nil {
			t.Fatalf("%q came back as %q, %v", stream, back.text, err)
		}
	})
}
