package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
	"github.com/uclab/uclab/vsphere/sim"
)

// simDocument is what `uclab sim status --json` writes. It never holds the
// password.
type simDocument struct {
	Format  int    `json:"format"`
	Running bool   `json:"running"`
	Dir     string `json:"dir"`
	URL     string `json:"url,omitempty"`
	PID     int    `json:"pid,omitempty"`
}

func newSimCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "sim",
		GroupID: groupOther,
		Short:   "The embedded simulator, where labs without a target live",
		Long: `A lab file without a target block lives in the embedded simulator: a simulated
vCenter in a background process on this machine, which uclab starts when it is
needed and whose world it keeps on disk.`,
		Example: "  uclab sim status\n  eval \"$(uclab sim env)\" && govc ls\n  uclab sim reset",
	}
	cmd.AddCommand(newSimStatusCommand(a), newSimStopCommand(a), newSimResetCommand(a), newSimEnvCommand(a), newSimServeCommand(a))
	return cmd
}

func newSimStatusCommand(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Say whether the simulator runs, and where its world is",
		Example: "  uclab sim status --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := a.simulator()
			if err != nil {
				return err
			}
			endpoint, err := sim.Status(cmd.Context(), config)
			if err != nil && !errors.Is(err, sim.ErrNotRunning) {
				return err
			}
			running := err == nil
			switch {
			case asJSON:
				return a.writeJSON(simDocument{1, running, config.Dir, endpoint.URL, endpoint.PID})
			case running:
				a.printf("The simulator runs at %s (process %d); its world is in %s.\n", endpoint.URL, endpoint.PID, config.Dir)
			default:
				a.printf("The simulator does not run; the next command that needs it starts it. Its world is in %s.\n", config.Dir)
			}
			return nil
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func newSimStopCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "stop",
		Short:   "End the simulator's process; its world stays on disk",
		Example: "  uclab sim stop",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := a.simulator()
			if err != nil {
				return err
			}
			if err := sim.Stop(cmd.Context(), config); err != nil {
				return err
			}
			a.printf("The simulator does not run any more; its world stays in %s.\n", config.Dir)
			return nil
		},
	}
}

func newSimResetCommand(a *app) *cobra.Command {
	var approved bool
	cmd := &cobra.Command{
		Use:     "reset",
		Short:   "End the simulator and remove its world with every lab in it",
		Example: "  uclab sim reset --auto-approve",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := a.simulator()
			if err != nil {
				return err
			}
			if !approved && a.interactive {
				if err := a.confirm(fmt.Sprintf("Remove the simulator's world in %s, with every lab in it?", config.Dir)); err != nil {
					return err
				}
			}
			if err := sim.Reset(cmd.Context(), config); err != nil {
				return err
			}
			a.printf("The simulator's world is gone.\n")
			return nil
		},
	}
	cmd.Flags().BoolVar(&approved, "auto-approve", false, "do not ask before removing it")
	return cmd
}

func newSimEnvCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "env",
		Short: "Print the variables with which govc reaches the simulator",
		Long: `Env starts the simulator when it does not run, and prints shell assignments of
GOVC_URL and its like. GOVC_URL holds the simulator's own random password, which
is good for nothing else.`,
		Example: "  eval \"$(uclab sim env)\"\n  govc ls /DC0/vm",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := a.simulator()
			if err != nil {
				return err
			}
			endpoint, err := sim.Ensure(cmd.Context(), config)
			if err != nil {
				return err
			}
			address, err := url.Parse(endpoint.URL)
			if err != nil {
				return fmt.Errorf("read the simulator's address: %w", err)
			}
			address.User = url.UserPassword(endpoint.User, endpoint.Password)
			a.printf("export GOVC_URL=%s\n", shellQuote(address.String()))
			a.printf("export GOVC_TLS_CA_CERTS=%s\n", shellQuote(endpoint.CAFile))
			return nil
		},
	}
}

// shellQuote makes one word of a text for a POSIX shell.
func shellQuote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// newSimServeCommand is what the background process runs.
func newSimServeCommand(*app) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:    "serve",
		Hidden: true,
		Short:  "Run the simulator in this process",
		Args:   cobra.NoArgs,
		RunE:   func(cmd *cobra.Command, _ []string) error { return sim.Serve(cmd.Context(), dir) },
	}
	cmd.Flags().StringVar(&dir, "dir", "", "the simulator's directory")
	return cmd
}
