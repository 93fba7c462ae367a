package plan

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/uclab/uclab/labspec"
)

// testLab is a publisher, a firewall and its terminal, joined by a cable.
func testLab() *labspec.Lab {
	nic := func(mac, ip string) []labspec.NIC {
		return []labspec.NIC{{Network: "hq", Type: "pcnet32", MAC: mac, IP: netip.MustParseAddr(ip), CheckMAC: true}}
	}
	node := func(name, product, mac, ip string) labspec.Node {
		return labspec.Node{
			Address: name, Name: name, VMName: "voice-" + name, Product: product, Version: "7.1.5", GuestID: "rhel4Guest",
			CPUs: 1, MemoryMB: 1024, SCSI: "lsilogic", Firmware: "bios", HardwareVersion: "vmx-07",
			Disks: []labspec.Disk{{SizeGB: 60}}, NICs: nic(mac, ip), BootOrder: []string{"cdrom", "disk"}, Power: "on",
		}
	}
	lab := &labspec.Lab{
		Format: 1, Name: "voice",
		Networks: []labspec.Network{{Name: "hq", Address: "hq", Switch: "vSwitch0", VLAN: 210, PortGroup: "voice-hq", Create: true}},
		Media:    []labspec.Media{{Name: "cucm", Kind: "iso", Source: "/isos/UCSInstall.iso", Size: 1 << 30, SHA256: strings.Repeat("ab", 32)}},
		Nodes: []labspec.Node{
			node("pub", "cucm", "00:50:56:00:00:01", "10.0.0.10"),
			node("asa", "asa", "00:50:56:00:00:02", "10.0.0.20"),
			node("xp", "winxp", "00:50:56:00:00:03", "10.0.0.30"),
		},
		SerialLinks: []labspec.SerialLink{{Name: "console", Address: "console", Pipe: "console", Server: "asa", Client: "xp"}},
	}
	lab.Nodes[0].CDROMs = []string{"cucm"}
	lab.Nodes[1].Serial = []labspec.SerialPort{{Backing: "pipe", Name: "console", Endpoint: "server", Link: "console"}}
	lab.Nodes[2].Serial = []labspec.SerialPort{{Backing: "pipe", Name: "console", Endpoint: "client", Link: "console"}}
	return lab
}

// emptyTarget has room and nothing on it.
func emptyTarget() *Inventory {
	return &Inventory{
		Target:    TargetVCenter,
		Placement: Placement{Folder: "labs", Pool: "C0/Resources", Datastore: "ds"},
		Hosts: []Host{
			{Name: "h1", Cluster: "C0", DRS: true, MemoryMB: 16384, FreeMB: 8192, Connected: true},
			{Name: "h2", Cluster: "C0", DRS: true, MemoryMB: 16384, FreeMB: 12288, Connected: true},
		},
		Capacity: Capacity{MemoryMB: 32768, DatastoreGB: 500, DatastoreFreeGB: 500},
	}
}

// realized is the inventory of a target on which the lab is as wanted.
func realized(t *testing.T, lab *labspec.Lab) *Inventory {
	t.Helper()
	inv := emptyTarget()
	p, err := Diff(lab, inv)
	if err != nil {
		t.Fatal(err)
	}
	for i, change := range p.Changes {
		switch change.Kind {
		case KindVM:
			machine := *change.Want
			machine.NICs = slices.Clone(machine.NICs)
			machine.Disks = slices.Clone(machine.Disks)
			machine.ExtraConfig = map[string]string{MarkLab: lab.Name}
			host := change.Host
			if host == "" {
				host = "h1"
			}
			inv.VMs = append(inv.VMs, VM{
				Ref: fmt.Sprintf("vm-%d", i), Name: change.Name, Path: "labs/" + change.Name, State: StateRunning, Host: host, Machine: machine,
				Marks: Marks{Lab: lab.Name, Node: change.Address, Spec: change.Spec, Format: "1"},
			})
		case KindNetwork:
			inv.Networks = append(inv.Networks, FoundNetwork{Name: change.Name, VLAN: change.Network.VLAN, Hosts: []string{"h1", "h2"}, InUse: true})
		case KindMedia:
			inv.Media = append(inv.Media, FoundMedia{Path: change.Path, Size: change.Media.Size, Used: true})
		}
	}
	for _, change := range p.Changes {
		if change.Kind == KindRule {
			inv.Rules = append(inv.Rules, FoundRule{Name: change.Name, VMs: refs(inv, change.Members)})
		}
	}
	return inv
}

