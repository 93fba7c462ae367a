package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/uclab/uclab/plan"
)

func newDestroyCommand(a *app) *cobra.Command {
	var flags changeFlags
	cmd := &cobra.Command{
		Use:     "destroy" + labUse,
		GroupID: groupLab,
		Short:   "Remove the lab's virtual machines, networks and media, and nothing else",
		Long: `Destroy removes what bears the lab's marks: its virtual machines with their disks,
the port groups made for it that nothing else uses, and the media that no other
VM has in a drive. It shows all of it first and asks.`,
		Example: "  uclab destroy\n  uclab destroy --auto-approve examples/ccie-voice",
		Args:    labArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.destroy(cmd.Context(), flags, args)
		},
	}
	flags.register(cmd)
	return cmd
}

func (a *app) destroy(ctx context.Context, flags changeFlags, args []string) (err error) {
	if err := flags.check(); err != nil {
		return err
	}
	flags.lenient = true
	lab, err := a.load(ctx, flags.labFlags, args)
	if err != nil {
		return err
	}
	unlock, err := a.lockLab(lab.Lab)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	s, err := a.openLab(ctx, lab)
	if err != nil {
		return err
	}
	defer s.close(ctx, &err)
	p := plan.Destroy(lab.Lab, s.inventory, lab.pods)
	a.warnAll(lab, p.Warnings)
	if p.Empty() && !flags.json {
		a.printf("Nothing to destroy: there is no %s.\n", shortLab(lab.Lab, s.inventory))
		return flags.strictly(lab.warned, nil)
	}
	question := fmt.Sprintf("Destroy %s with all its disks? There is no undo.", shortLab(lab.Lab, s.inventory))
	result, err := a.carryOut(ctx, s, p, flags, question)
	if err != nil {
		return err
	}
	if !flags.json && result != nil {
		a.printf("\nDestroyed: %d removed from %s.\n", len(result.Outcomes), shortLab(lab.Lab, s.inventory))
	}
	return flags.strictly(lab.warned, nil)
}
