package labspec

import (
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/apparentlymart/go-cidr/cidr"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	"github.com/zclconf/go-cty/cty/gocty"
)

// maxFunctionFile bounds what file() and templatefile() read, in bytes.
const maxFunctionFile = 1 << 20

// functions are those that expressions may call: Terraform's, with its names,
// as far as they make sense for a lab, and env.
func functions(dir string, lookupEnv func(string) (string, bool)) map[string]function.Function {
	all := map[string]function.Function{
		"abs": stdlib.AbsoluteFunc, "ceil": stdlib.CeilFunc, "floor": stdlib.FloorFunc, "log": stdlib.LogFunc,
		"max": stdlib.MaxFunc, "min": stdlib.MinFunc, "parseint": stdlib.ParseIntFunc, "pow": stdlib.PowFunc, "signum": stdlib.SignumFunc,

		"chomp": stdlib.ChompFunc, "format": stdlib.FormatFunc, "formatlist": stdlib.FormatListFunc, "indent": stdlib.IndentFunc,
		"join": stdlib.JoinFunc, "lower": stdlib.LowerFunc, "regex": stdlib.RegexFunc, "regexall": stdlib.RegexAllFunc,
		"replace": stdlib.ReplaceFunc, "split": stdlib.SplitFunc, "strlen": stdlib.StrlenFunc, "strrev": stdlib.ReverseFunc,
		"substr": stdlib.SubstrFunc, "title": stdlib.TitleFunc, "trim": stdlib.TrimFunc, "trimprefix": stdlib.TrimPrefixFunc,
		"trimspace": stdlib.TrimSpaceFunc, "trimsuffix": stdlib.TrimSuffixFunc, "upper": stdlib.UpperFunc,

		"chunklist": stdlib.ChunklistFunc, "coalesce": stdlib.CoalesceFunc, "coalescelist": stdlib.CoalesceListFunc,
		"compact": stdlib.CompactFunc, "concat": stdlib.ConcatFunc, "contains": stdlib.ContainsFunc, "distinct": stdlib.DistinctFunc,
		"element": stdlib.ElementFunc, "flatten": stdlib.FlattenFunc, "keys": stdlib.KeysFunc, "length": stdlib.LengthFunc,
		"lookup": stdlib.LookupFunc, "merge": stdlib.MergeFunc, "range": stdlib.RangeFunc, "reverse": stdlib.ReverseListFunc,
		"setintersection": stdlib.SetIntersectionFunc, "setproduct": stdlib.SetProductFunc, "setsubtract": stdlib.SetSubtractFunc,
		"setunion": stdlib.SetUnionFunc, "slice": stdlib.SliceFunc, "sort": stdlib.SortFunc, "values": stdlib.ValuesFunc, "zipmap": stdlib.ZipmapFunc,

		"csvdecode": stdlib.CSVDecodeFunc, "jsondecode": stdlib.JSONDecodeFunc, "jsonencode": stdlib.JSONEncodeFunc,
		"formatdate": stdlib.FormatDateFunc, "timeadd": stdlib.TimeAddFunc,

		"tobool": stdlib.MakeToFunc(cty.Bool), "tolist": stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)),
		"tomap": stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)), "tonumber": stdlib.MakeToFunc(cty.Number),
		"toset": stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)), "tostring": stdlib.MakeToFunc(cty.String),
		"can": tryfunc.CanFunc, "try": tryfunc.TryFunc,

		"cidrhost": cidrHostFunc(), "cidrnetmask": cidrNetmaskFunc(), "cidrsubnet": cidrSubnetFunc(),
		"startswith": textTestFunc(strings.HasPrefix), "endswith": textTestFunc(strings.HasSuffix), "strcontains": textTestFunc(strings.Contains),
		"basename": textFunc(filepath.Base), "dirname": textFunc(filepath.Dir),

		"env": envFunc(lookupEnv), "file": fileFunc(dir), "fileexists": fileExistsFunc(dir),
	}
	all["templatefile"] = templateFileFunc(dir, all)
	return all
}

func stringParameter(name string) function.Parameter {
	return function.Parameter{Name: name, Type: cty.String}
}

func textFunc(f func(string) string) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{stringParameter("text")}, Type: function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.StringVal(f(args[0].AsString())), nil
		},
	})
}

func textTestFunc(f func(text, part string) bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{stringParameter("text"), stringParameter("part")}, Type: function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(f(args[0].AsString(), args[1].AsString())), nil
		},
	})
}

func parsePrefix(v cty.Value) (*net.IPNet, error) {
	_, prefix, err := net.ParseCIDR(v.AsString())
	if err != nil {
		return nil, fmt.Errorf("%q is not an address block such as \"10.10.210.0/24\"", v.AsString())
	}
	return prefix, nil
}

