package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/uclab/uclab/plan"
	"github.com/uclab/uclab/vsphere"
)

// snapshotDocument is one snapshot in `uclab snapshot list --json`.
type snapshotDocument struct {
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Created     string   `json:"created"`
	Memory      bool     `json:"memory"`
	Nodes       []string `json:"nodes"`
	Missing     []string `json:"missing"`
}

// snapshotsDocument is what `uclab snapshot list --json` writes.
type snapshotsDocument struct {
	Format    int                `json:"format"`
	Lab       string             `json:"lab"`
	Target    string             `json:"target"`
	Snapshots []snapshotDocument `json:"snapshots"`
}

func newSnapshotCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "snapshot",
		GroupID: groupLab,
		Short:   "Snapshots of a whole lab, or of some of its pods",
		Long: `A snapshot of a lab is one of the same name on each of its virtual machines: it is
taken of all or of none of them, and going back to it brings back their power
states too.`,
		Example: "  uclab snapshot create clean\n  uclab snapshot revert clean --pod 3",
	}
	cmd.AddCommand(newSnapshotCreateCommand(a), newSnapshotListCommand(a), newSnapshotRevertCommand(a), newSnapshotDeleteCommand(a))
	return cmd
}

// snapshotUse are the arguments of the commands that work on one snapshot.
const snapshotUse = " NAME" + labUse

// snapshotFlags are the flags of the commands that change snapshots.
type snapshotFlags struct {
	labFlags
	autoApprove bool
	parallelism int
	memory      bool
	description string
}

func (f *snapshotFlags) register(cmd *cobra.Command) {
	f.lenient = true
	f.labFlags.register(cmd)
	cmd.Flags().IntVar(&f.parallelism, "parallelism", 8, "virtual machines in flight at once")
}

func (f *snapshotFlags) registerApproval(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.autoApprove, "auto-approve", false, "do not ask before changing anything")
}

func newSnapshotCreateCommand(a *app) *cobra.Command {
	var flags snapshotFlags
	cmd := &cobra.Command{
		Use:   "create" + snapshotUse,
		Short: "Take a snapshot of all virtual machines, or of none",
		Long: `Create takes a snapshot of every virtual machine of the lab. When one fails, those
that were taken are removed again. With --memory running machines are snapshotted
with their memory and come back running; without, they come back powered off and
are started again.`,
		Example: "  uclab snapshot create clean\n  uclab snapshot create before-exam --memory --description 'mock exam 2'",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.onMachines(cmd.Context(), flags, args, func(s *session, vms []plan.VM, options vsphere.SnapshotOptions) error {
				a.warnMissing(s)
				err := a.shown(len(vms), func(progress *applyProgress) error {
					options.Progress = progress
					return s.client.CreateSnapshot(cmd.Context(), vms, args[0], options)
				})
				if err != nil {
					return err
				}
				a.printf("Snapshot %s taken of %s.\n", args[0], machinesOf(s, vms))
				a.notef("\nNext: uclab snapshot revert %s %s\n", args[0], s.lab.File)
				return nil
			})
		},
	}
	flags.register(cmd)
	cmd.Flags().BoolVar(&flags.memory, "memory", false, "with the memory of running machines")
	cmd.Flags().StringVar(&flags.description, "description", "", "a `text` to remember it by")
	return cmd
}

