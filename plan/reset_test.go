package plan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/uclab/uclab/labspec"
)

// podLab is two pods of a firewall each.
func podLab() *labspec.Lab {
	lab := testLab()
	asa := lab.Nodes[1]
	asa.Serial = nil
	lab.SerialLinks, lab.Nodes = nil, nil
	for i, address := range []string{"pod01/asa", "pod02/asa"} {
		node := asa
		node.Address, node.VMName = address, VMName(lab.Name, address)
		node.NICs = []labspec.NIC{{Network: "hq", Type: "pcnet32", MAC: []string{"00:50:56:00:00:01", "00:50:56:00:00:02"}[i], CheckMAC: true}}
		lab.Nodes = append(lab.Nodes, node)
	}
	return lab
}

func TestResetMakesChosenPodsAnew(t *testing.T) {
	lab := podLab()
	p, err := Reset(lab, realized(t, lab), PodSet{2: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Changes) != 1 {
		t.Fatalf("changes: %v", lines(p))
	}
	change := p.Changes[0]
	if change.Action != Recreate || change.Address != "pod02/asa" || change.Power != "on" || !change.PowerOff {
		t.Errorf("change: %+v", change)
	}
	if diff := cmp.Diff([]string{"to be made anew"}, change.Reasons); diff != "" {
		t.Error(diff)
	}
	if p.Summary.Recreate != 1 {
		t.Errorf("summary: %+v", p.Summary)
	}
}

func TestResetMakesWhatIsMissing(t *testing.T) {
	lab := podLab()
	inv := realized(t, lab)
	inv.VMs = inv.VMs[:1]
	p, err := Reset(lab, inv, PodSet{2: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Changes) != 1 || p.Changes[0].Action != Create || p.Changes[0].Address != "pod02/asa" {
		t.Errorf("changes: %v", lines(p))
	}
}

// TestProtectedNodesAreNotRecreated holds for a reset and for drift that takes a
// new machine; the drift stays in sight.
func TestProtectedNodesAreNotRecreated(t *testing.T) {
	lab := podLab()
	inv := realized(t, lab)
	lab.Nodes[1].Protect = true
	p, err := Reset(lab, inv, PodSet{2: true})
	if err != nil {
		t.Fatal(err)
	}
	if !p.Empty() || !strings.Contains(strings.Join(p.Warnings, "\n"), "pod02/asa is protected and stays") {
		t.Errorf("changes %v, warnings %q", lines(p), p.Warnings)
	}

	lab.Nodes[1].Product = "olive"
	p, err = Diff(lab, inv)
	if err != nil {
		t.Fatal(err)
	}
	if !p.Empty() || !strings.Contains(strings.Join(p.Warnings, "\n"), "was made for asa, wanted for olive") {
		t.Errorf("changes %v, warnings %q", lines(p), p.Warnings)
	}
	if status := StatusOf(lab, inv); len(status.Nodes[1].Drift) == 0 {
		t.Error("status shows no drift")
	}
}
