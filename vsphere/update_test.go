package vsphere_test

import (
	"slices"
	"testing"

	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
)

// Whatever changes in the lab file, or drifts on the target, one apply mends,
// and nothing is left to do after it.
func TestEveryChangeIsMended(t *testing.T) {
	cases := map[string]func(l *labspec.Lab, n *labspec.Node){
		"cpus":         func(_ *labspec.Lab, n *labspec.Node) { n.CPUs = 2 },
		"memory":       func(_ *labspec.Lab, n *labspec.Node) { n.MemoryMB = 2048 },
		"guest":        func(_ *labspec.Lab, n *labspec.Node) { n.GuestID = "rhel5Guest" },
		"bigger disk":  func(_ *labspec.Lab, n *labspec.Node) { n.Disks[0].SizeGB = 3 },
		"another disk": func(_ *labspec.Lab, n *labspec.Node) { n.Disks = append(n.Disks, labspec.Disk{SizeGB: 2}) },
		"smaller disk": func(_ *labspec.Lab, n *labspec.Node) { n.Disks[1].SizeGB = 1 },
		"controller":   func(_ *labspec.Lab, n *labspec.Node) { n.SCSI = "buslogic" },
		"NIC type":     func(_ *labspec.Lab, n *labspec.Node) { n.NICs[0].Type = "vmxnet3" },
		"NIC address":  func(_ *labspec.Lab, n *labspec.Node) { n.NICs[0].MAC = "00:50:56:3f:00:01" },
		"NIC network":  func(_ *labspec.Lab, n *labspec.Node) { n.NICs[0].Network = "dv" },
		"another NIC": func(_ *labspec.Lab, n *labspec.Node) {
			n.NICs = append(n.NICs, labspec.NIC{Network: "hq", Type: "e1000", MAC: "00:50:56:3f:00:02", CheckMAC: true})
		},
		"one NIC less":   func(_ *labspec.Lab, n *labspec.Node) { n.NICs = n.NICs[:1] },
		"unchecked MAC":  func(_ *labspec.Lab, n *labspec.Node) { n.NICs[1].CheckMAC = false },
		"disc":           func(_ *labspec.Lab, n *labspec.Node) { n.CDROMs[0] = "disc" },
		"another drive":  func(_ *labspec.Lab, n *labspec.Node) { n.CDROMs = append(n.CDROMs, "disc") },
		"one drive less": func(_ *labspec.Lab, n *labspec.Node) { n.CDROMs = n.CDROMs[:1] },
		"floppy":         func(_ *labspec.Lab, n *labspec.Node) { n.Floppies = []string{"answers"} },
		"serial":         func(_ *labspec.Lab, n *labspec.Node) { n.Serial[0].Name = "other" },
		"serial network": func(_ *labspec.Lab, n *labspec.Node) {
			n.Serial[0] = labspec.SerialPort{Backing: "network", URI: "telnet://:2001", Endpoint: "server"}
		},
		"another serial": func(_ *labspec.Lab, n *labspec.Node) {
			n.Serial = append(n.Serial, labspec.SerialPort{Backing: "pipe", Name: "more", Endpoint: "client"})
		},
		"no serial":  func(_ *labspec.Lab, n *labspec.Node) { n.Serial = nil },
		"boot order": func(_ *labspec.Lab, n *labspec.Node) { n.BootOrder = []string{"disk", "ethernet", "cdrom"} },
		"boot and NIC": func(_ *labspec.Lab, n *labspec.Node) {
			n.BootOrder = []string{"ethernet", "disk"}
			n.NICs[0].Type = "pcnet32"
		},
		"audio":        func(_ *labspec.Lab, n *labspec.Node) { n.Audio = true },
		"firmware":     func(_ *labspec.Lab, n *labspec.Node) { n.Firmware = "efi" },
		"notes":        func(_ *labspec.Lab, n *labspec.Node) { n.Notes = "other" },
		"extra config": func(_ *labspec.Lab, n *labspec.Node) { n.ExtraConfig = map[string]string{"tools.syncTime": "FALSE"} },
		"power":        func(_ *labspec.Lab, n *labspec.Node) { n.Power = map[string]string{"on": "off", "off": "on"}[n.Power] },
		"folder":       func(l *labspec.Lab, _ *labspec.Node) { l.Target.Folder = "elsewhere" },
		"host":         func(_ *labspec.Lab, n *labspec.Node) { n.Host = "DC0_C0_H1" },
		"owner":        func(l *labspec.Lab, _ *labspec.Node) { l.Owner = "somebody" },
	}
	// What is shut off is changed in fewer steps: some of the cases do for it.
	off := []string{"power", "memory", "bigger disk", "NIC type", "smaller disk", "folder"}
	for name, change := range cases {
		for _, power := range []string{"off", "on"} {
			if power == "off" && !slices.Contains(off, name) {
				continue
			}
			t.Run(name+", power "+power, func(t *testing.T) {
				t.Parallel()
				tg := vpx(t)
				c := tg.dial()
				l := changeable(power)
				l.Nodes[0].Host = "DC0_C0_H0"
				mustApply(t, c, l, withDisc)
				l.Nodes[0].Host = ""
				change(l, &l.Nodes[0])
				inv := observe(t, c, l)
				p := diff(t, l, inv)
				if p.Empty() {
					t.Fatal("the plan sees no difference")
				}
				if _, err := c.Apply(t.Context(), l, inv, p, withDisc); err != nil {
					t.Fatal(err)
				}
				wantEmpty(t, c, l)
				want := map[string]string{"off": plan.StateStopped, "on": plan.StateRunning}[l.Nodes[0].Power]
				if vms := observe(t, c, l).VMs; len(vms) != 1 || vms[0].State != want {
					t.Errorf("VMs: %+v, wanted one that is %s", vms, want)
				}
			})
		}
	}
}

