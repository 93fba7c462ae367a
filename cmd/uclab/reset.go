package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/uclab/uclab/plan"
	"github.com/uclab/uclab/vsphere"
)

// baseSnapshot is the snapshot that reset goes back to unless told otherwise.
const baseSnapshot = "clean"

type resetFlags struct {
	changeFlags
	snapshot string
	anew     bool
}

func newResetCommand(a *app) *cobra.Command {
	var flags resetFlags
	cmd := &cobra.Command{
		Use:     "reset" + labUse,
		GroupID: groupLab,
		Short:   "Bring pods, or the whole lab, back to the beginning",
		Long: `Reset reverts the virtual machines to the snapshot "clean", or to the one that
--snapshot names. Where they do not all have it, those that are clones are
destroyed and cloned anew, as with --anew all are. Then apply makes what is left
to be as the lab file says. Networks, media, other pods and what is marked
protect stay.`,
		Example: "  uclab reset --pod 3\n  uclab reset examples/classroom --pod 3,7-9 --anew --auto-approve",
		Args:    labArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.reset(cmd.Context(), flags, args)
		},
	}
	flags.labFlags.register(cmd)
	cmd.Flags().BoolVar(&flags.autoApprove, "auto-approve", false, "do not ask before changing anything")
	cmd.Flags().IntVar(&flags.parallelism, "parallelism", 8, "changes in flight at once")
	cmd.Flags().StringVar(&flags.snapshot, "snapshot", baseSnapshot, "the snapshot to go back to, by its `name`")
	cmd.Flags().BoolVar(&flags.anew, "anew", false, "make the machines anew, snapshot or not")
	return cmd
}

func (a *app) reset(ctx context.Context, flags resetFlags, args []string) (err error) {
	if err := flags.check(); err != nil {
		return err
	}
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
	vms := a.unprotected(s, s.chosen())
	if len(vms) == 0 {
		return hintf(fmt.Errorf("%s has no virtual machines to reset", s.which()), "make them with 'uclab apply %s'", lab.File)
	}
	byRevert, err := a.canRevert(ctx, s, vms, flags)
	if err != nil {
		return err
	}
	if byRevert {
		err = a.resetByRevert(ctx, s, vms, flags)
	} else {
		err = a.resetAnew(ctx, s, vms, flags)
	}
	if err != nil {
		return err
	}
	a.printf("\nReset: %s.\n", s.which())
	return flags.strictly(lab.warned, nil)
}

// canRevert says whether the machines can go back to the snapshot; when they
// cannot, and are no clones either, it refuses.
func (a *app) canRevert(ctx context.Context, s *session, vms []plan.VM, flags resetFlags) (bool, error) {
	if flags.anew {
		return false, nil
	}
	snapshots, err := s.client.Snapshots(ctx, vms)
	if err != nil {
		return false, err
	}
	whole := slices.ContainsFunc(snapshots, func(snapshot vsphere.Snapshot) bool {
		return snapshot.Name == flags.snapshot && len(snapshot.Missing) == 0
	})
	if !whole && !clones(s, vms) {
		return false, hintf(fmt.Errorf("%s has no snapshot %s on all of its machines", s.which(), flags.snapshot),
			"take one with 'uclab snapshot create %s %s' when the lab is as it should begin, or make the machines anew and empty with --anew", flags.snapshot, s.lab.File)
	}
	return whole, nil
}

// resetAnew destroys the machines and makes them again.
func (a *app) resetAnew(ctx context.Context, s *session, vms []plan.VM, flags resetFlags) error {
	p, err := plan.Reset(s.lab.Lab, s.inventory, s.lab.pods)
	if err != nil {
		return err
	}
	a.warnAll(s.lab, p.Warnings)
	question := fmt.Sprintf("Destroy %s with all disks, and make them anew? There is no undo.", machinesOf(s, vms))
	_, err = a.carryOut(ctx, s, p, flags.changeFlags, question)
	return err
}

// resetByRevert goes back to the snapshot, and then makes what is left to be as
// the lab file says, which was approved with it.
func (a *app) resetByRevert(ctx context.Context, s *session, vms []plan.VM, flags resetFlags) error {
	if err := a.revertTo(ctx, s, vms, flags); err != nil {
		return err
	}
	if err := a.observe(ctx, s); err != nil {
		return err
	}
	p, err := a.diff(s)
	if err != nil || p.Empty() {
		return err
	}
	flags.autoApprove = true
	_, err = a.carryOut(ctx, s, p, flags.changeFlags, "")
	return err
}

func (a *app) revertTo(ctx context.Context, s *session, vms []plan.VM, flags resetFlags) error {
	question := fmt.Sprintf("Revert %s to snapshot %s? What was written since is lost.", machinesOf(s, vms), flags.snapshot)
	if err := a.approve(flags.autoApprove, question); err != nil {
		return err
	}
	return a.revert(ctx, s, vms, flags.snapshot, vsphere.SnapshotOptions{Parallelism: flags.parallelism})
}

// clones says that all of some machines are cloned from masters, and so can be
// had again as they were.
func clones(s *session, vms []plan.VM) bool {
	return !slices.ContainsFunc(vms, func(vm plan.VM) bool {
		node, wanted := s.lab.Node(vm.Marks.Node)
		return wanted && node.Clone == nil
	})
}