func refs(inv *Inventory, addresses []string) []string {
	var out []string
	for _, vm := range inv.VMs {
		if slices.Contains(addresses, vm.Marks.Node) {
			out = append(out, vm.Ref)
		}
	}
	return out
}

// lines renders what a plan does, one change a line, with its fields.
func lines(p *Plan) []string {
	var out []string
	for _, change := range p.Changes {
		line := change.Action + " " + change.Kind + " " + change.Address
		if change.Action == Update || change.Action == Recreate {
			for _, field := range change.Fields {
				line += " " + field.Path
			}
		}
		if change.PowerOff {
			line += " (off)"
		}
		if change.Power != "" && change.Action != Create {
			line += " (power " + change.Power + ")"
		}
		out = append(out, line)
	}
	return out
}

func vmOf(inv *Inventory, address string) *VM {
	for i := range inv.VMs {
		if inv.VMs[i].Marks.Node == address {
			return &inv.VMs[i]
		}
	}
	return nil
}

func TestDiffOfNothing(t *testing.T) {
	p, err := Diff(testLab(), emptyTarget())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"create media cucm", "create network hq", "create vm pub", "create vm asa", "create vm xp", "create rule console"}
	if diff := cmp.Diff(want, lines(p)); diff != "" {
		t.Error(diff)
	}
	if p.Summary != (Summary{Create: 6}) {
		t.Errorf("summary = %+v", p.Summary)
	}
	if p.Changes[3].Host != "h2" || p.Changes[4].Host != "h2" {
		t.Errorf("the cable's ends go to %q and %q, want both on h2, which has most memory free", p.Changes[3].Host, p.Changes[4].Host)
	}
}

func TestDiffOfWhatIsThereIsEmpty(t *testing.T) {
	lab := testLab()
	p, err := Diff(lab, realized(t, lab))
	if err != nil {
		t.Fatal(err)
	}
	if !p.Empty() {
		t.Errorf("plan is not empty: %v", lines(p))
	}
}

