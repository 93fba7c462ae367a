package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"
)

// app is what every command works with: the three streams and the environment.
// Results go to out; everything else, progress and questions included, to err.
type app struct {
	in  io.Reader
	out io.Writer
	err io.Writer

	lookupEnv func(string) (string, bool)
	getwd     func() (string, error)

	answers *bufio.Reader // over in, made at the first question

	interactive bool // in and err are terminals: questions can be asked
	progress    bool // err is a terminal: progress can be redrawn
	colorOut    bool
	colorErr    bool
}

func newApp(in, out, err *os.File) *app {
	a := &app{in: in, out: out, err: err, lookupEnv: os.LookupEnv, getwd: os.Getwd}
	a.progress = term.IsTerminal(int(err.Fd()))
	a.interactive = term.IsTerminal(int(in.Fd())) && a.progress
	_, noColor := os.LookupEnv("NO_COLOR")
	color := !noColor && os.Getenv("TERM") != "dumb"
	a.colorOut = color && term.IsTerminal(int(out.Fd()))
	a.colorErr = color && a.progress
	return a
}

// env is the value of an environment variable, "" when unset.
func (a *app) env(name string) string {
	value, _ := a.lookupEnv(name)
	return value
}

// width of the terminal that shows messages, in columns; 0 when there is none,
// which means no wrapping.
func (a *app) width() int {
	file, ok := a.err.(*os.File)
	if !ok || !a.progress {
		return 0
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// printf writes to the result stream.
func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.out, format, args...) }

// notef writes a message, which is no result, to the other stream.
func (a *app) notef(format string, args ...any) { fmt.Fprintf(a.err, format, args...) }

// warn says something that the user should know and that stops nothing.
func (a *app) warn(message string) {
	a.notef("%s %s\n", a.paint(a.colorErr, text.FgYellow, "warning:"), message)
}

// paint colours a text if the stream it goes to shows colours.
func (a *app) paint(on bool, color text.Color, s string) string {
	if !on {
		return s
	}
	return text.Colors{color}.EscapeSeq() + s + text.Reset.EscapeSeq()
}

// writeJSON writes one document to the result stream.
func (a *app) writeJSON(document any) error {
	encoder := json.NewEncoder(a.out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// newTable gives a table in the house's style: no frame, columns two spaces
// apart, so that it can be cut and grepped.
func newTable(header ...any) table.Writer {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	t.AppendHeader(table.Row(header))
	return t
}

// writeTable prints a table without trailing spaces.
func writeTable(w io.Writer, t table.Writer) {
	for line := range strings.SplitSeq(t.Render(), "\n") {
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
}

// confirm asks a question that only the word yes answers. Without a terminal
// it refuses: nothing is changed unasked.
func (a *app) confirm(question string) error {
	if !a.interactive {
		return hintf(errors.New("nobody can be asked here: standard input is not a terminal"),
			"look at the plan above, then run it again with --auto-approve")
	}
	if a.answers == nil {
		a.answers = bufio.NewReader(a.in)
	}
	a.notef("\n%s\n  Only 'yes' is taken as yes.\n\n  Enter a value: ", question)
	answer, err := a.answers.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	a.notef("\n")
	if strings.TrimSpace(answer) != "yes" {
		return errors.New("not confirmed: nothing was changed")
	}
	return nil
}
