package labspec_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"

	"github.com/uclab/uclab/labspec"
)

// What a finding shows of the file is what HCL's own writer shows of it.
func TestSnippetsAreThoseOfHCL(t *testing.T) {
	text := "one\ntwo three\r\n\n  four = 5\nlast"
	for start := range len(text) {
		for _, end := range []int{start, start + 1, start + 6, len(text)} {
			if end > len(text) {
				continue
			}
			subject := hcl.Range{Filename: "x.lab.hcl", Start: at(text, start), End: at(text, end)}
			for _, color := range []bool{false, true} {
				var want, got bytes.Buffer
				writer := hcl.NewDiagnosticTextWriter(&want, map[string]*hcl.File{"x.lab.hcl": {Bytes: []byte(text)}}, 60, color)
				if err := writer.WriteDiagnostic(&hcl.Diagnostic{Severity: hcl.DiagWarning, Summary: "Sum [X001]", Detail: "It is so.", Subject: &subject}); err != nil {
					t.Fatal(err)
				}
				finding := labspec.Finding{ID: "X001", Severity: labspec.SeverityWarning, Summary: "Sum", Message: "It is so.", Range: subject}
				if err := labspec.WriteFindings(&got, []labspec.Finding{finding}, map[string][]byte{"x.lab.hcl": []byte(text)}, 60, color); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want.String(), got.String()); diff != "" {
					t.Fatalf("bytes %d to %d (-HCL +ours):\n%s", start, end, diff)
				}
			}
		}
	}
}

func at(text string, offset int) hcl.Pos {
	before := text[:offset]
	return hcl.Pos{Byte: offset, Line: 1 + strings.Count(before, "\n"), Column: 1 + offset - (strings.LastIndex(before, "\n") + 1)}
}

// BenchmarkFindings2000 writes a finding for each of 2,000 nodes.
func BenchmarkFindings2000(b *testing.B) {
	text := largeLab(2000)
	var findings []labspec.Finding
	for offset := 0; len(findings) < 2000; offset += len(text) / 2001 {
		subject := hcl.Range{Filename: "x", Start: hcl.Pos{Byte: offset, Line: 1, Column: 1}, End: hcl.Pos{Byte: offset + 5, Line: 1, Column: 6}}
		findings = append(findings, labspec.Finding{ID: fmt.Sprint(offset), Severity: labspec.SeverityWarning, Summary: "Sum", Range: subject})
	}
	for b.Loop() {
		var out bytes.Buffer
		if err := labspec.WriteFindings(&out, findings, map[string][]byte{"x": []byte(text)}, 0, false); err != nil {
			b.Fatal(err)
		}
	}
}
