package sim

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// reconcile mends what a kill between two files of one change leaves: every
// object is in its parent's list, and no list names what is not there.
func (s *store) reconcile() {
	registry := s.service.Context.Map
	for _, entity := range registry.All("") {
		parent := entity.Entity().Parent
		if parent == nil {
			continue
		}
		switch p := registry.Get(*parent).(type) {
		case *simulator.Folder:
			p.ChildEntity = with(p.ChildEntity, entity.Reference())
		case *simulator.ResourcePool:
			p.ResourcePool.ResourcePool = with(p.ResourcePool.ResourcePool, entity.Reference())
		}
	}
	there := func(ref types.ManagedObjectReference) bool { return registry.Get(ref) != nil }
	machines := func(on func(*simulator.VirtualMachine) *types.ManagedObjectReference, self types.ManagedObjectReference) func(types.ManagedObjectReference) bool {
		return func(ref types.ManagedObjectReference) bool {
			vm, ok := registry.Get(ref).(*simulator.VirtualMachine)
			return ok && on(vm) != nil && *on(vm) == self
		}
	}
	for _, entity := range registry.All("") {
		switch o := entity.(type) {
		case *simulator.Folder:
			o.ChildEntity = only(o.ChildEntity, func(ref types.ManagedObjectReference) bool {
				child, ok := registry.Get(ref).(mo.Entity)
				return ok && child.Entity().Parent != nil && *child.Entity().Parent == o.Self
			})
		case *simulator.HostSystem:
			o.Vm = only(o.Vm, machines(func(vm *simulator.VirtualMachine) *types.ManagedObjectReference { return vm.Runtime.Host }, o.Self))
			o.Network = only(o.Network, there)
		case *simulator.ResourcePool:
			o.Vm = only(o.Vm, machines(func(vm *simulator.VirtualMachine) *types.ManagedObjectReference { return vm.ResourcePool }, o.Self))
			o.ResourcePool.ResourcePool = only(o.ResourcePool.ResourcePool, there)
		case *simulator.Datastore:
			o.Vm = only(o.Vm, there)
		case *simulator.Datacenter:
			o.Network = only(o.Network, there)
		case *simulator.ClusterComputeResource:
			o.Network = only(o.Network, there)
		case *mo.Network:
			s.connect(o.Self, o.Entity())
		case *simulator.DistributedVirtualPortgroup:
			s.connect(o.Self, o.Entity())
		case *simulator.VirtualMachine:
			o.AvailableField = simulator.GetCustomFieldsAvailable(s.service.Context, &o.Self)
			s.attach(o)
			s.mendSnapshots(o)
		}
	}
	s.dropOrphans()
}

// mendSnapshots takes from a VM's tree the snapshots that are not there: of the
// next snapshot of such a VM the simulator would die.
func (s *store) mendSnapshots(vm *simulator.VirtualMachine) {
	if vm.Snapshot == nil {
		return
	}
	there := func(ref types.ManagedObjectReference) bool { return s.service.Context.Map.Get(ref) != nil }
	var prune func(tree []types.VirtualMachineSnapshotTree) []types.VirtualMachineSnapshotTree
	prune = func(tree []types.VirtualMachineSnapshotTree) []types.VirtualMachineSnapshotTree {
		var kept []types.VirtualMachineSnapshotTree
		for _, node := range tree {
			children := prune(node.ChildSnapshotList)
			if !there(node.Snapshot) {
				kept = append(kept, children...)
				continue
			}
			node.ChildSnapshotList = children
			kept = append(kept, node)
		}
		return kept
	}
	vm.Snapshot.RootSnapshotList = prune(vm.Snapshot.RootSnapshotList)
	vm.RootSnapshot = only(vm.RootSnapshot, there)
	if current := vm.Snapshot.CurrentSnapshot; current != nil && !hasSnapshot(vm, *current) {
		vm.Snapshot.CurrentSnapshot = nil
	}
	if len(vm.Snapshot.RootSnapshotList) == 0 {
		vm.Snapshot, vm.RootSnapshot = nil, nil
	}
}

// dropOrphans removes the snapshots that no VM has.
func (s *store) dropOrphans() {
	registry := s.service.Context.Map
	for _, object := range registry.AllReference("VirtualMachineSnapshot") {
		snapshot, ok := object.(*simulator.VirtualMachineSnapshot)
		if !ok {
			continue
		}
		if vm, ok := registry.Get(snapshot.Vm).(*simulator.VirtualMachine); !ok || !hasSnapshot(vm, snapshot.Self) {
			registry.Remove(s.service.Context, snapshot.Self)
			s.note(snapshot.Self, true)
		}
	}
}

// attach puts a VM in the lists of what it runs on.
func (s *store) attach(vm *simulator.VirtualMachine) {
	registry := s.service.Context.Map
	self := vm.Reference()
	if vm.Runtime.Host != nil {
		if host, ok := registry.Get(*vm.Runtime.Host).(*simulator.HostSystem); ok {
			host.Vm = with(host.Vm, self)
		}
	}
	if vm.ResourcePool != nil {
		if pool, ok := registry.Get(*vm.ResourcePool).(*simulator.ResourcePool); ok {
			pool.Vm = with(pool.Vm, self)
		}
	}
	for _, ref := range vm.Datastore {
		if datastore, ok := registry.Get(ref).(*simulator.Datastore); ok {
			datastore.Vm = with(datastore.Vm, self)
		}
	}
}

// connect puts a network in the list of its datacenter, by which devices find it.
func (s *store) connect(self types.ManagedObjectReference, entity *mo.ManagedEntity) {
	for entity != nil && entity.Parent != nil {
		parent := s.service.Context.Map.Get(*entity.Parent)
		if dc, ok := parent.(*simulator.Datacenter); ok {
			dc.Network = with(dc.Network, self)
			return
		}
		above, ok := parent.(mo.Entity)
		if !ok {
			return
		}
		entity = above.Entity()
	}
}

// nameOf is an entity's name: networks have theirs twice, and only one is kept.
func nameOf(entity mo.Entity) string {
	switch e := entity.(type) {
	case *mo.Network:
		return e.Name
	case *simulator.DistributedVirtualPortgroup:
		return e.Name
	case *simulator.DistributedVirtualSwitch:
		return e.Name
	default:
		return entity.Entity().Name
	}
}

func with(list []types.ManagedObjectReference, ref types.ManagedObjectReference) []types.ManagedObjectReference {
	if slices.Contains(list, ref) {
		return list
	}
	return append(list, ref)
}

func only(list []types.ManagedObjectReference, keep func(types.ManagedObjectReference) bool) []types.ManagedObjectReference {
	return slices.DeleteFunc(list, func(ref types.ManagedObjectReference) bool { return !keep(ref) })
}

var _ mo.Reference = (*store)(nil)
