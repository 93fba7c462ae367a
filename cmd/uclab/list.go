package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/vsphere"
)

// labDocument is one lab in `uclab list --json`.
type labDocument struct {
	Lab      string `json:"lab"`
	Nodes    int    `json:"nodes"`
	Running  int    `json:"running"`
	MemoryMB int64  `json:"memory_mb"`
	DiskGB   int64  `json:"disk_gb"`
	Owner    string `json:"owner,omitempty"`
	Created  string `json:"created,omitempty"`
	Expires  string `json:"expires,omitempty"`
}

// listDocument is what `uclab list --json` writes.
type listDocument struct {
	Format int           `json:"format"`
	Target string        `json:"target"`
	Labs   []labDocument `json:"labs"`
}

func newListCommand(a *app) *cobra.Command {
	var flags labFlags
	var asJSON, simulator bool
	cmd := &cobra.Command{
		Use:     "list" + labUse,
		GroupID: groupLab,
		Short:   "List all labs on a target",
		Long: `List finds every lab on a target by the marks of its virtual machines. The target
is that of the lab file, or without one that of GOVC_URL or VSPHERE_SERVER, or
else the embedded simulator.`,
		Example: "  uclab list\n  uclab list --simulator --json",
		Args:    labArgs,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			target, err := a.listTarget(cmd.Context(), flags, args, simulator)
			if err != nil {
				return err
			}
			client, err := a.connect(cmd.Context(), target)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, closeClient(cmd.Context(), client)) }()
			labs, err := client.List(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return a.writeJSON(listOf(client.Target(), labs))
			}
			a.renderList(client.Target(), labs)
			return nil
		},
	}
	flags.register(cmd)
	jsonFlag(cmd, &asJSON)
	cmd.Flags().BoolVar(&simulator, "simulator", false, "list the labs in the embedded simulator")
	return cmd
}

// listTarget decides whose labs to list.
func (a *app) listTarget(ctx context.Context, flags labFlags, args []string, simulator bool) (labspec.Target, error) {
	if simulator {
		return labspec.Target{Simulator: true}, nil
	}
	if len(args) > 0 {
		flags.lenient = true
		lab, err := a.load(ctx, flags, args)
		if err != nil {
			return labspec.Target{}, err
		}
		return lab.Target, nil
	}
	named := a.env("GOVC_URL") != "" || a.env("VSPHERE_SERVER") != ""
	return labspec.Target{Simulator: !named, Kind: "vsphere"}, nil
}

func listOf(target string, labs []vsphere.LabSummary) listDocument {
	document := listDocument{1, target, []labDocument{}}
	for _, lab := range labs {
		document.Labs = append(document.Labs, labDocument{
			lab.Name, lab.Nodes, lab.Running, lab.MemoryMB, lab.DiskGB, lab.Owner, timeText(lab.Created), timeText(lab.Expires),
		})
	}
	return document
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func (a *app) renderList(target string, labs []vsphere.LabSummary) {
	if len(labs) == 0 {
		a.printf("No labs in %s.\n", targetName(target))
		return
	}
	a.printf("Labs in %s:\n\n", targetName(target))
	t := newTable("LAB", "NODES", "RUNNING", "MEMORY", "DISK", "OWNER", "AGE", "EXPIRES")
	for _, lab := range labs {
		t.AppendRow([]any{
			lab.Name, lab.Nodes, lab.Running, fmt.Sprintf("%d MiB", lab.MemoryMB), fmt.Sprintf("%d GiB", lab.DiskGB),
			orDash(lab.Owner), age(lab.Created), orDash(timeText(lab.Expires)),
		})
	}
	writeTable(a.out, t)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// age says how long ago something was, in the largest whole unit.
func age(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	d := time.Since(t)
	switch {
	case d < time.Minute:
		return "now"
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	default:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
}
