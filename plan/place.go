package plan

import (
	"slices"

	"github.com/uclab/uclab/labspec"
)

// placement says on which host each node goes; "" lets the target choose.
type placement struct {
	hostOf map[string]string
}

// place chooses hosts: where the lab file pins a node, there; nodes joined by
// serial links together, where one of them already is, else where most memory
// is free; others are left to DRS, or spread by free memory without it.
func place(lab *labspec.Lab, inv *Inventory, nodes nodeVMs) placement {
	p := placement{hostOf: make(map[string]string, len(lab.Nodes))}
	if len(inv.Hosts) == 0 {
		return p
	}
	free := newFreeMemory(inv.Hosts)
	index := make(map[string]*labspec.Node, len(lab.Nodes))
	for i := range lab.Nodes {
		index[lab.Nodes[i].Address] = &lab.Nodes[i]
	}
	linked := map[string]bool{}
	for _, group := range linkGroups(lab) {
		host, memory := groupHost(group, index, nodes)
		if host == "" {
			host = free.most()
		}
		free.take(host, memory)
		for _, address := range group {
			linked[address] = true
			p.hostOf[address] = host
		}
	}
	for i := range lab.Nodes {
		node := &lab.Nodes[i]
		switch {
		case linked[node.Address]:
		case node.Host != "":
			p.hostOf[node.Address] = node.Host
		case nodes.byAddress[node.Address] == nil && !free.drs:
			host := free.most()
			free.take(host, int64(node.MemoryMB))
			p.hostOf[node.Address] = host
		}
	}
	return p
}

// groupHost is the host that a group of linked nodes has to share, if one is
// given by a pin or by a VM that exists, and the memory that it still needs.
func groupHost(group []string, index map[string]*labspec.Node, nodes nodeVMs) (host string, memory int64) {
	var current string
	for _, address := range group {
		node := index[address]
		if node == nil {
			continue
		}
		if node.Host != "" && host == "" {
			host = node.Host
		}
		if vm := nodes.byAddress[address]; vm == nil {
			memory += int64(node.MemoryMB)
		} else if current == "" {
			current = vm.Host
		}
	}
	if host == "" {
		host = current
	}
	return host, memory
}

// linkGroups gives the sets of nodes that serial links join, directly or over
// others, in the file's order.
func linkGroups(lab *labspec.Lab) [][]string {
	group := map[string]int{}
	var groups [][]string
	for _, link := range lab.SerialLinks {
		a, hasA := group[link.Server]
		b, hasB := group[link.Client]
		switch {
		case hasA && hasB && a != b:
			for _, address := range groups[b] {
				group[address] = a
			}
			groups[a] = append(groups[a], groups[b]...)
			groups[b] = nil
		case hasA && !hasB:
			group[link.Client] = a
			groups[a] = append(groups[a], link.Client)
		case hasB && !hasA:
			group[link.Server] = b
			groups[b] = append(groups[b], link.Server)
		case !hasA && !hasB:
			group[link.Server], group[link.Client] = len(groups), len(groups)
			groups = append(groups, []string{link.Server, link.Client})
		}
	}
	return slices.DeleteFunc(groups, func(members []string) bool { return len(members) == 0 })
}

// freeMemory tracks what is left on each host while nodes are placed.
type freeMemory struct {
	names []string
	free  map[string]int64
	drs   bool // the target places VMs itself
}

func newFreeMemory(hosts []Host) *freeMemory {
	f := &freeMemory{free: map[string]int64{}, drs: len(hosts) > 1}
	for _, host := range hosts {
		f.drs = f.drs && host.DRS
		if host.Connected {
			f.names = append(f.names, host.Name)
			f.free[host.Name] = host.FreeMB
		}
	}
	return f
}

// most names the host with most memory free, the first of equals.
func (f *freeMemory) most() string {
	best := ""
	for _, name := range f.names {
		if best == "" || f.free[name] > f.free[best] {
			best = name
		}
	}
	return best
}

func (f *freeMemory) take(host string, memory int64) { f.free[host] -= memory }
