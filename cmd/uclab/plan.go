package main

import (
	"github.com/spf13/cobra"
)

func newPlanCommand(a *app) *cobra.Command {
	var flags labFlags
	var asJSON, detailed bool
	cmd := &cobra.Command{
		Use:     "plan" + labUse,
		GroupID: groupLab,
		Short:   "Say what apply would change, and why, and change nothing",
		Long: `Plan compares the lab file with what is on the target and lists every change
with its old and new values. It changes nothing.`,
		Example: `  uclab plan
  uclab plan --var isos=/data/isos ccie-voice.lab.hcl
  uclab plan --detailed-exitcode   # 0: nothing to do, 1: error, 2: changes`,
		Args: labArgs,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			s, err := a.open(cmd.Context(), flags, args)
			if err != nil {
				return err
			}
			defer s.close(cmd.Context(), &err)
			p, err := a.diff(s)
			if err != nil {
				return err
			}
			if asJSON {
				err = a.writeJSON(p)
			} else {
				a.renderPlan(s, p)
			}
			if err != nil {
				return err
			}
			if detailed && !p.Empty() {
				return exitError(exitChanges)
			}
			return flags.strictly(s.lab.warned, nil)
		},
	}
	flags.register(cmd)
	jsonFlag(cmd, &asJSON)
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "end with 0 when there is nothing to do, 1 on errors, 2 when there are changes")
	return cmd
}
