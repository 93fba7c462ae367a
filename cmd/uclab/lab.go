package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"
	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
	"github.com/uclab/uclab/templates"
)

// labFlags are the flags of every command that reads a lab file.
type labFlags struct {
	vars     []string
	varFiles []string
	strict   bool
	pods     string
	lenient  bool // the command needs neither discs nor licences
}

func (f *labFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.vars, "var", nil, "set a variable of the lab file: `name=value` (repeatable)")
	cmd.Flags().StringArrayVar(&f.varFiles, "var-file", nil, "read variables from a `file` (repeatable)")
	cmd.Flags().StringVar(&f.pods, "pod", "", "only these pods: `numbers` such as 3,7-9")
	cmd.Flags().BoolVar(&f.strict, "strict", false, "end with exit code 3 when there are warnings")
}

// labUse is the argument of every command that reads a lab file.
const labUse = " [FILE|DIR]"

func labArgs(cmd *cobra.Command, args []string) error {
	return cobra.MaximumNArgs(1)(cmd, args)
}

// loaded is a lab with the choice of its pods and with whether anything was
// worth a warning.
type loaded struct {
	*labspec.Lab
	pods    plan.PodSet // nil: the whole lab
	warned  bool
	lenient bool // what the lab needs to be made may be missing on the target
}

// load reads the lab file that the arguments mean and says on the error stream
// what its lints found.
func (a *app) load(ctx context.Context, flags labFlags, args []string) (*loaded, error) {
	path, options, err := a.labOptions(flags, args)
	if err != nil {
		return nil, err
	}
	lab, err := labspec.Load(ctx, path, options)
	var invalid *labspec.InvalidError
	if errors.As(err, &invalid) {
		if err := a.showFindings(invalid.Findings, invalid.Sources); err != nil {
			return nil, err
		}
		return nil, hintf(fmt.Errorf("%s: %s", path, countErrors(invalid.Findings)), "mend the file and run 'uclab validate' again")
	}
	if err != nil {
		return nil, err
	}
	if err := a.showFindings(lab.Findings, lab.Sources); err != nil {
		return nil, err
	}
	pods, err := choosePods(lab, flags.pods)
	if err != nil {
		return nil, err
	}
	return &loaded{lab, pods, hasWarnings(lab.Findings), flags.lenient}, nil
}

// choosePods reads --pod and refuses pods that the lab does not have.
func choosePods(lab *labspec.Lab, text string) (plan.PodSet, error) {
	pods, err := plan.ParsePods(text)
	if err != nil {
		return nil, usageError{hintf(err, "write numbers and ranges, as in --pod 3,7-9")}
	}
	if pods == nil {
		return nil, nil
	}
	if lab.Pods == nil {
		return nil, usageError{hintf(fmt.Errorf("lab %s has no pods", lab.Name), "leave out --pod, or add a pods block to the lab file")}
	}
	for number := range pods {
		if number > lab.Pods.Count {
			return nil, usageError{hintf(fmt.Errorf("there is no pod %d", number), "lab %s has pods 1 to %d", lab.Name, lab.Pods.Count)}
		}
	}
	return pods, nil
}

// labOptions finds the lab file that the arguments mean and how to read it.
func (a *app) labOptions(flags labFlags, args []string) (string, labspec.Options, error) {
	arg := ""
	if len(args) > 0 {
		arg = args[0]
	}
	wd, err := a.getwd()
	if err != nil {
		return "", labspec.Options{}, fmt.Errorf("find the working directory: %w", err)
	}
	path, err := labspec.Find(arg, wd)
	if errors.Is(err, fs.ErrNotExist) {
		return "", labspec.Options{}, hintf(err, "'uclab init ccie-voice' writes a lab file to begin with")
	}
	if err != nil {
		return "", labspec.Options{}, err
	}
	vars, err := assignments(flags.vars)
	if err != nil {
		return "", labspec.Options{}, err
	}
	return path, labspec.Options{
		Profiles: templates.Profiles(), Vars: vars, VarFiles: flags.varFiles, LookupEnv: a.lookupEnv,
		Lenient: flags.lenient,
	}, nil
}

func assignments(vars []string) ([]labspec.Assignment, error) {
	var out []labspec.Assignment
	for _, v := range vars {
		name, value, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			return nil, usageError{hintf(fmt.Errorf("--var %s: no value", v), "write --var name=value")}
		}
		out = append(out, labspec.Assignment{Name: name, Value: value})
	}
	return out, nil
}

func (a *app) showFindings(findings []labspec.Finding, sources map[string][]byte) error {
	return labspec.WriteFindings(a.err, findings, sources, uint(max(a.width(), 0)), a.colorErr)
}

func countErrors(findings []labspec.Finding) string {
	errors := 0
	for _, finding := range findings {
		if finding.Severity == labspec.SeverityError {
			errors++
		}
	}
	if errors == 1 {
		return "1 problem"
	}
	return fmt.Sprintf("%d problems", errors)
}

func hasWarnings(findings []labspec.Finding) bool {
	for _, finding := range findings {
		if finding.Severity == labspec.SeverityWarning {
			return true
		}
	}
	return false
}

// strictly turns a success with warnings into exit code 3 under --strict.
func (f labFlags) strictly(warned bool, err error) error {
	if err == nil && f.strict && warned {
		return exitError(exitWarnings)
	}
	return err
}
