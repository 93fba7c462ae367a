package appliance

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The few packets of SFTP version 3 (draft-ietf-secsh-filexfer-02) that the
// swap writes itself: the library sends one packet per write, and two renames
// have to travel together.
const (
	packetInit    = 1
	packetVersion = 2
	packetRename  = 18
	packetStatus  = 101

	maxPacket = 256 << 10 // bytes, as OpenSSH's sftp-server takes
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

// renames sends renames together over a channel of their own and gives their
// status codes.
func (l *link) renames(pairs [][2]string) (statuses []uint32, err error) {
	session, err := l.ssh.NewSession()
	if err != nil {
		return nil, err
	}
	defer session.Close() // its error is EOF: the other side closes first
	in, err := session.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := session.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := session.RequestSubsystem("sftp"); err != nil {
		return nil, err
	}
	if _, err := in.Write(appendPacket(nil, packetInit, binary.BigEndian.AppendUint32(nil, 3))); err != nil {
		return nil, err
	}
	if kind, _, err := readPacket(out); err != nil || kind != packetVersion {
		return nil, errors.Join(fmt.Errorf("start SFTP: packet type %d", kind), err)
	}
	var packets []byte
	for i, pair := range pairs {
		body := binary.BigEndian.AppendUint32(nil, uint32(i))
		body = appendString(appendString(body, pair[0]), pair[1])
		packets = appendPacket(packets, packetRename, body)
	}
	if _, err := in.Write(packets); err != nil {
		return nil, err
	}
	return readStatuses(out, len(pairs))
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
