package main

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var killAll = flag.Bool("kill-all", false, "kill snapshots and resets at every call, and not at every third")

// every is how far apart the killed calls are: all of them take minutes.
func every() int {
	if *killAll {
		return 1
	}
	return 3
}

const twoPods = `
format = 1
lab "ten" {}
target "vsphere" {}
pods { count = 2 }
network "hq" {
  cidr   = "10.0.0.0/24"
  switch = "vSwitch0"
  vlan   = 200 + pod.index
}
node "asa" {
  product = "asa"
  version = "8.4(2)"
  network = "hq"
}
`

// TestKilledSnapshotAndReset kills the making of a snapshot, the way back to it
// and the making anew, at many calls or with -kill-all at each: the same command again must end well, with
// one snapshot on every machine, or the lab as its file says.
func TestKilledSnapshotAndReset(t *testing.T) {
	lab := filepath.Join(t.TempDir(), "ten.lab.hcl")
	if err := os.WriteFile(lab, []byte(twoPods), 0o600); err != nil {
		t.Fatal(err)
	}
	apply := []string{"apply", "--auto-approve", lab}
	create := []string{"snapshot", "create", "clean", lab}
	for name, c := range map[string]struct {
		before [][]string
		args   []string
		nodes  int // how many have the snapshot at the end
	}{
		"create": {[][]string{apply}, create, 2},
		"revert": {[][]string{apply, create}, []string{"snapshot", "revert", "clean", "--auto-approve", lab}, 2},
		"anew":   {[][]string{apply, create}, []string{"reset", "--pod", "2", "--anew", "--auto-approve", lab}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			ready := func(t *testing.T) *world {
				world := newWorld(t)
				for _, args := range c.before {
					world.mustRun(t, args...)
				}
				return world
			}
			counting := ready(t)
			counting.mustRun(t, c.args...)
			t.Logf("%s makes %d calls", name, counting.calls)
			walkKillPoints(t, counting.calls/every(), func(t *testing.T, nth int, after bool) {
				at := nth * every()
				world := ready(t)
				output, err := world.run(t, at, after, c.args...)
				world.mustHaveDied(t, output, err)
				if name != "create" || len(world.snapshotNodes(t, lab)) < c.nodes {
					world.again(t, lab, c.args)
				}
				if nodes := world.snapshotNodes(t, lab); len(nodes) != c.nodes {
					t.Errorf("the snapshot is on %v, want %d nodes", nodes, c.nodes)
				}
				world.mustRun(t, "plan", "--detailed-exitcode", lab)
			})
		})
	}
}

// again repeats a command; a reset whose machine is gone already is finished by
// an apply, as its hint says.
func (w *world) again(t *testing.T, lab string, args []string) {
	t.Helper()
	if args[0] == "reset" && len(w.vmNames(t)) < 2 {
		w.mustRun(t, "apply", "--auto-approve", lab)
		return
	}
	w.mustRun(t, args...)
}

func (w *world) mustRun(t *testing.T, args ...string) string {
	t.Helper()
	output, err := w.run(t, 0, false, args...)
	if err != nil {
		t.Fatalf("%v failed: %v\n%s", args, err, output)
	}
	return output
}

// snapshotNodes are the nodes that have the snapshot.
func (w *world) snapshotNodes(t *testing.T, lab string) []string {
	t.Helper()
	var document snapshotsDocument
	if err := json.Unmarshal([]byte(w.mustRun(t, "snapshot", "list", "--json", lab)), &document); err != nil {
		t.Fatal(err)
	}
	var nodes []string
	for _, snapshot := range document.Snapshots {
		nodes = append(nodes, snapshot.Nodes...)
	}
	return nodes
}
