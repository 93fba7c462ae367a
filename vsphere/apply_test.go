package vsphere_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
	"github.com/uclab/uclab/vsphere"
)

func TestApplyThenNothingToDo(t *testing.T) {
	tg := vpx(t)
	c := tg.dial()
	l := lab(3)
	mustApply(t, c, l, vsphere.ApplyOptions{})

	inv := observe(t, c, l)
	if len(inv.VMs) != 3 {
		t.Fatalf("%d VMs, wanted 3", len(inv.VMs))
	}
	vm := inv.VMs[0]
	if vm.Path != "/DC0/vm/labs/voice/room-cucm-000" || vm.Marks.Lab != "room" || vm.Marks.Node != "cucm-000" || vm.Marks.Format != "1" {
		t.Errorf("VM %s bears the marks %+v", vm.Path, vm.Marks)
	}

	if err := destroy(t, c, l); err != nil {
		t.Fatal(err)
	}
	if inv := observe(t, c, l); len(inv.VMs) != 0 {
		t.Errorf("%d VMs left", len(inv.VMs))
	}
}

// Every field of a Machine reads back as it was asked for.
func TestEveryFieldReadsBack(t *testing.T) {
	tg := vpx(t)
	c := tg.dial()
	l := lab(2)
	l.Networks = append(l.Networks, labspec.Network{Name: "dv", Address: "dv", PortGroup: "DC0_DVPG0"})
	full := &l.Nodes[0]
	full.Disks = []labspec.Disk{{SizeGB: 1}, {SizeGB: 2, Thick: true}, {SizeGB: 1}, {SizeGB: 1}, {SizeGB: 1}, {SizeGB: 1}, {SizeGB: 1}, {SizeGB: 1}, {SizeGB: 3}}
	full.SCSI = "buslogic"
	full.CDROMs = []string{"", "", ""}
	full.Floppies = []string{""}
	full.Audio = true
	full.BootOrder = []string{"cdrom", "disk", "floppy", "ethernet"}
	full.ExtraConfig = map[string]string{"tools.syncTime": "FALSE", "bios.bootDelay": "3000"}
	full.NICs = nil
	for i, kind := range []string{"e1000", "pcnet32", "vmxnet2", "vmxnet3", "e1000e"} {
		nic := labspec.NIC{Network: "hq", Type: kind, MAC: "00:50:56:01:00:0" + string(rune('0'+i)), CheckMAC: true}
		if i == 1 {
			nic.Network, nic.MAC, nic.CheckMAC = "dv", "00:0c:29:01:00:01", false
		}
		full.NICs = append(full.NICs, nic)
	}
	full.Serial = []labspec.SerialPort{
		{Backing: "pipe", Name: "console", Endpoint: "server"},
		{Backing: "network", URI: "telnet://:2001", Endpoint: "server", Proxy: "telnet://vspc:13370"},
	}
	ide := &l.Nodes[1]
	ide.SCSI = "none"
	ide.Disks = []labspec.Disk{{SizeGB: 1}, {SizeGB: 2}}
	ide.CDROMs = []string{"", ""}
	ide.Firmware = "efi"
	ide.Serial = []labspec.SerialPort{{Backing: "pipe", Name: "console", Endpoint: "client"}}
	mustApply(t, c, l, vsphere.ApplyOptions{})

	inv := observe(t, c, l)
	vm := inv.VMs[0]
	if got := len(vm.Disks); got != 9 || !vm.Disks[1].Thick || vm.Disks[0].Thick || vm.Disks[8].SizeMB != 3072 {
		t.Errorf("disks: %+v", vm.Disks)
	}
	if nic := vm.NICs[1]; nic.PortGroup != "DC0_DVPG0" || nic.Network != "dv" || nic.CheckMAC || nic.MAC != "00:0c:29:01:00:01" || nic.Type != "pcnet32" {
		t.Errorf("second NIC: %+v", nic)
	}
	want := plan.Serial{Key: vm.Serial[1].Key, Backing: "network", URI: "telnet://:2001", Endpoint: "server", Proxy: "telnet://vspc:13370"}
	if vm.Serial[1] != want {
		t.Errorf("second serial port: %+v", vm.Serial[1])
	}
}

// Two applies of one lab at once: each ends well or says why not, and nothing is
// made twice.
func TestTwoAppliesAtOnce(t *testing.T) {
	tg := vpx(t)
	l := everything()
	for i := range 20 {
		l.Nodes = append(l.Nodes, node(l, fmt.Sprintf("more-%02d", i), 100+i))
	}
	one, two := tg.dial(), tg.dial()
	var errs [2]error
	var both sync.WaitGroup
	for i, c := range []*vsphere.Client{one, two} {
		inv := observe(t, c, l)
		p := diff(t, l, inv)
		both.Go(func() { _, errs[i] = c.Apply(t.Context(), l, inv, p, withDisc) })
	}
	both.Wait()
	for _, err := range errs {
		if err != nil {
			t.Logf("one of them: %v", err)
			wantSentence(t, err)
		}
	}
	inv := observe(t, one, l)
	names := map[string]bool{}
	for _, vm := range inv.VMs {
		if names[vm.Marks.Node] {
			t.Errorf("%s is there twice", vm.Marks.Node)
		}
		names[vm.Marks.Node] = true
	}
	mustApply(t, one, l, withDisc)
}
