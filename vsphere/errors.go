package vsphere

import (
	"errors"
	"fmt"
	"strings"
)

// Error is a failure in the words of a user: what failed, on what, why, and
// what to do about it.
type Error struct {
	Op   string // what was being done: "create VM"
	On   string // on what: "ccie-voice-cucm-pub"
	Why  string // one sentence fragment, without the API's type names
	hint string
	Err  error // the cause; its text is not part of Error's
}

// Error says what failed, on what and why.
func (e *Error) Error() string {
	s := e.Op
	if e.On != "" {
		s += " " + e.On
	}
	return s + ": " + e.Why
}

// Hint says what to do about it; empty when nothing is known.
func (e *Error) Hint() string { return e.hint }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Miss is one name that the lab uses and the target does not have, or one that
// it leaves out where the target has several.
type Miss struct {
	Kind string   // "datastore", "port group", …
	Name string   // as the lab writes it; "" when it names none
	Near []string // what there is, nearest name first; at most five
	Why  string   // what else is wrong with it; "" when it is not there
}

// String is the miss as a sentence.
func (m Miss) String() string {
	near := strings.Join(m.Near, ", ")
	switch {
	case m.Why != "":
		return fmt.Sprintf("%s %q: %s", m.Kind, m.Name, m.Why)
	case m.Name == "" && near == "":
		return fmt.Sprintf("%s: the target has none", m.Kind)
	case m.Name == "":
		return fmt.Sprintf("%s: none is named, and the target has several: %s", m.Kind, near)
	case near == "":
		return fmt.Sprintf("%s %q: not found; there is none", m.Kind, m.Name)
	default:
		return fmt.Sprintf("%s %q: not found; there is %s", m.Kind, m.Name, near)
	}
}

// UnresolvedError holds every name that could not be resolved, all at once.
type UnresolvedError struct {
	Misses []Miss
}

// add takes the misses of another error. It says whether that was all there was
// to it.
func (e *UnresolvedError) add(err error) bool {
	var other *UnresolvedError
	if err != nil && !errors.As(err, &other) {
		return false
	}
	if other != nil {
		e.Misses = append(e.Misses, other.Misses...)
	}
	return true
}

// Error lists the misses, one a line when there are several.
func (e *UnresolvedError) Error() string {
	lines := make([]string, len(e.Misses))
	for i, m := range e.Misses {
		lines[i] = m.String()
	}
	return strings.Join(lines, "\n")
}

// Hint says what to do about it.
func (e *UnresolvedError) Hint() string {
	return "name in the lab's target and network blocks what the target has, or leave it out for the default"
}
