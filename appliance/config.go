// Package appliance holds a session with a running appliance: SSH with checked
// host keys, SFTP as far as the server goes, commands on its root shell, and
// its platform command line. It knows nothing of labs, patches or terminals.
package appliance

import (
	"context"
	"net"
	"strconv"
	"time"

	"golang.org/x/crypto/ssh"
)

// Defaults of Config.
const (
	DefaultPort    = 22
	DefaultTimeout = 30 * time.Second
)

// Config says how to reach an appliance. Only Host and User are needed.
type Config struct {
	Name string // what errors call the appliance; empty: Host
	Host string // host name or address
	Port int    // 0: 22
	User string

	// Password is asked when the server wants one, for password and for
	// keyboard-interactive authentication (newer appliances offer only the
	// latter). It is asked at most once per session. Nil: no password.
	Password func(ctx context.Context) (string, error)
	// Signers gives the private keys, the user's agent's included. Nil: none.
	Signers func(ctx context.Context) ([]ssh.Signer, error)

	HostKeys HostKeys

	// Legacy allows the algorithms that today's clients leave out: CBC ciphers,
	// group1 and SHA-1 group exchange, RC4. Appliances of the RHEL 4 to 6 age
	// need them where their sshd_config was narrowed.
	Legacy bool

	Jump *Config // go through this host first

	Timeout time.Duration // of connecting, of the handshake and of silence; 0: 30 s

	// Dial replaces the TCP dialer, for tests and unusual networks.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// HostKeys says which host keys are trusted.
type HostKeys struct {
	Files []string // known_hosts files; those that do not exist are skipped
	// Accept is asked about a key that no file knows: trust on first use. Nil
	// refuses. It is never asked about a key that differs from a known one.
	Accept func(ctx context.Context, unknown UnknownKey) (bool, error)
	// AddTo is the known_hosts file that accepted keys are added to; empty: none.
	AddTo string
}

// UnknownKey is the key of a host that no known_hosts file has.
type UnknownKey struct {
	Host        string // as known_hosts writes it: "host" or "[host]:port"
	Type        string // "ssh-ed25519"
	Fingerprint string // "SHA256:..."
}

func (c Config) address() string {
	port := c.Port
	if port == 0 {
		port = DefaultPort
	}
	return net.JoinHostPort(c.Host, strconv.Itoa(port))
}

func (c Config) name() string {
	if c.Name != "" {
		return c.Name
	}
	return c.Host
}

func (c Config) timeout() time.Duration {
	if c.Timeout == 0 {
		return DefaultTimeout
	}
	return c.Timeout
}