func changeable(power string) *labspec.Lab {
	l := lab(1)
	l.Networks = append(l.Networks, labspec.Network{Name: "dv", Address: "dv", PortGroup: "DC0_DVPG0"})
	l.Media = everything().Media
	l.Media = append(l.Media, labspec.Media{Name: "answers", Kind: "floppy", Source: "/isos/answers.img", Size: int64(len(disc)), SHA256: "cdcdcdcdcdcdcdcdcdcd"})
	n := &l.Nodes[0]
	n.Power = power
	n.Disks = append(n.Disks, labspec.Disk{SizeGB: 2})
	n.NICs = append(n.NICs, labspec.NIC{Network: "dv", Type: "e1000", MAC: "00:50:56:3f:00:00", CheckMAC: true})
	n.CDROMs = []string{"", ""}
	n.Serial = []labspec.SerialPort{{Backing: "pipe", Name: "console", Endpoint: "server"}}
	return l
}

func TestDriftByOthersIsMended(t *testing.T) {
	drives := func(devices object.VirtualDeviceList) (list []types.BaseVirtualDeviceConfigSpec) {
		for _, d := range devices.SelectByType((*types.VirtualCdrom)(nil)) {
			list = append(list, &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationRemove, Device: d})
		}
		return list
	}
	for name, drift := range map[string]func(devices object.VirtualDeviceList) types.VirtualMachineConfigSpec{
		"memory": func(object.VirtualDeviceList) types.VirtualMachineConfigSpec {
			return types.VirtualMachineConfigSpec{MemoryMB: 512}
		},
		"renamed": func(object.VirtualDeviceList) types.VirtualMachineConfigSpec {
			return types.VirtualMachineConfigSpec{Name: "mine"}
		},
		"no drives": func(devices object.VirtualDeviceList) types.VirtualMachineConfigSpec {
			return types.VirtualMachineConfigSpec{DeviceChange: drives(devices)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tg := vpx(t)
			c := tg.dial()
			l := changeable("off")
			mustApply(t, c, l, withDisc)
			vm, err := find.NewFinder(tg.admin()).VirtualMachine(t.Context(), "/DC0/vm/labs/voice/room-cucm-000")
			if err != nil {
				t.Fatal(err)
			}
			devices, err := vm.Device(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			tg.reconfigure("room-cucm-000", drift(devices))
			if diff(t, l, observe(t, c, l)).Empty() {
				t.Error("the plan sees no drift")
			}
			mustApply(t, c, l, withDisc)
			if inv := observe(t, c, l); len(inv.VMs) != 1 || inv.VMs[0].Name != "room-cucm-000" {
				t.Errorf("VMs: %+v", inv.VMs)
			}
		})
	}
}
