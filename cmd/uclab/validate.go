package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/uclab/uclab/labspec"
)

// findingDocument is one finding in JSON.
type findingDocument struct {
	ID       string `json:"id"`
	Severity string `json:"severity"`
	Address  string `json:"address,omitempty"`
	Summary  string `json:"summary"`
	Message  string `json:"message"`
	Fix      string `json:"fix,omitempty"`
	Source   string `json:"source,omitempty"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
}

// validateDocument is what `uclab validate --json` writes.
type validateDocument struct {
	Format   int               `json:"format"`
	File     string            `json:"file"`
	Lab      string            `json:"lab,omitempty"`
	Valid    bool              `json:"valid"`
	Nodes    int               `json:"nodes"`
	Findings []findingDocument `json:"findings"`
}

// rulesDocument is what `uclab validate --rules --json` writes.
type rulesDocument struct {
	Format int            `json:"format"`
	Rules  []labspec.Rule `json:"rules"`
}

func newValidateCommand(a *app) *cobra.Command {
	var flags labFlags
	var asJSON, rules bool
	cmd := &cobra.Command{
		Use:     "validate" + labUse,
		GroupID: groupLab,
		Short:   "Check a lab file without touching anything",
		Long: `Validate reads a lab file, checks it against everything that is known about the
appliances, and reports every problem at once, each with its place and its fix.
It needs no network and no target.`,
		Example: `  uclab validate
  uclab validate --strict examples/ccie-voice
  uclab validate --rules`,
		Args: labArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case rules:
				return a.listRules(asJSON)
			case asJSON:
				return a.validateJSON(cmd.Context(), flags, args)
			}
			lab, err := a.load(cmd.Context(), flags, args)
			if err != nil {
				return err
			}
			a.printf("%s is valid: lab %s, %s, %s.\n", lab.File, lab.Name, counted(len(lab.Nodes), "node"), counted(len(lab.Networks), "network"))
			return flags.strictly(lab.warned, nil)
		},
	}
	flags.register(cmd)
	jsonFlag(cmd, &asJSON)
	cmd.Flags().BoolVar(&rules, "rules", false, "list every lint with its severity, source and fix")
	return cmd
}

// counted is a number of things in words: "1 node", "7 nodes".
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func (a *app) listRules(asJSON bool) error {
	rules := labspec.Rules()
	if asJSON {
		return a.writeJSON(rulesDocument{1, rules})
	}
	t := newTable("ID", "SEVERITY", "RULE", "SOURCE")
	for _, rule := range rules {
		t.AppendRow([]any{rule.ID, rule.Severity, rule.Summary, rule.Source})
	}
	writeTable(a.out, t)
	return nil
}

func (a *app) validateJSON(ctx context.Context, flags labFlags, args []string) error {
	path, options, err := a.labOptions(flags, args)
	if err != nil {
		return err
	}
	document := validateDocument{Format: 1, File: path, Findings: []findingDocument{}}
	lab, err := labspec.Load(ctx, path, options)
	var invalid *labspec.InvalidError
	var findings []labspec.Finding
	switch {
	case errors.As(err, &invalid):
		findings = invalid.Findings
	case err != nil:
		return err
	default:
		document.Lab, document.Valid, document.Nodes = lab.Name, true, len(lab.Nodes)
		findings = lab.Findings
	}
	for _, f := range findings {
		document.Findings = append(document.Findings, findingDocument{
			f.ID, string(f.Severity), f.Address, f.Summary, f.Message, f.Fix, f.Source,
			f.Range.Filename, f.Range.Start.Line, f.Range.Start.Column,
		})
	}
	if err := a.writeJSON(document); err != nil {
		return err
	}
	if !document.Valid {
		return exitError(exitFailed)
	}
	return flags.strictly(hasWarnings(findings), nil)
}
