package vsphere_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
	"github.com/uclab/uclab/vsphere"
)

// golden makes the master lab, of n nodes, with a snapshot.
func golden(t testing.TB, c *vsphere.Client, n int, snapshot string) *labspec.Lab {
	t.Helper()
	l := everything()
	l.Name = "golden"
	l.Networks[1].PortGroup = "golden-dv"
	l.SerialLinks[0].Pipe = "golden-cable"
	for i := range l.Nodes {
		l.Nodes[i].Power = "off"
		l.Nodes[i].VMName = plan.VMName(l.Name, l.Nodes[i].Address)
		l.Nodes[i].NICs[0].MAC = fmt.Sprintf("00:50:56:0f:00:%02x", i)
		l.Nodes[i].Serial[0].Name = "golden-cable"
		l.Nodes[i].ExtraConfig = map[string]string{"tools.syncTime": "FALSE"}
	}
	l.Nodes = l.Nodes[:n]
	if n < 2 {
		l.SerialLinks = nil
	}
	mustApply(t, c, l, withDisc)
	if snapshot != "" {
		if err := c.CreateSnapshot(t.Context(), observe(t, c, l).VMs, snapshot, vsphere.SnapshotOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// room is a lab of pods cloned from the golden lab.
func room(pods int, clone labspec.Clone) *labspec.Lab {
	l := lab(0)
	l.Networks = append(l.Networks, labspec.Network{Name: "dv", Address: "dv", DistributedSwitch: "DVS0", VLAN: 300, PortGroup: "room-dv", Create: true})
	for pod := 1; pod <= pods; pod++ {
		name := fmt.Sprintf("pod%02d", pod)
		for i := range 2 {
			n := node(l, fmt.Sprintf("%s/cucm-%03d", name, i), 0)
			n.Pod, n.PodIndex = name, pod
			n.NICs[0] = labspec.NIC{Network: "dv", Type: "e1000", MAC: fmt.Sprintf("00:50:56:10:%02x:%02x", pod, i), CheckMAC: true}
			n.Serial = []labspec.SerialPort{{Backing: "pipe", Name: "room-" + name, Endpoint: []string{"server", "client"}[i]}}
			n.Notes = "student of " + name
			n.ExtraConfig = map[string]string{"tools.syncTime": "FALSE"}
			n.MemoryMB = 2048
			of := clone
			of.Source = plan.VMName("golden", fmt.Sprintf("cucm-%03d", i))
			n.Clone = &of
			l.Nodes = append(l.Nodes, n)
		}
	}
	return l
}

// Clones get everything that is their own: names, networks, addresses, pipes,
// notes, marks; and lose the master's disc.
func TestClones(t *testing.T) {
	for name, clone := range map[string]labspec.Clone{
		"full":             {From: "golden"},
		"full of snapshot": {From: "golden", Snapshot: "clean"},
		"linked":           {From: "golden", Snapshot: "clean", Linked: true},
		"linked to newest": {From: "golden", Linked: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tg := vpx(t)
			c := tg.dial()
			master := golden(t, c, 2, "clean")
			l := room(3, clone)
			mustApply(t, c, l, vsphere.ApplyOptions{})
			inv := observe(t, c, l)
			if len(inv.VMs) != 6 {
				t.Fatalf("%d VMs", len(inv.VMs))
			}
			vm := inv.VMs[3]
			if vm.Name != "room-pod02-cucm-001" || vm.Marks.Node != "pod02/cucm-001" || vm.Notes != "student of pod02" ||
				vm.NICs[0].MAC != "00:50:56:10:02:01" || vm.NICs[0].PortGroup != "room-dv" || vm.Serial[0].Name != "room-pod02" || vm.CDROMs[0] != "" {
				t.Errorf("clone: %+v", vm)
			}
			wantEmpty(t, c, master)
			// The room stays what it is when its masters are gone.
			if err := destroy(t, c, master); err != nil {
				t.Fatal(err)
			}
			wantEmpty(t, c, l)
			if err := destroy(t, c, l); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A server that applies the whole configuration of a clone, as the embedded
// simulator does, is asked for nothing more.
func TestWholeClonesNeedNoMending(t *testing.T) {
	tg := vpx(t)
	c := tg.dial()
	golden(t, c, 2, "clean")
	tg.setCut(nil)
	mustApply(t, c, room(2, labspec.Clone{From: "golden", Snapshot: "clean", Linked: true}), vsphere.ApplyOptions{})
	if n := tg.calls["ReconfigVM_Task"]; n != 0 {
		t.Errorf("%d reconfigurations", n)
	}
}

// What is cloned is looked for before the first change.
func TestWhatIsClonedHasToBeThere(t *testing.T) {
	tg := vpx(t)
	c := tg.dial()
	golden(t, c, 2, "")
	l := room(1, labspec.Clone{From: "golden", Snapshot: "clean", Linked: true})
	l.Nodes[0].Clone.Source = "golden-cucm"
	inv, err := c.Observe(t.Context(), l)
	wantSentence(t, err, `VM to clone "golden-cucm": not found; there is golden-cucm-000`, `snapshot of golden-cucm-001 "clean": not found`)
	if inv == nil {
		t.Error("no inventory to destroy with")
	}
	l = room(1, labspec.Clone{From: "golden", Linked: true})
	_, err = c.Observe(t.Context(), l)
	wantSentence(t, err, `VM to clone "golden-cucm-000": a linked clone hangs on a snapshot, and it has none`)
}

// The simulator makes no instant clones, as servers before 6.7 do not.
func TestInstantClonesAreRefusedClearly(t *testing.T) {
	tg := vpx(t)
	c := tg.dial()
	master := golden(t, c, 2, "")
	l := room(1, labspec.Clone{From: "golden", Instant: true})
	_, err := apply(t, c, l, vsphere.ApplyOptions{})
	wantSentence(t, err, "clone VM golden-cucm-000: it does not run")
	master.Nodes[0].Power, master.Nodes[1].Power = "on", "on"
	mustApply(t, c, master, withDisc)
	_, err = apply(t, c, l, vsphere.ApplyOptions{})
	wantSentence(t, err, "clone VM golden-cucm-000: the server makes no instant clones")
}

// A clone whose answer was lost is found by its marks.
func TestCloneMayBeCut(t *testing.T) {
	tg := vpx(t)
	c := tg.dial()
	golden(t, c, 2, "clean")
	l := room(1, labspec.Clone{From: "golden", Snapshot: "clean", Linked: true})
	for _, where := range []cut{before, after} {
		tg.setCut(func(method string, nth int) cut {
			if method == "CloneVM_Task" && nth == 2 || method == "ReconfigVM_Task" && nth == 1 {
				return where
			}
			return pass
		})
		mustApply(t, c, l, vsphere.ApplyOptions{})
		tg.setCut(nil)
		if vms := observe(t, c, l).VMs; len(vms) != 2 {
			t.Errorf("%d VMs", len(vms))
		}
		if err := destroy(t, c, l); err != nil {
			t.Fatal(err)
		}
	}
}

// A room of N clones costs at most 3.3 N + 100 calls, read-back and mend included.
func TestCloneBudget(t *testing.T) {
	tg := vpx(t)
	golden(t, tg.dial(), 2, "clean")
	l := room(25, labspec.Clone{From: "golden", Snapshot: "clean", Linked: true})
	tg.setCut(nil)
	if _, err := apply(t, tg.dial(), l, vsphere.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	n := len(l.Nodes)
	if calls, most := tg.count(), n*33/10+100; calls > most {
		t.Errorf("%d clones: %d calls, at most %d wanted: %v", n, calls, most, tg.calls)
	}
	t.Logf("%d clones: %d calls", n, tg.count())
}

// A standalone ESXi copies the disks, and says that it makes no linked clones.
func TestClonesOnStandaloneESXi(t *testing.T) {
	tg := esx(t)
	c := tg.dial()
	master := lab(1)
	master.Name, master.Target = "golden", labspec.Target{Kind: "vsphere"}
	master.Nodes[0].VMName = "golden-cucm-000"
	mustApply(t, c, master, vsphere.ApplyOptions{})

	l := lab(2)
	l.Target = labspec.Target{Kind: "vsphere"}
	for i := range l.Nodes {
		l.Nodes[i].NICs[0].MAC = fmt.Sprintf("00:50:56:11:00:%02x", i)
		l.Nodes[i].Clone = &labspec.Clone{From: "golden", Source: "golden-cucm-000"}
	}
	mustApply(t, c, l, vsphere.ApplyOptions{})
	if err := destroy(t, c, l); err != nil {
		t.Fatal(err)
	}

	if err := c.CreateSnapshot(t.Context(), observe(t, c, master).VMs, "clean", vsphere.SnapshotOptions{}); err != nil {
		t.Fatal(err)
	}
	l.Nodes[0].Clone.Linked, l.Nodes[1].Clone.Snapshot = true, "clean"
	_, err := apply(t, c, l, vsphere.ApplyOptions{})
	wantSentence(t, err, "clone VM golden-cucm-000: a standalone ESXi makes no linked and no instant clones")
	if vms := observe(t, c, l).VMs; len(vms) != 1 {
		t.Errorf("%d VMs", len(vms))
	}

	tg.reconfigure("golden-cucm-000", types.VirtualMachineConfigSpec{MemoryMB: 512})
	l.Nodes[0].Clone.Linked = false
	master.Nodes[0].Power = "on"
	mustApply(t, c, master, vsphere.ApplyOptions{})
	_, err = apply(t, c, l, vsphere.ApplyOptions{})
	if err == nil || !strings.Contains(err.Error(), "it runs, and its disks are locked") {
		t.Errorf("error: %v", err)
	}
}
