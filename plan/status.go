package plan

import (
	"fmt"

	"github.com/uclab/uclab/labspec"
)

// Status is a lab as it is: every node with the state of its VM and in what it
// differs from the lab file.
type Status struct {
	Format int          `json:"format"`
	Lab    string       `json:"lab"`
	Target string       `json:"target"`
	Nodes  []NodeStatus `json:"nodes"`
}

// NodeStatus is one node. Its hardware is that of the VM as found; of a missing
// node, as wanted.
type NodeStatus struct {
	Address  string         `json:"address"`
	VM       string         `json:"vm"`
	State    string         `json:"state"`
	Drift    []string       `json:"drift"`
	Product  string         `json:"product"`
	Version  string         `json:"version"`
	GuestID  string         `json:"guest_id"`
	CPUs     int            `json:"cpus"`
	MemoryMB int            `json:"memory_mb"` // MiB
	DiskGB   int64          `json:"disk_gb"`   // GiB, all disks
	Host     string         `json:"host"`
	NICs     []NICStatus    `json:"nics"`
	Serial   []SerialStatus `json:"serial"`
	Media    []string       `json:"media"`
}

// NICStatus is one network adapter of a node.
type NICStatus struct {
	Network string `json:"network"`
	MAC     string `json:"mac"`
	IP      string `json:"ip"`
}

// SerialStatus is one serial port of a node.
type SerialStatus struct {
	Backing  string `json:"backing"`
	Name     string `json:"name"` // pipe name, or the URI of a network-backed port
	Endpoint string `json:"endpoint"`
}

// StatusOf tells how a lab is. Nothing is an error here: a missing VM and a
// name taken by somebody else's are states.
func StatusOf(lab *labspec.Lab, inv *Inventory) *Status {
	nodes := matchVMs(lab, inv)
	d := &differ{lab: lab, inv: inv, want: newWanted(lab, inv.Placement), nodes: nodes}
	d.placed = place(lab, inv, nodes)
	foreign := map[string]*VM{}
	for i := range inv.Foreign {
		foreign[inv.Foreign[i].Name] = &inv.Foreign[i]
	}
	addresses := networkAddresses(lab)
	status := &Status{Format: 1, Lab: lab.Name, Target: inv.Target, Nodes: make([]NodeStatus, 0, len(lab.Nodes))}
	for i := range lab.Nodes {
		node := &lab.Nodes[i]
		want := d.want.machine(node)
		vm := nodes.byAddress[node.Address]
		if vm == nil {
			status.Nodes = append(status.Nodes, absent(node, &want, foreign[node.VMName]))
			continue
		}
		status.Nodes = append(status.Nodes, present(vm, node, d.drift(vm, node, &want), addresses))
	}
	for _, vm := range nodes.unwanted {
		status.Nodes = append(status.Nodes, present(vm, nil, []string{"not in the lab file any more"}, addresses))
	}
	return status
}

func networkAddresses(lab *labspec.Lab) map[string]string {
	addresses := map[string]string{}
	for _, network := range lab.Networks {
		addresses[network.PortGroup] = network.Address
	}
	return addresses
}

func (d *differ) drift(vm *VM, node *labspec.Node, want *Machine) []string {
	change := Change{Address: node.Address, Node: node, Found: vm, Want: want, Spec: SpecOf(d.lab, node).String()}
	d.vmDrift(&change)
	drift := []string{}
	for _, field := range change.Fields {
		drift = append(drift, fmt.Sprintf("%s is %s, wanted %s", field.Path, show(field.From), show(field.To)))
	}
	if extra := len(vm.Disks) - len(want.Disks); extra > 0 {
		drift = append(drift, fmt.Sprintf("disks: %d more than wanted (uclab removes no disk)", extra))
	}
	return drift
}

func show(value any) string {
	switch v := value.(type) {
	case nil:
		return "absent"
	case string:
		if v == "" {
			return "empty"
		}
	}
	return fmt.Sprint(value)
}

func absent(node *labspec.Node, want *Machine, foreign *VM) NodeStatus {
	status := NodeStatus{
		Address: node.Address, VM: node.VMName, State: StateMissing, Drift: []string{},
		Product: node.Product, Version: node.Version,
	}
	status.hardware(want)
	for i, nic := range node.NICs {
		status.NICs[i].Network = nic.Network
		status.NICs[i].IP = ipText(nic)
	}
	if foreign != nil {
		status.State = StateForeign
		status.Host = foreign.Host
		status.Drift = append(status.Drift, fmt.Sprintf("the name is taken by a VM that is not this lab's (%s)", foreign.Path))
	}
	return status
}

func present(vm *VM, node *labspec.Node, drift []string, networks map[string]string) NodeStatus {
	spec := ParseSpec(vm.Marks.Spec)
	status := NodeStatus{
		Address: vm.Marks.Node, VM: vm.Name, State: vm.State, Drift: drift,
		Product: spec.Product, Version: spec.Version, Host: vm.Host,
	}
	status.hardware(&vm.Machine)
	for i := range status.NICs {
		if address, ours := networks[vm.NICs[i].PortGroup]; ours {
			status.NICs[i].Network = address
		}
		if node != nil && i < len(node.NICs) {
			status.NICs[i].IP = ipText(node.NICs[i])
		}
	}
	return status
}

func ipText(nic labspec.NIC) string {
	if !nic.IP.IsValid() {
		return ""
	}
	return nic.IP.String()
}

func (s *NodeStatus) hardware(machine *Machine) {
	s.GuestID, s.CPUs, s.MemoryMB = machine.GuestID, machine.CPUs, machine.MemoryMB
	s.NICs, s.Serial, s.Media = []NICStatus{}, []SerialStatus{}, []string{}
	var disk int64
	for _, d := range machine.Disks {
		disk += d.SizeMB
	}
	s.DiskGB = disk / 1024
	for _, nic := range machine.NICs {
		s.NICs = append(s.NICs, NICStatus{Network: nic.PortGroup, MAC: nic.MAC})
	}
	for _, port := range machine.Serial {
		s.Serial = append(s.Serial, SerialStatus{Backing: port.Backing, Name: port.Name + port.URI, Endpoint: port.Endpoint})
	}
	for _, path := range append(append([]string{}, machine.CDROMs...), machine.Floppies...) {
		if path != "" {
			s.Media = append(s.Media, path)
		}
	}
}
