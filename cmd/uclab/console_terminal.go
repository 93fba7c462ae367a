package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/uclab/uclab/vsphere"
	"golang.org/x/term"
)

// leaveKey is Ctrl-], with which telnet is left too.
const leaveKey = 0x1d

// consolesDocument is what `uclab console --all --json` writes.
type consolesDocument struct {
	Format   int                   `json:"format"`
	Consoles []vsphere.ConsoleInfo `json:"consoles"`
}

// keys gives what is typed, until the input ends. One reader serves the whole
// command, so that no key is lost between two consoles.
func (a *app) keys() <-chan []byte {
	keys := make(chan []byte)
	go func() {
		defer close(keys)
		buffer := make([]byte, 1024)
		for {
			n, err := a.in.Read(buffer)
			if n > 0 {
				keys <- bytes.Clone(buffer[:n])
			}
			if err != nil {
				return
			}
		}
	}()
	return keys
}

// rawTerminal makes keys come one by one, unseen; restore undoes it.
func (a *app) rawTerminal() (restore func() error, err error) {
	file, ok := a.in.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return func() error { return nil }, nil
	}
	state, err := term.MakeRaw(int(file.Fd()))
	if err != nil {
		return nil, fmt.Errorf("make the terminal raw: %w", err)
	}
	return func() error { return term.Restore(int(file.Fd()), state) }, nil
}

// useConsole joins the terminal and a console until Ctrl-] or until the console
// ends.
func (a *app) useConsole(ctx context.Context, keys <-chan []byte, name string, conn io.ReadWriteCloser) (err error) {
	a.notef("Console of %s. Ctrl-] leaves it.\n", name)
	restore, err := a.rawTerminal()
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(a.out, conn)
		ended <- err
	}()
	left, err := typeKeys(ctx, keys, conn, ended)
	err = errors.Join(err, conn.Close(), restore())
	if err == nil && left {
		a.notef("\nLeft the console of %s.\n", name)
	} else if err == nil {
		a.notef("\nThe console of %s has ended.\n", name)
	}
	return err
}

// typeKeys sends what is typed; left says that it ended by Ctrl-].
func typeKeys(ctx context.Context, keys <-chan []byte, conn io.Writer, ended <-chan error) (left bool, err error) {
	for {
		select {
		case <-ctx.Done():
			return true, nil
		case err := <-ended:
			if err != nil {
				return false, fmt.Errorf("read the console: %w", err)
			}
			return false, nil
		case typed, more := <-keys:
			if !more {
				keys = nil // the input has ended, the console has not
				continue
			}
			before, _, leave := bytes.Cut(typed, []byte{leaveKey})
			if _, err := conn.Write(before); err != nil {
				return false, fmt.Errorf("write to the console: %w", err)
			}
			if leave {
				return true, nil
			}
		}
	}
}

// showConsoles lists the concentrator's consoles: once, or on a terminal again
// and again until one is chosen or q is typed.
func (a *app) showConsoles(ctx context.Context, flags consoleFlags) error {
	client, err := a.concentrator()
	if err != nil {
		return err
	}
	list, err := client.Consoles(ctx)
	if err != nil {
		return noConcentrator(err)
	}
	if flags.json {
		return a.writeJSON(consolesDocument{1, append([]vsphere.ConsoleInfo{}, list...)})
	}
	out, ok := a.out.(*os.File)
	if !a.interactive || !ok || !term.IsTerminal(int(out.Fd())) {
		a.printf("%s", consoleTable(list, 0))
		return nil
	}
	keys := a.keys()
	for {
		chosen, err := a.chooseConsole(ctx, keys, client)
		if err != nil || chosen == "" {
			return err
		}
		conn, err := client.Attach(ctx, chosen, true)
		if err != nil {
			return err
		}
		if err := a.useConsole(ctx, keys, chosen, conn); err != nil {
			return err
		}
	}
}

// chooseConsole shows the consoles live and gives the name of the one whose
// number is typed, "" for none.
func (a *app) chooseConsole(ctx context.Context, keys <-chan []byte, client vsphere.ConcentratorClient) (_ string, err error) {
	restore, err := a.rawTerminal()
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, restore()) }()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	typed := ""
	for {
		list, err := client.Consoles(ctx)
		if err != nil {
			return "", noConcentrator(err)
		}
		screen := consoleTable(list, max(a.width(), 20)) + "\nNumber and Enter opens a console, q quits: " + typed
		a.printf("\x1b[H\x1b[2J%s", strings.ReplaceAll(screen, "\n", "\r\n"))
		select {
		case <-ctx.Done():
			return "", nil
		case <-ticker.C:
			continue
		case pressed, more := <-keys:
			if !more {
				return "", nil
			}
			var done bool
			var number int
			if typed, number, done = chooseKeys(typed, pressed); !done {
				continue
			}
			a.printf("\x1b[H\x1b[2J")
			if number == 0 {
				return "", nil
			}
			if number <= len(list) {
				return list[number-1].Name, nil
			}
			typed = ""
		}
	}
}

// chooseKeys takes keys in: done with a number above 0 for a console, with 0 for
// leaving.
func chooseKeys(typed string, pressed []byte) (_ string, number int, done bool) {
	for _, key := range pressed {
		switch {
		case key >= '0' && key <= '9' && len(typed) < 5:
			typed += string(key)
		case (key == 0x7f || key == '\b') && typed != "":
			typed = typed[:len(typed)-1]
		case key == 'q' || key == 3 || key == 4 || key == leaveKey:
			return "", 0, true
		case (key == '\r' || key == '\n') && typed != "":
			number, err := strconv.Atoi(typed)
			if err != nil || number == 0 {
				return "", 0, false
			}
			return "", number, true
		}
	}
	return typed, 0, false
}

// consoleTable is the list; width cuts lines to a terminal's, 0 does not.
func consoleTable(list []vsphere.ConsoleInfo, width int) string {
	if len(list) == 0 {
		return "No console has come to the concentrator yet.\n"
	}
	t := newTable("#", "CONSOLE", "STATE", "HOST", "VIEWERS", "LAST LINE")
	for i, console := range list {
		state := "off"
		switch {
		case console.Moving:
			state = "moving"
		case console.Connected:
			state = "connected"
		}
		name := console.Name
		if console.Node != "" {
			name = console.Node
		}
		t.AppendRow([]any{i + 1, name, state, console.Host, console.Viewers, console.LastLine})
	}
	var out strings.Builder
	for line := range strings.SplitSeq(t.Render(), "\n") {
		line = strings.TrimRight(line, " ")
		if runes := []rune(line); width > 0 && len(runes) >= width {
			line = string(runes[:width-1])
		}
		out.WriteString(line + "\n")
	}
	return out.String()
}
