package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// hostHello is what an ESXi host sends for the VM voice-router: it agrees to the
// extensions, names the VM (82) and its UUID (80), and asks for the proxy (70).
const hostHello = "\xff\xfb\x00\xff\xfb\xe8\xff\xfd\x00" +
	"\xff\xfa\xe8\x52voice-router\xff\xf0\xff\xfa\xe8\x5042 01\xff\xf0\xff\xfa\xe8\x46Stelnet://uclab\xff\xf0"

// concentrates is a transcript's command that runs uclab console --serve, comes
// to it as a host, opens the console with uclab, and interrupts it.
func concentrates(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: concentrates")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	serve := transcriptCommand(ctx, ts, "console", "--serve", "--listen", "127.0.0.1:0", "--log-dir", "logs")
	out, err := serve.StdoutPipe()
	ts.Check(err)
	var messages strings.Builder
	serve.Stderr = &messages
	ts.Check(serve.Start())
	url, err := bufio.NewReader(out).ReadString('\n')
	ts.Check(err)
	conn, err := net.Dial("tcp", strings.TrimPrefix(strings.TrimSpace(url), "telnet://"))
	ts.Check(err)
	_, err = io.WriteString(conn, hostHello+"router> \r\n")
	ts.Check(err)
	list := listed(ctx, ts)
	ts.Check(watched(ctx, ts, conn))
	ts.Check(serve.Process.Signal(os.Interrupt))
	if err := serve.Wait(); err != nil {
		ts.Fatalf("uclab console --serve: %v\n%s", err, messages.String())
	}
	ts.Check(conn.Close())
	if !strings.Contains(list, `"node": "voice/router"`) || !strings.Contains(list, `"last_line": "router>"`) {
		ts.Fatalf("the list is %s", list)
	}
	log, err := os.ReadFile(filepath.Join(ts.MkAbs("logs"), "voice-router.log"))
	ts.Check(err)
	if !strings.Contains(string(log), "connected from 127.0.0.1\nrouter> \r\nwelcome\r\n") {
		ts.Fatalf("the log is %q", log)
	}
	if _, err := os.Stat(filepath.Join(ts.Getenv("XDG_STATE_HOME"), "uclab", "console", "concentrator.json")); err == nil {
		ts.Fatalf("the token's file is left behind")
	}
}

// listed waits until the console is listed and gives the list.
func listed(ctx context.Context, ts *testscript.TestScript) string {
	for {
		list, err := transcriptCommand(ctx, ts, "console", "--all", "--json").Output()
		ts.Check(err)
		if strings.Contains(string(list), `"last_line": "router>"`) {
			return string(list)
		}
	}
}

// watched opens the console, types, sees the answer of the VM and leaves.
func watched(ctx context.Context, ts *testscript.TestScript, vm net.Conn) error {
	viewer := transcriptCommand(ctx, ts, "console", "router")
	typed, err := viewer.StdinPipe()
	ts.Check(err)
	seen, err := viewer.StdoutPipe()
	ts.Check(err)
	ts.Check(viewer.Start())
	screen := bufio.NewReader(seen)
	line, err := screen.ReadString('\n')
	ts.Check(err)
	if line != "router> \r\n" {
		ts.Fatalf("the viewer sees %q first", line)
	}
	_, err = io.WriteString(typed, "enable\r")
	ts.Check(err)
	if _, err := bufio.NewReader(vm).ReadString('\r'); err != nil {
		return err
	}
	_, err = io.WriteString(vm, "welcome\r\n")
	ts.Check(err)
	if line, err = screen.ReadString('\n'); err != nil || line != "welcome\r\n" {
		ts.Fatalf("the viewer sees %q then, %v", line, err)
	}
	_, err = io.WriteString(typed, "\x1d")
	ts.Check(err)
	return viewer.Wait()
}

func transcriptCommand(ctx context.Context, ts *testscript.TestScript, args ...string) *exec.Cmd {
	path, err := exec.LookPath("uclab")
	ts.Check(err)
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	return cmd
}
