package patches

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/agext/levenshtein"
)

// edit is one change of a file's contents. It keeps every byte that it does not
// mean to change: line endings, spacing, order and comments.
type edit interface {
	check() error
	apply(content []byte) outcome
}

// verdict says what an edit found in a file.
type verdict int

const (
	absent  verdict = iota // the place to edit is not there
	needed                 // the place is there once
	applied                // the edit has been made
	unclear                // several places, or one that cannot be edited safely
)

// outcome is what an edit makes of a file.
type outcome struct {
	verdict verdict
	content []byte // with needed: the new contents
	reason  string // with absent and unclear: why, with the line that differs
	near    float64
}

// line is one line of a file with its ending apart.
type line struct {
	text   string
	ending string // "\n", "\r\n" or, for an unfinished last line, ""
}

func splitLines(content []byte) []line {
	var lines []line
	for raw := range bytes.Lines(content) {
		text := string(raw)
		body := strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
		if !strings.HasSuffix(text, "\n") { // a lone \r at the very end is text
			body = text
		}
		lines = append(lines, line{body, text[len(body):]})
	}
	return lines
}

func joinLines(lines []line) []byte {
	var b bytes.Buffer
	for _, l := range lines {
		b.WriteString(l.text)
		b.WriteString(l.ending)
	}
	return b.Bytes()
}

// lineEnding is the ending that a file's lines have, for a line that is added.
func lineEnding(lines []line) string {
	for _, l := range lines {
		if l.ending != "" {
			return l.ending
		}
	}
	return "\n"
}

// replaceLine replaces a line that is found by its exact text, whatever its
// indentation, which stays.
type replaceLine struct {
	from        string
	to          []string
	tail        string // a word that may follow on the same line, and stays
	keepComment bool   // the old line stays, commented out
}

func (e replaceLine) check() error {
	if e.from == "" || len(e.to) == 0 {
		return fmt.Errorf("replace_line: from and to must not be empty")
	}
	return nil
}

// matches tells whether a line is the wanted text, and what follows it.
func (e replaceLine) matches(text, want string) (rest string, ok bool) {
	trimmed := strings.TrimSpace(text)
	rest, ok = strings.CutPrefix(trimmed, want)
	if !ok || rest == "" {
		return "", ok
	}
	return rest, e.tail != "" && strings.TrimSpace(rest) == e.tail
}

func (e replaceLine) apply(content []byte) outcome {
	lines := splitLines(content)
	var at, done []int
	for i := range lines {
		if _, ok := e.matches(lines[i].text, e.from); ok {
			at = append(at, i)
		}
		if e.doneAt(lines, i) {
			done = append(done, i)
		}
	}
	switch {
	case len(at) == 1:
		return outcome{verdict: needed, content: e.replace(lines, at[0])}
	case len(at) > 1:
		return outcome{verdict: unclear, reason: fmt.Sprintf("the line is there %d times, first in lines %d and %d: %s", len(at), at[0]+1, at[1]+1, e.from)}
	case len(done) > 0:
		return outcome{verdict: applied}
	}
	return e.closest(lines)
}

// doneAt tells whether the replacement begins at a line.
func (e replaceLine) doneAt(lines []line, i int) bool {
	want := e.to
	if e.keepComment {
		want = append([]string{"#" + e.from}, e.to...)
	}
	if i+len(want) > len(lines) {
		return false
	}
	for k, text := range want {
		if _, ok := e.matches(lines[i+k].text, text); !ok {
			return false
		}
	}
	return true
}

func (e replaceLine) replace(lines []line, at int) []byte {
	old := lines[at]
	indent := old.text[:len(old.text)-len(strings.TrimLeft(old.text, " \t"))]
	rest, _ := e.matches(old.text, e.from)
	trailing := old.text[len(strings.TrimRight(old.text, " \t\r")):]
	ending := old.ending
	if ending == "" {
		ending = lineEnding(lines)
	}
	var with []line
	if e.keepComment {
		with = append(with, line{commentOut(old.text, indent), ending})
		trailing = ""
	}
	for _, text := range e.to {
		with = append(with, line{indent + text, ending})
	}
	last := &with[len(with)-1]
	last.text += rest + trailing
	last.ending = old.ending
	result := append(append(lines[:at:at], with...), lines[at+1:]...)
	return joinLines(result)
}

// commentOut puts the # where the post does: over the last blank of the
// indentation.
func commentOut(text, indent string) string {
	if indent == "" {
		return "#" + text
	}
	return indent[:len(indent)-1] + "#" + text[len(indent):]
}

// closest says which line comes nearest to the one that is missing.
func (e replaceLine) closest(lines []line) outcome {
	best, near := -1, 0.0
	for i, l := range lines {
		trimmed := strings.TrimSpace(l.text)
		if trimmed == "" || len(trimmed) > 4*len(e.from) {
			continue
		}
		if similarity := levenshtein.Similarity(trimmed, e.from, nil); similarity > near {
			best, near = i, similarity
		}
	}
	if near < 0.6 {
		return outcome{verdict: absent, reason: "no line reads: " + e.from}
	}
	return outcome{verdict: absent, near: near, reason: fmt.Sprintf("no line reads %q; line %d comes near: %q", e.from, best+1, strings.TrimSpace(lines[best].text))}
}
