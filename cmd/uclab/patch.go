package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
	"github.com/uclab/uclab/appliance"
	"github.com/uclab/uclab/patches"
)

// patchFlags are the flags of the patch commands.
type patchFlags struct {
	applianceFlags
	all         bool
	only        []string
	partition   string
	autoApprove bool
	restart     bool
	detailed    bool
	asJSON      bool
}

func newPatchCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "patch",
		GroupID: groupAppliance,
		Short:   "Documented tweaks of running appliances",
		Long: `Patches are the documented tweaks that make appliances behave on VMware. Plan shows
what would change and changes nothing; apply keeps the originals on the appliance,
in /root/.uclab, and revert puts them back byte for byte, from any machine. They
are for labs: no vendor supports a tweaked appliance.
` + applianceHelp,
		Example: "  uclab patch plan cucm-pub\n  uclab patch apply --all\n  uclab patch revert cucm-pub --only snmp-off",
	}
	cmd.AddCommand(newPatchListCommand(a), newPatchPlanCommand(a), newPatchApplyCommand(a), newPatchRevertCommand(a), newPatchKitCommand(a))
	return cmd
}

func (f *patchFlags) registerTarget(cmd *cobra.Command) {
	f.applianceFlags.register(cmd)
	f.registerNode(cmd)
	cmd.Flags().BoolVar(&f.all, "all", false, "all nodes of the lab file that have patches")
	cmd.Flags().StringSliceVar(&f.only, "only", nil, "only these patches, by their `ids`")
	cmd.Flags().StringVar(&f.partition, "partition", "active", "`which` partition: active, inactive (/partB) or both")
}

func (f *patchFlags) partitions() ([]patches.Partition, error) {
	switch f.partition {
	case "active":
		return []patches.Partition{patches.PartitionActive}, nil
	case "inactive":
		return []patches.Partition{patches.PartitionInactive}, nil
	case "both":
		return []patches.Partition{patches.PartitionActive, patches.PartitionInactive}, nil
	}
	return nil, usageError{hintf(fmt.Errorf("--partition %s: no such partition", f.partition), "it is active, inactive or both")}
}

func newPatchPlanCommand(a *app) *cobra.Command {
	var flags patchFlags
	cmd := &cobra.Command{
		Use:     "plan [NODE]...",
		Short:   "Show as diffs what patches would change; change nothing",
		Example: "  uclab patch plan cucm-pub\n  uclab patch plan --host root@10.0.1.27 --legacy --product cucm --version 7.1.5\n  uclab patch plan cer-pub --param oid=1.3.6.1.4.1.9.1.1348 --json",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			work, err := a.patchWork(cmd.Context(), flags, args)
			if err != nil {
				return err
			}
			defer work.close(&err)
			if err := work.plan(cmd.Context()); err != nil {
				return err
			}
			if flags.asJSON {
				err = a.writeJSON(work.document())
			} else {
				work.render()
			}
			if err == nil && flags.detailed && work.count(patches.StateNeeded) > 0 {
				return exitError(exitChanges)
			}
			return err
		},
	}
	flags.registerTarget(cmd)
	cmd.Flags().BoolVar(&flags.detailed, "detailed-exitcode", false, "exit code 2 when there is something to apply")
	jsonFlag(cmd, &flags.asJSON)
	return cmd
}

func newPatchApplyCommand(a *app) *cobra.Command {
	var flags patchFlags
	cmd := &cobra.Command{
		Use:     "apply [NODE]...",
		Short:   "Apply patches, after showing them and asking",
		Example: "  uclab patch apply cucm-pub\n  uclab patch apply --all --auto-approve\n  uclab patch apply cucm-pub --partition both --restart",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			work, err := a.patchWork(cmd.Context(), flags, args)
			if err != nil {
				return err
			}
			defer work.close(&err)
			return work.apply(cmd.Context())
		},
	}
	flags.registerTarget(cmd)
	cmd.Flags().BoolVar(&flags.autoApprove, "auto-approve", false, "do not ask before changing anything")
	cmd.Flags().BoolVar(&flags.restart, "restart", false, "restart what must be restarted")
	return cmd
}

// patchWork is what one patch command works on.
type patchWork struct {
	app        *app
	flags      patchFlags
	catalogue  *patches.Catalogue
	targets    []*patchTarget
	partitions []patches.Partition
}

// patchTarget is one appliance of it.
type patchTarget struct {
	reachable
	session *appliance.Session
	wanted  []*patches.Patch
	plans   []*patches.Plan // one a partition
}