func newSnapshotRevertCommand(a *app) *cobra.Command {
	var flags snapshotFlags
	cmd := &cobra.Command{
		Use:   "revert" + snapshotUse,
		Short: "Go back to a snapshot, power states included",
		Long: `Revert brings every virtual machine back to the snapshot, and to the power state
that it had then. Nothing is changed unless all of them have it. What is marked
protect stays as it is.`,
		Example: "  uclab snapshot revert clean\n  uclab snapshot revert clean examples/classroom --pod 3,7-9 --auto-approve",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.onMachines(cmd.Context(), flags, args, func(s *session, vms []plan.VM, options vsphere.SnapshotOptions) error {
				vms = a.unprotected(s, vms)
				question := fmt.Sprintf("Revert %s to snapshot %s? What was written since is lost.", machinesOf(s, vms), args[0])
				if err := a.approve(flags.autoApprove, question); err != nil {
					return err
				}
				if err := a.revert(cmd.Context(), s, vms, args[0], options); err != nil {
					return err
				}
				a.printf("Reverted to snapshot %s: %s.\n", args[0], machinesOf(s, vms))
				return nil
			})
		},
	}
	flags.register(cmd)
	flags.registerApproval(cmd)
	return cmd
}

func newSnapshotDeleteCommand(a *app) *cobra.Command {
	var flags snapshotFlags
	cmd := &cobra.Command{
		Use:     "delete" + snapshotUse,
		Short:   "Delete a snapshot; the virtual machines stay as they are",
		Example: "  uclab snapshot delete before-exam",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.onMachines(cmd.Context(), flags, args, func(s *session, vms []plan.VM, options vsphere.SnapshotOptions) error {
				question := fmt.Sprintf("Delete snapshot %s of %s? Nothing can be brought back to it any more.", args[0], machinesOf(s, vms))
				if err := a.approve(flags.autoApprove, question); err != nil {
					return err
				}
				err := a.shown(len(vms), func(progress *applyProgress) error {
					options.Progress = progress
					return s.client.DeleteSnapshot(cmd.Context(), vms, args[0], options)
				})
				if err != nil {
					return err
				}
				a.printf("Snapshot %s deleted.\n", args[0])
				return nil
			})
		},
	}
	flags.register(cmd)
	flags.registerApproval(cmd)
	return cmd
}

func newSnapshotListCommand(a *app) *cobra.Command {
	var flags labFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list" + labUse,
		Short:   "List the snapshots of a lab",
		Example: "  uclab snapshot list\n  uclab snapshot list --pod 3 --json",
		Args:    labArgs,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			flags.lenient = true
			lab, err := a.load(cmd.Context(), flags, args)
			if err != nil {
				return err
			}
			s, err := a.openMachines(cmd.Context(), lab)
			if err != nil {
				return err
			}
			defer s.close(cmd.Context(), &err)
			snapshots, err := s.client.Snapshots(cmd.Context(), s.chosen())
			if err != nil {
				return err
			}
			if asJSON {
				err = a.writeJSON(snapshotsOf(s, snapshots))
			} else {
				a.renderSnapshots(s, snapshots)
			}
			if err != nil {
				return err
			}
			return flags.strictly(lab.warned, nil)
		},
	}
	flags.register(cmd)
	jsonFlag(cmd, &asJSON)
	return cmd
}

// onMachines opens the lab that the arguments after the snapshot's name mean,
// locked, and works on those of its virtual machines that were chosen.
func (a *app) onMachines(ctx context.Context, flags snapshotFlags, args []string, work func(*session, []plan.VM, vsphere.SnapshotOptions) error) (err error) {
	if err := checkParallelism(flags.parallelism); err != nil {
		return err
	}
	if strings.TrimSpace(args[0]) == "" {
		return usageError{hintf(errors.New("the snapshot has no name"), "name it first, as in 'uclab snapshot create clean'")}
	}
	lab, err := a.load(ctx, flags.labFlags, args[1:])
	if err != nil {
		return err
	}
	unlock, err := a.lockLab(lab.Lab)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	s, err := a.openMachines(ctx, lab)
	if err != nil {
		return err
	}
	defer s.close(ctx, &err)
	vms := s.chosen()
	if len(vms) == 0 {
		return hintf(fmt.Errorf("%s has no virtual machines", s.which()), "make them with 'uclab apply %s'", lab.File)
	}
	err = work(s, vms, vsphere.SnapshotOptions{Description: flags.description, Memory: flags.memory, Parallelism: flags.parallelism})
	return flags.strictly(lab.warned, err)
}

