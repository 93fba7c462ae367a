package appliancetest

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/uclab/uclab/appliance"
)

// Platform is a server that behaves as an appliance's administration account:
// a terminal with the platform command line and no exec channel.
type Platform struct {
	Password string
	// KeyboardInteractive offers only that method, as newer appliances do.
	KeyboardInteractive bool
	// Answers maps commands to their output. A line "--more--" is a pager.
	Answers map[string]string

	Host string
	Port int
	key  ssh.PublicKey
}

// Start starts the server; it ends with the test.
func (p *Platform) Start(t testing.TB) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	p.key = signer.PublicKey()
	config := &ssh.ServerConfig{}
	p.authentication(config)
	config.AddHostKey(signer)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.Host, p.Port = "127.0.0.1", listener.Addr().(*net.TCPAddr).Port
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(conn, config)
		}
	}()
}

// Config reaches the server; it trusts its host key on first use.
func (p *Platform) Config() appliance.Config {
	return appliance.Config{
		Name: "platform", Host: p.Host, Port: p.Port, User: "administrator",
		Password: func(context.Context) (string, error) { return p.Password, nil },
		HostKeys: appliance.HostKeys{Accept: func(_ context.Context, unknown appliance.UnknownKey) (bool, error) {
			return unknown.Fingerprint == ssh.FingerprintSHA256(p.key), nil
		}},
		Timeout: 10 * time.Second,
	}
}

func (p *Platform) authentication(config *ssh.ServerConfig) {
	if p.KeyboardInteractive {
		config.KeyboardInteractiveCallback = func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			answers, err := ask("", "", []string{"Password: "}, []bool{false})
			if err != nil || len(answers) != 1 || answers[0] != p.Password {
				return nil, fmt.Errorf("wrong password")
			}
			return nil, nil
		}
		return
	}
	config.PasswordCallback = func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
		if string(password) != p.Password {
			return nil, fmt.Errorf("wrong password")
		}
		return nil, nil
	}
}

func (p *Platform) serve(conn net.Conn, config *ssh.ServerConfig) {
	defer conn.Close()
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		go func() {
			terminal := false
			for request := range requests {
				switch {
				case request.Type == "pty-req":
					terminal = true
					_ = request.Reply(true, nil)
				case request.Type == "shell" && terminal:
					_ = request.Reply(true, nil)
					go p.commandLine(channel)
				default:
					_ = request.Reply(false, nil)
				}
			}
		}()
	}
}

// commandLine speaks as the captures of facts 4.1 do.
func (p *Platform) commandLine(channel ssh.Channel) {
	defer channel.Close()
	fmt.Fprint(channel, "Command Line Interface is starting up, please wait ...\r\n")
	time.Sleep(50 * time.Millisecond)
	fmt.Fprint(channel, "\r\n   Welcome to the Platform Command Line Interface\r\n\r\nVMware Installation:\r\n"+
		"        2 vCPU: Intel(R) Xeon(R) CPU E5-2630 v3 @ 2.40GHz\r\n        WARNING: DNS unreachable\r\n\r\nadmin:\r\n\radmin:")
	reader := bufio.NewReader(channel)
	for {
		line, err := reader.ReadString('\r')
		if err != nil {
			return
		}
		command := strings.TrimSpace(line)
		fmt.Fprintf(channel, "%s\r\n", command)
		answer, known := p.Answers[command]
		if !known {
			answer = "Executed command unsuccessfully\nNo valid command entered"
		}
		if p.say(channel, reader, answer) != nil {
			return
		}
		fmt.Fprint(channel, "\r\nadmin:")
	}
}

func (p *Platform) say(channel io.Writer, reader *bufio.Reader, answer string) error {
	for line := range strings.Lines(answer) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasSuffix(line, "?") {
			fmt.Fprint(channel, line)
			_, err := reader.ReadByte()
			return err
		}
		if line != "--more--" {
			fmt.Fprintf(channel, "%s\r\n", line)
			continue
		}
		fmt.Fprint(channel, "\x1b[1mPress <enter> for 1 line, <space> for one page, or <q> to quit\x1b[0m")
		if key, err := reader.ReadByte(); err != nil || key != ' ' {
			return fmt.Errorf("pager: %q: %w", key, err)
		}
	}
	return nil
}