// patchWork loads the catalogue and the lab file's own patches, and chooses what
// each node gets.
func (a *app) patchWork(ctx context.Context, flags patchFlags, names []string) (*patchWork, error) {
	partitions, err := flags.partitions()
	if err != nil {
		return nil, err
	}
	found, lab, err := a.appliances(ctx, flags.applianceFlags, names, flags.all)
	if err != nil {
		return nil, err
	}
	work := &patchWork{app: a, flags: flags, partitions: partitions}
	if work.catalogue, err = catalogueOf(lab); err != nil {
		return nil, err
	}
	for _, one := range found {
		ids := firstIDs(flags.only, one, work.catalogue)
		if len(ids) == 0 && flags.all {
			continue
		}
		wanted, err := work.catalogue.Find(ids...)
		if err != nil {
			return nil, hintf(err, "see 'uclab patch list'")
		}
		work.targets = append(work.targets, &patchTarget{reachable: one, wanted: wanted})
	}
	if len(work.targets) == 0 {
		return nil, hintf(errors.New("no node has patches"), "name them in the node blocks: patches = [\"snmp-off\"], or give --only")
	}
	return work, nil
}

// firstIDs are the patches that are asked for, else those of the node block with
// the MAC address that its licence wants, else all that fit.
func firstIDs(only []string, one reachable, catalogue *patches.Catalogue) []string {
	if len(only) > 0 {
		return only
	}
	if one.lab != nil && len(one.wants) > 0 {
		ids := slices.Clone(one.wants)
		if _, mac := one.node.Params["mac"]; mac && !slices.Contains(ids, "mac") {
			ids = append(ids, "mac")
		}
		return ids
	}
	var ids []string
	for _, patch := range catalogue.Patches {
		fits, _ := patch.FitsNode(one.node)
		needsValue := slices.ContainsFunc(patch.Params, func(p patches.Param) bool { return p.Required && one.node.Params[p.Name] == "" })
		if fits && !needsValue && !patch.Kit() {
			ids = append(ids, patch.ID)
		}
	}
	return ids
}

func catalogueOf(lab *loaded) (*patches.Catalogue, error) {
	catalogue, err := patches.Builtin()
	if err != nil || lab == nil {
		return catalogue, err
	}
	src, err := os.ReadFile(lab.File)
	if err != nil {
		return nil, fmt.Errorf("read the lab file's patches: %w", err)
	}
	return catalogue, catalogue.Add(src, filepath.Base(lab.File))
}

