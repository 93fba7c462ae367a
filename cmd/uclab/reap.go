package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
	"github.com/uclab/uclab/vsphere"
)

// reapedDocument is one expired lab in `uclab reap --json`.
type reapedDocument struct {
	Lab     string `json:"lab"`
	Owner   string `json:"owner,omitempty"`
	Expires string `json:"expires"`
	Nodes   int    `json:"nodes"`
	State   string `json:"state"` // done, failed or kept
	Error   string `json:"error,omitempty"`
}

// reapDocument is what `uclab reap --json` writes.
type reapDocument struct {
	Format int              `json:"format"`
	Target string           `json:"target"`
	Labs   []reapedDocument `json:"labs"`
}

// The ends of a lab in reapedDocument.State, besides vsphere's.
const reapKept = "kept" // its expiry was put off meanwhile

type reapFlags struct {
	changeFlags
	simulator bool
}

func newReapCommand(a *app) *cobra.Command {
	var flags reapFlags
	cmd := &cobra.Command{
		Use:     "reap" + labUse,
		GroupID: groupLab,
		Short:   "Destroy the labs on a target that have expired",
		Long: `Reap lists the labs whose expires or ttl is over, asks, and destroys them, as destroy
does: what bears their marks, and nothing else. It needs no lab file: the marks
tell. The target is chosen as for list. What says protect in a lab file is
protected only as long as the lab has not expired.`,
		Example: "  uclab list && uclab reap\n  uclab reap --simulator --auto-approve --json",
		Args:    labArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.reap(cmd.Context(), flags, args)
		},
	}
	flags.changeFlags.register(cmd)
	cmd.Flags().BoolVar(&flags.simulator, "simulator", false, "reap in the embedded simulator")
	return cmd
}

func (a *app) reap(ctx context.Context, flags reapFlags, args []string) (err error) {
	if err := flags.check(); err != nil {
		return err
	}
	target, err := a.listTarget(ctx, flags.labFlags, args, flags.simulator)
	if err != nil {
		return err
	}
	client, err := a.connect(ctx, target)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeClient(ctx, client)) }()
	labs, err := client.List(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	labs = slices.DeleteFunc(labs, func(lab vsphere.LabSummary) bool { return lab.Expires.IsZero() || lab.Expires.After(now) })
	document := reapDocument{1, client.Target(), []reapedDocument{}}
	switch {
	case len(labs) == 0 && flags.json:
		return a.writeJSON(document)
	case len(labs) == 0:
		a.printf("Nothing to reap: no lab in %s has expired.\n", targetName(client.Target()))
		return nil
	case !flags.json:
		a.renderList(client.Target(), labs)
		a.printf("\n")
	}
	question := fmt.Sprintf("Destroy %s with all disks? There is no undo.", countLabs(len(labs)))
	if err := a.approve(flags.autoApprove, question); err != nil {
		return err
	}
	return a.reapAll(ctx, client, target, labs, flags, document)
}

func countLabs(n int) string {
	if n == 1 {
		return "this expired lab"
	}
	return fmt.Sprintf("these %d expired labs", n)
}

// reapAll goes on with the other labs when one fails, and reports all.
func (a *app) reapAll(ctx context.Context, client *vsphere.Client, target labspec.Target, labs []vsphere.LabSummary, flags reapFlags, document reapDocument) error {
	var errs []error
	for _, lab := range labs {
		state, err := a.reapLab(ctx, client, target, lab.Name, flags)
		entry := reapedDocument{lab.Name, lab.Owner, timeText(lab.Expires), lab.Nodes, state, ""}
		if err != nil {
			entry.Error = err.Error()
			errs = append(errs, fmt.Errorf("reap lab %s: %w", lab.Name, err))
		}
		document.Labs = append(document.Labs, entry)
		switch {
		case flags.json:
		case state == vsphere.Done:
			a.printf("Reaped: lab %s.\n", lab.Name)
		case state == reapKept:
			a.printf("Kept: lab %s, whose expiry was put off.\n", lab.Name)
		}
		if ctx.Err() != nil {
			break
		}
	}
	if flags.json {
		errs = append(errs, a.writeJSON(document))
	}
	return errors.Join(errs...)
}

// reapLab destroys one lab, without its file, if it still is expired now that
// nobody else changes it.
func (a *app) reapLab(ctx context.Context, client *vsphere.Client, target labspec.Target, name string, flags reapFlags) (state string, err error) {
	lab := &labspec.Lab{Format: labspec.Format, Name: name, Target: target}
	unlock, err := a.lockLab(lab)
	if err != nil {
		return vsphere.Failed, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	s := &session{lab: &loaded{Lab: lab, lenient: true}, client: client}
	if err := a.observe(ctx, s); err != nil {
		return vsphere.Failed, err
	}
	if end := plan.LeaseEnd(s.inventory.VMs); len(s.inventory.VMs) > 0 && (end.IsZero() || end.After(time.Now())) {
		return reapKept, nil
	}
	p := plan.Destroy(lab, s.inventory, nil)
	for _, warning := range p.Warnings {
		a.warn(warning)
	}
	err = a.shown(steps(p), func(progress *applyProgress) error {
		_, err := client.Apply(ctx, lab, s.inventory, p, vsphere.ApplyOptions{Parallelism: flags.parallelism, Progress: progress})
		return err
	})
	if err != nil {
		return vsphere.Failed, err
	}
	return vsphere.Done, nil
}
