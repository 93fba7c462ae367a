package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
	"github.com/uclab/uclab/vsphere"
)

// changeFlags are the flags of the commands that change a target.
type changeFlags struct {
	labFlags
	autoApprove bool
	parallelism int
	json        bool
}

func (f *changeFlags) register(cmd *cobra.Command) {
	f.labFlags.register(cmd)
	jsonFlag(cmd, &f.json)
	cmd.Flags().BoolVar(&f.autoApprove, "auto-approve", false, "do not ask before changing anything")
	cmd.Flags().IntVar(&f.parallelism, "parallelism", 8, "changes in flight at once")
}

// check refuses what cannot be, before anything is read.
func (f *changeFlags) check() error { return checkParallelism(f.parallelism) }

func checkParallelism(n int) error {
	if n < 1 || n > 256 {
		return usageError{hintf(fmt.Errorf("--parallelism %d: out of range", n), "choose 1 to 256; the default is 8")}
	}
	return nil
}

func newApplyCommand(a *app) *cobra.Command {
	var flags changeFlags
	cmd := &cobra.Command{
		Use:     "apply" + labUse,
		GroupID: groupLab,
		Short:   "Make the lab as its file says",
		Long: `Apply shows what it would change, asks, and makes it so: media, networks, virtual
machines, then power. Killed at any point, the next apply finishes the work;
there is no state file to lose. What does not bear the lab's marks is never
touched. Ctrl-C starts nothing new, waits for what runs, and says what is left.`,
		Example: `  uclab apply
  uclab apply --auto-approve examples/ccie-voice
  uclab apply --var isos=/data/isos`,
		Args: labArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.apply(cmd.Context(), flags, args)
		},
	}
	flags.register(cmd)
	return cmd
}

func (a *app) apply(ctx context.Context, flags changeFlags, args []string) (err error) {
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
	p, err := a.diff(s)
	if err != nil {
		return err
	}
	question := fmt.Sprintf("Apply these changes to %s?", shortLab(lab.Lab, s.inventory))
	result, err := a.carryOut(ctx, s, p, flags, question)
	if err != nil {
		return err
	}
	if !flags.json {
		a.applied(s, result)
	}
	return flags.strictly(lab.warned, nil)
}

// carryOut shows a plan, asks, applies it and reports what became of it. The
// result is nil when there was nothing to do.
func (a *app) carryOut(ctx context.Context, s *session, p *plan.Plan, flags changeFlags, question string) (*vsphere.Result, error) {
	if !flags.json || !flags.autoApprove {
		a.showBeforeAsking(s, p, flags)
	}
	if p.Empty() {
		if flags.json {
			return nil, a.writeJSON(resultOf(s, p, &vsphere.Result{}))
		}
		return nil, nil
	}
	if !flags.autoApprove {
		if err := a.confirm(question); err != nil {
			return nil, err
		}
	}
	progress := a.newProgress(steps(p))
	result, err := s.client.Apply(ctx, s.lab.Lab, s.inventory, p, vsphere.ApplyOptions{
		Parallelism: flags.parallelism, Progress: progress, OpenMedia: a.openMedia,
	})
	progress.stop()
	if flags.json {
		err = errors.Join(err, a.writeJSON(resultOf(s, p, result)))
	}
	if err != nil {
		return result, a.unfinished(s, result, err)
	}
	return result, nil
}

// showBeforeAsking writes the plan where it is no result: with --json standard
// output holds one document only.
func (a *app) showBeforeAsking(s *session, p *plan.Plan, flags changeFlags) {
	if !flags.json {
		a.renderPlan(s, p)
		return
	}
	onErr := *a
	onErr.out, onErr.colorOut = a.err, a.colorErr
	onErr.renderPlan(s, p)
}

// unfinished says what was not done, and how to go on.
func (a *app) unfinished(s *session, result *vsphere.Result, err error) error {
	var failed, left []string
	for _, outcome := range result.Outcomes {
		name := outcome.Change.Kind + " " + outcome.Change.Address
		switch outcome.State {
		case vsphere.Failed:
			failed = append(failed, name)
		case vsphere.Skipped:
			left = append(left, name)
		}
	}
	if len(failed) > 0 {
		a.notef("\nFailed: %s\n", firstFew(failed))
	}
	if len(left) > 0 {
		a.notef("\nNot done: %s\n", firstFew(left))
	}
	var withHint interface{ Hint() string }
	if errors.As(err, &withHint) && withHint.Hint() != "" {
		return err
	}
	return hintf(err, "nothing is lost: run it again to finish, 'uclab plan %s' shows what is left", s.lab.File)
}

// firstFew lists names, of many only the first: a classroom has hundreds.
func firstFew(names []string) string {
	const few = 10
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}

// applied ends a successful apply: the nodes, the lab's own message, the next
// step.
func (a *app) applied(s *session, result *vsphere.Result) {
	if result != nil {
		a.printf("\nDone: %s is as its file says.\n\n", shortLab(s.lab.Lab, s.inventory))
		t := newTable("NODE", "VM", "PRODUCT", "ADDRESS", "MAC")
		for i := range s.lab.Nodes {
			node := &s.lab.Nodes[i]
			var ips, macs []string
			for _, nic := range node.NICs {
				if nic.IP.IsValid() {
					ips = append(ips, nic.IP.String())
				}
				macs = append(macs, nic.MAC)
			}
			t.AppendRow([]any{node.Address, node.VMName, strings.TrimSpace(node.Product + " " + node.Version), strings.Join(ips, ","), strings.Join(macs, ",")})
		}
		writeTable(a.out, t)
	}
	if injected(s.lab.Lab) {
		a.notef("\nNote: vendors do not support discs with an injected boot record; use them in labs only.\n")
	}
	if s.lab.Message != "" {
		a.printf("\n%s\n", s.lab.Message)
	}
	a.notef("\nNext: uclab status %s\n", s.lab.File)
}

// injected says that the lab's discs were made bootable on their way.
func injected(lab *labspec.Lab) bool {
	return slices.ContainsFunc(lab.Media, func(m labspec.Media) bool { return m.Bootable && uploaded(m) })
}

// outcomeDocument is one change and what became of it, in JSON.
type outcomeDocument struct {
	Action  string `json:"action"`
	Kind    string `json:"kind"`
	Address string `json:"address"`
	State   string `json:"state"`
	Error   string `json:"error,omitempty"`
}

// resultDocument is what `apply --json` and `destroy --json` write.
type resultDocument struct {
	Format  int               `json:"format"`
	Lab     string            `json:"lab"`
	Target  string            `json:"target"`
	Changes []outcomeDocument `json:"changes"`
	Summary plan.Summary      `json:"summary"`
}

func resultOf(s *session, p *plan.Plan, result *vsphere.Result) resultDocument {
	document := resultDocument{1, s.lab.Name, s.inventory.Target, []outcomeDocument{}, p.Summary}
	for _, outcome := range result.Outcomes {
		o := outcomeDocument{outcome.Change.Action, outcome.Change.Kind, outcome.Change.Address, outcome.State, ""}
		if outcome.Err != nil {
			o.Error = outcome.Err.Error()
		}
		document.Changes = append(document.Changes, o)
	}
	return document
}
