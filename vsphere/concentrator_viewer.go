package vsphere

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// ConcentratorClient reaches a running concentrator's viewers' address.
type ConcentratorClient struct {
	Address string // host:port
	Token   string
}

// viewerRequest is the one line that a viewer sends first.
type viewerRequest struct {
	Token   string `json:"token"`
	Console string `json:"console,omitempty"` // none: the list
	Replay  bool   `json:"replay,omitempty"`
}

// viewerAnswer is the one line that it gets; after it, the console's bytes.
type viewerAnswer struct {
	Error    string        `json:"error,omitempty"`
	Name     string        `json:"name,omitempty"`
	Consoles []ConsoleInfo `json:"consoles,omitempty"`
}

// The sizes of a viewer's lines, in bytes.
const (
	maxRequest = 4 << 10
	maxAnswer  = 16 << 20
)

// Consoles lists the concentrator's consoles.
func (v ConcentratorClient) Consoles(ctx context.Context) ([]ConsoleInfo, error) {
	conn, _, answer, err := v.ask(ctx, viewerRequest{Token: v.Token})
	if err != nil {
		return nil, err
	}
	return answer.Consoles, conn.Close()
}

// Attach watches a console and types on it: name is the console's, its VM's or
// its node's. With replay, the last that the guest wrote comes first.
func (v ConcentratorClient) Attach(ctx context.Context, name string, replay bool) (io.ReadWriteCloser, error) {
	conn, reader, _, err := v.ask(ctx, viewerRequest{Token: v.Token, Console: name, Replay: replay})
	if err != nil {
		return nil, err
	}
	return &viewedConsole{conn, reader}, nil
}

type viewedConsole struct {
	net.Conn
	reader *bufio.Reader
}

func (v *viewedConsole) Read(p []byte) (int, error) { return v.reader.Read(p) }

func (v ConcentratorClient) ask(ctx context.Context, request viewerRequest) (_ net.Conn, _ *bufio.Reader, _ *viewerAnswer, err error) {
	dialer := net.Dialer{Timeout: 5 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", v.Address)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("reach the concentrator: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, conn.Close())
		}
	}()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second)) // fails only on a closed connection, as the next call will
	line, err := json.Marshal(request)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("ask the concentrator: %w", err)
	}
	if _, err := conn.Write(append(line, '\n')); err != nil {
		return nil, nil, nil, fmt.Errorf("ask the concentrator: %w", err)
	}
	reader := bufio.NewReaderSize(conn, 16<<10)
	var answer viewerAnswer
	if err := readLine(reader, maxAnswer, &answer); err != nil {
		return nil, nil, nil, fmt.Errorf("read the concentrator's answer: %w", err)
	}
	if answer.Error != "" {
		return nil, nil, nil, errors.New(printable(answer.Error))
	}
	return conn, reader, &answer, conn.SetDeadline(time.Time{})
}

// readLine reads one line of JSON of at most limit bytes.
func readLine(reader *bufio.Reader, limit int, document any) error {
	var line []byte
	for {
		part, err := reader.ReadSlice('\n')
		if len(line)+len(part) > limit {
			return fmt.Errorf("a line of more than %d bytes", limit)
		}
		line = append(line, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return err
		}
		return json.Unmarshal(line, document)
	}
}

func (c *Concentrator) serveViewer(conn net.Conn) {
	_ = conn.SetReadDeadline(time.Now().Add(identifyTime)) // fails only on a closed connection, as the next call will
	reader := bufio.NewReaderSize(conn, maxRequest)
	var request viewerRequest
	if err := readLine(reader, maxRequest, &request); err != nil {
		return // not a viewer, or gone
	}
	out := newOutbox(conn, viewerLimit)
	defer func() { out.end(); <-out.done }()
	got, want := sha256.Sum256([]byte(request.Token)), sha256.Sum256([]byte(c.config.Token))
	if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
		c.config.Notify("refused a viewer with a wrong token")
		out.put(answerLine(viewerAnswer{Error: "the concentrator does not know this token"}))
		return
	}
	if request.Console == "" {
		out.mu.Lock()
		out.limit = maxAnswer
		out.mu.Unlock()
		out.put(answerLine(viewerAnswer{Consoles: c.Consoles()}))
		return
	}
	console, err := c.find(request.Console)
	if err != nil {
		out.put(answerLine(viewerAnswer{Error: err.Error()}))
		return
	}
	_ = conn.SetReadDeadline(time.Time{}) // fails only on a closed connection, as the next call will
	console.watch(out, answerLine(viewerAnswer{Name: console.name}), request.Replay)
	defer console.unwatch(out)
	typeOn(console, reader)
}

func answerLine(answer viewerAnswer) []byte {
	line, err := json.Marshal(answer)
	if err != nil {
		return []byte("{\"error\":\"the answer cannot be written\"}\n")
	}
	return append(line, '\n')
}

// typeOn sends a viewer's input to the console. While the VM does not take it,
// only this viewer waits.
func typeOn(console *console, reader *bufio.Reader) {
	buffer := make([]byte, 4096)
	for {
		n, err := reader.Read(buffer)
		for tries := 0; n > 0 && !console.input(buffer[:n]); tries++ {
			if tries == 600 {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		if err != nil {
			return
		}
	}
}
