package appliance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
)

// check gives the callback that trusts what known_hosts trusts, and the host
// key algorithms to ask for: those of the keys that are known, so that a server
// with several keys is not mistaken for another.
func (h HostKeys) check(ctx context.Context, address string) (ssh.HostKeyCallback, []string, error) {
	var files []string
	for _, file := range h.Files {
		if _, err := os.Stat(file); err == nil {
			files = append(files, file)
		} else if !errors.Is(err, os.ErrNotExist) {
			return nil, nil, fmt.Errorf("read known hosts: %w", err)
		}
	}
	known, err := knownhosts.NewDB(files...)
	if err != nil {
		return nil, nil, fmt.Errorf("read known hosts: %w", err)
	}
	inner := known.HostKeyCallback()
	callback := func(hostname string, remote net.Addr, key ssh.PublicKey) error {
		err := inner(hostname, remote, key)
		switch {
		case knownhosts.IsHostKeyChanged(err):
			return hintf(fmt.Errorf("%w: %s now has %s %s", ErrHostKeyChanged, knownhosts.Normalize(hostname), key.Type(), ssh.FingerprintSHA256(key)),
				"if the appliance was installed anew, remove its old line with: ssh-keygen -R '%s'; if not, someone may be in between", knownhosts.Normalize(hostname))
		case knownhosts.IsHostUnknown(err):
			return h.firstUse(ctx, hostname, key)
		}
		return err
	}
	return callback, known.HostKeyAlgorithms(address), nil
}

// firstUse asks about an unknown key and remembers the answer.
func (h HostKeys) firstUse(ctx context.Context, hostname string, key ssh.PublicKey) error {
	unknown := UnknownKey{Host: knownhosts.Normalize(hostname), Type: key.Type(), Fingerprint: ssh.FingerprintSHA256(key)}
	refused := hintf(fmt.Errorf("%w: %s has %s %s", ErrHostKeyUnknown, unknown.Host, unknown.Type, unknown.Fingerprint),
		"compare the fingerprint with the appliance's console, then use --accept-new, or add the key to known_hosts")
	if h.Accept == nil {
		return refused
	}
	yes, err := h.Accept(ctx, unknown)
	if err != nil {
		return fmt.Errorf("host key of %s: %w", unknown.Host, err)
	}
	if !yes {
		return refused
	}
	if h.AddTo == "" {
		return nil
	}
	return addKnownHost(h.AddTo, hostname, key)
}

func addKnownHost(file, hostname string, key ssh.PublicKey) (err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("remember the host key: %w", err)
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("remember the host key: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := fmt.Fprintln(f, knownhosts.Line([]string{knownhosts.Normalize(hostname)}, key)); err != nil {
		return fmt.Errorf("remember the host key: %w", err)
	}
	return nil
}