func TestDrift(t *testing.T) {
	tests := []struct {
		name   string
		change func(lab *labspec.Lab, inv *Inventory)
		want   []string
	}{
		{"memory", func(_ *labspec.Lab, inv *Inventory) { vmOf(inv, "pub").MemoryMB = 512 },
			[]string{"update vm pub memory_mb (off) (power on)"}},
		{"memory of a stopped VM that is kept as it is", func(lab *labspec.Lab, inv *Inventory) {
			lab.Nodes[0].Power = "keep"
			vmOf(inv, "pub").MemoryMB, vmOf(inv, "pub").State = 512, StateStopped
		}, []string{"update vm pub memory_mb"}},
		{"notes", func(lab *labspec.Lab, _ *Inventory) { lab.Nodes[0].Notes = "publisher" },
			[]string{"update vm pub notes"}},
		{"MAC", func(_ *labspec.Lab, inv *Inventory) { vmOf(inv, "pub").NICs[0].MAC = "00:50:56:00:00:99" },
			[]string{"update vm pub nics[0].mac (off) (power on)"}},
		{"MAC in capitals is the same", func(_ *labspec.Lab, inv *Inventory) {
			vmOf(inv, "pub").NICs[0].MAC = strings.ToUpper(vmOf(inv, "pub").NICs[0].MAC)
		}, nil},
		{"ejected disc", func(_ *labspec.Lab, inv *Inventory) { vmOf(inv, "pub").CDROMs = []string{""} },
			[]string{"update vm pub cdroms[0]"}},
		{"moved to another folder", func(_ *labspec.Lab, inv *Inventory) { vmOf(inv, "pub").Folder = "" },
			[]string{"update vm pub folder"}},
		{"moved to another pool", func(_ *labspec.Lab, inv *Inventory) { vmOf(inv, "pub").Pool = "C0/Resources/x" },
			[]string{"update vm pub pool"}},
		{"renamed", func(_ *labspec.Lab, inv *Inventory) { vmOf(inv, "pub").Name = "old" },
			[]string{"update vm pub vm"}},
		{"stopped", func(_ *labspec.Lab, inv *Inventory) { vmOf(inv, "pub").State = StateStopped },
			[]string{"update vm pub power (power on)"}},
		{"running but wanted off", func(lab *labspec.Lab, _ *Inventory) { lab.Nodes[0].Power = "off" },
			[]string{"update vm pub power (off) (power off)"}},
		{"stopped and kept so", func(lab *labspec.Lab, inv *Inventory) {
			lab.Nodes[0].Power = "keep"
			vmOf(inv, "pub").State = StateStopped
		}, nil},
		{"larger disk", func(lab *labspec.Lab, _ *Inventory) { lab.Nodes[0].Disks[0].SizeGB = 80 },
			[]string{"update vm pub disks[0].size_mb"}},
		{"larger disk under snapshots", func(lab *labspec.Lab, inv *Inventory) {
			lab.Nodes[0].Disks[0].SizeGB = 80
			vmOf(inv, "pub").Snapshots = true
		}, []string{"recreate vm pub disks[0].size_mb (off) (power on)"}},
		{"smaller disk", func(lab *labspec.Lab, _ *Inventory) { lab.Nodes[0].Disks[0].SizeGB = 40 },
			[]string{"recreate vm pub disks[0].size_mb (off) (power on)"}},
		{"a disk added by hand stays", func(_ *labspec.Lab, inv *Inventory) {
			vmOf(inv, "pub").Disks = append(vmOf(inv, "pub").Disks, Disk{SizeMB: 1024})
		}, nil},
		{"another product", func(lab *labspec.Lab, _ *Inventory) { lab.Nodes[0].Product = "cups" },
			[]string{"recreate vm pub product (off) (power on)"}},
		{"another version of the product", func(lab *labspec.Lab, _ *Inventory) { lab.Nodes[0].Version = "7.1.3" },
			[]string{"update vm pub spec"}},
		{"newer hardware version", func(lab *labspec.Lab, _ *Inventory) { lab.Nodes[0].HardwareVersion = "vmx-10" },
			[]string{"update vm pub hardware_version (off) (power on)"}},
		{"older hardware version", func(lab *labspec.Lab, _ *Inventory) { lab.Nodes[0].HardwareVersion = "vmx-04" },
			[]string{"recreate vm pub hardware_version (off) (power on)"}},
		{"an end of a cable on another host", func(_ *labspec.Lab, inv *Inventory) { vmOf(inv, "xp").Host = "h1" },
			[]string{"update vm xp host (off) (power on)"}},
		{"pipe renamed", func(_ *labspec.Lab, inv *Inventory) {
			vmOf(inv, "asa").Serial = []Serial{{Backing: "pipe", Name: "x", Endpoint: "server"}}
		},
			[]string{"update vm asa serial[0] (off) (power on)"}},
		{"VLAN", func(_ *labspec.Lab, inv *Inventory) { inv.Networks[0].VLAN = 5 },
			[]string{"update network hq vlan"}},
		{"port group missing on a host", func(_ *labspec.Lab, inv *Inventory) { inv.Networks[0].Hosts = []string{"h1"} },
			[]string{"update network hq hosts"}},
		{"half an upload", func(_ *labspec.Lab, inv *Inventory) { inv.Media[0].Size = 17 },
			[]string{"create media cucm"}},
		{"node removed from the file", func(lab *labspec.Lab, _ *Inventory) { lab.Nodes = lab.Nodes[1:] },
			[]string{"delete vm pub (off)"}},
		{"a VM gone", func(_ *labspec.Lab, inv *Inventory) { inv.VMs = inv.VMs[1:] },
			[]string{"create vm pub"}},
		{"a rule that lost a VM", func(_ *labspec.Lab, inv *Inventory) { inv.Rules[0].VMs = inv.Rules[0].VMs[:1] },
			[]string{"update rule console members"}},
		{"another lab's rule of a like name", func(_ *labspec.Lab, inv *Inventory) {
			inv.Rules = append(inv.Rules, FoundRule{Name: "voice-lab2-console", VMs: []string{"vm-of-another-lab"}})
		}, nil},
		{"a template that bears the marks", func(_ *labspec.Lab, inv *Inventory) {
			template := *vmOf(inv, "pub")
			template.Name, template.Template = "golden", true
			inv.VMs = append(inv.VMs, template)
		}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			lab := testLab()
			inv := realized(t, lab)
			test.change(lab, inv)
			p, err := Diff(lab, inv)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, lines(p)); diff != "" {
				t.Error(diff)
			}
			for _, change := range p.Changes {
				if len(change.Reasons) == 0 {
					t.Errorf("%s %s has no reason", change.Action, change.Address)
				}
			}
		})
	}
}

