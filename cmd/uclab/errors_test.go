package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
)

// TestReport shows what a user reads of an error, and the exit code.
func TestReport(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		code int
		want string
	}{
		{"nothing", nil, exitDone, ""},
		{"failure", errors.New("disk full"), exitFailed, "error: disk full\n"},
		{"hint", hintf(errors.New("disk full"), "free some"), exitFailed, "error: disk full\nhint: free some\n"},
		{"wrong use", usageError{errors.New("no FILE")}, exitUsage, "error: no FILE\n"},
		{"interrupted", context.Canceled, exitInterrupted, "error: interrupted: stopped before it was done\n"},
		{"interrupted at its work", fmt.Errorf("interrupted with 3 of 4 changes left to do: %w", context.Canceled), exitInterrupted,
			"error: interrupted with 3 of 4 changes left to do\n"},
		{"interrupted twice over", errors.Join(fmt.Errorf("read a.lab.hcl: %w", context.Canceled), context.Canceled), exitInterrupted,
			"error: interrupted: read a.lab.hcl\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var said bytes.Buffer
			a := &app{err: &said}
			if code := a.report(test.err); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if said.String() != test.want {
				t.Errorf("said %q, want %q", said.String(), test.want)
			}
		})
	}
}

// TestFirstFew shows that what is left of a classroom stays readable.
func TestFirstFew(t *testing.T) {
	var names []string
	for i := range 12 {
		names = append(names, fmt.Sprint("vm ", i))
	}
	if got, want := firstFew(names[:2]), "vm 0, vm 1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := firstFew(names), "vm 0, vm 1, vm 2, vm 3, vm 4, vm 5, vm 6, vm 7, vm 8, vm 9 and 2 more"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
