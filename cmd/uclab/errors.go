package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
)

// The exit codes of every command.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2 // wrong use
	exitChanges     = 2 // plan --detailed-exitcode: there is something to do
	exitWarnings    = 3 // done with warnings under --strict
	exitInterrupted = 130
)

// hinted is an error with the sentence that tells how to get past it.
type hinted struct {
	error
	hint string
}

func (h hinted) Hint() string { return h.hint }

func (h hinted) Unwrap() error { return h.error }

// hintf adds a hint to an error.
func hintf(err error, format string, args ...any) error {
	return hinted{err, fmt.Sprintf(format, args...)}
}

// usageError is a wrong use of the command line.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

// exitError ends the command with a code and no message: all has been said.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// report prints an error, with its hint, and gives the exit code it stands for.
// It is the only place that turns errors into exit codes.
func (a *app) report(err error) int {
	var exit exitError
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &exit):
		return int(exit)
	case errors.Is(err, context.Canceled):
		a.printInterrupted(err)
		return exitInterrupted
	case errors.As(err, &usage):
		a.printError(err, err.Error())
		return exitUsage
	}
	a.printError(err, err.Error())
	return exitFailed
}

// printInterrupted says what was interrupted, without Go's own words for it,
// which every joined error ends with.
func (a *app) printInterrupted(err error) {
	var said []string
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimSpace(line)
		line = strings.TrimSuffix(strings.TrimSuffix(line, context.Canceled.Error()), ": ")
		if line != "" && !slices.Contains(said, line) {
			said = append(said, line)
		}
	}
	message := strings.Join(said, "\n")
	if message == "" {
		message = "stopped before it was done"
	}
	if !strings.HasPrefix(message, "interrupted") {
		message = "interrupted: " + message
	}
	a.printError(err, message)
}

func (a *app) printError(err error, message string) {
	a.notef("%s %s\n", a.paint(a.colorErr, text.FgRed, "error:"), message)
	var withHint interface{ Hint() string }
	if errors.As(err, &withHint) && withHint.Hint() != "" {
		a.notef("%s %s\n", a.paint(a.colorErr, text.FgCyan, "hint:"), withHint.Hint())
	}
}
