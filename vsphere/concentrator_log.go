package vsphere

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"
)

// consoleLog appends a console's output, byte for byte, to a file. When it has
// grown to the limit it becomes the .1 of its name, whose predecessor goes.
type consoleLog struct {
	path  string
	limit int64 // bytes
	file  *os.File
	size  int64
	bol   bool // at the beginning of a line
}

func makeLogDir(dir string) error {
	if dir == "" {
		return errors.New("concentrator: no directory for the logs")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("concentrator: make the directory for the logs: %w", err)
	}
	return nil
}

func openConsoleLog(dir, name string, limit int64) (*consoleLog, error) {
	l := &consoleLog{path: filepath.Join(dir, name+".log"), limit: limit}
	return l, l.open()
}

func (l *consoleLog) open() error {
	file, err := os.OpenFile(l.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open the console's log: %w", err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file", l.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("open the console's log: %w", err), file.Close())
	}
	l.file, l.size, l.bol = file, info.Size(), info.Size() == 0
	return nil
}

func (l *consoleLog) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if l.size > 0 && l.size+int64(len(p)) > l.limit {
		if err := l.rotate(); err != nil {
			return err
		}
	}
	n, err := l.file.Write(p)
	l.size += int64(n)
	l.bol = p[len(p)-1] == '\n'
	if err != nil {
		return fmt.Errorf("write the console's log: %w", err)
	}
	return nil
}

// header writes a line of ours: when a session begins or ends.
func (l *consoleLog) header(event string) error {
	line := fmt.Sprintf("--- %s uclab console %s\n", logTime(time.Now()), event)
	if !l.bol {
		line = "\n" + line
	}
	return l.write([]byte(line))
}

// rotate begins a new file; the present one becomes the .1.
func (l *consoleLog) rotate() error {
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("close the console's log: %w", err)
	}
	renameErr := os.Rename(l.path, l.path+".1")
	if err := errors.Join(renameErr, l.open()); err != nil {
		return fmt.Errorf("begin a new console log: %w", err)
	}
	return nil
}

func (l *consoleLog) close() error { return l.file.Close() }

// fileName is a VM's name as a file may be called anywhere.
func fileName(name string) string {
	clean := strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '.' || r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return r
		}
		return '_'
	}, name)
	clean = strings.TrimLeft(clean, ".-")
	if len(clean) > 120 {
		clean = clean[:120]
	}
	if clean == "" {
		return "unnamed"
	}
	return clean
}

// printable is text without what would steer a terminal, cut to a line's length.
func printable(s string) string {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			return r
		}
		return -1
	}, strings.ToValidUTF8(s, ""))
	if runes := []rune(clean); len(runes) > 200 {
		return string(runes[:200])
	}
	return clean
}
