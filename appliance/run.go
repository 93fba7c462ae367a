package appliance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// Result is what a command on the root shell left.
type Result struct {
	Stdout string
	Stderr string
	Code   int // exit status
}

// maxOutput is the most output of a command that is kept, in bytes.
const maxOutput = 4 << 20

// shellPatience is how long an account may take to show that it has a shell:
// the platform command line starts instead on accounts that have none, and
// waits for a terminal.
const shellPatience = 10 * time.Second

type shellFacts struct {
	root    bool
	selinux bool
}

// probe prints a sum that an echoing command line cannot print, the user id and
// whether SELinux is on (RHEL 4 to 6, then RHEL 7 and later).
const probe = `echo uclab-$((6*7)) $(id -u) $([ -e /selinux/enforce ] || [ -e /sys/fs/selinux/enforce ] && echo selinux)`

// Shell tells whether commands can be run as root.
func (s *Session) Shell(ctx context.Context) (bool, error) {
	var facts shellFacts
	err := s.with(ctx, true, func(l *link) (err error) {
		facts, err = l.probeShell(ctx)
		return err
	})
	return facts.root, err
}

func (l *link) probeShell(ctx context.Context) (shellFacts, error) {
	l.shellMu.Lock()
	defer l.shellMu.Unlock()
	if l.shell != nil {
		return *l.shell, nil
	}
	ctx, cancel := context.WithTimeout(ctx, shellPatience)
	defer cancel()
	result, err := l.exec(ctx, probe, nil)
	select {
	case <-l.dead:
		return shellFacts{}, fmt.Errorf("look for a shell: %w", ErrConnectionLost)
	default:
	}
	if errors.Is(err, context.Canceled) {
		return shellFacts{}, err
	}
	facts := shellFacts{}
	if words := strings.Fields(result.Stdout); err == nil && len(words) >= 2 && words[0] == "uclab-42" {
		facts.root = words[1] == "0"
		facts.selinux = len(words) > 2
	}
	l.shell = &facts
	return facts, nil
}

// Run runs a command on the root shell and gives its output, whatever its exit
// status. A repeatable command is run again when the connection was lost.
// Without a root shell the error is ErrNoShell. The command is visible in the
// appliance's process list: it must hold no secret.
func (s *Session) Run(ctx context.Context, command string, repeatable bool) (Result, error) {
	var result Result
	err := s.with(ctx, repeatable, func(l *link) error {
		facts, err := l.probeShell(ctx)
		if err != nil {
			return err
		}
		if !facts.root {
			return hintf(ErrNoShell, "log in with the appliance's root account")
		}
		result, err = l.exec(ctx, command, nil)
		return err
	})
	if err != nil {
		return result, fmt.Errorf("run %q on %s: %w", command, s.config.name(), err)
	}
	return result, nil
}

func (l *link) exec(ctx context.Context, command string, stdin io.Reader) (result Result, err error) {
	session, err := l.ssh.NewSession()
	if err != nil {
		return result, err
	}
	defer session.Close() // reports EOF once the command has ended: nothing to join
	stop := context.AfterFunc(ctx, func() { _ = session.Close() })
	defer stop()
	stdout, stderr := &limited{limit: maxOutput}, &limited{limit: maxOutput}
	session.Stdin, session.Stdout, session.Stderr = stdin, stdout, stderr
	err = session.Run(command)
	result = Result{Stdout: stdout.String(), Stderr: stderr.String()}
	var exit *ssh.ExitError
	if errors.As(err, &exit) && exit.Signal() == "" {
		result.Code = exit.ExitStatus()
		return result, nil
	}
	if ctx.Err() != nil {
		return result, ctx.Err()
	}
	return result, err
}

// limited keeps the first bytes of an output and counts the rest as taken.
type limited struct {
	bytes.Buffer
	limit int
}

func (l *limited) Write(p []byte) (int, error) {
	if room := l.limit - l.Len(); room > 0 {
		l.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// Quote makes a string one word of a POSIX shell.
func Quote(word string) string {
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
