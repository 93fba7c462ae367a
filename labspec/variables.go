package labspec

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// EnvPrefix begins the environment variables that set a lab's variables.
const EnvPrefix = "UCLAB_VAR_"

// sensitive marks the values of sensitive variables, and whatever is computed
// from them.
const sensitive = "sensitive"

// variable is a declared variable.
type variable struct {
	block     *block
	wants     cty.Type // DynamicPseudoType: anything
	typed     bool
	sensitive bool
	failed    bool      // a value was given and reported as unfit
	value     cty.Value // NilVal: none yet
}

// variables holds the declared variables while they get their values, in rising
// precedence: default, environment, *.auto.vars files, -var-file, -var.
type variables struct {
	byName map[string]*variable
	report *report
	static *hcl.EvalContext
}

func declareVariables(doc *block, static *hcl.EvalContext, r *report) *variables {
	vs := &variables{byName: map[string]*variable{}, report: r, static: static}
	for _, b := range doc.of("variable") {
		if first, taken := vs.byName[b.label]; taken {
			r.add("LANG003", "variable."+b.label, b.declRange, "Variable %q is declared twice; the first is at line %d.", b.label, first.block.declRange.Start.Line)
			continue
		}
		vs.byName[b.label] = vs.declare(b)
	}
	return vs
}

func (vs *variables) declare(b *block) *variable {
	v := &variable{block: b, wants: cty.DynamicPseudoType}
	if a, ok := b.attributes["type"]; ok {
		wants, diags := typeexpr.TypeConstraint(a.Expr)
		vs.report.diagnostics(diags)
		if !diags.HasErrors() {
			v.wants, v.typed = wants, true
		}
	}
	if a, ok := b.attributes["sensitive"]; ok {
		value, diags := a.Expr.Value(vs.static)
		vs.report.diagnostics(diags)
		if value, err := convert.Convert(value, cty.Bool); err == nil && value.IsKnown() && !value.IsNull() {
			v.sensitive = value.True()
		} else if !diags.HasErrors() {
			vs.report.add("LANG006", "variable."+b.label, a.Range, "sensitive is true or false.")
		}
	}
	if a, ok := b.attributes["default"]; ok {
		value, diags := a.Expr.Value(vs.static)
		vs.report.diagnostics(diags)
		v.failed = diags.HasErrors()
		if !v.failed {
			vs.set(b.label, v, value, a.Range, "the default")
		}
	}
	return v
}

// set gives a variable a value after converting it to its type.
func (vs *variables) set(name string, v *variable, value cty.Value, rng hcl.Range, origin string) {
	converted, err := convert.Convert(value, v.wants)
	if err != nil {
		v.failed = true
		vs.report.add("LANG006", "variable."+name, rng, "Variable %q is a %s, but %s does not fit: %s.",
			name, v.wants.FriendlyName(), origin, err)
		return
	}
	v.value = converted
}

// setText gives a variable the value that a user wrote on the command line or
// in the environment: the text itself for a string, an expression otherwise.
func (vs *variables) setText(name string, v *variable, text, origin string) {
	wants := v.wants
	if !v.typed && v.value != cty.NilVal && !v.value.IsNull() {
		wants = v.value.Type()
	}
	if wants == cty.String || !v.typed && wants == cty.DynamicPseudoType {
		vs.set(name, v, cty.StringVal(text), v.block.declRange, origin)
		return
	}
	if wants.IsPrimitiveType() {
		value, err := convert.Convert(cty.StringVal(text), wants)
		if err != nil {
			v.failed = true
			vs.report.add("LANG006", "variable."+name, v.block.declRange, "Variable %q is a %s, but %s does not fit: %s.", name, wants.FriendlyName(), origin, err)
			return
		}
		v.value = value
		return
	}
	v.failed = true
	if _, deep := tooDeep([]byte(text), origin); deep {
		vs.report.add("LANG009", "variable."+name, v.block.declRange, "The value of %s nests too deeply.", origin)
		return
	}
	expr, diags := hclsyntax.ParseExpression([]byte(text), origin, hcl.InitialPos)
	if !diags.HasErrors() {
		var value cty.Value
		if value, diags = expr.Value(vs.static); !diags.HasErrors() {
			v.failed = false
			vs.set(name, v, value, v.block.declRange, origin)
			return
		}
	}
	vs.report.add("LANG006", "variable."+name, v.block.declRange,
		"Variable %q is a %s, but %s is not such a value: %s", name, wants.FriendlyName(), origin, diags[0].Detail)
}

// fromEnvironment sets variables from UCLAB_VAR_name.
func (vs *variables) fromEnvironment(lookup func(string) (string, bool)) {
	if lookup == nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(vs.byName)) {
		if text, ok := lookup(EnvPrefix + name); ok {
			vs.setText(name, vs.byName[name], text, EnvPrefix+name)
		}
	}
}

// fromFile sets variables from a file of assignments. In a file loaded by
// itself (*.auto.vars.hcl) unknown names are let be: it may serve several labs.
func (vs *variables) fromFile(path string, sources map[string][]byte, named bool) {
	src, err := readFile(path, maxFileSize)
	if err != nil {
		vs.report.add("LANG008", "", hcl.Range{}, "The variables file cannot be read: %s.", err).Fix =
			"Name a file of assignments, such as isos = \"/data/isos\"."
		return
	}
	sources[path] = src
	body := parseBody(src, path, vs.report)
	if body == nil {
		return
	}
	attributes, diags := body.JustAttributes()
	vs.report.diagnostics(diags)
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		a := attributes[name]
		v, known := vs.byName[name]
		if !known {
			if named {
				vs.report.add("LANG008", "", a.NameRange, "There is no variable %q in the lab file.%s", name, didYouMean(name, slices.Collect(maps.Keys(vs.byName))))
			}
			continue
		}
		value, diags := a.Expr.Value(vs.static)
		vs.report.diagnostics(diags)
		if !diags.HasErrors() {
			vs.set(name, v, value, a.Range, filepath.Base(path))
		}
	}
}

// fromArguments sets variables from -var.
func (vs *variables) fromArguments(assignments []Assignment) {
	for _, assignment := range assignments {
		v, known := vs.byName[assignment.Name]
		if !known {
			vs.report.add("LANG008", "", hcl.Range{}, "-var %s: there is no such variable in the lab file.%s",
				assignment.Name, didYouMean(assignment.Name, slices.Collect(maps.Keys(vs.byName))))
			continue
		}
		vs.setText(assignment.Name, v, assignment.Value, "-var "+assignment.Name)
	}
}

// values gives every variable's value; those of sensitive ones are marked.
func (vs *variables) values() map[string]cty.Value {
	values := make(map[string]cty.Value, len(vs.byName))
	for name, v := range vs.byName {
		if v.value == cty.NilVal {
			if !v.failed {
				vs.report.add("LANG008", "variable."+name, v.block.declRange,
					"Variable %q has no value: use -var %s=..., a *.auto.vars.hcl file or %s%s, or give it a default.", name, name, EnvPrefix, name)
			}
			values[name] = cty.DynamicVal
			continue
		}
		values[name] = v.value
		if v.sensitive {
			values[name] = v.value.Mark(sensitive)
		}
	}
	return values
}

// autoVariableFiles lists the *.auto.vars.hcl and *.auto.vars.json files beside
// the lab file.
func autoVariableFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	var files []string
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasSuffix(name, ".auto.vars.hcl") || strings.HasSuffix(name, ".auto.vars.json") {
			files = append(files, filepath.Join(dir, name))
		}
	}
	return files, nil
}
