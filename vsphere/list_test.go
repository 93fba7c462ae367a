package vsphere_test

import (
	"slices"
	"testing"
	"time"

	"github.com/uclab/uclab/vsphere"
)

func TestListFindsEveryLab(t *testing.T) {
	tg := vpx(t)
	c := tg.dial()
	if labs, err := c.List(t.Context()); err != nil || len(labs) != 0 {
		t.Errorf("on an empty target: %v, %v", labs, err)
	}
	first, second := lab(3), lab(1)
	first.Nodes[0].Power = "on"
	second.Name, second.Owner = "annex", "candidate"
	second.Expires = time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC)
	second.Nodes[0] = node(second, "asa", 9)
	mustApply(t, c, first, vsphere.ApplyOptions{})
	mustApply(t, c, second, vsphere.ApplyOptions{})

	labs, err := c.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range labs {
		if time.Since(labs[i].Created) > time.Hour {
			t.Errorf("%s was created at %v", labs[i].Name, labs[i].Created)
		}
		labs[i].Created = time.Time{}
	}
	want := []vsphere.LabSummary{
		{Name: "annex", Nodes: 1, MemoryMB: 1024, DiskGB: 1, Owner: "candidate", Expires: second.Expires},
		{Name: "room", Nodes: 3, Running: 1, MemoryMB: 3072, DiskGB: 3, Owner: "trainer"},
	}
	if !slices.Equal(labs, want) {
		t.Errorf("labs: %+v", labs)
	}
}
