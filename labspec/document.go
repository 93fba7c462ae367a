package labspec

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/json"
)

// block is a block of a file, checked against its blockType; its expressions
// are not evaluated yet.
type block struct {
	typ        *blockType
	label      string
	labelRange hcl.Range
	declRange  hcl.Range
	attributes map[string]*hcl.Attribute
	blocks     []*block
}

// of gives the blocks of a type inside this one.
func (b *block) of(name string) []*block {
	var found []*block
	for _, child := range b.blocks {
		if child.typ.name == name {
			found = append(found, child)
		}
	}
	return found
}

// one gives the only block of a type inside this one, or nil.
func (b *block) one(name string) *block {
	for _, child := range b.blocks {
		if child.typ.name == name {
			return child
		}
	}
	return nil
}

// parse reads the text of a file, native or JSON by its name, against a
// language. Problems go to the report. Nil means that the syntax is wrong;
// blocks and attributes that do not belong are only left out.
func parse(src []byte, filename string, root *blockType, r *report) *block {
	start := hcl.Range{Filename: filename, Start: hcl.InitialPos, End: hcl.InitialPos}
	if len(src) > maxFileSize {
		r.add("LANG009", "", start, "The file has %d bytes; the limit is %d.", len(src), maxFileSize)
		return nil
	}
	body := parseBody(src, filename, r)
	if body == nil {
		return nil
	}
	return decode(body, root, &block{typ: root, declRange: start}, r)
}

// parseBody reads the text of a file, native or JSON by its name; nil when its
// syntax is wrong.
func parseBody(src []byte, filename string, r *report) hcl.Body {
	start := hcl.Range{Filename: filename, Start: hcl.InitialPos, End: hcl.InitialPos}
	var file *hcl.File
	var diags hcl.Diagnostics
	if filepath.Ext(filename) == ".json" {
		if tooDeepJSON(src) {
			r.add("LANG009", "", start, "The JSON nests deeper than %d levels, or has a string of more than %d bytes.", maxNesting, maxJSONText)
			return nil
		}
		file, diags = json.Parse(src, filename)
	} else {
		if rng, deep := tooDeep(src, filename); deep {
			r.add("LANG009", "", rng, "The expression nests deeper than %d brackets or chains more than %d operators.", maxNesting, maxOperators)
			return nil
		}
		file, diags = hclsyntax.ParseConfig(src, filename, hcl.InitialPos)
	}
	r.diagnostics(diags)
	if file == nil || diags.HasErrors() {
		return nil // what the parser recovers of a broken text only misleads
	}
	return file.Body
}

// decode fills b with the attributes and blocks of a body.
func decode(body hcl.Body, typ *blockType, b *block, r *report) *block {
	if typ.foreign {
		return b
	}
	if typ.open {
		attributes, diags := body.JustAttributes()
		r.diagnostics(diags)
		b.attributes = attributes
		return b
	}
	content, diags := body.Content(typ.schema)
	r.diagnostics(explain(typ, diags))
	b.attributes = content.Attributes
	for _, raw := range content.Blocks {
		child := typ.child(raw.Type)
		if child.single {
			if first := b.one(raw.Type); first != nil {
				r.add("LANG003", raw.Type, raw.DefRange, "There is a second %s block; the first is at line %d.", raw.Type, first.declRange.Start.Line)
				continue
			}
		}
		inner := &block{typ: child, declRange: raw.DefRange}
		if len(raw.Labels) > 0 {
			inner.label, inner.labelRange = raw.Labels[0], raw.LabelRanges[0]
		}
		b.blocks = append(b.blocks, decode(raw.Body, child, inner, r))
	}
	return b
}

// passwordSummary marks the diagnostic of an attribute called password.
const passwordSummary = "Password in the lab file"

// explain adds to the library's words about an unexpected attribute or block
// what belongs there, and says why a password does not.
func explain(typ *blockType, diags hcl.Diagnostics) hcl.Diagnostics {
	for _, d := range diags {
		switch d.Summary {
		case "Unsupported argument", "Extraneous JSON object property":
			if strings.Contains(d.Detail, "\"password\"") {
				d.Summary, d.Detail = passwordSummary, "A lab file holds no password."
				continue
			}
			if !strings.Contains(d.Detail, "Did you mean") && typ.name != "" {
				d.Detail += fmt.Sprintf(" A %s block may have: %s.", typ.name, strings.Join(typ.members(), ", "))
			}
		case "Unsupported block type":
			if !strings.Contains(d.Detail, "Did you mean") {
				d.Detail += " Expected: " + strings.Join(typ.members(), ", ") + "."
			}
		}
	}
	return diags
}

// members lists the attributes and blocks that a block may have.
func (t *blockType) members() []string {
	var names []string
	for _, a := range t.attributes {
		names = append(names, a.name)
	}
	for _, child := range t.blocks {
		names = append(names, child.name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
