package patches

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/go-version"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclparse"
)

//go:embed catalogue/*.hcl
var embedded embed.FS

// Catalogue is a set of patches.
type Catalogue struct {
	Patches []*Patch // in order of their ids
}

// Builtin gives the catalogue that ships with uclab.
func Builtin() (*Catalogue, error) {
	names, err := fs.Glob(embedded, "catalogue/*.hcl")
	if err != nil {
		return nil, fmt.Errorf("read the catalogue: %w", err)
	}
	catalogue := &Catalogue{}
	for _, name := range names {
		src, err := fs.ReadFile(embedded, name)
		if err != nil {
			return nil, fmt.Errorf("read the catalogue: %w", err)
		}
		if err := catalogue.Add(src, path.Base(name)); err != nil {
			return nil, err
		}
	}
	return catalogue, nil
}

// maxCatalogueFile is the largest catalogue file that is read, in bytes.
const maxCatalogueFile = 4 << 20

// Add adds the patch blocks of an HCL file (JSON when its name ends so). Other
// blocks are left alone, so that a lab file may hold patches of its own. A
// patch with the id of a known one takes its place.
func (c *Catalogue) Add(src []byte, filename string) error {
	if len(src) > maxCatalogueFile {
		return fmt.Errorf("%s: %d bytes are too many for a catalogue", filename, len(src))
	}
	parser := hclparse.NewParser()
	parse := parser.ParseHCL
	if strings.HasSuffix(filename, ".json") {
		parse = parser.ParseJSON
	}
	file, diagnostics := parse(src, filename)
	if diagnostics.HasErrors() {
		return diagnosticsError(diagnostics)
	}
	schema := &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "patch", LabelNames: []string{"id"}}}}
	content, _, diagnostics := file.Body.PartialContent(schema)
	if diagnostics.HasErrors() {
		return diagnosticsError(diagnostics)
	}
	var found []*Patch
	for _, block := range content.Blocks {
		patch, err := decodePatch(block)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(found, func(p *Patch) bool { return p.ID == patch.ID }) {
			return fmt.Errorf("%s: patch %q is declared twice", block.DefRange, patch.ID)
		}
		found = append(found, patch)
	}
	for _, patch := range found {
		c.Patches = slices.DeleteFunc(c.Patches, func(p *Patch) bool { return p.ID == patch.ID })
		c.Patches = append(c.Patches, patch)
	}
	slices.SortFunc(c.Patches, func(a, b *Patch) int { return strings.Compare(a.ID, b.ID) })
	return nil
}

// Find gives the patches with the given ids; an unknown id is an error that
// lists the known ones.
func (c *Catalogue) Find(ids ...string) ([]*Patch, error) {
	var found []*Patch
	for _, id := range ids {
		at := slices.IndexFunc(c.Patches, func(p *Patch) bool { return p.ID == id })
		if at < 0 {
			var known []string
			for _, p := range c.Patches {
				known = append(known, p.ID)
			}
			return nil, fmt.Errorf("no patch is called %q; there are %s", id, strings.Join(known, ", "))
		}
		if !slices.Contains(found, c.Patches[at]) {
			found = append(found, c.Patches[at])
		}
	}
	return found, nil
}

func diagnosticsError(diagnostics hcl.Diagnostics) error {
	var problems []error
	for _, d := range diagnostics {
		if d.Severity != hcl.DiagError {
			continue
		}
		place := ""
		if d.Subject != nil {
			place = fmt.Sprintf("%s:%d: ", d.Subject.Filename, d.Subject.Start.Line)
		}
		problems = append(problems, fmt.Errorf("%s%s: %s", place, d.Summary, d.Detail))
	}
	return errors.Join(problems...)
}

func decodePatch(block *hcl.Block) (*Patch, error) {
	var decoded patchBlock
	if diagnostics := gohcl.DecodeBody(block.Body, nil, &decoded); diagnostics.HasErrors() {
		return nil, diagnosticsError(diagnostics)
	}
	patch := decoded.patch(block.Labels[0])
	patch.DeclRange = block.DefRange
	if err := patch.check(); err != nil {
		return nil, fmt.Errorf("%s:%d: patch %q: %w", block.DefRange.Filename, block.DefRange.Start.Line, patch.ID, err)
	}
	return patch, nil
}

// check finds what the schema cannot: it resolves the patch with stand-ins for
// the values that have no default.
func (p *Patch) check() error {
	if !validID.MatchString(p.ID) {
		return fmt.Errorf("the id must be lower-case letters, digits and dashes")
	}
	kinds := 0
	for _, has := range []bool{len(p.variants) > 0, len(p.services) > 0, len(p.kits) > 0} {
		if has {
			kinds++
		}
	}
	if kinds != 1 {
		return fmt.Errorf("it needs file or variant blocks, or service blocks, or kit blocks, and one kind only")
	}
	for _, fit := range p.Fits {
		if fit.Versions == "" {
			continue
		}
		if _, err := version.NewConstraint(fit.Versions); err != nil {
			return fmt.Errorf("fits %q: versions: %w", fit.Product, err)
		}
	}
	standIns := map[string]string{}
	for _, param := range p.Params {
		if param.Required {
			standIns[param.Name] = "00:00:00:00:00:00"
		}
	}
	for _, v := range p.variants {
		if _, err := p.resolve(v, standIns); err != nil {
			return err
		}
	}
	_, err := p.KitFiles(standIns)
	return err
}
