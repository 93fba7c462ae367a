package labspec

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// snippets shows the lines of files that findings are about, as HCL's writer
// does. That one reads the whole file for every finding: a lab of 2,000 nodes
// with a warning each took longer to complain of than to plan.
type snippets struct {
	sources map[string]source
	color   bool
}

// source is a file, and where its lines begin.
type source struct {
	text  []byte
	lines []int // byte offsets
}

func newSnippets(texts map[string][]byte, color bool) snippets {
	sources := map[string]source{}
	for name, text := range texts {
		lines := []int{0}
		for i, c := range text {
			if c == '\n' {
				lines = append(lines, i+1)
			}
		}
		sources[name] = source{text, lines}
	}
	return snippets{sources, color}
}

// of gives a range's place and lines; "" for a range without a file.
func (s snippets) of(subject hcl.Range) string {
	if subject.Filename == "" {
		return ""
	}
	var out strings.Builder
	fmt.Fprintf(&out, "  on %s line %d:\n", subject.Filename, subject.Start.Line)
	file, known := s.sources[subject.Filename]
	if !known {
		return out.String() + "  (source code not available)\n\n"
	}
	start, end := subject.Start.Byte, max(subject.End.Byte, subject.Start.Byte+1)
	line, _ := slices.BinarySearch(file.lines, start)
	for line = max(line-1, 0); line < len(file.lines) && file.lines[line] <= end; line++ {
		first := file.lines[line]
		text, _, _ := bytes.Cut(file.text[first:], []byte("\n"))
		text = bytes.TrimSuffix(text, []byte("\r"))
		last := first + len(text)
		// HCL's writer shows a line that the range touches, but no empty one.
		if len(text) == 0 || last < start {
			continue
		}
		from, to := max(first, start)-first, min(last, end)-first
		fmt.Fprintf(&out, "%4d: %s%s%s\n", line+1, text[:from], s.highlight(text[from:to]), text[to:])
	}
	return out.String() + "\n"
}

func (s snippets) highlight(text []byte) string {
	if !s.color || len(text) == 0 {
		return string(text)
	}
	return "\x1b[1;4m" + string(text) + "\x1b[0m"
}
