package appliance

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// The few packets of SFTP version 3 (draft-ietf-secsh-filexfer-02) that the
// swap writes itself: the library sends one packet per write, where two renames
// have to travel together, and splits a long write, which has to stay whole.
const (
	packetInit    = 1
	packetVersion = 2
	packetOpen    = 3
	packetClose   = 4
	packetWrite   = 6
	packetRename  = 18
	packetStatus  = 101
	packetHandle  = 102

	openForWriting = 2 // SSH_FXF_WRITE: neither created nor truncated

	maxPacket = 256 << 10 // bytes, as OpenSSH's sftp-server takes
	// maxOneWrite leaves room for the head of a WRITE packet, its handle included.
	maxOneWrite = maxPacket - 1024
)

// swapInOnePacket moves the old file aside and the new one into its place with
// two requests in one write, which is one SSH packet: the server gets both or
// none. If the second fails, the old file is moved back.
func (s *Session) swapInOnePacket(ctx context.Context, r Replacement) error {
	var statuses []uint32
	err := s.with(ctx, false, func(l *link) (err error) {
		statuses, err = l.renames([][2]string{{r.Path, r.aside()}, {r.temporary(), r.Path}})
		return err
	})
	if err != nil {
		return err
	}
	switch {
	case statuses[0] != 0:
		return fmt.Errorf("move the old file aside: the server answered status %d", statuses[0])
	case statuses[1] != 0:
		failed := fmt.Errorf("move the new file into place: the server answered status %d", statuses[1])
		return errors.Join(failed, s.Rename(context.WithoutCancel(ctx), r.aside(), r.Path))
	}
	return s.Remove(ctx, r.aside())
}

// rawSFTP is an SFTP channel of its own.
type rawSFTP struct {
	session *ssh.Session
	in      io.Writer
	out     io.Reader
}

func (l *link) rawSFTP() (*rawSFTP, error) {
	session, err := l.ssh.NewSession()
	if err != nil {
		return nil, err
	}
	raw := &rawSFTP{session: session}
	if err := raw.start(); err != nil {
		return nil, errors.Join(err, raw.close())
	}
	return raw, nil
}

func (r *rawSFTP) start() (err error) {
	if r.in, err = r.session.StdinPipe(); err != nil {
		return err
	}
	if r.out, err = r.session.StdoutPipe(); err != nil {
		return err
	}
	if err := r.session.RequestSubsystem("sftp"); err != nil {
		return err
	}
	kind, _, err := r.ask(appendPacket(nil, packetInit, binary.BigEndian.AppendUint32(nil, 3)))
	if err != nil {
		return err
	}
	if kind != packetVersion {
		return fmt.Errorf("start SFTP: unexpected packet of type %d", kind)
	}
	return nil
}

func (r *rawSFTP) close() error {
	if err := r.session.Close(); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// ask sends one packet and reads one.
func (r *rawSFTP) ask(packet []byte) (kind byte, body []byte, err error) {
	if _, err := r.in.Write(packet); err != nil {
		return 0, nil, err
	}
	return readPacket(r.out)
}

// renames sends renames together and gives their status codes.
func (l *link) renames(pairs [][2]string) (statuses []uint32, err error) {
	raw, err := l.rawSFTP()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, raw.close()) }()
	var packets []byte
	for i, pair := range pairs {
		body := binary.BigEndian.AppendUint32(nil, uint32(i))
		body = appendString(appendString(body, pair[0]), pair[1])
		packets = appendPacket(packets, packetRename, body)
	}
	if _, err := raw.in.Write(packets); err != nil {
		return nil, err
	}
	return readStatuses(raw.out, len(pairs))
}

// writeOnce writes over the start of a file with a single request.
func (l *link) writeOnce(name string, data []byte) (err error) {
	raw, err := l.rawSFTP()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, raw.close()) }()
	open := appendString(binary.BigEndian.AppendUint32(nil, 0), name)
	open = binary.BigEndian.AppendUint32(open, openForWriting)
	open = binary.BigEndian.AppendUint32(open, 0) // no attributes
	kind, body, err := raw.ask(appendPacket(nil, packetOpen, open))
	if err != nil {
		return err
	}
	if kind != packetHandle || len(body) < 8 || len(body) > 512 {
		return fmt.Errorf("open %s: the server gave no handle", name)
	}
	handle := string(body[8:])
	write := appendString(binary.BigEndian.AppendUint32(nil, 0), handle)
	write = binary.BigEndian.AppendUint64(write, 0)
	write = appendString(write, string(data))
	if err := raw.mustSucceed(appendPacket(nil, packetWrite, write)); err != nil {
		return fmt.Errorf("write over %s: %w", name, err)
	}
	closing := appendString(binary.BigEndian.AppendUint32(nil, 0), handle)
	if err := raw.mustSucceed(appendPacket(nil, packetClose, closing)); err != nil {
		return fmt.Errorf("close %s: %w", name, err)
	}
	return nil
}

func (r *rawSFTP) mustSucceed(packet []byte) error {
	if _, err := r.in.Write(packet); err != nil {
		return err
	}
	statuses, err := readStatuses(r.out, 1)
	if err == nil && statuses[0] != 0 {
		err = &sftp.StatusError{Code: statuses[0]}
	}
	return err
}

func readStatuses(r io.Reader, count int) ([]uint32, error) {
	statuses := make([]uint32, count)
	for range count {
		kind, body, err := readPacket(r)
		if err != nil {
			return nil, err
		}
		if kind != packetStatus || len(body) < 8 || binary.BigEndian.Uint32(body) >= uint32(count) {
			return nil, fmt.Errorf("answer to a rename: unexpected packet of type %d", kind)
		}
		statuses[binary.BigEndian.Uint32(body)] = binary.BigEndian.Uint32(body[4:])
	}
	return statuses, nil
}

func appendString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

func appendPacket(b []byte, kind byte, body []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)+1))
	return append(append(b, kind), body...)
}

func readPacket(r io.Reader) (kind byte, body []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, fmt.Errorf("read SFTP packet: %w", err)
	}
	length := binary.BigEndian.Uint32(head[:4])
	if length < 1 || length > maxPacket {
		return 0, nil, fmt.Errorf("read SFTP packet: absurd length %d", length)
	}
	body = make([]byte, length-1)
	if _, err := io.ReadFull(r, body); err != nil {
		return 0, nil, fmt.Errorf("read SFTP packet: %w", err)
	}
	return head[4], body, nil
}
