package plan

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/uclab/uclab/labspec"
)

// Destroy plans the end of a lab: its VMs, the port groups made for it that
// nothing else uses, its affinity rules, and the media that no other VM has in
// a drive. A choice of pods limits it to what is theirs alone. Nodes marked
// protect stay, with a warning.
func Destroy(lab *labspec.Lab, inv *Inventory, pods PodSet) *Plan {
	d := &differ{
		lab:   lab,
		inv:   inv,
		nodes: matchVMs(lab, inv),
		plan:  &Plan{Format: 1, Lab: lab.Name, Changes: []Change{}},
	}
	d.plan.Warnings = append(d.plan.Warnings, d.nodes.warnings...)
	going := d.destroyVMs(pods)
	d.destroyRules(going)
	d.destroyNetworks(going)
	d.destroyMedia(going)
	d.plan.Only(pods)
	d.plan.count()
	return d.plan
}

// destroyVMs plans the deletion of VMs and gives the references of those that
// go.
func (d *differ) destroyVMs(pods PodSet) map[string]bool {
	protected := map[string]bool{}
	for i := range d.lab.Nodes {
		protected[d.lab.Nodes[i].Address] = d.lab.Nodes[i].Protect
	}
	vms := slices.Clone(d.nodes.unwanted)
	for i := range d.inv.VMs {
		if vm := &d.inv.VMs[i]; d.nodes.byAddress[vm.Marks.Node] == vm {
			vms = append(vms, vm)
		}
	}
	going := map[string]bool{}
	for _, vm := range vms {
		switch {
		case !pods.Has(vm.Marks.Node):
		case protected[vm.Marks.Node]:
			d.plan.Warnings = append(d.plan.Warnings, vm.Marks.Node+" is protected and stays: remove protect = true to destroy it")
		default:
			going[vm.Ref] = true
			d.add(deleteVM(vm, "the lab is to be destroyed"))
		}
	}
	return going
}

func (d *differ) destroyRules(going map[string]bool) {
	addresses := map[string]string{}
	for _, link := range d.lab.SerialLinks {
		addresses[RuleName(d.lab.Name, link)] = link.Address
	}
	for _, rule := range d.inv.Rules {
		foreign := slices.ContainsFunc(rule.VMs, func(ref string) bool { return !going[ref] })
		address, known := addresses[rule.Name]
		if foreign || len(rule.VMs) == 0 && !known {
			continue
		}
		if !known {
			address = rule.Name
		}
		d.add(Change{
			Action: Delete, Kind: KindRule, Address: address, Name: rule.Name,
			Reasons: []string{"the lab is to be destroyed"}, Fields: []Field{{"rule", rule.Name, nil}},
		})
	}
}

// destroyNetworks plans the removal of the port groups that the lab file has
// created, and of strays, unless somebody else's VM, or a VM that stays, is on
// them.
func (d *differ) destroyNetworks(going map[string]bool) {
	created := map[string]*labspec.Network{}
	for i := range d.lab.Networks {
		if d.lab.Networks[i].Create {
			created[d.lab.Networks[i].PortGroup] = &d.lab.Networks[i]
		}
	}
	for _, stray := range d.strayNetworks() {
		created[stray.Name] = &labspec.Network{
			Address: strings.TrimPrefix(stray.Name, d.lab.Name+"-"), PortGroup: stray.Name, VLAN: stray.VLAN, Create: true,
		}
	}
	staying := d.networksOfStaying(going)
	for _, found := range d.inv.Networks {
		network, ours := created[found.Name]
		switch {
		case !ours:
		case found.ForeignUse || staying[found.Name]:
			d.plan.Warnings = append(d.plan.Warnings, "port group "+found.Name+" stays: a VM that stays uses it")
		default:
			d.add(Change{
				Action: Delete, Kind: KindNetwork, Address: network.Address, Name: found.Name, Network: network,
				Reasons: []string{"the lab is to be destroyed"}, Fields: []Field{{"port_group", found.Name, nil}},
			})
		}
	}
}

func (d *differ) networksOfStaying(going map[string]bool) map[string]bool {
	staying := map[string]bool{}
	for i := range d.inv.VMs {
		if going[d.inv.VMs[i].Ref] {
			continue
		}
		for _, nic := range d.inv.VMs[i].NICs {
			staying[nic.PortGroup] = true
		}
	}
	return staying
}

// destroyMedia plans the removal of the lab's media that no staying VM holds.
// An earlier destroy may have been killed after its VMs were gone, so media are
// known by the lab file too: by content hash or, when the source is gone or was
// not read, by name and by being in nobody's drive.
func (d *differ) destroyMedia(going map[string]bool) {
	var gone, stay []VM
	for i := range d.inv.VMs {
		if going[d.inv.VMs[i].Ref] {
			gone = append(gone, d.inv.VMs[i])
		} else {
			stay = append(stay, d.inv.VMs[i])
		}
	}
	held, kept := mediaHeld(gone), mediaHeld(stay)
	for _, media := range d.inv.Media {
		if media.UsedByOthers || kept[media.Path] {
			continue
		}
		if held[media.Path] || d.namesMedia(media) {
			d.add(deleteMedia(media))
		}
	}
}

func (d *differ) namesMedia(found FoundMedia) bool {
	for _, m := range d.lab.Media {
		if path := MediaPath(d.inv.Placement.Datastore, m); path != "" {
			if path == found.Path || found.Partial && strings.HasPrefix(found.Path, path) {
				return true
			}
			continue
		}
		if !found.Used && strings.HasSuffix(found.Path, "-"+filepath.Base(m.Source)) {
			return true
		}
	}
	return false
}
