package labspec

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

// Marks in docs/language.md around the part that is made from the schema.
const (
	referenceStart = "<!-- reference: made by `go test ./labspec -update`, do not edit -->\n"
	referenceEnd   = "<!-- end of reference -->\n"
)

// document compares a document with what it should say, or writes it.
func document(t *testing.T, path, want string) {
	t.Helper()
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != want {
		t.Errorf("%s is stale: run `go test ./labspec -update` and commit", path)
	}
}

func TestLanguageReference(t *testing.T) {
	const path = "../docs/language.md"
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(content), referenceStart)
	_, after, okEnd := strings.Cut(rest, referenceEnd)
	if !ok || !okEnd {
		t.Fatalf("%s lacks the marks of the reference", path)
	}
	var b strings.Builder
	root := language()
	writeAttributes(&b, root)
	for _, block := range root.blocks {
		writeBlock(&b, block, "##")
	}
	document(t, path, before+referenceStart+"\n"+b.String()+referenceEnd+after)
}

func writeBlock(b *strings.Builder, t *blockType, level string) {
	fmt.Fprintf(b, "%s %s", level, t.name)
	for _, label := range t.labels {
		fmt.Fprintf(b, " \"%s\"", strings.ToUpper(label))
	}
	fmt.Fprintf(b, "\n\n%s", t.doc)
	if t.single && t.name != "pods" {
		b.WriteString(" At most one.")
	}
	b.WriteString("\n\n")
	writeAttributes(b, t)
	for _, child := range t.blocks {
		if t.name == "cluster" && child.name == "node" {
			continue // the same as at the top level
		}
		writeBlock(b, child, level+"#")
	}
}

func writeAttributes(b *strings.Builder, t *blockType) {
	if len(t.attributes) == 0 {
		return
	}
	b.WriteString("| attribute | value | default | |\n|---|---|---|---|\n")
	cell := func(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
	for _, a := range t.attributes {
		fallback := cmp.Or(a.fallback, "")
		if a.required {
			fallback = "required"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", a.name, cell(string(a.kind)), cell(fallback), cell(a.doc))
	}
	b.WriteString("\n")
}

func TestLintsDocument(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Lints\n\n<!-- made by `go test ./labspec -update`, do not edit -->\n\n" +
		"What uclab says about a lab file, by id. `uclab validate --rules` prints the same list.\n\n" +
		"- An **error** cannot work, or would change something that is not ours: the lab is not used until it is mended, and it cannot be silenced.\n" +
		"- A **warning** is what a vendor's installer would refuse, or what the posts advise against. `ignore = [\"KISS001\"]` on the block,\n" +
		"  its cluster or the lab silences it; with `--strict` a warning that is left makes the exit code 3.\n" +
		"- A **notice** is something to know.\n\n" +
		"The figures that VM001 to VM003 compare with are those of the [profile](profiles.md), whose source the finding names.\n\n" +
		"| id | severity | what | fix | source |\n|---|---|---|---|---|\n")
	for _, r := range Rules() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.ID, r.Severity, r.Summary, r.Fix, strings.ReplaceAll(r.Source, "docs/language.md", "[language](language.md)"))
	}
	document(t, "../docs/lints.md", b.String())
}

func TestProfilesDocument(t *testing.T) {
	profiles, err := Profiles(os.DirFS("../templates/profiles"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("# Profiles\n\n<!-- made by `go test ./labspec -update`, do not edit -->\n\n" +
		"What hardware a product gets in a range of versions, unless the lab file says otherwise. `uclab profiles [NAME]` prints the same.\n" +
		"They are `templates/profiles/*.hcl`; a `profile` block in a lab file adds one or overrides figures ([language](language.md)).\n\n" +
		"Each figure bears a mark: **S** the posts say it, **V** verified in a public source, **D** derived from such, **U** unverified: a\n" +
		"default to override, never a truth. The minimum is the least that works in a lab, not what the vendor supports.\n" +
		"The vendor supports none of this on VMware before release 8, and no release in such sizes: for labs only.\n")
	for i := range profiles {
		writeProfile(&b, &profiles[i])
	}
	document(t, "../docs/profiles.md", b.String())
}

func writeProfile(b *strings.Builder, p *Profile) {
	fmt.Fprintf(b, "\n## %s\n\n%s, product `%s`, %s.", p.Name, p.Title, p.Product, cmp.Or(p.Versions, "any version"))
	if p.Description != "" {
		b.WriteString(" " + p.Description)
	}
	if len(p.Patches) > 0 {
		b.WriteString(" Patches: " + strings.Join(p.Patches, ", ") + ".")
	}
	b.WriteString("\n\n| figure | value | minimum | mark | source |\n|---|---|---|---|---|\n")
	for _, f := range p.Figures {
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", f.Name, f.Value, f.Minimum, f.Mark, f.Source)
	}
}
