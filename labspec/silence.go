package labspec

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// ignores gives the ids that a block silences.
func (l *loader) ignores(b *block) map[string]bool {
	if b == nil {
		return nil
	}
	if ids, known := l.silenced[b]; known {
		return ids
	}
	ids := map[string]bool{}
	l.silenced[b] = ids
	if _, given := b.attributes["ignore"]; !given {
		return ids
	}
	r := l.ev.read(&object{kind: b.typ.name, name: b.label, block: b, scope: l.ev.scopes[0], shared: true})
	for _, id := range r.strings("ignore") {
		rule, known := l.report.rules[id]
		switch {
		case !known:
			l.report.add("LANG011", r.address(), r.rangeOf("ignore"), "There is no lint %q.%s", id, didYouMean(id, slices.Collect(maps.Keys(l.report.rules))))
		case rule.Severity == SeverityError:
			l.report.add("LANG011", r.address(), r.rangeOf("ignore"), "%s (%s) is an error and cannot be silenced.", id, rule.Summary).Fix =
				"Mend what it reports, and remove it here."
		default:
			ids[id] = true
		}
	}
	return ids
}

// silent says whether a lint is silenced for a block, its cluster, or the lab.
func (l *loader) silent(id string, blocks ...*block) bool {
	for _, b := range append(blocks, l.doc.one("lab")) {
		if l.ignores(b)[id] {
			return true
		}
	}
	return false
}

// find reports a finding about an object, unless it is silenced there. What it
// returns is the finding, to be given another fix, or a spare one.
func (l *loader) find(id string, o *object, rng hcl.Range, format string, args ...any) *Finding {
	if l.silent(id, o.block, o.defaults) {
		return &Finding{}
	}
	return l.report.add(id, o.address(), rng, format, args...)
}
