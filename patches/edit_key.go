package patches

import (
	"fmt"
	"regexp"
	"strings"
)

// assignment is a line of a shell-style file such as ifcfg-eth0: KEY=value, the
// value perhaps in quotes, perhaps followed by a comment (RHEL 4 Reference
// Guide, 8.2 Interface Configuration Files).
var assignment = regexp.MustCompile(`^([ \t]*(?:export[ \t]+)?)([A-Za-z_][A-Za-z0-9_]*)=("[^"]*"|'[^']*'|[^ \t#'"]*)([ \t]*(?:#.*)?)$`)

var validKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// plainValue needs no quotes in a shell file.
var plainValue = regexp.MustCompile(`^[A-Za-z0-9:._/-]*$`)

// setKey sets a key of a file of shell assignments. A key that must not stand
// beside it is taken out, and the new line takes its place.
type setKey struct {
	key       string
	value     string
	insteadOf string
	asFound   bool // letter case of hexadecimal digits as the file has it
}

func (e setKey) check() error {
	if !validKey.MatchString(e.key) || e.insteadOf != "" && !validKey.MatchString(e.insteadOf) {
		return fmt.Errorf("set_key %q: not the name of a shell variable", e.key)
	}
	if !plainValue.MatchString(e.value) {
		return fmt.Errorf("set_key %q: the value %q would need quoting", e.key, e.value)
	}
	return nil
}

func (e setKey) apply(content []byte) outcome {
	lines := splitLines(content)
	own, rivals := e.find(lines, e.key), e.find(lines, e.insteadOf)
	if len(own) > 1 {
		return outcome{verdict: unclear, reason: fmt.Sprintf("%s is set twice, in lines %d and %d", e.key, own[0]+1, own[1]+1)}
	}
	value := e.value
	if e.asFound {
		value = sameCase(value, e.present(lines, append(own, rivals...)))
	}
	if len(own) == 1 {
		if strings.EqualFold(e.valueAt(lines, own[0]), value) && len(rivals) == 0 {
			return outcome{verdict: applied}
		}
		lines[own[0]].text = withValue(lines[own[0]].text, value)
		return outcome{verdict: needed, content: joinLines(without(lines, rivals))}
	}
	added := line{e.key + "=" + value, lineEnding(lines)}
	if len(rivals) > 0 {
		at := rivals[0]
		added.ending = lines[at].ending
		lines[at] = added
		return outcome{verdict: needed, content: joinLines(without(lines, rivals[1:]))}
	}
	if last := len(lines) - 1; last >= 0 && lines[last].ending == "" {
		lines[last].ending, added.ending = added.ending, ""
	}
	return outcome{verdict: needed, content: joinLines(append(lines, added))}
}

func (e setKey) find(lines []line, key string) []int {
	var at []int
	for i, l := range lines {
		if m := assignment.FindStringSubmatch(l.text); m != nil && m[2] == key {
			at = append(at, i)
		}
	}
	return at
}

func (e setKey) valueAt(lines []line, at int) string {
	return strings.Trim(assignment.FindStringSubmatch(lines[at].text)[3], `"'`)
}

func (e setKey) present(lines []line, at []int) string {
	var values []string
	for _, i := range at {
		values = append(values, e.valueAt(lines, i))
	}
	return strings.Join(values, "")
}

// withValue puts a value into an assignment and keeps its quotes.
func withValue(text, value string) string {
	m := assignment.FindStringSubmatchIndex(text)
	start, end := m[6], m[7]
	if end-start >= 2 && (text[start] == '"' || text[start] == '\'') {
		start, end = start+1, end-1
	}
	return text[:start] + value + text[end:]
}

func without(lines []line, drop []int) []line {
	var kept []line
	for i, l := range lines {
		dropped := false
		for _, d := range drop {
			dropped = dropped || d == i
		}
		if !dropped {
			kept = append(kept, l)
		}
	}
	return kept
}

// sameCase writes a value in the letter case of a sample: kudzu compares
// addresses letter by letter. Without letters in the sample it is upper case,
// as RHEL writes addresses.
func sameCase(value, sample string) string {
	if sample != strings.ToUpper(sample) && sample == strings.ToLower(sample) {
		return strings.ToLower(value)
	}
	return strings.ToUpper(value)
}
