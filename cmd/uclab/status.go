package main

import (
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
	"github.com/uclab/uclab/plan"
)

func newStatusCommand(a *app) *cobra.Command {
	var flags labFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "status" + labUse,
		GroupID: groupLab,
		Short:   "Show each node's state and how it differs from the lab file",
		Example: "  uclab status\n  uclab status --json | jq '.nodes[] | select(.state != \"running\")'",
		Args:    labArgs,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			s, err := a.open(cmd.Context(), flags, args)
			if err != nil {
				return err
			}
			defer s.close(cmd.Context(), &err)
			status := plan.StatusOf(s.lab.Lab, s.inventory)
			status.Only(s.lab.pods)
			if asJSON {
				err = a.writeJSON(status)
			} else {
				a.renderStatus(s, status)
			}
			if err != nil {
				return err
			}
			return flags.strictly(s.lab.warned, nil)
		},
	}
	flags.register(cmd)
	jsonFlag(cmd, &asJSON)
	return cmd
}

func (a *app) renderStatus(s *session, status *plan.Status) {
	a.printf("%s%s\n\n", strings.ToUpper(shortLab(s.lab.Lab, s.inventory)[:1]), shortLab(s.lab.Lab, s.inventory)[1:])
	t := newTable("NODE", "STATE", "PRODUCT", "CPUS", "MEMORY", "DISK", "ADDRESS", "HOST", "DRIFT")
	for _, node := range status.Nodes {
		t.AppendRow([]any{
			node.Address, a.paint(a.colorOut, stateColor(node.State), node.State),
			strings.TrimSpace(node.Product + " " + node.Version), node.CPUs,
			fmt.Sprintf("%d MiB", node.MemoryMB), fmt.Sprintf("%d GiB", node.DiskGB), nodeAddresses(node), node.Host,
			driftText(node.Drift),
		})
	}
	writeTable(a.out, t)
	for _, node := range status.Nodes {
		for _, drift := range node.Drift {
			a.printf("\n%s: %s", node.Address, drift)
		}
	}
	if drifted(status) {
		a.printf("\n")
		a.notef("\nApply mends drift: uclab apply %s\n", s.lab.File)
	}
}

func drifted(status *plan.Status) bool {
	for _, node := range status.Nodes {
		if len(node.Drift) > 0 {
			return true
		}
	}
	return false
}

func driftText(drift []string) string {
	if len(drift) == 0 {
		return "-"
	}
	return fmt.Sprintf("%d", len(drift))
}

func nodeAddresses(node plan.NodeStatus) string {
	var addresses []string
	for _, nic := range node.NICs {
		if nic.IP != "" {
			addresses = append(addresses, nic.IP)
		}
	}
	return strings.Join(addresses, ",")
}

func stateColor(state string) text.Color {
	switch state {
	case plan.StateRunning:
		return text.FgGreen
	case plan.StateForeign, plan.StateMissing:
		return text.FgRed
	default:
		return text.FgYellow
	}
}
