package vsphere_test

import (
	"crypto/tls"
	"net/url"
	"testing"

	"github.com/vmware/govmomi/simulator"

	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
	"github.com/uclab/uclab/vsphere"
)

// govmomi's own vcsim, with its usual VMs, is a target like a vCenter: a lab
// comes and goes, and nothing else is touched.
func TestVcsimIsATarget(t *testing.T) {
	starting.Lock()
	defer starting.Unlock()
	model := simulator.VPX()
	defer model.Remove()
	if err := model.Create(); err != nil {
		t.Fatal(err)
	}
	model.Service.TLS = new(tls.Config)
	model.Service.Listen = &url.URL{Host: "127.0.0.1:0"}
	server := model.Service.NewServer()
	defer server.Close()
	c, err := vsphere.Dial(t.Context(), vsphere.Config{URL: server.URL.String(), Insecure: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	if c.Target() != plan.TargetVCenter {
		t.Errorf("target is %s", c.Target())
	}

	l := everything()
	l.Target = labspec.Target{Kind: "vsphere"}
	_, err = c.Observe(t.Context(), l)
	wantSentence(t, err, "resource pool: none is named, and the target has several: DC0_C0/Resources, DC0_H0/Resources")

	machines := model.Count().Machine
	for _, pool := range []string{"DC0_C0/Resources", "/DC0/host/DC0_C0/Resources", "DC0_C0", "DC0_H0"} {
		l.Target.ResourcePool = pool
		l.Networks[1] = labspec.Network{Name: "dv", Address: "dv", Switch: "vSwitch0", VLAN: 210, PortGroup: "room-dv", Create: true}
		mustApply(t, c, l, withDisc)
		if err := destroy(t, c, l); err != nil {
			t.Fatal(err)
		}
		wantNothingLeft(t, c, l)
	}
	// It drops parts of a clone's configuration, and the clone is mended.
	l.Target.ResourcePool = "DC0_C0"
	l.Nodes = l.Nodes[:1]
	l.Nodes[0].Serial, l.SerialLinks = nil, nil
	l.Nodes[0].Clone = &labspec.Clone{From: "DC0_C0_RP0_VM0", Source: "DC0_C0_RP0_VM0"}
	l.Nodes[0].Disks = []labspec.Disk{{SizeGB: 10}}
	l.Nodes[0].SCSI = "pvscsi"
	l.Nodes[0].HardwareVersion = ""
	mustApply(t, c, l, withDisc)
	if err := destroy(t, c, l); err != nil {
		t.Fatal(err)
	}
	if left := model.Count().Machine; left != machines {
		t.Errorf("%d VMs, and there were %d", left, machines)
	}
}
