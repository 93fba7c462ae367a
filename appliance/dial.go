package appliance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// link is one connection. A session has one at a time and makes a new one when
// it was lost.
type link struct {
	ssh  *ssh.Client
	jump *link // nil: reached directly
	dead chan struct{}

	sftpOnce sync.Once
	sftp     *sftp.Client
	sftpErr  error

	shellMu sync.Mutex
	shell   *shellFacts // nil: not probed yet
}

// dial connects, checks the host key and authenticates.
func dial(ctx context.Context, config Config, password *passwordOnce) (*link, error) {
	l := &link{dead: make(chan struct{})}
	conn, err := dialConn(ctx, config, l)
	if err != nil {
		return nil, errors.Join(err, l.close())
	}
	client, err := handshake(ctx, config, conn, password)
	if err != nil {
		return nil, errors.Join(err, closeQuietly(conn), l.close())
	}
	l.ssh = client
	go func() {
		_ = client.Wait()
		close(l.dead)
	}()
	go l.keepAlive(config.timeout())
	return l, nil
}

func dialConn(ctx context.Context, config Config, l *link) (net.Conn, error) {
	dialer := config.Dial
	if dialer == nil {
		dialer = (&net.Dialer{Timeout: config.timeout()}).DialContext
	}
	where := config.name()
	if where != config.address() {
		where = fmt.Sprintf("%s (%s)", where, config.address())
	}
	if config.Jump != nil {
		jump, err := dial(ctx, *config.Jump, newPasswordOnce(*config.Jump))
		if err != nil {
			return nil, fmt.Errorf("jump host: %w", err)
		}
		l.jump = jump
		conn, err := jump.ssh.DialContext(ctx, "tcp", config.address())
		if err != nil {
			return nil, hintf(fmt.Errorf("connect to %s through %s: %w", where, config.Jump.name(), err),
				"the jump host must be able to reach the appliance and allow forwarding (AllowTcpForwarding)")
		}
		return conn, nil
	}
	conn, err := dialer(ctx, "tcp", config.address())
	if err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("connect to %s: %w", where, ctx.Err())
		}
		return nil, hintf(fmt.Errorf("connect to %s: %w", where, err),
			"check that the appliance runs and that its SSH port can be reached from here")
	}
	return conn, nil
}

// handshake runs SSH over a connection. The deadline stands still while a
// person is asked something.
func handshake(ctx context.Context, config Config, conn net.Conn, password *passwordOnce) (*ssh.Client, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	clock := deadline{conn: conn, timeout: config.timeout()}
	clock.start()
	clientConfig, err := clientConfig(ctx, config, &clock, password)
	if err != nil {
		return nil, err
	}
	c, channels, requests, err := ssh.NewClientConn(conn, config.address(), clientConfig)
	if err != nil {
		return nil, explainHandshake(ctx, config, err)
	}
	clock.stop()
	return ssh.NewClient(c, channels, requests), nil
}

func clientConfig(ctx context.Context, config Config, clock *deadline, password *passwordOnce) (*ssh.ClientConfig, error) {
	keys := config.HostKeys
	if accept := keys.Accept; accept != nil {
		keys.Accept = func(ctx context.Context, unknown UnknownKey) (bool, error) {
			clock.stop()
			defer clock.start()
			return accept(ctx, unknown)
		}
	}
	callback, hostKeyAlgorithms, err := keys.check(ctx, config.address())
	if err != nil {
		return nil, err
	}
	offer := algorithms(config.Legacy)
	if len(hostKeyAlgorithms) == 0 {
		hostKeyAlgorithms = offer.HostKeys
	}
	clientConfig := &ssh.ClientConfig{
		User:              config.User,
		HostKeyCallback:   callback,
		HostKeyAlgorithms: hostKeyAlgorithms,
		Auth:              authMethods(ctx, config, clock, password),
	}
	clientConfig.KeyExchanges, clientConfig.Ciphers, clientConfig.MACs = offer.KeyExchanges, offer.Ciphers, offer.MACs
	return clientConfig, nil
}