// A copy made by hand in the client has its source's marks. It must never be
// changed, adopted or destroyed.
func TestHandMadeCopyIsLeftAlone(t *testing.T) {
	lab := testLab()
	inv := realized(t, lab)
	copied := *vmOf(inv, "pub")
	copied.Ref, copied.Name, copied.MemoryMB = "vm-copy", "my backup", 4096
	for _, order := range [][]VM{append([]VM{copied}, inv.VMs...), append(slices.Clone(inv.VMs), copied)} {
		inv.VMs = order
		p, err := Diff(lab, inv)
		if err != nil {
			t.Fatal(err)
		}
		if !p.Empty() {
			t.Errorf("plan touches something: %v", lines(p))
		}
		if len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0], "left alone") {
			t.Errorf("warnings = %q", p.Warnings)
		}
		for _, change := range Destroy(lab, inv, nil).Changes {
			if change.Found != nil && change.Found.Ref == "vm-copy" {
				t.Error("destroy would remove the copy")
			}
		}
	}
}

func TestForeignNamesAndPipesAreConflicts(t *testing.T) {
	inv := emptyTarget()
	inv.Foreign = []VM{
		{Name: "voice-pub", Path: "vm/voice-pub"},
		{Name: "other", Host: "h1", Machine: Machine{Serial: []Serial{{Backing: "pipe", Name: "console"}}}},
	}
	_, err := Diff(testLab(), inv)
	var conflict *ConflictError
	if !errors.As(err, &conflict) {
		t.Fatalf("err = %v, want a conflict", err)
	}
	if len(conflict.Conflicts) != 2 || conflict.Hint() == "" {
		t.Errorf("conflicts = %q, hint = %q", conflict.Conflicts, conflict.Hint())
	}
	status := StatusOf(testLab(), inv)
	if status.Nodes[0].State != StateForeign || status.Nodes[1].State != StateMissing {
		t.Errorf("states = %s, %s", status.Nodes[0].State, status.Nodes[1].State)
	}
}

