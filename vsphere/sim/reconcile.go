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
		if folder, ok := registry.Get(*parent).(*simulator.Folder); ok {
			folder.ChildEntity = with(folder.ChildEntity, entity.Reference())
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
		case *simulator.Datastore:
			o.Vm = only(o.Vm, there)
		case *simulator.VirtualMachine:
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
