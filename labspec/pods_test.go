package labspec_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hashicorp/hcl/v2"

	"github.com/uclab/uclab/labspec"
)

const classroom = `
format = 1
lab "class" {
  message = "${node["xp"].ip} ${node["pod02/xp"].vm_name} ${pod.name}"
}
variable "roster" { default = ["ann", "ben", "cem"] }
locals {
  student = var.roster[pod.index - 1]
}
pods {
  count   = %d
  protect = pod.index == 2
  clone {
    from     = "golden"
    snapshot = "clean"
    linked   = true
  }
}
network "hq" {
  cidr   = "10.1.0.0/24"
  switch = "vSwitch0"
  vlan   = 1000 + pod.index
}
network "room" {
  cidr   = "192.168.0.0/24"
  switch = "vSwitch0"
  shared = true
}
node "asa" {
  product = "asa"
  network = "hq"
  clone {
    from = "/DC0/vm/templates/asa"
  }
}
node "xp" {
  product = "winxp"
  ip      = cidrhost(network.hq.cidr, 5)
  notes   = "${local.student} ${pod.name} ${node.asa.address} ${network.hq.port_group} ${network.room.port_group}"
  nic {
    network = "hq"
  }
  nic {
    network = "room"
    ip      = cidrhost(network.room.cidr, 100 + pod.index)
  }
}
node "trainer" {
  product = "winxp"
  network = "room"
  shared  = true
  notes   = node["pod02/xp"].vm_name
}
node "terminal" {
  product = "winxp"
  network = "room"
  shared  = true
}
serial_link "console" {
  server = "asa"
  client = "xp"
}
serial_link "desk" {
  server = "trainer"
  client = "terminal"
}
`

func TestPods(t *testing.T) {
	lab := loadText(t, fmt.Sprintf(classroom, 3), nil, labspec.Options{})
	if want := "10.1.0.5 class-pod02-xp pod01"; lab.Message != want {
		t.Errorf("message %q, want %q", lab.Message, want)
	}
	type summary struct {
		Address, VM, Pod, Notes, Source, Pipe string
		Index                                 int
		Protect, Shared                       bool
	}
	var got []summary
	for _, n := range lab.Nodes {
		s := summary{Address: n.Address, VM: n.VMName, Pod: n.Pod, Index: n.PodIndex, Protect: n.Protect, Shared: n.Shared, Pipe: n.Serial[0].Name}
		if n.Product != "asa" {
			s.Notes = n.Notes
		}
		if n.Clone != nil {
			s.Source = n.Clone.Source
		}
		got = append(got, s)
	}
	want := []summary{
		{Address: "trainer", VM: "class-trainer", Notes: "class-pod02-xp", Shared: true, Pipe: "desk"},
		{Address: "terminal", VM: "class-terminal", Notes: "Windows XP client. Node terminal of lab class, made by uclab.", Shared: true, Pipe: "desk"},
	}
	for i, student := range []string{"ann", "ben", "cem"} {
		pod := fmt.Sprintf("pod%02d", i+1)
		want = append(want,
			summary{Address: pod + "/asa", VM: "class-" + pod + "-asa", Pod: pod, Index: i + 1, Protect: i == 1, Source: "/DC0/vm/templates/asa", Pipe: pod + "-console"},
			summary{Address: pod + "/xp", VM: "class-" + pod + "-xp", Pod: pod, Index: i + 1, Protect: i == 1, Source: "golden-xp", Pipe: pod + "-console",
				Notes: fmt.Sprintf("%s %s %s/asa class-%s-hq class-room", student, pod, pod, pod)})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
	var networks []string
	for _, n := range lab.Networks {
		networks = append(networks, fmt.Sprint(n.Address, " ", n.PortGroup, " ", n.VLAN, " ", n.Pod, " ", n.Shared))
	}
	wantNetworks := []string{"room class-room 0  true", "pod01/hq class-pod01-hq 1001 pod01 false", "pod02/hq class-pod02-hq 1002 pod02 false", "pod03/hq class-pod03-hq 1003 pod03 false"}
	if diff := cmp.Diff(wantNetworks, networks); diff != "" {
		t.Errorf("networks (-want +got):\n%s", diff)
	}
	xp, ok := lab.Node("pod03/xp")
	if !ok || xp.NICs[0].Network != "pod03/hq" || xp.NICs[1].Network != "room" || xp.NICs[1].IP != netip.MustParseAddr("192.168.0.103") {
		t.Errorf("pod03/xp: %+v", xp)
	}
	wantClone := &labspec.Clone{From: "golden", Snapshot: "clean", Linked: true, Source: "golden-xp"}
	if diff := cmp.Diff(wantClone, xp.Clone); diff != "" {
		t.Errorf("clone (-want +got):\n%s", diff)
	}
	if len(lab.SerialLinks) != 4 || lab.SerialLinks[0].Address != "pod01/console" || lab.SerialLinks[3].Address != "desk" {
		t.Errorf("links: %+v", lab.SerialLinks)
	}
	if lab.Pods == nil || lab.Pods.Count != 3 || lab.Pods.Clone == nil || lab.Pods.Clone.From != "golden" {
		t.Errorf("pods: %+v", lab.Pods)
	}
	for _, finding := range lab.Findings {
		t.Errorf("finding: %s %s", finding.ID, finding.Message)
	}
}

func TestGrowingAndShrinkingPodsLeavesTheOthersAsTheyAre(t *testing.T) {
	opts := cmp.Options{cmpopts.IgnoreTypes(hcl.Range{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })}
	two := loadText(t, fmt.Sprintf(classroom, 2), nil, labspec.Options{})
	three := loadText(t, fmt.Sprintf(classroom, 3), nil, labspec.Options{})
	if diff := cmp.Diff(two.Nodes, three.Nodes[:len(two.Nodes)], opts); diff != "" {
		t.Errorf("nodes changed (-two +three):\n%s", diff)
	}
}

func TestPodsOfTheDesignAreOnlyWarnedOf(t *testing.T) {
	text := strings.Replace(everything, "    mac     = \"0050.560a.0b0c\"\n", "", 1)
	lab := loadText(t, strings.Replace(text, "node \"asa\"", "pods {\n  count = 20\n  clone {\n    from = \"golden\"\n  }\n}\nnode \"asa\"", 1),
		map[string]string{"cucm.iso": "disc", "licenses/ccm_node.lic": realLicense}, labspec.Options{})
	ids := map[string]bool{}
	for _, finding := range lab.Findings {
		ids[finding.ID] = true
	}
	// DESIGN.md's example has one VLAN for all its pods: they hear each other,
	// which is worth a warning and no more.
	if len(lab.Nodes) != 80 || !ids["NET004"] {
		t.Errorf("%d nodes, findings %v", len(lab.Nodes), ids)
	}
}
