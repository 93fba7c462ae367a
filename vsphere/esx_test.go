package vsphere_test

import (
	"strings"
	"testing"

	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
	"github.com/uclab/uclab/vsphere"
)

// A standalone ESXi has no folders, no rules and no bulk power-on, and the lab
// lives there all the same.
func TestStandaloneESXi(t *testing.T) {
	tg := esx(t)
	config := tg.config()
	config.Simulator = false
	c, err := vsphere.Dial(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	if c.Target() != plan.TargetESXi {
		t.Errorf("target is %s", c.Target())
	}
	l := everything()
	l.Target = labspec.Target{Kind: "vsphere", Folder: "labs"}
	l.Networks[1] = labspec.Network{Name: "dv", Address: "dv", Switch: "vSwitch0", VLAN: 210, PortGroup: "room-dv", Create: true}
	inv := observe(t, c, l)
	if len(inv.Warnings) == 0 || !strings.Contains(inv.Warnings[0], "has no folders") || inv.Placement.Folder != "" {
		t.Errorf("warnings %v, placement %+v", inv.Warnings, inv.Placement)
	}
	mustApply(t, c, l, withDisc)
	for _, vm := range observe(t, c, l).VMs {
		if vm.State != plan.StateRunning || vm.Folder != "" {
			t.Errorf("%s is %s in %q", vm.Name, vm.State, vm.Folder)
		}
	}
	l.Nodes[0].MemoryMB = 2048
	mustApply(t, c, l, withDisc)
	if err := destroy(t, c, l); err != nil {
		t.Fatal(err)
	}
	wantNothingLeft(t, c, l)
}
