package patches

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// insertMember adds an empty element as the last of its kind below a family, in
// Emergency Responder's devices.xml. The file is never formatted anew: one
// element is put in, with the blanks that stand before its siblings.
type insertMember struct {
	family     string     // an element of this name, or with an attribute of this value
	element    string     // "member"
	key        string     // the attribute that tells members apart
	attributes [][]string // name and value, in order
}

func (e insertMember) check() error {
	if e.family == "" || e.element == "" || e.value(e.key) == "" {
		return fmt.Errorf("insert_member: family, element and the attribute %q must not be empty", e.key)
	}
	for _, a := range e.attributes {
		if len(a) != 2 {
			return fmt.Errorf("insert_member: an attribute is a pair of name and value")
		}
	}
	return nil
}

func (e insertMember) value(name string) string {
	for _, a := range e.attributes {
		if len(a) == 2 && a[0] == name {
			return a[1]
		}
	}
	return ""
}

// family is an element that may get the member.
type family struct {
	line     int
	depth    int
	inside   int64 // where its contents begin
	lastFrom int64 // the last member, 0 when it has none
	lastTo   int64
	keys     []string
}

func (e insertMember) apply(content []byte) outcome {
	families, err := e.families(content)
	if err != nil {
		return outcome{verdict: unclear, reason: "it is not well-formed XML: " + err.Error()}
	}
	// Of several elements with the name, the family is the one with members.
	if with := slices.DeleteFunc(slices.Clone(families), func(f *family) bool { return f.lastTo == 0 }); len(with) > 0 {
		families = with
	}
	switch {
	case len(families) == 0:
		return outcome{verdict: absent, reason: fmt.Sprintf("no element is called, or has an attribute of value, %q", e.family)}
	case len(families) > 1:
		return outcome{verdict: unclear, reason: fmt.Sprintf("lines %d and %d both have a family %q", families[0].line, families[1].line, e.family)}
	}
	f := families[0]
	switch {
	case slices.Contains(f.keys, e.value(e.key)):
		return outcome{verdict: applied}
	case f.lastTo == 0:
		return outcome{verdict: unclear, reason: fmt.Sprintf("the family %q in line %d has no %s to stand beside", e.family, f.line, e.element)}
	}
	blanks := leadingBlanks(content[f.inside:f.lastFrom])
	inserted := slices.Concat(blanks, []byte(e.render()))
	return outcome{verdict: needed, content: slices.Insert(slices.Clone(content), int(f.lastTo), inserted...)}
}

func (e insertMember) render() string {
	var b strings.Builder
	b.WriteString("<" + e.element)
	for _, a := range e.attributes {
		var escaped bytes.Buffer
		_ = xml.EscapeText(&escaped, []byte(a[1])) // writing to memory does not fail
		fmt.Fprintf(&b, ` %s="%s"`, a[0], escaped.String())
	}
	return b.String() + "/>"
}

// leadingBlanks is the white space at the end of what stands before an element.
func leadingBlanks(before []byte) []byte {
	return before[len(bytes.TrimRight(before, " \t\r\n")):]
}

// families finds the candidates, with byte offsets.
func (e insertMember) families(content []byte) ([]*family, error) {
	decoder := xml.NewDecoder(bytes.NewReader(oneBytePerCharacter(content)))
	// The bytes are ASCII now, whatever encoding the file declares.
	decoder.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	decoder.Entity = xml.HTMLEntity
	var found, open []*family
	depth := 0
	for {
		start := decoder.InputOffset()
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			depth++
			if n := len(open); n > 0 && open[n-1].depth == depth-1 && token.Name.Local == e.element {
				open[n-1].addMember(token, e.key, start)
			}
			if e.isFamily(token) {
				row, _ := decoder.InputPos()
				f := &family{line: row, depth: depth, inside: decoder.InputOffset()}
				found, open = append(found, f), append(open, f)
			}
		case xml.EndElement:
			if n := len(open); n > 0 && open[n-1].depth == depth {
				open = open[:n-1]
			} else if n > 0 && open[n-1].depth == depth-1 && token.Name.Local == e.element {
				open[n-1].lastTo = decoder.InputOffset()
			}
			depth--
		}
	}
}

func (f *family) addMember(token xml.StartElement, key string, start int64) {
	f.lastFrom = start
	for _, a := range token.Attr {
		if a.Name.Local == key {
			f.keys = append(f.keys, a.Value)
		}
	}
}

func (e insertMember) isFamily(token xml.StartElement) bool {
	if token.Name.Local == e.element {
		return false
	}
	return token.Name.Local == e.family || slices.ContainsFunc(token.Attr, func(a xml.Attr) bool { return a.Value == e.family })
}

// oneBytePerCharacter keeps the offsets and takes away what depends on the
// file's encoding.
func oneBytePerCharacter(content []byte) []byte {
	ascii := bytes.Clone(content)
	for i, b := range ascii {
		if b >= 0x80 {
			ascii[i] = '?'
		}
	}
	if bytes.HasPrefix(content, []byte("\xef\xbb\xbf")) { // a byte order mark is no text before the root
		copy(ascii, "   ")
	}
	return ascii
}
