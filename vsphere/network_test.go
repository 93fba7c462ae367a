package vsphere_test

import (
	"strings"
	"testing"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
	"github.com/uclab/uclab/vsphere"
)

func networked(n labspec.Network) *labspec.Lab {
	l := lab(1)
	n.Name, n.Address, n.PortGroup, n.Create = "inside", "inside", "room-inside", true
	l.Networks = append(l.Networks, n)
	l.Nodes[0].NICs[0].Network = "inside"
	return l
}

func TestPortGroupsComeAndGo(t *testing.T) {
	for name, network := range map[string]labspec.Network{
		"standard":    {Switch: "vSwitch0", VLAN: 210},
		"distributed": {DistributedSwitch: "DVS0", VLAN: 210},
		"untagged":    {Switch: "vSwitch0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tg := vpx(t)
			c := tg.dial()
			l := networked(network)
			mustApply(t, c, l, vsphere.ApplyOptions{})
			inv := observe(t, c, l)
			var found plan.FoundNetwork
			for _, n := range inv.Networks {
				if n.Name == "room-inside" {
					found = n
				}
			}
			if found.VLAN != network.VLAN || found.Switch != network.Switch+network.DistributedSwitch || !found.InUse || found.ForeignUse {
				t.Errorf("port group: %+v", found)
			}
			if network.Switch != "" && len(found.Hosts) != 3 {
				t.Errorf("it is on %v", found.Hosts)
			}
			if nic := inv.VMs[0].NICs[0]; nic.PortGroup != "room-inside" || nic.Network != "inside" {
				t.Errorf("NIC: %+v", nic)
			}
			if err := destroy(t, c, l); err != nil {
				t.Fatal(err)
			}
			for _, n := range observe(t, c, l).Networks {
				if n.Name == "room-inside" {
					t.Errorf("left: %+v", n)
				}
			}
		})
	}
}

func TestVLANOfDistributedPortGroupIsMended(t *testing.T) {
	tg := vpx(t)
	c := tg.dial()
	l := networked(labspec.Network{DistributedSwitch: "DVS0", VLAN: 210})
	mustApply(t, c, l, vsphere.ApplyOptions{})
	l.Networks[1].VLAN = 211
	mustApply(t, c, l, vsphere.ApplyOptions{})
}

func TestVMsWaitForTheirNetwork(t *testing.T) {
	tg := vpx(t)
	c := tg.dial()
	l := networked(labspec.Network{DistributedSwitch: "DVS0", VLAN: 210})
	l.Nodes = append(l.Nodes, node(l, "other", 7))
	tg.fault(simulator.FaultInjectionRule{MethodName: "AddDVPortgroup_Task", MaxCount: 1, Fault: &types.NoPermission{PrivilegeId: "DVPortgroup.Create"}})
	result, err := apply(t, c, l, vsphere.ApplyOptions{})
	wantSentence(t, err, "create port group room-inside: the user lacks the privilege DVPortgroup.Create")
	states := map[string]string{}
	for _, o := range result.Outcomes {
		states[o.Change.Address] = o.State
	}
	if states["inside"] != vsphere.Failed || states["cucm-000"] != vsphere.Skipped || states["other"] != vsphere.Done {
		t.Errorf("outcomes: %v", states)
	}
	if err := result.Outcomes[1].Err; err == nil || !strings.Contains(err.Error(), "it needs room-inside, which could not be made") {
		t.Errorf("why the VM waits: %v", err)
	}
	mustApply(t, c, l, vsphere.ApplyOptions{})
}

func TestPortGroupThatOthersUseStays(t *testing.T) {
	tg := vpx(t)
	c := tg.dial()
	l := networked(labspec.Network{Switch: "vSwitch0"})
	mustApply(t, c, l, vsphere.ApplyOptions{})
	guest := lab(1)
	guest.Name = "guest"
	guest.Networks[0].PortGroup = "room-inside"
	guest.Nodes[0] = node(guest, "asa", 9)
	mustApply(t, c, guest, vsphere.ApplyOptions{})

	inv := observe(t, c, l)
	p := &plan.Plan{Changes: []plan.Change{{Action: plan.Delete, Kind: plan.KindNetwork, Address: "inside", Name: "room-inside", Network: &l.Networks[1]}}}
	_, err := c.Apply(t.Context(), l, inv, p, vsphere.ApplyOptions{})
	wantSentence(t, err, "delete port group room-inside: a VM that is not this lab's is connected to it")
	if err := destroy(t, c, l); err != nil {
		t.Fatal(err)
	}
	wantEmpty(t, c, guest)
}

// A lab whose name begins like another's does not take the other's port groups
// and rules for its own.
func TestNamesThatBeginAlike(t *testing.T) {
	tg := vpx(t)
	c := tg.dial()
	long := everything()
	long.Name = "room-two"
	long.Networks[1].PortGroup = "room-two-dv"
	for i := range long.Nodes {
		long.Nodes[i].VMName = plan.VMName(long.Name, long.Nodes[i].Address)
	}
	mustApply(t, c, long, withDisc)
	inv := observe(t, c, lab(0))
	for _, n := range inv.Networks {
		if n.Name == "room-two-dv" {
			t.Errorf("taken for this lab's: %+v", n)
		}
	}
	if len(inv.Rules) != 0 {
		t.Errorf("taken for this lab's: %+v", inv.Rules)
	}
}