// each does something for all appliances at once and joins the errors, each
// with the appliance's name.
func (w *patchWork) each(work func(*patchTarget) error) error {
	errs := make([]error, len(w.targets))
	var wg sync.WaitGroup
	for i, target := range w.targets {
		wg.Go(func() {
			if err := work(target); err != nil {
				errs[i] = named(target.node.Address, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// named puts an appliance's name before an error that lacks it.
func named(name string, err error) error {
	if strings.Contains(err.Error(), name) {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}

func (w *patchWork) close(err *error) {
	for _, target := range w.targets {
		if target.session != nil {
			*err = errors.Join(*err, target.session.Close())
		}
	}
}

// plan logs in to every appliance and plans.
func (w *patchWork) plan(ctx context.Context) error {
	w.findOIDs(ctx)
	return w.each(func(target *patchTarget) (err error) {
		if target.session, err = appliance.Dial(ctx, target.config); err != nil {
			return err
		}
		for _, partition := range w.partitions {
			plan, err := patches.MakePlan(ctx, target.session, target.node, partition, target.wanted)
			if err != nil {
				return err
			}
			target.plans = append(target.plans, plan)
		}
		return nil
	})
}

func (w *patchWork) count(state patches.State) int {
	n := 0
	for _, target := range w.targets {
		for _, plan := range target.plans {
			for _, planned := range plan.Patches {
				if planned.State == state {
					n++
				}
			}
		}
	}
	return n
}

func (w *patchWork) apply(ctx context.Context) error {
	if err := w.plan(ctx); err != nil {
		return err
	}
	w.render()
	if n := w.count(patches.StateConflict); n > 0 {
		return hintf(fmt.Errorf("%d %s cannot be applied; nothing was changed", n, plural(n, "patch", "patches")),
			"look at the reasons above; --only leaves patches out, --param sets what they look for")
	}
	n := w.count(patches.StateNeeded)
	if n == 0 {
		return nil
	}
	if !w.flags.autoApprove {
		if err := w.app.confirm(fmt.Sprintf("Apply %d %s?", n, plural(n, "patch", "patches"))); err != nil {
			return err
		}
	}
	var mu sync.Mutex
	options := patches.Options{By: whoami(), Notify: func(message string) {
		mu.Lock()
		defer mu.Unlock()
		w.app.notef("%s\n", message)
	}}
	applied := 0
	err := w.each(func(target *patchTarget) error {
		for _, plan := range target.plans {
			done, err := patches.Apply(ctx, target.session, plan, options)
			mu.Lock()
			applied += len(done)
			mu.Unlock()
			if err != nil {
				return err
			}
		}
		return nil
	})
	w.app.printf("\nApplied %d of %d %s.\n", applied, n, plural(n, "patch", "patches"))
	if err != nil {
		return err
	}
	return w.restart(ctx)
}

// restart tells what must be restarted, or does it.
func (w *patchWork) restart(ctx context.Context) error {
	return w.each(func(target *patchTarget) error {
		commands := map[string]bool{}
		for _, plan := range target.plans {
			for _, planned := range plan.Patches {
				for _, notice := range planned.Restart() {
					w.app.notef("%s: %s: to make it count, %s\n", target.node.Address, planned.Patch.ID, notice)
					if command := planned.Patch.Restart.Command; command != "" {
						commands[command] = true
					}
				}
			}
		}
		if !w.flags.restart {
			return nil
		}
		for command := range commands {
			w.app.notef("%s: running %s\n", target.node.Address, command)
			// The appliance may be gone before it answers.
			if _, err := target.session.Run(ctx, command, false); err != nil && !errors.Is(err, appliance.ErrConnectionLost) {
				return err
			}
		}
		return nil
	})
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// whoami is "user@machine", for the ledger.
func whoami() string {
	name := "unknown"
	if who, err := user.Current(); err == nil {
		name = who.Username
	}
	machine, err := os.Hostname()
	if err != nil {
		machine = "unknown"
	}
	return name + "@" + machine
}

func newPatchRevertCommand(a *app) *cobra.Command {
	var flags patchFlags
	cmd := &cobra.Command{
		Use:     "revert [NODE]...",
		Short:   "Put back, byte for byte, what patches changed",
		Example: "  uclab patch revert cucm-pub\n  uclab patch revert cucm-pub --only snmp-off --auto-approve",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			work, err := a.revertWork(cmd.Context(), flags, args)
			if err != nil {
				return err
			}
			defer work.close(&err)
			return work.revert(cmd.Context())
		},
	}
	flags.registerTarget(cmd)
	cmd.Flags().BoolVar(&flags.autoApprove, "auto-approve", false, "do not ask before changing anything")
	return cmd
}

// revertWork needs no catalogue: the ledgers know.
func (a *app) revertWork(ctx context.Context, flags patchFlags, names []string) (*patchWork, error) {
	partitions, err := flags.partitions()
	if err != nil {
		return nil, err
	}
	found, _, err := a.appliances(ctx, flags.applianceFlags, names, flags.all)
	if err != nil {
		return nil, err
	}
	work := &patchWork{app: a, flags: flags, partitions: partitions}
	for _, one := range found {
		if !flags.all || len(one.wants) > 0 || one.node.Params["mac"] != "" {
			work.targets = append(work.targets, &patchTarget{reachable: one})
		}
	}
	return work, nil
}

func (w *patchWork) revert(ctx context.Context) error {
	ids, err := w.toRevert(ctx)
	if err != nil {
		return err
	}
	n := 0
	for _, target := range w.targets {
		for _, partition := range w.partitions {
			for _, id := range ids[target][partition] {
				n++
				w.app.printf("  %s %s: %s (%s partition)\n", w.app.paint(w.app.colorOut, text.FgRed, "-"), target.node.Address, id, partition)
			}
		}
	}
	if n == 0 {
		w.app.printf("Nothing to revert: the ledgers are empty.\n")
		return nil
	}
	if !w.flags.autoApprove {
		if err := w.app.confirm(fmt.Sprintf("Revert %d %s?", n, plural(n, "patch", "patches"))); err != nil {
			return err
		}
	}
	err = w.each(func(target *patchTarget) error {
		for _, partition := range w.partitions {
			if _, err := patches.Revert(ctx, target.session, partition, ids[target][partition], patches.Options{By: whoami()}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.app.printf("\nReverted %d %s.\n", n, plural(n, "patch", "patches"))
	w.app.notef("Reboot the appliance to make it count.\n")
	return nil
}

// toRevert reads the ledgers: what was applied last is reverted first.
func (w *patchWork) toRevert(ctx context.Context) (map[*patchTarget]map[patches.Partition][]string, error) {
	ids := map[*patchTarget]map[patches.Partition][]string{}
	var mu sync.Mutex
	err := w.each(func(target *patchTarget) (err error) {
		if target.session, err = appliance.Dial(ctx, target.config); err != nil {
			return err
		}
		mine := map[patches.Partition][]string{}
		for _, partition := range w.partitions {
			known, err := patches.ReadLedger(ctx, target.session, partition)
			if err != nil {
				return err
			}
			slices.SortStableFunc(known, func(a, b patches.Applied) int { return b.Time.Compare(a.Time) })
			for _, applied := range known {
				if len(w.flags.only) == 0 || slices.Contains(w.flags.only, applied.ID) {
					mine[partition] = append(mine[partition], applied.ID)
				}
			}
			for _, id := range w.flags.only {
				if !slices.Contains(mine[partition], id) {
					return fmt.Errorf("revert %s: %w", id, patches.ErrNotInLedger)
				}
			}
		}
		mu.Lock()
		defer mu.Unlock()
		ids[target] = mine
		return nil
	})
	return ids, err
}
