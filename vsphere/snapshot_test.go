package vsphere_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/uclab/uclab/plan"
	"github.com/uclab/uclab/vsphere"
)

func snapshots(t *testing.T, c *vsphere.Client, vms []plan.VM) []vsphere.Snapshot {
	t.Helper()
	list, err := c.Snapshots(t.Context(), vms)
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		if time.Since(list[i].Created) > time.Hour {
			t.Errorf("created at %v", list[i].Created)
		}
		list[i].Created = time.Time{}
	}
	return list
}

func TestSnapshotsOfAWholeLab(t *testing.T) {
	tg := vpx(t)
	c := tg.dial()
	l := lab(3)
	l.Nodes[0].Power = "on"
	mustApply(t, c, l, vsphere.ApplyOptions{})
	vms := observe(t, c, l).VMs
	if got := snapshots(t, c, vms); len(got) != 0 {
		t.Errorf("snapshots: %+v", got)
	}
	if err := c.CreateSnapshot(t.Context(), vms, "clean", vsphere.SnapshotOptions{Description: "before the exam"}); err != nil {
		t.Fatal(err)
	}
	if err := c.CreateSnapshot(t.Context(), vms[:2], "half/way", vsphere.SnapshotOptions{Memory: true}); err != nil {
		t.Fatal(err)
	}
	got := snapshots(t, c, vms)
	if len(got) != 2 || got[0].Name != "clean" || got[0].Description != "before the exam" || got[0].Memory || len(got[0].Nodes) != 3 || len(got[0].Missing) != 0 {
		t.Errorf("snapshots: %+v", got)
	}
	if len(got) == 2 && (got[1].Name != "half/way" || !got[1].Memory || !slices.Equal(got[1].Missing, []string{"cucm-002"})) {
		t.Errorf("second: %+v", got[1])
	}
	wantEmpty(t, c, l)

	wantSentence(t, c.CreateSnapshot(t.Context(), vms, "clean", vsphere.SnapshotOptions{}), "create snapshot clean: there is one of that name")
	wantSentence(t, c.RevertSnapshot(t.Context(), vms, "cleen", vsphere.SnapshotOptions{}), "revert to snapshot cleen: no node has one")
	wantSentence(t, c.RevertSnapshot(t.Context(), vms, "half/way", vsphere.SnapshotOptions{}), "these nodes have none of that name: cucm-002")
	wantSentence(t, c.DeleteSnapshot(t.Context(), vms, "gone", vsphere.SnapshotOptions{}), "delete snapshot gone: no node has one")

	if err := c.DeleteSnapshot(t.Context(), vms, "half/way", vsphere.SnapshotOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := snapshots(t, c, vms); len(got) != 1 {
		t.Errorf("after the delete: %+v", got)
	}
}

// A revert brings back the power state of the time, whatever the snapshot holds.
func TestRevertRestoresPower(t *testing.T) {
	tg := vpx(t)
	c := tg.dial()
	l := lab(2)
	l.Nodes[0].Power = "on"
	mustApply(t, c, l, vsphere.ApplyOptions{})
	vms := observe(t, c, l).VMs
	if err := c.CreateSnapshot(t.Context(), vms, "clean", vsphere.SnapshotOptions{}); err != nil {
		t.Fatal(err)
	}
	l.Nodes[0].Power, l.Nodes[1].Power = "off", "on"
	mustApply(t, c, l, vsphere.ApplyOptions{})
	if err := c.RevertSnapshot(t.Context(), observe(t, c, l).VMs, "clean", vsphere.SnapshotOptions{}); err != nil {
		t.Fatal(err)
	}
	vms = observe(t, c, l).VMs
	if vms[0].State != plan.StateRunning || vms[1].State != plan.StateStopped {
		t.Errorf("states: %s, %s", vms[0].State, vms[1].State)
	}
}

// A snapshot is of all VMs or of none.
func TestSnapshotIsAllOrNothing(t *testing.T) {
	tg := vpx(t)
	c := tg.dial()
	l := lab(6)
	mustApply(t, c, l, vsphere.ApplyOptions{})
	vms := observe(t, c, l).VMs
	tg.fault(simulator.FaultInjectionRule{MethodName: "CreateSnapshot_Task", SkipCount: 3, MaxCount: 1, Fault: &types.NoDiskSpace{Datastore: "LocalDS_0"}})
	wantSentence(t, c.CreateSnapshot(t.Context(), vms, "clean", vsphere.SnapshotOptions{Parallelism: 1}), "create snapshot of VM room-cucm-003: datastore LocalDS_0 is full")
	if got := snapshots(t, c, vms); len(got) != 0 {
		t.Errorf("left: %+v", got)
	}

	ctx, cancel := context.WithCancel(t.Context())
	err := c.CreateSnapshot(ctx, vms, "clean", vsphere.SnapshotOptions{Parallelism: 1, Progress: &canceller{cancel: cancel}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	if got := snapshots(t, c, vms); len(got) != 0 {
		t.Errorf("left by the interrupt: %+v", got)
	}

	// What a killed work left on some VMs is replaced.
	if err := c.CreateSnapshot(t.Context(), vms[:2], "clean", vsphere.SnapshotOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := c.CreateSnapshot(t.Context(), vms, "clean", vsphere.SnapshotOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := snapshots(t, c, vms); len(got) != 1 || len(got[0].Missing) != 0 {
		t.Errorf("after the second try: %+v", got)
	}
}

// Whichever call loses its connection, no snapshot is taken twice.
func TestSnapshotCallsMayBeCut(t *testing.T) {
	for name, where := range map[string]cut{"before": before, "after": after} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tg := vpx(t)
			c := tg.dial()
			l := lab(2)
			l.Nodes[0].Power = "on"
			mustApply(t, c, l, vsphere.ApplyOptions{})
			vms := observe(t, c, l).VMs
			for nth := 1; ; nth++ {
				total := 0
				hurt := func() {
					total = 0
					tg.setCut(func(string, int) cut {
						if total++; total == nth {
							return where
						}
						return pass
					})
				}
				hurt()
				if err := c.CreateSnapshot(t.Context(), vms, "clean", vsphere.SnapshotOptions{}); err != nil {
					t.Fatalf("call %d: %v", nth, err)
				}
				most := total
				hurt()
				if err := c.RevertSnapshot(t.Context(), vms, "clean", vsphere.SnapshotOptions{}); err != nil {
					t.Fatalf("call %d: revert: %v", nth, err)
				}
				most = max(most, total)
				hurt()
				if err := c.DeleteSnapshot(t.Context(), vms, "clean", vsphere.SnapshotOptions{}); err != nil {
					t.Fatalf("call %d: delete: %v", nth, err)
				}
				most = max(most, total)
				tg.setCut(nil)
				if got := snapshots(t, c, vms); len(got) != 0 {
					t.Fatalf("call %d: left: %+v", nth, got)
				}
				if most < nth {
					t.Logf("%d calls", nth-1)
					return
				}
			}
		})
	}
}
