package labspec

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// Severity ranks a Finding.
type Severity string

// The severities, most severe first. An error keeps the lab from being used.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
	SeverityNotice  Severity = "notice"
)

// Finding is one thing that a lint, or the reader of the language, has to say
// about a lab file.
type Finding struct {
	ID       string // "MAC003"; syntax and evaluation errors have "HCL001"
	Severity Severity
	Address  string // the block spoken of, e.g. "node.cucm-pub"; may be empty
	Summary  string // a short title
	Message  string // one sentence: what is wrong
	Fix      string // one sentence that names the fix
	Source   string // the fact or post that it comes from
	Range    hcl.Range

	more int // findings of the same rule at the same place
}

// Rule describes a lint for `uclab validate --rules`.
type Rule struct {
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	Summary  string   `json:"summary"`
	Source   string   `json:"source"`
	Fix      string   `json:"fix"`
}

// InvalidError says that a lab file cannot be used. It holds every problem
// found, not only the first.
type InvalidError struct {
	File     string
	Findings []Finding
	Sources  map[string][]byte // file name to contents, for snippets
}

// Error gives the first problem in one line and counts the rest.
func (e *InvalidError) Error() string {
	var first *Finding
	errors := 0
	for i := range e.Findings {
		if e.Findings[i].Severity != SeverityError {
			continue
		}
		errors++
		if first == nil {
			first = &e.Findings[i]
		}
	}
	if first == nil {
		return fmt.Sprintf("%s: not a usable lab file", e.File)
	}
	text := first.Message
	if first.Range.Filename != "" {
		text = fmt.Sprintf("%s:%d: %s", first.Range.Filename, first.Range.Start.Line, first.Message)
	}
	if errors > 1 {
		text += fmt.Sprintf(" (and %d more problems)", errors-1)
	}
	return text
}

// WriteFindings prints findings for a person: severity, place, the lines of
// the file, what is wrong and how to mend it. Width is the terminal's; 0 means
// no wrapping.
func WriteFindings(w io.Writer, findings []Finding, sources map[string][]byte, width uint, color bool) error {
	snippets := newSnippets(sources, color)
	var buffer bytes.Buffer
	writer := hcl.NewDiagnosticTextWriter(&buffer, nil, width, color)
	for _, finding := range findings {
		buffer.Reset()
		if err := writer.WriteDiagnostic(finding.diagnostic()); err != nil {
			return fmt.Errorf("write finding %s: %w", finding.ID, err)
		}
		head, detail, _ := bytes.Cut(buffer.Bytes(), []byte("\n\n"))
		if finding.Severity == SeverityNotice { // HCL knows errors and warnings only
			head = bytes.Replace(head, []byte("Warning"), []byte("Notice"), 1)
		}
		if _, err := fmt.Fprintf(w, "%s\n\n%s%s", head, snippets.of(finding.Range), detail); err != nil {
			return fmt.Errorf("write finding %s: %w", finding.ID, err)
		}
	}
	return nil
}

func (f Finding) diagnostic() *hcl.Diagnostic {
	severity := hcl.DiagWarning
	if f.Severity == SeverityError {
		severity = hcl.DiagError
	}
	detail := []string{f.Message}
	if f.Fix != "" {
		detail = append(detail, f.Fix)
	}
	if f.Source != "" {
		detail = append(detail, "Source: "+f.Source+".")
	}
	return &hcl.Diagnostic{
		Severity: severity,
		Summary:  fmt.Sprintf("%s [%s]", f.Summary, f.ID),
		Detail:   strings.Join(detail, " "),
	}
}
