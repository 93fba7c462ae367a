package patches

import (
	"fmt"
	"strings"
)

// setRecord sets a value in one record of kudzu's /etc/sysconfig/hwconf: records
// begin with a line "-", and their lines read "key: value" with exactly one
// space (kudzu, writeDevice and readDevice).
type setRecord struct {
	match   map[string]string
	key     string
	value   string
	asFound bool
}

func (e setRecord) check() error {
	if e.key == "" || len(e.match) == 0 {
		return fmt.Errorf("set_record: match and key must not be empty")
	}
	if strings.ContainsAny(e.key+e.value, "\r\n") {
		return fmt.Errorf("set_record %q: key and value are of one line", e.key)
	}
	return nil
}

func (e setRecord) apply(content []byte) outcome {
	lines := splitLines(content)
	var found [][2]int
	for _, record := range records(lines) {
		if e.matches(lines[record[0]:record[1]]) {
			found = append(found, record)
		}
	}
	switch {
	case len(found) == 0:
		return outcome{verdict: absent, reason: "no record has " + e.wanted()}
	case len(found) > 1:
		return outcome{verdict: unclear, reason: fmt.Sprintf("the records at lines %d and %d both have %s", found[0][0]+1, found[1][0]+1, e.wanted())}
	}
	at := -1
	for i := found[0][0]; i < found[0][1]; i++ {
		if key, _, ok := strings.Cut(lines[i].text, ":"); ok && key == e.key {
			if at >= 0 {
				return outcome{verdict: unclear, reason: fmt.Sprintf("lines %d and %d both set %s", at+1, i+1, e.key)}
			}
			at = i
		}
	}
	if at < 0 {
		return outcome{verdict: absent, reason: fmt.Sprintf("the record at line %d has no %s", found[0][0]+1, e.key)}
	}
	old := strings.TrimSpace(lines[at].text[len(e.key)+1:])
	value := e.value
	if e.asFound {
		value = sameCase(value, old)
	}
	if text := e.key + ": " + value; lines[at].text != text {
		lines[at].text = text
		return outcome{verdict: needed, content: joinLines(lines)}
	}
	return outcome{verdict: applied}
}

// records gives the first line and the line after the last of every record.
func records(lines []line) [][2]int {
	var found [][2]int
	start := 0
	for i, l := range lines {
		if l.text == "-" {
			if i > start {
				found = append(found, [2]int{start, i})
			}
			start = i + 1
		}
	}
	if start < len(lines) {
		found = append(found, [2]int{start, len(lines)})
	}
	return found
}

func (e setRecord) matches(record []line) bool {
	matched := 0
	for _, l := range record {
		key, value, ok := strings.Cut(l.text, ":")
		if want, asked := e.match[key]; ok && asked && strings.TrimSpace(value) == want {
			matched++
		}
	}
	return matched == len(e.match)
}

func (e setRecord) wanted() string {
	var parts []string
	for _, key := range sortedKeys(e.match) {
		parts = append(parts, key+": "+e.match[key])
	}
	return strings.Join(parts, " and ")
}
