package vsphere_test

import (
	"testing"

	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
	"github.com/uclab/uclab/vsphere"
)

// A clone that is made anew goes only when what it is cloned from is there.
func TestClonesMadeAnew(t *testing.T) {
	tg := vpx(t)
	c := tg.dial()
	master := golden(t, c, 2, "clean")
	l := room(2, labspec.Clone{From: "golden", Snapshot: "clean", Linked: true})
	mustApply(t, c, l, vsphere.ApplyOptions{})

	reset := func() error {
		inv := observe(t, c, l)
		p, err := plan.Reset(l, inv, plan.PodSet{2: true})
		if err != nil {
			t.Fatal(err)
		}
		if p.Summary.Recreate != 2 {
			t.Fatalf("summary: %+v", p.Summary)
		}
		_, err = c.Apply(t.Context(), l, inv, p, vsphere.ApplyOptions{})
		return err
	}
	before := observe(t, c, l).VMs
	if err := reset(); err != nil {
		t.Fatal(err)
	}
	wantEmpty(t, c, l)
	after := observe(t, c, l).VMs
	for i := range after {
		if same, pod2 := after[i].Ref == before[i].Ref, after[i].Marks.Node[:5] == "pod02"; same == pod2 {
			t.Errorf("%s: the same VM %t", after[i].Marks.Node, same)
		}
	}

	if err := c.DeleteSnapshot(t.Context(), observe(t, c, master).VMs, "clean", vsphere.SnapshotOptions{}); err != nil {
		t.Fatal(err)
	}
	wantSentence(t, reset(), `snapshot of golden-cucm-000 "clean": not found`)
	wantEmpty(t, c, l)
}
