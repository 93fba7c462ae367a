package vsphere

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
	"github.com/vmware/govmomi/vim25/types"
)

// observation is what one Observe saw, kept for the Apply that follows it.
type observation struct {
	inventory *plan.Inventory
	world     *world
	place     *place
}

// Observe reads everything on the target that matters to the lab, in a number
// of round trips that does not grow with the number of VMs. Names that the lab
// uses and the target does not have come back together as *UnresolvedError; the
// inventory comes with it when what the lab has already made can be seen all the
// same, which is enough for a destroy.
func (c *Client) Observe(ctx context.Context, lab *labspec.Lab) (*plan.Inventory, error) {
	w, err := c.readWorld(ctx, machineProperties)
	if err != nil {
		return nil, failure("read the inventory of", c.host(), err)
	}
	p, unresolved := c.resolve(w, lab)
	if p == nil {
		return nil, unresolved
	}
	missing := &UnresolvedError{}
	missing.add(unresolved)
	if p.sources, err = c.sources(ctx, w, p, lab, nil); !missing.add(err) {
		return nil, err
	}
	files, err := c.mediaFiles(ctx, w, p, lab)
	if !missing.add(err) {
		return nil, err
	}
	inv := c.inventory(w, p, lab, files)
	c.mu.Lock()
	c.last = &observation{inventory: inv, world: w, place: p}
	c.mu.Unlock()
	if len(missing.Misses) > 0 {
		return inv, missing
	}
	return inv, nil
}

