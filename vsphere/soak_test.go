package vsphere_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
	"github.com/uclab/uclab/vsphere"
)

var soak = flag.Int("soak", 4, "how many seeded schedules of faults TestSoak runs")

// Seeded schedules of faults, on the creation, change and destruction of a room
// of three pods cloned from a master: lost connections before and after the
// server acted, ended sessions and delays. Each step ends converged, or with a
// clear error and converges on the next run.
func TestSoak(t *testing.T) {
	for seed := range *soak {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := &schedule{t: t, tg: vpx(t), random: rand.New(rand.NewPCG(uint64(seed), 7))}
			s.c = s.tg.dial()
			golden(t, s.c, 2, "clean")
			s.run()
		})
	}
}

// schedule is one seeded run.
type schedule struct {
	t      *testing.T
	tg     *target
	c      *vsphere.Client
	random *rand.Rand
}

func (s *schedule) run() {
	l := room(3, labspec.Clone{From: "golden", Snapshot: "clean", Linked: s.random.IntN(2) == 0})
	for i := range l.Nodes {
		l.Nodes[i].Power = []string{"on", "off"}[s.random.IntN(2)]
	}
	s.converge("create", l)
	changed := s.random.IntN(len(l.Nodes))
	l.Nodes[changed].MemoryMB = 4096
	l.Nodes[changed].Notes = "changed"
	s.converge("change", l)
	l.Nodes = l.Nodes[:4]
	s.converge("shrink", l)
	s.snapshots(l)
	for range attempts {
		s.harm()
		err := destroyQuietly(s.t, s.c, l)
		s.tg.setCut(nil)
		s.clear(err)
		if err == nil {
			break
		}
	}
	inv := observe(s.t, s.c, l)
	for _, vm := range inv.VMs {
		s.t.Errorf("VM %s is left", vm.Name)
	}
	for _, n := range inv.Networks {
		if n.Name == "room-dv" {
			s.t.Errorf("port group %s is left", n.Name)
		}
	}
}

// attempts is how many harmed runs may fail in a row before a run without harm.
const attempts = 3

// converge applies under harm, and in the end without.
func (s *schedule) converge(step string, l *labspec.Lab) {
	s.t.Helper()
	for range attempts {
		s.harm()
		inv, err := s.c.Observe(s.t.Context(), l)
		if err == nil {
			var p *plan.Plan
			if p, err = plan.Diff(l, inv); err == nil {
				_, err = s.c.Apply(s.t.Context(), l, inv, p, vsphere.ApplyOptions{})
			}
		}
		s.tg.setCut(nil)
		s.clear(err)
		if err == nil {
			break
		}
	}
	mustApply(s.t, s.c, l, vsphere.ApplyOptions{})
	if vms := observe(s.t, s.c, l).VMs; len(vms) != len(l.Nodes) {
		s.t.Fatalf("%s: %d VMs, wanted %d", step, len(vms), len(l.Nodes))
	}
}

// snapshots takes a snapshot and removes it under harm: afterwards all have it,
// or none.
func (s *schedule) snapshots(l *labspec.Lab) {
	vms := observe(s.t, s.c, l).VMs
	s.harm()
	err := s.c.CreateSnapshot(s.t.Context(), vms, "exam", vsphere.SnapshotOptions{})
	s.tg.setCut(nil)
	s.clear(err)
	list := snapshots(s.t, s.c, vms)
	switch {
	case err == nil && (len(list) != 1 || len(list[0].Missing) > 0):
		s.t.Fatalf("taken, and there are %+v", list)
	case err == nil:
		s.harm()
		err := s.c.DeleteSnapshot(s.t.Context(), vms, "exam", vsphere.SnapshotOptions{})
		s.tg.setCut(nil)
		s.clear(err)
	}
}

// clear wants an error, if any, to be in a user's words.
func (s *schedule) clear(err error) {
	s.t.Helper()
	if err == nil {
		return
	}
	wantNoPassword(s.t, err)
	var known *vsphere.Error
	if !errors.As(err, &known) || strings.Contains(err.Error(), "types.") {
		s.t.Errorf("unclear: %v", err)
	}
}

// harm makes about one call in eight go wrong.
func (s *schedule) harm() {
	seed := s.random.Uint64()
	random := rand.New(rand.NewPCG(seed, seed))
	s.tg.setCut(func(string, int) cut {
		switch random.IntN(32) {
		case 0:
			return before
		case 1:
			return after
		case 2:
			s.tg.endSessions()
		case 3:
			time.Sleep(time.Duration(random.IntN(30)) * time.Millisecond)
		}
		return pass
	})
}

func destroyQuietly(t *testing.T, c *vsphere.Client, l *labspec.Lab) error {
	inv, err := c.Observe(t.Context(), l)
	if err != nil {
		return err
	}
	_, err = c.Apply(t.Context(), l, inv, plan.Destroy(l, inv, nil), vsphere.ApplyOptions{})
	return err
}
