package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/uclab/uclab/vsphere/sim"
)

// simulator says where the embedded simulator keeps its world and how uclab
// starts it from itself.
func (a *app) simulator() (sim.Config, error) {
	state, err := a.stateDir()
	if err != nil {
		return sim.Config{}, err
	}
	executable, err := os.Executable()
	if err != nil {
		return sim.Config{}, fmt.Errorf("find uclab's own program file: %w", err)
	}
	dir := filepath.Join(state, "sim")
	return sim.Config{Dir: dir, Executable: executable, Args: []string{"sim", "serve", "--dir", dir}}, nil
}
