package appliance

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pkg/sftp"
)

// Session is a session with one appliance. It may be used by several goroutines
// at once. A connection that is lost is made anew once per operation, where
// repeating the operation is safe.
type Session struct {
	config   Config
	password *passwordOnce
	handles  chan struct{} // limits open SFTP handles

	mu     sync.Mutex
	link   *link
	closed bool
}

// maxHandles keeps below the 100 open handles that OpenSSH 3.9's sftp-server
// allows (sftp-server.c, handles[100]).
const maxHandles = 64

// Dial opens a session.
func Dial(ctx context.Context, config Config) (*Session, error) {
	if config.Host == "" {
		return nil, errors.New("no host given")
	}
	if config.User == "" {
		return nil, hintf(fmt.Errorf("no user given for %s", config.name()), "give the account with --user, or ssh { user = \"root\" } in the node block")
	}
	s := &Session{config: config, password: newPasswordOnce(config), handles: make(chan struct{}, maxHandles)}
	l, err := dial(ctx, config, s.password)
	if err != nil {
		return nil, err
	}
	s.link = l
	return s, nil
}

// Name is what the configuration calls the appliance.
func (s *Session) Name() string { return s.config.name() }

// Close ends the session.
func (s *Session) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.link == nil {
		return nil
	}
	l := s.link
	s.link = nil
	if err := l.close(); err != nil {
		return fmt.Errorf("close the session with %s: %w", s.config.name(), err)
	}
	return nil
}

// connected gives the current connection, made anew if it was lost.
func (s *Session) connected(ctx context.Context) (*link, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("session with %s: closed", s.config.name())
	}
	if s.link != nil {
		select {
		case <-s.link.dead:
			s.link = nil
		default:
			return s.link, nil
		}
	}
	l, err := dial(ctx, s.config, s.password)
	if err != nil {
		return nil, fmt.Errorf("reconnect: %w", err)
	}
	s.link = l
	return l, nil
}

// with runs an operation on the connection. A repeatable operation is run once
// more over a new connection when the first one was lost.
func (s *Session) with(ctx context.Context, repeatable bool, operation func(*link) error) error {
	for attempt := 0; ; attempt++ {
		l, err := s.connected(ctx)
		if err != nil {
			return err
		}
		err = await(ctx, func() error { return operation(l) })
		if err == nil || ctx.Err() != nil || !l.lostBy(err) {
			return err
		}
		if !repeatable || attempt > 0 {
			return fmt.Errorf("%w: %w", ErrConnectionLost, err)
		}
	}
}

// lostBy tells whether an error comes from a connection that broke. The error
// can arrive a moment before the connection is known to be dead.
func (l *link) lostBy(err error) bool {
	if answered(err) {
		return false
	}
	select {
	case <-l.dead:
		return true
	case <-time.After(200 * time.Millisecond):
		return errors.Is(err, sftp.ErrSSHFxConnectionLost)
	}
}

// await lets a context end the waiting for an operation that takes none.
func await(ctx context.Context, operation func() error) error {
	done := make(chan error, 1)
	go func() { done <- operation() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// files runs an SFTP operation.
func (s *Session) files(ctx context.Context, repeatable bool, operation func(*sftp.Client) error) error {
	return s.with(ctx, repeatable, func(l *link) error {
		client, err := l.startSFTP()
		if err != nil {
			return err
		}
		return operation(client)
	})
}

// transferBlock is the most that is read or written with one request, in bytes:
// the buffer that sftp-server has had since OpenSSH 3.9 (sftp-server.c,
// process_read), twice what the protocol guarantees.
const transferBlock = 64 << 10

func (l *link) startSFTP() (*sftp.Client, error) {
	l.sftpOnce.Do(func() {
		l.sftp, l.sftpErr = sftp.NewClient(l.ssh, sftp.UseConcurrentWrites(true), sftp.UseConcurrentReads(true), sftp.MaxPacketUnchecked(transferBlock))
		if l.sftpErr != nil {
			l.sftpErr = hintf(fmt.Errorf("start SFTP: %w", l.sftpErr),
				"the account must be allowed the sftp subsystem; an appliance's administration account is not, a root account is")
		}
	})
	return l.sftp, l.sftpErr
}

// SFTP gives the SFTP client of the current connection, for bulk transfers. It
// ends with the connection.
func (s *Session) SFTP(ctx context.Context) (*sftp.Client, error) {
	var client *sftp.Client
	err := s.files(ctx, true, func(c *sftp.Client) error {
		client = c
		return nil
	})
	return client, err
}

// Capabilities is what the server's SFTP can do beyond version 3 of the
// protocol. The sftp-server of RHEL 4 and 5 appliances announces nothing.
type Capabilities struct {
	PosixRename bool // posix-rename@openssh.com: rename replaces its target
	StatVFS     bool // statvfs@openssh.com
	HardLink    bool // hardlink@openssh.com
	Sync        bool // fsync@openssh.com
}

// Capabilities asks what the server announced when SFTP started.
func (s *Session) Capabilities(ctx context.Context) (Capabilities, error) {
	var found Capabilities
	err := s.files(ctx, true, func(client *sftp.Client) error {
		found = capabilities(client)
		return nil
	})
	return found, err
}

func capabilities(client *sftp.Client) Capabilities {
	has := func(name string) bool {
		_, ok := client.HasExtension(name)
		return ok
	}
	return Capabilities{
		PosixRename: has("posix-rename@openssh.com"),
		StatVFS:     has("statvfs@openssh.com"),
		HardLink:    has("hardlink@openssh.com"),
		Sync:        has("fsync@openssh.com"),
	}
}
