//go:build linux

package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"
)

// TestConsoleInATerminal opens a node's console in a real terminal: keys come to
// the guest one by one, Ctrl-C too, and Ctrl-] leaves the terminal as it was.
func TestConsoleInATerminal(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	dir := t.TempDir()
	lab := "format = 1\nlab \"voice\" {}\nnode \"asa\" {\n  product = \"asa\"\n  version = \"8.4(2)\"\n  serial { uri = \"telnet://" + listener.Addr().String() + "\" }\n}\n"
	if err := os.WriteFile(dir+"/voice.lab.hcl", []byte(lab), 0o600); err != nil {
		t.Fatal(err)
	}
	terminal, screen, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = terminal.Close(); _ = screen.Close() }()
	before, err := term.GetState(int(screen.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, executable, "console", "asa")
	cmd.Args[0] = "uclab" // which makes the test binary the command
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, screen, screen, screen
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_STATE_HOME="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	guest, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = guest.Close() }()
	if _, err := io.WriteString(guest, "\xff\xfb\x00\xff\xfd\x00ciscoasa> "); err != nil {
		t.Fatal(err)
	}
	output := bufio.NewReader(terminal)
	if seen, err := output.ReadString('>'); err != nil || !strings.Contains(seen, "ciscoasa>") {
		t.Fatalf("the terminal shows %q, %v", seen, err)
	}
	if _, err := io.WriteString(terminal, "en\x03"); err != nil {
		t.Fatal(err)
	}
	keys := bufio.NewReader(guest)
	typed, err := keys.ReadString('n')
	if key, keyErr := keys.ReadByte(); err != nil || keyErr != nil || !strings.HasSuffix(typed, "en") || key != 3 {
		t.Fatalf("the guest gets %q and %q, %v, %v", typed, key, err, keyErr)
	}
	if _, err := io.WriteString(terminal, "\x1d"); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("uclab console: %v", err)
	}
	if after, err := term.GetState(int(screen.Fd())); err != nil || *after != *before {
		t.Errorf("the terminal is not as it was: %v", err)
	}
}
