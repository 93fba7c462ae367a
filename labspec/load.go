package labspec

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Assignment is one -var argument: a variable's name and the text of its value.
type Assignment struct {
	Name  string
	Value string
}

// Options are what a lab file is read with. Load reads no environment of its
// own: LookupEnv gives it one.
type Options struct {
	Profiles  fs.FS                                     // product profiles, *.hcl at the root
	Vars      []Assignment                              // -var, in order; the last of a name wins
	VarFiles  []string                                  // -var-file, in order
	LookupEnv func(name string) (value string, ok bool) // UCLAB_VAR_x and env(); nil: no environment

	// Lenient turns missing media and licence files into warnings, for commands
	// that need neither: destroy, list, console.
	Lenient bool
}

// Load reads a lab file. All problems are reported together: the error is an
// *InvalidError that holds them. What the lints found that is no error is in
// Lab.Findings.
func Load(ctx context.Context, path string, opts Options) (*Lab, error) {
	src, err := readFile(path, maxFileSize)
	if err != nil {
		return nil, fmt.Errorf("read lab file: %w", err)
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("read lab file: %w", err)
	}
	return loadText(ctx, src, path, dir, opts)
}

// loadText reads a lab file's text; dir is where its relative paths start.
func loadText(ctx context.Context, src []byte, path, dir string, opts Options) (*Lab, error) {
	l := &loader{options: opts, path: path, dir: dir, report: newReport(), sources: map[string][]byte{path: src},
		silenced: map[*block]map[string]bool{}}
	if opts.Lenient {
		l.report.soften("MED001", "LIC011")
	}
	lab, err := l.load(ctx, src)
	if err != nil {
		return nil, err
	}
	findings := l.report.sorted()
	if l.report.failed {
		return nil, &InvalidError{File: path, Findings: findings, Sources: l.sources}
	}
	lab.Findings, lab.Sources = findings, l.sources
	return lab, nil
}

// loader is one load of one file, stage by stage.
type loader struct {
	options  Options
	path     string
	dir      string
	report   *report
	sources  map[string][]byte
	doc      *block
	ev       *evaluator
	profiles *profiles
	lab      *Lab
	nodes    []*nodeObject // beside lab.Nodes: the blocks they come from
	silenced map[*block]map[string]bool
}

// load runs the stages. A stage that found errors is followed by the next as
// long as there is something to work on, so that everything is reported.
func (l *loader) load(ctx context.Context, src []byte) (*Lab, error) {
	if l.doc = parse(src, l.path, language(), l.report); l.doc == nil {
		return nil, l.invalid()
	}
	var err error
	if l.profiles, err = l.readProfiles(); err != nil {
		return nil, err
	}
	if !l.declare() {
		return nil, l.invalid()
	}
	for _, stage := range []func(context.Context) error{l.expand, l.complete, l.lint} {
		if err := errors.Join(ctx.Err(), stage(ctx)); err != nil {
			return nil, fmt.Errorf("read %s: %w", l.path, err)
		}
	}
	return l.lab, nil
}

func (l *loader) invalid() error {
	return &InvalidError{File: l.path, Findings: l.report.sorted(), Sources: l.sources}
}

// declare gives variables their values and makes the evaluator, with what the
// file declares in every scope. False means that there is no going on.
func (l *loader) declare() bool {
	available := functions(l.dir, l.options.LookupEnv)
	static := &hcl.EvalContext{Functions: available}
	ev := &evaluator{report: l.report, functions: available, static: static, localsOf: map[string]*hcl.Attribute{}}
	l.ev = ev
	ev.variables = l.variables(static)
	for _, b := range l.doc.of("locals") {
		for _, name := range slices.Sorted(maps.Keys(b.attributes)) {
			if first, taken := ev.localsOf[name]; taken {
				l.report.add("LANG003", "local."+name, b.attributes[name].NameRange, "Local %q is declared twice; the first is at line %d.", name, first.NameRange.Start.Line)
				continue
			}
			ev.localsOf[name] = b.attributes[name]
		}
	}
	ev.scopes = []*scope{newScope(0)}
	if !l.checkFormat() {
		return false
	}
	b := l.doc.one("lab")
	if b == nil {
		l.report.add("LANG007", "", l.doc.declRange, "The file has no lab block.").Fix = "Add lab \"my-lab\" { ... }."
		b = &block{typ: l.doc.typ.child("lab"), declRange: l.doc.declRange}
	}
	ev.lab = &object{kind: "lab", block: b, scope: ev.scopes[0]}
	ev.labName = b.label
	l.checkLabName(b)
	return l.declareScopes()
}

func newScope(index int) *scope {
	s := &scope{index: index, locals: map[string]*cell{}, networks: newNamespace(), nodes: newNamespace()}
	if index > 0 {
		s.name = podName(index)
	}
	return s
}

func (l *loader) variables(static *hcl.EvalContext) map[string]cty.Value {
	vs := declareVariables(l.doc, static, l.report)
	vs.fromEnvironment(l.options.LookupEnv)
	files, err := autoVariableFiles(l.dir)
	if err != nil {
		l.report.add("LANG008", "", hcl.Range{}, "The *.auto.vars.hcl files cannot be found: %s.", err)
	}
	for _, file := range files {
		vs.fromFile(file, l.sources, false)
	}
	for _, file := range l.options.VarFiles {
		vs.fromFile(file, l.sources, true)
	}
	vs.fromArguments(l.options.Vars)
	return vs.values()
}

// checkFormat reads format before anything else is judged by this one's rules.
func (l *loader) checkFormat() bool {
	a, ok := l.doc.attributes["format"]
	if !ok {
		l.report.add("LANG002", "", l.doc.declRange, "The file does not say which format it is in; format 1 is assumed.")
		return true
	}
	value := l.ev.evaluate(l.ev.scopes[0], a.Expr)
	if value.RawEquals(cty.NumberIntVal(Format)) {
		return true
	}
	if value.IsWhollyKnown() {
		l.report.add("LANG001", "", a.Expr.Range(), "This uclab reads format %d.", Format)
	}
	return false
}