func authMethods(ctx context.Context, config Config, clock *deadline, password *passwordOnce) []ssh.AuthMethod {
	var methods []ssh.AuthMethod
	if config.Signers != nil {
		methods = append(methods, ssh.PublicKeysCallback(func() ([]ssh.Signer, error) { return config.Signers(ctx) }))
	}
	if config.Password == nil {
		return methods
	}
	ask := func() (string, error) {
		clock.stop()
		defer clock.start()
		return password.get(ctx)
	}
	answer := func(_, _ string, questions []string, echos []bool) ([]string, error) {
		answers := make([]string, len(questions))
		for i := range questions {
			if echos[i] {
				return nil, fmt.Errorf("the server asks %q, which is no password", questions[i])
			}
			secret, err := ask()
			if err != nil {
				return nil, err
			}
			answers[i] = secret
		}
		return answers, nil
	}
	return append(methods, ssh.PasswordCallback(ask), ssh.KeyboardInteractive(answer))
}

// explainHandshake says in one sentence which part of the handshake failed.
func explainHandshake(ctx context.Context, config Config, err error) error {
	where := fmt.Sprintf("log in to %s as %s", config.name(), config.User)
	var timeout net.Error
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", where, ctx.Err())
	case errors.Is(err, ErrHostKeyChanged), errors.Is(err, ErrHostKeyUnknown):
		return fmt.Errorf("%s: %w", where, innermost(err))
	case strings.Contains(err.Error(), "unable to authenticate"):
		return hintf(fmt.Errorf("%s: %w (%s)", where, ErrAuthentication, attempted(err)),
			"check the user and the password or key; an appliance's root account must have been made on it before")
	case errors.As(err, &timeout) && timeout.Timeout():
		return hintf(fmt.Errorf("%s: no answer within %s", where, config.timeout()),
			"the port is open, but nothing speaks SSH behind it; give it more time with --timeout")
	}
	return fmt.Errorf("%s: %w", where, explainNegotiation(config, err))
}

// innermost finds our own error under the library's "ssh: handshake failed".
func innermost(err error) error {
	var hint hintError
	if errors.As(err, &hint) {
		return hint
	}
	return err
}

func attempted(err error) string {
	_, after, found := strings.Cut(err.Error(), "attempted methods ")
	if !found {
		return "no method was tried"
	}
	methods, _, _ := strings.Cut(after, ",")
	return "tried " + strings.Trim(strings.ReplaceAll(methods, "none", ""), "[ ]")
}

// keepAlive ends a connection whose other side has gone silent, so that nothing
// waits on it for ever.
func (l *link) keepAlive(timeout time.Duration) {
	ticker := time.NewTicker(timeout / 2)
	defer ticker.Stop()
	for {
		select {
		case <-l.dead:
			return
		case <-ticker.C:
		}
		answer := make(chan error, 1)
		go func() {
			_, _, err := l.ssh.SendRequest("keepalive@openssh.com", true, nil)
			answer <- err
		}()
		select {
		case <-answer:
		case <-l.dead:
			return
		case <-time.After(timeout):
			_ = l.ssh.Close()
			return
		}
	}
}

func (l *link) close() error {
	var err error
	if l.ssh != nil {
		err = closeQuietly(l.ssh)
	}
	if l.jump != nil {
		err = errors.Join(err, l.jump.close())
	}
	return err
}

// closeQuietly closes what may have been closed by the other side already.
func closeQuietly(c interface{ Close() error }) error {
	if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// deadline is the time limit of a handshake.
type deadline struct {
	conn    net.Conn
	timeout time.Duration
}

// Connections through a jump host have no deadlines; their keepalive ends them.
func (d *deadline) start() { _ = d.conn.SetDeadline(time.Now().Add(d.timeout)) }
func (d *deadline) stop()  { _ = d.conn.SetDeadline(time.Time{}) }

// passwordOnce asks for a password once and keeps it for reconnections.
type passwordOnce struct {
	mu    sync.Mutex
	ask   func(context.Context) (string, error)
	known bool
	value string
}

func newPasswordOnce(config Config) *passwordOnce { return &passwordOnce{ask: config.Password} }

func (p *passwordOnce) get(ctx context.Context) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known {
		return p.value, nil
	}
	value, err := p.ask(ctx)
	if err != nil {
		return "", fmt.Errorf("password: %w", err)
	}
	p.value, p.known = value, true
	return value, nil
}
