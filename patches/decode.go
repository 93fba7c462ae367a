package patches

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/zclconf/go-cty/cty"
)

var validID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// The blocks of a catalogue file. Fields of type hcl.Expression may refer to
// the patch's params and are evaluated for each node.
type patchBlock struct {
	Title      string         `hcl:"title"`
	Source     string         `hcl:"source"`
	About      string         `hcl:"about,optional"`
	Unverified []string       `hcl:"unverified,optional"`
	Otherwise  string         `hcl:"otherwise,optional"`
	Fits       []fitsBlock    `hcl:"fits,block"`
	Params     []paramBlock   `hcl:"param,block"`
	Files      []fileBlock    `hcl:"file,block"`
	Variants   []variantBlock `hcl:"variant,block"`
	Services   []serviceBlock `hcl:"service,block"`
	Kits       []kitBlock     `hcl:"kit,block"`
	Restart    *restartBlock  `hcl:"restart,block"`
}

type fitsBlock struct {
	Product  string `hcl:"product,label"`
	Versions string `hcl:"versions,optional"`
}

type paramBlock struct {
	Name       string  `hcl:"name,label"`
	Default    *string `hcl:"default,optional"`
	Matches    string  `hcl:"matches,optional"`
	About      string  `hcl:"about,optional"`
	Unverified string  `hcl:"unverified,optional"`
}

type variantBlock struct {
	Name  string      `hcl:"name,label"`
	Title string      `hcl:"title,optional"`
	Files []fileBlock `hcl:"file,block"`
}

type restartBlock struct {
	Notice  string `hcl:"notice"`
	Command string `hcl:"command,optional"`
}

type serviceBlock struct {
	Name string `hcl:"name,label"`
	Off  string `hcl:"off"` // the command that keeps it from starting at boot
}

type fileBlock struct {
	Path          hcl.Expression      `hcl:"path"`
	Optional      bool                `hcl:"optional,optional"`
	Create        *createBlock        `hcl:"create,block"`
	ReplaceLines  []replaceLineBlock  `hcl:"replace_line,block"`
	InsertMembers []insertMemberBlock `hcl:"insert_member,block"`
	SetKeys       []setKeyBlock       `hcl:"set_key,block"`
	SetRecords    []setRecordBlock    `hcl:"set_record,block"`
}

type createBlock struct {
	Content hcl.Expression `hcl:"content"`
	Mode    string         `hcl:"mode,optional"`
}

type replaceLineBlock struct {
	From        hcl.Expression `hcl:"from"`
	To          hcl.Expression `hcl:"to"`
	Tail        string         `hcl:"tail,optional"`
	KeepComment bool           `hcl:"keep_comment,optional"`
}

type insertMemberBlock struct {
	Family     hcl.Expression `hcl:"family"`
	Element    string         `hcl:"element"`
	Key        string         `hcl:"key"`
	Attributes hcl.Expression `hcl:"attributes"`
}

type setKeyBlock struct {
	Key        string         `hcl:"key,label"`
	Value      hcl.Expression `hcl:"value"`
	InsteadOf  string         `hcl:"instead_of,optional"`
	LetterCase string         `hcl:"letter_case,optional"`
}

type setRecordBlock struct {
	Match      hcl.Expression `hcl:"match"`
	Key        string         `hcl:"key"`
	Value      hcl.Expression `hcl:"value"`
	LetterCase string         `hcl:"letter_case,optional"`
}

type kitBlock struct {
	Name        string             `hcl:"name,label"`
	Content     hcl.Expression     `hcl:"content"`
	SetRegistry []setRegistryBlock `hcl:"set_registry,block"`
}

type setRegistryBlock struct {
	Key   hcl.Expression `hcl:"key"`
	Name  hcl.Expression `hcl:"name"`
	Value hcl.Expression `hcl:"value"`
}

func (b patchBlock) patch(id string) *Patch {
	patch := &Patch{ID: id, Title: b.Title, Source: b.Source, About: b.About, Unverified: b.Unverified,
		Otherwise: b.Otherwise, services: b.Services, kits: b.Kits}
	for _, fit := range b.Fits {
		patch.Fits = append(patch.Fits, Fit(fit))
	}
	for _, param := range b.Params {
		p := Param{Name: param.Name, Required: param.Default == nil, Matches: param.Matches, About: param.About, Unverified: param.Unverified}
		if param.Default != nil {
			p.Default = *param.Default
		}
		patch.Params = append(patch.Params, p)
	}
	if len(b.Files) > 0 {
		patch.variants = append(patch.variants, variant{files: b.Files})
	}
	for _, v := range b.Variants {
		patch.variants = append(patch.variants, variant{name: v.Name, title: v.Title, files: v.Files})
	}
	if b.Restart != nil {
		patch.Restart = &Restart{Notice: b.Restart.Notice, Command: b.Restart.Command}
	}
	return patch
}

