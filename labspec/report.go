package labspec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/hashicorp/hcl/v2"
)

// maxFindings bounds what one load reports: a broken generator can make
// thousands of mistakes, and nobody reads them all.
const maxFindings = 500

// report collects findings.
type report struct {
	rules    map[string]Rule
	findings []Finding
	places   map[place]int // index of the first finding of a rule at a place
	failed   bool          // an error was reported
}

// place is where a rule found something. The language's own findings also
// differ by what they say.
type place struct {
	id   string
	rng  hcl.Range
	text string
}

func newReport() *report {
	r := &report{rules: map[string]Rule{}, places: map[place]int{}}
	for _, rule := range Rules() {
		r.rules[rule.ID] = rule
	}
	return r
}

// add reports a finding of a rule at a place. A second one of the same rule at
// the same place (a cluster's attribute, a pod's node) is only counted.
func (r *report) add(id, address string, rng hcl.Range, format string, args ...any) *Finding {
	rule := r.rules[id]
	if rule.Severity == SeverityError {
		r.failed = true
	}
	message := fmt.Sprintf(format, args...)
	key := place{id: id, rng: rng}
	if strings.HasPrefix(id, "LANG") || strings.HasPrefix(id, "HCL") {
		key.text = message
	}
	if i, seen := r.places[key]; seen && rng.Filename != "" {
		r.findings[i].more++
		return &Finding{}
	}
	r.places[key] = len(r.findings)
	finding := Finding{ID: id, Severity: rule.Severity, Address: address, Summary: rule.Summary, Message: message, Fix: rule.Fix, Range: rng}
	if rule.Source != languageSource { // the message says what the reference would
		finding.Source = rule.Source
	}
	r.findings = append(r.findings, finding)
	return &r.findings[len(r.findings)-1]
}

// diagnostics reports what the HCL library found. Its details name the fix.
func (r *report) diagnostics(diags hcl.Diagnostics) {
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		var rng hcl.Range
		if d.Subject != nil {
			rng = *d.Subject
		}
		if d.Summary == passwordSummary {
			r.add("SEC001", "", rng, "%s", d.Detail)
			continue
		}
		finding := r.add("HCL001", "", rng, "%s", d.Detail)
		finding.Summary, finding.Source = strings.TrimSuffix(d.Summary, "."), ""
		if strings.Contains(d.Detail, "Did you mean") {
			finding.Fix = ""
		}
	}
}

// sorted gives the findings in file order, those without a place first.
func (r *report) sorted() []Finding {
	slices.SortStableFunc(r.findings, func(a, b Finding) int {
		return cmp.Or(
			strings.Compare(a.Range.Filename, b.Range.Filename),
			cmp.Compare(a.Range.Start.Byte, b.Range.Start.Byte),
			strings.Compare(a.ID, b.ID),
		)
	})
	for i := range r.findings {
		if n := r.findings[i].more; n > 0 {
			r.findings[i].Message += fmt.Sprintf(" The same goes for %d more.", n)
			r.findings[i].more = 0
		}
	}
	if len(r.findings) > maxFindings {
		// Errors first, so that they are among those kept.
		slices.SortStableFunc(r.findings, func(a, b Finding) int { return cmp.Compare(rank(a.Severity), rank(b.Severity)) })
		r.findings = r.findings[:maxFindings]
	}
	return r.findings
}

func rank(s Severity) int {
	switch s {
	case SeverityError:
		return 0
	case SeverityWarning:
		return 1
	}
	return 2
}

// didYouMean ends a sentence about an unknown name with the nearest known one,
// or with all of them when they are few.
func didYouMean(given string, known []string) string {
	best, bestDistance := "", 10*(1+max(2, len(given)/3))
	for _, name := range slices.Sorted(slices.Values(known)) {
		if len(name) > 4*len(given)+8 {
			continue
		}
		distance := 10 * levenshtein.Distance(strings.ToLower(given), strings.ToLower(name), nil)
		if len(name) != len(given) {
			distance++ // of two as near, a letter mistaken rather than one forgotten
		}
		if distance < bestDistance {
			best, bestDistance = name, distance
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf(" Did you mean %q?", best)
	case len(known) == 0:
		return " None is declared."
	case len(known) <= 12:
		sorted := slices.Sorted(slices.Values(known))
		return " Known: " + strings.Join(sorted, ", ") + "."
	}
	return ""
}

// soften makes warnings of errors.
func (r *report) soften(ids ...string) {
	for _, id := range ids {
		rule := r.rules[id]
		rule.Severity = SeverityWarning
		r.rules[id] = rule
	}
}
