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
	for _, entity := range registry.All("") {
		switch o := entity.(type) {
		case *simulator.Folder:
			o.ChildEntity = only(o.ChildEntity, there)
		case *simulator.HostSystem:
			o.Vm = only(o.Vm, there)
			o.Network = only(o.Network, there)
		case *simulator.ResourcePool:
			o.Vm = only(o.Vm, there)
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