// fileSpec is a file block with its expressions evaluated.
type fileSpec struct {
	path     string // absolute; its last element may hold wildcards
	optional bool
	create   *createSpec
	edits    []edit
}

type createSpec struct {
	content []byte
	mode    uint32
}

func (f fileSpec) glob() bool { return strings.ContainsAny(path.Base(f.path), "*?[") }

// values gives the patch's params: what the node sets, else the defaults.
func (p *Patch) values(set map[string]string) (*hcl.EvalContext, error) {
	values := map[string]cty.Value{}
	for _, param := range p.Params {
		value, isSet := set[param.Name]
		switch {
		case isSet:
		case param.Required:
			return nil, fmt.Errorf("param %q has no value (%s): give it with --param %s=VALUE, or as params = { %s = \"VALUE\" } in the node block", param.Name, param.About, param.Name, param.Name)
		default:
			value = param.Default
		}
		if pattern, err := regexp.Compile(param.Matches); err != nil {
			return nil, fmt.Errorf("param %q: matches: %w", param.Name, err)
		} else if !pattern.MatchString(value) {
			return nil, fmt.Errorf("its value %s = %q does not look right: %s", param.Name, value, param.About)
		}
		values[param.Name] = cty.StringVal(value)
	}
	return &hcl.EvalContext{Variables: map[string]cty.Value{"param": cty.ObjectVal(values)}}, nil
}

// resolver evaluates expressions and keeps the first problem.
type resolver struct {
	context *hcl.EvalContext
	err     error
}

func (r *resolver) decode(expression hcl.Expression, target any) {
	if r.err != nil || expression == nil {
		return
	}
	if diagnostics := gohcl.DecodeExpression(expression, r.context, target); diagnostics.HasErrors() {
		r.err = diagnosticsError(diagnostics)
	}
}

func (r *resolver) text(expression hcl.Expression) string {
	var text string
	r.decode(expression, &text)
	return text
}

// resolve evaluates a variant's files.
func (p *Patch) resolve(v variant, set map[string]string) ([]fileSpec, error) {
	context, err := p.values(set)
	if err != nil {
		return nil, err
	}
	r := &resolver{context: context}
	var specs []fileSpec
	for _, block := range v.files {
		specs = append(specs, r.file(block))
		if r.err != nil {
			return nil, r.err
		}
	}
	return specs, nil
}

func (r *resolver) file(block fileBlock) fileSpec {
	spec := fileSpec{path: r.text(block.Path), optional: block.Optional}
	for _, b := range block.ReplaceLines {
		e := replaceLine{from: strings.TrimSpace(r.text(b.From)), tail: b.Tail, keepComment: b.KeepComment}
		r.decode(b.To, &e.to)
		spec.edits = append(spec.edits, e)
	}
	for _, b := range block.InsertMembers {
		e := insertMember{family: r.text(b.Family), element: b.Element, key: b.Key}
		r.decode(b.Attributes, &e.attributes)
		spec.edits = append(spec.edits, e)
	}
	for _, b := range block.SetKeys {
		spec.edits = append(spec.edits, setKey{key: b.Key, value: r.text(b.Value), insteadOf: b.InsteadOf, asFound: b.LetterCase == "as-found"})
	}
	for _, b := range block.SetRecords {
		e := setRecord{key: b.Key, value: r.text(b.Value), asFound: b.LetterCase == "as-found"}
		r.decode(b.Match, &e.match)
		spec.edits = append(spec.edits, e)
	}
	if block.Create != nil {
		spec.create = &createSpec{content: []byte(r.text(block.Create.Content)), mode: 0o644}
		if block.Create.Mode != "" {
			mode, err := strconv.ParseUint(block.Create.Mode, 8, 12)
			if err != nil && r.err == nil {
				r.err = fmt.Errorf("create: mode %q is not octal", block.Create.Mode)
			}
			spec.create.mode = uint32(mode)
		}
	}
	if r.err == nil {
		r.err = spec.check()
	}
	return spec
}

func (f fileSpec) check() error {
	clean := path.Clean(f.path)
	switch {
	case !path.IsAbs(f.path) || clean != f.path || strings.ContainsAny(f.path, "\x00\n"):
		return fmt.Errorf("path %q must be absolute and without . or .. in it", f.path)
	case strings.ContainsAny(path.Dir(f.path), "*?["):
		return fmt.Errorf("path %q: only the last element may have wildcards", f.path)
	case f.create != nil && (f.glob() || len(f.edits) > 0):
		return fmt.Errorf("path %q: a file that is created has one name and no edits", f.path)
	case f.create == nil && len(f.edits) == 0:
		return fmt.Errorf("path %q: there is nothing to edit in it", f.path)
	}
	if _, err := path.Match(path.Base(f.path), ""); err != nil {
		return fmt.Errorf("path %q: %w", f.path, err)
	}
	for _, e := range f.edits {
		if err := e.check(); err != nil {
			return fmt.Errorf("path %q: %w", f.path, err)
		}
	}
	return nil
}
