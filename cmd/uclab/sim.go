package main

import (
	"github.com/spf13/cobra"
	"github.com/uclab/uclab/vsphere/sim"
)

func newSimCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "sim",
		GroupID: groupOther,
		Short:   "The embedded simulator, where labs without a target live",
	}
	cmd.AddCommand(newSimServeCommand(a))
	return cmd
}

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
