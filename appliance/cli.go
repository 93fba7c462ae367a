package appliance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// The platform command line (facts 4.1): no exec channel, a terminal and a
// shell, some seconds to start, a prompt "admin:", carriage returns, colours,
// and two pagers.
var (
	cliPrompt   = regexp.MustCompile(`(?:^|[\r\n]|\x1b\[K)[A-Za-z0-9_-]+:[ \t]*(?:\x1b\[[0-9;]*m)*$`)
	cliPager    = regexp.MustCompile(`Press <enter> for 1 line, <space> for one page, or <q> to quit`)
	cliFile     = regexp.MustCompile(`options: q=quit, n=next, p=prev, b=begin, e=end \(lines \d+ - \d+ of \d+\)\s*:?\s*`)
	cliConfirm  = regexp.MustCompile(`(?i)(?:continue \(y/n\)\?|\(yes/no\)\?)\s*$`)
	escapeCodes = regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]`)
)

const cliPatience = 2 * time.Minute // old appliances take long to start and to answer

// CLI is a session with the platform command line, for one command at a time.
type CLI struct {
	session *ssh.Session
	in      io.Writer
	chunks  chan []byte
	failed  error // read from chunks' producer after chunks is closed
}

// ErrNoCLI is given when the account's shell is not the platform command line.
var ErrNoCLI = errors.New("the account does not lead to the platform command line")

// CLI starts the platform command line and waits for its prompt.
func (s *Session) CLI(ctx context.Context) (*CLI, error) {
	var cli *CLI
	err := s.with(ctx, true, func(l *link) (err error) {
		cli, err = l.startCLI(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("platform command line of %s: %w", s.config.name(), err)
	}
	return cli, nil
}

func (l *link) startCLI(ctx context.Context) (*CLI, error) {
	session, err := l.ssh.NewSession()
	if err != nil {
		return nil, err
	}
	cli := &CLI{session: session, chunks: make(chan []byte, 16)}
	if err := cli.start(); err != nil {
		return nil, errors.Join(err, cli.Close())
	}
	if _, err := cli.untilPrompt(ctx); err != nil {
		return nil, errors.Join(err, cli.Close())
	}
	return cli, nil
}

func (c *CLI) start() error {
	modes := ssh.TerminalModes{ssh.ECHO: 0, ssh.TTY_OP_ISPEED: 38400, ssh.TTY_OP_OSPEED: 38400}
	if err := c.session.RequestPty("vt100", 200, 200, modes); err != nil {
		return err
	}
	in, err := c.session.StdinPipe()
	if err != nil {
		return err
	}
	out, err := c.session.StdoutPipe()
	if err != nil {
		return err
	}
	c.in = in
	if err := c.session.Shell(); err != nil {
		return err
	}
	go c.pump(out)
	return nil
}

func (c *CLI) pump(out io.Reader) {
	defer close(c.chunks)
	for {
		chunk := make([]byte, 4096)
		n, err := out.Read(chunk)
		if n > 0 {
			c.chunks <- chunk[:n]
		}
		if err != nil {
			c.failed = err
			return
		}
	}
}

// Close ends the command line.
func (c *CLI) Close() error {
	if err := c.session.Close(); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("close the platform command line: %w", err)
	}
	return nil
}

// Run runs one command, written in full (the platform takes no abbreviations),
// pages through its output and gives it as plain lines. A command that asks for
// a confirmation is refused.
func (c *CLI) Run(ctx context.Context, command string) (string, error) {
	if strings.ContainsAny(command, "\r\n") {
		return "", fmt.Errorf("platform command %q: more than one line", command)
	}
	if _, err := io.WriteString(c.in, command+"\r"); err != nil {
		return "", fmt.Errorf("platform command %q: %w", command, err)
	}
	text, err := c.untilPrompt(ctx)
	if err != nil {
		return "", fmt.Errorf("platform command %q: %w", command, err)
	}
	output := plain(text)
	first, rest, _ := strings.Cut(output, "\n")
	if strings.HasSuffix(strings.TrimSpace(first), command) { // the terminal's echo
		output = rest
	}
	return strings.Trim(output, "\n") + "\n", nil
}

// untilPrompt reads up to the next prompt, which must stay the last thing said
// for a moment, and answers pagers on the way.
func (c *CLI) untilPrompt(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, cliPatience)
	defer cancel()
	var text []byte
	for {
		var settled <-chan time.Time
		if at := cliPrompt.FindIndex(tail(text)); at != nil && len(plain(text)) > 0 {
			settled = time.After(150 * time.Millisecond)
		}
		select {
		case chunk, open := <-c.chunks:
			if !open {
				return nil, errors.Join(ErrNoCLI, c.failed)
			}
			if len(text)+len(chunk) > maxOutput {
				return nil, fmt.Errorf("%w: more than %d bytes of output", ErrTooLarge, maxOutput)
			}
			text = append(text, chunk...)
			var err error
			if text, err = c.answer(text); err != nil {
				return nil, err
			}
		case <-settled:
			return cutPrompt(text), nil
		case <-ctx.Done():
			return nil, fmt.Errorf("no prompt: %w", context.Cause(ctx))
		}
	}
}

// answer turns the page when a pager waits, and takes its words out of the text.
func (c *CLI) answer(text []byte) ([]byte, error) {
	for pager, key := range map[*regexp.Regexp]string{cliPager: " ", cliFile: "n"} {
		at := pager.FindIndex(text)
		if at == nil {
			continue
		}
		if _, err := io.WriteString(c.in, key); err != nil {
			return nil, err
		}
		text = append(text[:at[0]:at[0]], text[at[1]:]...)
	}
	if cliConfirm.Match(text) {
		return nil, errors.New("the command asks for a confirmation")
	}
	return text, nil
}

// tail is the end of a text, where a prompt can be.
func tail(text []byte) []byte { return text[max(0, len(text)-128):] }

func cutPrompt(text []byte) []byte {
	end := tail(text)
	at := cliPrompt.FindIndex(end)
	if at == nil {
		return text
	}
	return text[:len(text)-len(end)+at[0]]
}

// plain takes the colours out and makes every kind of line end a newline.
func plain(text []byte) string {
	text = escapeCodes.ReplaceAll(text, nil)
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	text = bytes.ReplaceAll(text, []byte("\n\r"), []byte("\n"))
	return strings.ReplaceAll(string(text), "\r", "\n")
}