func wholeNumber(v cty.Value) (*big.Int, error) {
	number, accuracy := v.AsBigFloat().Int(nil)
	if accuracy != big.Exact {
		return nil, errors.New("a whole number is needed")
	}
	return number, nil
}

func cidrHostFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{stringParameter("prefix"), {Name: "hostnum", Type: cty.Number}}, Type: function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			prefix, err := parsePrefix(args[0])
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			number, err := wholeNumber(args[1])
			if err != nil {
				return cty.NilVal, function.NewArgError(1, err)
			}
			host, err := cidr.HostBig(prefix, number)
			if err != nil {
				return cty.NilVal, function.NewArgError(1, err)
			}
			return cty.StringVal(host.String()), nil
		},
	})
}

func cidrNetmaskFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{stringParameter("prefix")}, Type: function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			prefix, err := parsePrefix(args[0])
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			if prefix.IP.To4() == nil {
				return cty.NilVal, function.NewArgErrorf(0, "IPv6 has no netmask notation")
			}
			return cty.StringVal(net.IP(prefix.Mask).String()), nil
		},
	})
}

func cidrSubnetFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{stringParameter("prefix"), {Name: "newbits", Type: cty.Number}, {Name: "netnum", Type: cty.Number}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			prefix, err := parsePrefix(args[0])
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			var bits int
			if err := gocty.FromCtyValue(args[1], &bits); err != nil {
				return cty.NilVal, function.NewArgError(1, err)
			}
			number, err := wholeNumber(args[2])
			if err != nil {
				return cty.NilVal, function.NewArgError(2, err)
			}
			subnet, err := cidr.SubnetBig(prefix, bits, number)
			if err != nil {
				return cty.NilVal, err
			}
			return cty.StringVal(subnet.String()), nil
		},
	})
}

func envFunc(lookup func(string) (string, bool)) function.Function {
	fallback := stringParameter("default")
	return function.New(&function.Spec{
		Params: []function.Parameter{stringParameter("name")}, VarParam: &fallback, Type: function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			name := args[0].AsString()
			if lookup != nil {
				if value, ok := lookup(name); ok {
					return cty.StringVal(value), nil
				}
			}
			if len(args) > 1 {
				return args[1], nil
			}
			return cty.NilVal, function.NewArgErrorf(0, "the environment has no %s; set it, or give a default: env(%q, \"...\")", name, name)
		},
	})
}

// readText reads a file that an expression names, relative to the lab's.
func readText(dir, name string) (string, error) {
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	content, err := readRegular(path, maxFunctionFile)
	if err != nil {
		return "", err
	}
	if !utf8.Valid(content) {
		return "", fmt.Errorf("%s is not UTF-8 text", path)
	}
	return string(content), nil
}

// readRegular reads a regular file of at most limit bytes: what a lab file names
// may not be a device or a pipe, which could keep uclab waiting for ever.
func readRegular(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", path)
	}
	return readFile(path, limit)
}

// readFile reads what the user names, a file or a pipe, of at most limit bytes.
func readFile(path string, limit int64) (content []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	content, err = io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > limit {
		return nil, fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return content, nil
}

func fileFunc(dir string) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{stringParameter("path")}, Type: function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			text, err := readText(dir, args[0].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			return cty.StringVal(text), nil
		},
	})
}

func fileExistsFunc(dir string) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{stringParameter("path")}, Type: function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			path := args[0].AsString()
			if !filepath.IsAbs(path) {
				path = filepath.Join(dir, path)
			}
			info, err := os.Stat(path)
			return cty.BoolVal(err == nil && !info.IsDir()), nil
		},
	})
}

func templateFileFunc(dir string, available map[string]function.Function) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{stringParameter("path"), {Name: "vars", Type: cty.DynamicPseudoType}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			path := args[0].AsString()
			text, err := readText(dir, path)
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			if !args[1].Type().IsObjectType() && !args[1].Type().IsMapType() {
				return cty.NilVal, function.NewArgErrorf(1, "an object of variables is needed")
			}
			if _, deep := tooDeep([]byte("x = <<-T\n"+text+"\nT\n"), path); deep {
				return cty.NilVal, function.NewArgErrorf(0, "the template nests too deeply")
			}
			template, diags := hclsyntax.ParseTemplate([]byte(text), path, hcl.InitialPos)
			if diags.HasErrors() {
				return cty.NilVal, function.NewArgError(0, diags)
			}
			context := &hcl.EvalContext{Variables: args[1].AsValueMap(), Functions: without(available, "templatefile")}
			value, diags := template.Value(context)
			if diags.HasErrors() {
				return cty.NilVal, function.NewArgError(0, diags)
			}
			return convert.Convert(value, cty.String)
		},
	})
}

// without leaves one function out: a template that includes itself never ends.
func without(all map[string]function.Function, name string) map[string]function.Function {
	rest := make(map[string]function.Function, len(all))
	for key, f := range all {
		if key != name {
			rest[key] = f
		}
	}
	return rest
}
