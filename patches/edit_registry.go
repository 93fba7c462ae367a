package patches

import (
	"fmt"
	"regexp"
	"strings"
)

// registryHeader begins a file for Windows' registry editor (Windows 2000 and
// later).
const registryHeader = "Windows Registry Editor Version 5.00"

var registryKey = regexp.MustCompile(`^HKEY_(LOCAL_MACHINE|CURRENT_USER|CLASSES_ROOT|USERS|CURRENT_CONFIG)(\\[^\\\r\n\[\]]+)+$`)

// setRegistry sets a string value in a .reg file. Other keys, comments and
// order stay; lines end as the file's do.
type setRegistry struct{ key, name, value string }

func (e setRegistry) check() error {
	if !registryKey.MatchString(e.key) {
		return fmt.Errorf("set_registry: %q is not a full registry key", e.key)
	}
	if e.name == "" || strings.ContainsAny(e.name+e.value, "\r\n\x00") {
		return fmt.Errorf("set_registry %q: name and value are of one line", e.name)
	}
	return nil
}

func (e setRegistry) apply(content []byte) outcome {
	lines := splitLines(content)
	if len(lines) == 0 || strings.TrimSpace(lines[0].text) != registryHeader {
		return outcome{verdict: unclear, reason: fmt.Sprintf("the first line must read %q", registryHeader)}
	}
	ending := lineEnding(lines)
	wanted := line{registryString(e.name) + "=" + registryString(e.value), ending}
	section := -1
	for i, l := range lines {
		if strings.EqualFold(strings.TrimSpace(l.text), "["+e.key+"]") {
			section = i
			break
		}
	}
	if section < 0 {
		lines[len(lines)-1].ending = ending
		return outcome{verdict: needed, content: joinLines(append(lines, line{"", ending}, line{"[" + e.key + "]", ending}, wanted))}
	}
	at := section + 1
	for ; at < len(lines) && !strings.HasPrefix(strings.TrimSpace(lines[at].text), "["); at++ {
		name, _, found := strings.Cut(lines[at].text, "=")
		if !found || !strings.EqualFold(strings.TrimSpace(name), registryString(e.name)) {
			continue
		}
		if lines[at].text == wanted.text {
			return outcome{verdict: applied}
		}
		lines[at].text = wanted.text
		return outcome{verdict: needed, content: joinLines(lines)}
	}
	lines[section].ending = ending
	rest := append([]line{wanted}, lines[section+1:]...)
	return outcome{verdict: needed, content: joinLines(append(lines[:section+1:section+1], rest...))}
}

// registryString writes a string as the registry editor does.
func registryString(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
