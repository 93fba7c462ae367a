package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// The groups that `uclab help` lists the commands in.
const (
	groupLab       = "lab"
	groupDisc      = "disc"
	groupAppliance = "appliance"
	groupOther     = "other"
)

// run carries out one command line and gives the exit code.
func run(ctx context.Context, a *app, args []string) int {
	root := newRootCommand(a)
	root.SetArgs(doubleDashes(args))
	return a.report(root.ExecuteContext(ctx))
}

func newRootCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "uclab",
		Short: "Build labs of UC appliances from one file",
		Long: `uclab builds a whole lab of UC appliances from one HCL file: virtual machines
with the right hardware per product, serial consoles on named pipes, bootable
install discs, documented tweaks and MAC changes.

A lab file without a target lives in the embedded simulator, so that everything
can be tried without a server. Labs are for learning and testing: the vendors
support neither modified discs nor tweaked appliances.`,
		Example: `  uclab init ccie-voice
  uclab plan
  uclab apply
  uclab status
  uclab destroy`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{hintf(err, "see '%s --help'", cmd.CommandPath())}
	})
	root.AddGroup(
		&cobra.Group{ID: groupLab, Title: "Labs:"},
		&cobra.Group{ID: groupDisc, Title: "Discs:"},
		&cobra.Group{ID: groupAppliance, Title: "Running appliances:"},
		&cobra.Group{ID: groupOther, Title: "Other:"},
	)
	root.SetHelpCommandGroupID(groupOther)
	root.AddCommand(
		newInitCommand(a),
		newValidateCommand(a),
		newPlanCommand(a),
		newApplyCommand(a),
		newStatusCommand(a),
		newListCommand(a),
		newConsoleCommand(a),
		newGraphCommand(a),
		newDestroyCommand(a),
		newSnapshotCommand(a),
		newResetCommand(a),
		newReapCommand(a),
		newPatchCommand(a),
		newMACCommand(a),
		newLicenseCommand(a),
		newMountCommand(a),
		newProfilesCommand(a),
		newISOCommand(a),
		newSimCommand(a),
		newVersionCommand(a),
		newCompletionCommand(a),
		newGendocsCommand(a),
	)
	root.AddCommand(newFileCommands(a)...)
	refuseStrayWords(root)
	return root
}

// refuseStrayWords makes the parent commands, which do nothing themselves, name
// a mistyped subcommand as wrong use instead of printing their help, and turns
// wrong counts of arguments into wrong use everywhere.
func refuseStrayWords(cmd *cobra.Command) {
	for _, child := range cmd.Commands() {
		refuseStrayWords(child)
	}
	if args := cmd.Args; args != nil {
		cmd.Args = func(cmd *cobra.Command, words []string) error {
			if err := args(cmd, words); err != nil {
				return usageError{hintf(err, "write '%s', see '%s --help'", strings.TrimSuffix(cmd.UseLine(), " [flags]"), cmd.CommandPath())}
			}
			return nil
		}
	}
	if cmd.HasSubCommands() && !cmd.Runnable() {
		cmd.Args = cobra.ArbitraryArgs
		cmd.RunE = func(cmd *cobra.Command, words []string) error {
			if len(words) == 0 {
				return cmd.Help()
			}
			hint := fmt.Sprintf("see '%s --help'", cmd.CommandPath())
			if near := nearest(cmd, words[0]); near != "" {
				hint = fmt.Sprintf("did you mean '%s %s'?", cmd.CommandPath(), near)
			}
			return usageError{hintf(fmt.Errorf("unknown command %q for %q", words[0], cmd.CommandPath()), "%s", hint)}
		}
	}
}

// nearest is the subcommand that a mistyped word is closest to, if any is close.
func nearest(cmd *cobra.Command, word string) string {
	for cmd.SuggestionsMinimumDistance = range 3 {
		if near := cmd.SuggestionsFor(word); len(near) > 0 {
			return near[0]
		}
	}
	return ""
}

// doubleDashes lets people who come from Terraform type its flags with one
// dash, as DESIGN's `-var name=value` does.
func doubleDashes(args []string) []string {
	known := []string{"var", "var-file", "auto-approve", "detailed-exitcode", "json", "parallelism", "strict", "pod"}
	out := make([]string, 0, len(args))
	for i, arg := range args {
		if arg == "--" {
			return append(out, args[i:]...)
		}
		for _, name := range known {
			if arg == "-"+name || strings.HasPrefix(arg, "-"+name+"=") {
				arg = "-" + arg
				break
			}
		}
		out = append(out, arg)
	}
	return out
}

// jsonFlag gives a command its --json flag.
func jsonFlag(cmd *cobra.Command, value *bool) {
	cmd.Flags().BoolVar(value, "json", false, `write one JSON document ("format": 1) instead of text`)
}