func (a *app) revert(ctx context.Context, s *session, vms []plan.VM, name string, options vsphere.SnapshotOptions) error {
	return a.shown(len(vms), func(progress *applyProgress) error {
		options.Progress = progress
		return s.client.RevertSnapshot(ctx, vms, name, options)
	})
}

// approve asks unless it was approved on the command line.
func (a *app) approve(already bool, question string) error {
	if already {
		return nil
	}
	return a.confirm(question)
}

// chosen are the lab's virtual machines that are there, of the chosen pods.
func (s *session) chosen() []plan.VM {
	var vms []plan.VM
	for i := range s.inventory.VMs {
		if s.lab.pods.Has(s.inventory.VMs[i].Marks.Node) {
			vms = append(vms, s.inventory.VMs[i])
		}
	}
	return vms
}

// unprotected leaves out what the lab file protects, and says so.
func (a *app) unprotected(s *session, vms []plan.VM) []plan.VM {
	var open []plan.VM
	for i := range vms {
		if node, ok := s.lab.Node(vms[i].Marks.Node); ok && node.Protect {
			a.warnAll(s.lab, []string{node.Address + " is protected and stays as it is: remove protect = true to change it"})
			continue
		}
		open = append(open, vms[i])
	}
	return open
}

// warnMissing says which nodes of the lab file are in no snapshot because they
// are not there.
func (a *app) warnMissing(s *session) {
	there := map[string]bool{}
	for i := range s.inventory.VMs {
		there[s.inventory.VMs[i].Marks.Node] = true
	}
	var missing []string
	for i := range s.lab.Nodes {
		if address := s.lab.Nodes[i].Address; !there[address] && s.lab.pods.Has(address) {
			missing = append(missing, address)
		}
	}
	if len(missing) > 0 {
		a.warnAll(s.lab, []string{"not in the snapshot, since not made yet: " + strings.Join(missing, ", ")})
	}
}

// which names the lab, or its chosen pods, and where it lives.
func (s *session) which() string {
	name := shortLab(s.lab.Lab, s.inventory)
	switch len(s.lab.pods) {
	case 0:
		return name
	case 1:
		return "pod " + s.lab.pods.String() + " of " + name
	default:
		return "pods " + s.lab.pods.String() + " of " + name
	}
}

// machinesOf says how many virtual machines of what.
func machinesOf(s *session, vms []plan.VM) string {
	if len(vms) == 1 {
		return "1 virtual machine of " + s.which()
	}
	return fmt.Sprintf("%d virtual machines of %s", len(vms), s.which())
}

func snapshotsOf(s *session, snapshots []vsphere.Snapshot) snapshotsDocument {
	document := snapshotsDocument{1, s.lab.Name, s.inventory.Target, []snapshotDocument{}}
	for _, snapshot := range snapshots {
		document.Snapshots = append(document.Snapshots, snapshotDocument{
			snapshot.Name, snapshot.Description, timeText(snapshot.Created), snapshot.Memory,
			append([]string{}, snapshot.Nodes...), append([]string{}, snapshot.Missing...),
		})
	}
	return document
}

func (a *app) renderSnapshots(s *session, snapshots []vsphere.Snapshot) {
	if len(snapshots) == 0 {
		a.printf("No snapshots of %s.\n", s.which())
		return
	}
	a.printf("Snapshots of %s:\n\n", s.which())
	t := newTable("SNAPSHOT", "AGE", "MEMORY", "NODES", "DESCRIPTION")
	for _, snapshot := range snapshots {
		memory := "no"
		if snapshot.Memory {
			memory = "yes"
		}
		total := len(snapshot.Nodes) + len(snapshot.Missing)
		t.AppendRow([]any{snapshot.Name, age(snapshot.Created), memory, fmt.Sprintf("%d of %d", len(snapshot.Nodes), total), orDash(snapshot.Description)})
	}
	writeTable(a.out, t)
}