func (c *Client) inventory(w *world, p *place, lab *labspec.Lab, files []types.BaseFileInfo) *plan.Inventory {
	inv := &plan.Inventory{
		Target:    c.Target(),
		Placement: plan.Placement{Folder: p.folder, Pool: w.poolPath(p.pool), Datastore: p.datastore.name},
		Warnings:  c.warnings(p, lab),
	}
	s := newSurvey(w, p, lab)
	s.simulator = c.cfg.Simulator
	for _, m := range w.vms {
		s.machine(inv, m)
	}
	inv.Networks = s.networks()
	inv.Media = s.media(files)
	inv.Rules = s.rules()
	for _, h := range p.hosts {
		inv.Hosts = append(inv.Hosts, w.planHost(h, p.compute))
		if h.usable() {
			inv.Capacity.MemoryMB += h.memory >> 20
		}
	}
	slices.SortFunc(inv.Hosts, func(a, b plan.Host) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(inv.VMs, func(a, b plan.VM) int { return strings.Compare(a.Marks.Node+"\x00"+a.Name, b.Marks.Node+"\x00"+b.Name) })
	inv.Capacity.DatastoreGB = p.datastore.capacity >> 30
	inv.Capacity.DatastoreFreeGB = p.datastore.free >> 30
	return inv
}

func (c *Client) warnings(p *place, lab *labspec.Lab) []string {
	var warnings []string
	if len(p.missing) > 0 {
		warnings = append(warnings, fmt.Sprintf("folder %s is not there and will be created", p.folder))
	}
	if folder := first(lab.Target.Folder, c.cfg.Folder); folder != "" && !c.vim.IsVC() {
		warnings = append(warnings, fmt.Sprintf("a standalone ESXi has no folders: %s is ignored", folder))
	}
	for _, h := range p.hosts {
		if !h.usable() {
			warnings = append(warnings, fmt.Sprintf("host %s is not connected or in maintenance: nothing is placed on it", h.name))
		}
	}
	return warnings
}

func (w *world) planHost(h *hostSystem, cr *compute) plan.Host {
	host := plan.Host{
		Name:       h.name,
		MemoryMB:   h.memory >> 20,
		FreeMB:     h.memory>>20 - h.usedMB,
		Connected:  h.usable(),
		Switches:   w.switchesOn(h),
		MaxVersion: newestHardware(h.version),
	}
	if cr.cluster {
		host.Cluster, host.DRS = cr.name, cr.drs
	}
	return host
}

// newestHardware is the newest virtual hardware version that a release of ESXi
// accepts; "" when the release is not known. Within 6.7, whose updates the
// version does not tell apart, it is the newest of all (Broadcom's table).
func newestHardware(release string) string {
	known := []struct{ release, hardware string }{
		{"4.", "vmx-07"}, {"5.0", "vmx-08"}, {"5.1", "vmx-09"}, {"5.5", "vmx-10"}, {"6.0", "vmx-11"}, {"6.5", "vmx-13"},
		{"6.7", "vmx-15"}, {"7.0.0", "vmx-17"}, {"7.0.1", "vmx-18"}, {"7.0", "vmx-19"}, {"8.0.0", "vmx-20"}, {"8.0.1", "vmx-20"}, {"8.0", "vmx-21"}, {"9.0", "vmx-22"},
	}
	for _, k := range known {
		if strings.HasPrefix(release, k.release) {
			return k.hardware
		}
	}
	return ""
}

// survey sorts what was read by what it means to one lab.
type survey struct {
	w *world
	p *place

	lab       *labspec.Lab
	simulator bool              // the embedded one
	names     map[string]bool   // wanted VM names
	pipes     map[string]bool   // wanted pipes
	wanted    map[string]string // port group name -> Network.Address
	others    []string          // other labs on the target, for names that begin alike
	netUse    map[string]use    // by port group name
	mediaUse  map[string]use    // by datastore path
}

type use struct{ any, foreign bool }

func newSurvey(w *world, p *place, lab *labspec.Lab) *survey {
	s := &survey{
		w: w, p: p, lab: lab,
		names: map[string]bool{}, pipes: map[string]bool{}, wanted: map[string]string{},
		netUse: map[string]use{}, mediaUse: map[string]use{},
	}
	for i := range lab.Nodes {
		s.names[lab.Nodes[i].VMName] = true
		for _, port := range lab.Nodes[i].Serial {
			if port.Backing == "pipe" {
				s.pipes[port.Name] = true
			}
		}
	}
	for i := range lab.Networks {
		if n := &lab.Networks[i]; s.wanted[n.PortGroup] == "" {
			s.wanted[n.PortGroup] = n.Address
		}
	}
	for _, m := range w.vms {
		if m.marks.Lab != "" && m.marks.Lab != lab.Name && !slices.Contains(s.others, m.marks.Lab) {
			s.others = append(s.others, m.marks.Lab)
		}
	}
	return s
}

func (s *survey) machine(inv *plan.Inventory, m *machine) {
	ours := m.marks.Lab == s.lab.Name
	s.note(m, !ours)
	switch {
	case ours:
		inv.VMs = append(inv.VMs, s.vm(m))
	case s.inTheWay(m):
		inv.Foreign = append(inv.Foreign, s.vm(m))
	}
}

// note records what the VM uses.
func (s *survey) note(m *machine, foreign bool) {
	for _, device := range m.devices {
		if card, ok := device.(types.BaseVirtualEthernetCard); ok {
			mark(s.netUse, s.w.portGroup(card.GetVirtualEthernetCard().Backing), foreign)
		}
	}
	for _, path := range m.files() {
		mark(s.mediaUse, path, foreign)
	}
}

func mark(uses map[string]use, key string, foreign bool) {
	u := uses[key]
	u.any, u.foreign = true, u.foreign || foreign
	uses[key] = u
}

// inTheWay says that a VM has a name that the lab wants, or an end of a pipe
// that it wants on a host where the lab's VMs may run.
func (s *survey) inTheWay(m *machine) bool {
	if s.names[m.name] && s.w.within(m.ref, s.p.datacenter.ref) {
		return true
	}
	if len(s.pipes) == 0 || !slices.ContainsFunc(s.p.hosts, func(h *hostSystem) bool { return h.ref == m.host }) {
		return false
	}
	return slices.ContainsFunc(m.pipes(), func(name string) bool { return s.pipes[name] })
}

func (s *survey) vm(m *machine) plan.VM {
	vm := plan.VM{
		Ref:       m.ref.Value,
		Name:      m.name,
		Path:      s.w.inventoryPath(m.ref),
		Marks:     m.marks,
		State:     m.state,
		Machine:   m.hardware(s.w.portGroup),
		Snapshots: m.snapshots,
		Template:  m.template,
	}
	if h := s.w.host(m.host); h != nil {
		vm.Host = h.name
	}
	vm.Folder = s.w.folderPath(m.parent)
	vm.Pool = s.w.poolPath(m.pool)
	for i := range vm.NICs {
		vm.NICs[i].Network = s.wanted[vm.NICs[i].PortGroup]
	}
	return vm
}

// portGroup names the port group that a NIC's backing is on.
func (w *world) portGroup(backing types.BaseVirtualDeviceBackingInfo) string {
	switch b := backing.(type) {
	case *types.VirtualEthernetCardNetworkBackingInfo:
		return b.DeviceName
	case *types.VirtualEthernetCardDistributedVirtualPortBackingInfo:
		for _, n := range w.networks {
			if n.distributed && n.key == b.Port.PortgroupKey {
				return n.name
			}
		}
	}
	return ""
}

// named says that a name is one that this lab gives: it begins with the lab's
// name, and not with that of another lab whose name begins alike.
func (s *survey) named(name string) bool {
	if !strings.HasPrefix(name, s.lab.Name+"-") {
		return false
	}
	return !slices.ContainsFunc(s.others, func(other string) bool {
		return len(other) > len(s.lab.Name) && strings.HasPrefix(name, other+"-")
	})
}

// networks lists the port groups that the lab names, and those that bear its
// name and may be left over.
func (s *survey) networks() []plan.FoundNetwork {
	found := map[string]*plan.FoundNetwork{}
	get := func(name string) *plan.FoundNetwork {
		if found[name] == nil {
			u := s.netUse[name]
			found[name] = &plan.FoundNetwork{Name: name, InUse: u.any, ForeignUse: u.foreign}
		}
		return found[name]
	}
	for _, n := range s.w.networks {
		if n.uplink || !s.w.within(n.ref, s.p.datacenter.ref) || s.wanted[n.name] == "" && !s.named(n.name) {
			continue
		}
		network := get(n.name)
		if n.distributed {
			network.Distributed, network.VLAN = true, n.vlan
			if dvs := s.w.switchByRef(n.dvs); dvs != nil {
				network.Switch = dvs.name
			}
		}
	}
	for _, h := range s.p.hosts {
		s.standardGroups(h, get)
	}
	s.silentNetworks(found)
	list := make([]plan.FoundNetwork, 0, len(found))
	for _, n := range found {
		list = append(list, *n)
	}
	slices.SortFunc(list, func(a, b plan.FoundNetwork) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// silentNetworks takes a network that does not say on which hosts it is for one
// that is on all: govmomi's vcsim records a port group on the host that had it
// first only. A vCenter always says.
func (s *survey) silentNetworks(found map[string]*plan.FoundNetwork) {
	if s.simulator {
		return // the embedded simulator records it on every host
	}
	for _, n := range s.w.networks {
		if network := found[n.name]; network != nil && !n.distributed && n.hosts == 0 && len(network.Hosts) == 1 {
			network.Hosts = hostNames(s.p.hosts)
		}
	}
}

func (s *survey) standardGroups(h *hostSystem, get func(string) *plan.FoundNetwork) {
	info := s.w.networkInfo[h.networkSystem]
	if info == nil {
		return
	}
	for _, group := range info.portGroups {
		name := group.Spec.Name
		if s.wanted[name] == "" && !s.named(name) {
			continue
		}
		network := get(name)
		if network.Distributed {
			continue
		}
		network.VLAN, network.Switch = int(group.Spec.VlanId), group.Spec.VswitchName
		network.Hosts = append(network.Hosts, h.name)
	}
}

// media lists the files under uclab/ on the lab's datastore.
func (s *survey) media(files []types.BaseFileInfo) []plan.FoundMedia {
	var list []plan.FoundMedia
	for _, file := range files {
		f := file.GetFileInfo()
		path := fmt.Sprintf("[%s] %s/%s", s.p.datastore.name, plan.MediaDir, f.Path)
		u := s.mediaUse[path]
		list = append(list, plan.FoundMedia{
			Path: path, Size: f.FileSize, Used: u.any, UsedByOthers: u.foreign, Partial: strings.HasSuffix(f.Path, partSuffix),
		})
	}
	slices.SortFunc(list, func(a, b plan.FoundMedia) int { return strings.Compare(a.Path, b.Path) })
	return list
}

// rules lists the VM-VM affinity rules of the cluster that bear the lab's name.
func (s *survey) rules() []plan.FoundRule {
	var list []plan.FoundRule
	for _, rule := range s.p.compute.rules {
		affinity, ok := rule.(*types.ClusterAffinityRuleSpec)
		if !ok || !s.named(affinity.Name) {
			continue
		}
		found := plan.FoundRule{Name: affinity.Name}
		for _, vm := range affinity.Vm {
			found.VMs = append(found.VMs, vm.Value)
		}
		slices.Sort(found.VMs)
		list = append(list, found)
	}
	slices.SortFunc(list, func(a, b plan.FoundRule) int { return strings.Compare(a.Name, b.Name) })
	return list
}
