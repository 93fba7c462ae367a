package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/uclab/uclab/labspec"
)

// nodeVMs pairs nodes with the VMs that bear their marks.
type nodeVMs struct {
	byAddress map[string]*VM
	unwanted  []*VM // ours, but the lab file has no such node
	warnings  []string
}

// VMName is the name of a node's VM: "<lab>-<address with - for />".
func VMName(lab, address string) string {
	return lab + "-" + strings.ReplaceAll(address, "/", "-")
}

// matchVMs pairs by the marks. A VM that was cloned by hand carries its
// source's marks along, so of several VMs with the same marks the one with the
// node's own name is the node, and the others are left alone.
func matchVMs(lab *labspec.Lab, inv *Inventory) nodeVMs {
	matched := nodeVMs{byAddress: make(map[string]*VM, len(inv.VMs))}
	byNode := make(map[string][]*VM, len(inv.VMs))
	var order []string
	for i := range inv.VMs {
		vm := &inv.VMs[i]
		if vm.Template {
			continue
		}
		if len(byNode[vm.Marks.Node]) == 0 {
			order = append(order, vm.Marks.Node)
		}
		byNode[vm.Marks.Node] = append(byNode[vm.Marks.Node], vm)
	}
	wanted := make(map[string]bool, len(lab.Nodes))
	for i := range lab.Nodes {
		wanted[lab.Nodes[i].Address] = true
	}
	for _, address := range order {
		matched.pick(lab.Name, address, byNode[address], wanted[address])
	}
	return matched
}

func (m *nodeVMs) pick(lab, address string, vms []*VM, wanted bool) {
	name := VMName(lab, address)
	chosen := slices.IndexFunc(vms, func(vm *VM) bool { return vm.Name == name })
	if chosen < 0 && len(vms) == 1 && wanted {
		chosen = 0 // renamed by hand: it will be named back
	}
	for i, vm := range vms {
		switch {
		case i == chosen && wanted:
			m.byAddress[address] = vm
		case i == chosen:
			m.unwanted = append(m.unwanted, vm)
		default:
			m.warnings = append(m.warnings, fmt.Sprintf(
				"%s bears the marks of node %s but not its name, as a copy made by hand does: it is left alone", vm.Path, address))
		}
	}
}