func TestDestroy(t *testing.T) {
	tests := []struct {
		name     string
		change   func(lab *labspec.Lab, inv *Inventory)
		want     []string
		warnings int
	}{
		{"all of it", func(*labspec.Lab, *Inventory) {},
			[]string{"delete vm pub (off)", "delete vm asa (off)", "delete vm xp (off)", "delete rule console", "delete network hq", "delete media abababababababab-UCSInstall.iso"}, 0},
		{"what a killed destroy left", func(_ *labspec.Lab, inv *Inventory) {
			inv.VMs, inv.Rules = nil, nil
		}, []string{"delete network hq", "delete media abababababababab-UCSInstall.iso"}, 0},
		{"the disc's source is gone", func(lab *labspec.Lab, inv *Inventory) {
			inv.VMs, inv.Rules = nil, nil
			inv.Media[0].Used = false
			lab.Media[0].Missing, lab.Media[0].SHA256 = true, ""
		}, []string{"delete network hq", "delete media abababababababab-UCSInstall.iso"}, 0},
		{"somebody else uses the network and the disc", func(_ *labspec.Lab, inv *Inventory) {
			inv.Networks[0].ForeignUse, inv.Media[0].UsedByOthers = true, true
		}, []string{"delete vm pub (off)", "delete vm asa (off)", "delete vm xp (off)", "delete rule console"}, 1},
		{"a protected node", func(lab *labspec.Lab, _ *Inventory) { lab.Nodes[0].Protect = true },
			[]string{"delete vm asa (off)", "delete vm xp (off)", "delete rule console"}, 2},
		{"nothing there", func(_ *labspec.Lab, inv *Inventory) { *inv = *emptyTarget() }, nil, 0},
		{"a network that the file only names", func(lab *labspec.Lab, inv *Inventory) {
			lab.Networks[0].Create, lab.Networks[0].PortGroup = false, "corporate"
			inv.Networks[0].Name = "corporate"
		}, []string{"delete vm pub (off)", "delete vm asa (off)", "delete vm xp (off)", "delete rule console", "delete media abababababababab-UCSInstall.iso"}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			lab := testLab()
			inv := realized(t, lab)
			test.change(lab, inv)
			p := Destroy(lab, inv, nil)
			if diff := cmp.Diff(test.want, lines(p)); diff != "" {
				t.Error(diff)
			}
			if len(p.Warnings) != test.warnings {
				t.Errorf("warnings = %q, want %d", p.Warnings, test.warnings)
			}
		})
	}
}

func TestFit(t *testing.T) {
	lab := testLab()
	inv := emptyTarget()
	inv.Capacity = Capacity{MemoryMB: 2048, DatastoreGB: 200, DatastoreFreeGB: 100}
	inv.Hosts[0].MemoryMB, inv.Hosts[1].MemoryMB = 512, 512
	var ids []string
	for _, warning := range Fit(lab, inv) {
		ids = append(ids, warning[:6])
	}
	want := []string{"FIT001", "FIT001", "FIT001", "FIT002", "FIT003"}
	if diff := cmp.Diff(want, ids); diff != "" {
		t.Error(diff)
	}
	if warnings := Fit(lab, emptyTarget()); len(warnings) > 0 {
		t.Errorf("a lab that fits gets %q", warnings)
	}
}

func TestPlacementWithoutDRSSpreadsByFreeMemory(t *testing.T) {
	lab := testLab()
	inv := emptyTarget()
	for i := range inv.Hosts {
		inv.Hosts[i].DRS, inv.Hosts[i].FreeMB = false, 4096
	}
	p, err := Diff(lab, inv)
	if err != nil {
		t.Fatal(err)
	}
	hosts := map[string]string{}
	for _, change := range p.Changes {
		if change.Kind == KindVM {
			hosts[change.Address] = change.Host
		}
		if change.Kind == KindRule {
			t.Error("a rule is planned, though no cluster has DRS")
		}
	}
	want := map[string]string{"asa": "h1", "xp": "h1", "pub": "h2"}
	if diff := cmp.Diff(want, hosts); diff != "" {
		t.Error(diff)
	}
}

func TestMediaPath(t *testing.T) {
	sum := strings.Repeat("0f", 32)
	tests := []struct {
		media labspec.Media
		want  string
	}{
		{labspec.Media{Source: "/isos/UCS 7.iso", SHA256: sum}, "[ds] uclab/0f0f0f0f0f0f0f0f-UCS 7.iso"},
		{labspec.Media{Source: "[other] discs/a.iso"}, "[other] discs/a.iso"},
		{labspec.Media{Source: "/isos/a.iso", Missing: true}, ""},
		{labspec.Media{Source: "/isos/a.iso"}, ""},
	}
	for _, test := range tests {
		if got := MediaPath("ds", test.media); got != test.want {
			t.Errorf("MediaPath(%+v) = %q, want %q", test.media, got, test.want)
		}
	}
}

func TestSpecMarkRoundTrip(t *testing.T) {
	lab := testLab()
	spec := SpecOf(lab, &lab.Nodes[0])
	if got := ParseSpec(spec.String()); got != spec {
		t.Errorf("read back %+v, wrote %+v", got, spec)
	}
	if got := ParseSpec("{not json"); got != (Spec{}) {
		t.Errorf("a damaged mark reads as %+v", got)
	}
}
