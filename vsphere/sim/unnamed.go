package sim

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// unnamed gives a VM that is being made its reference for a name until it has
// its own. The simulator lists it among its folder's children before it names
// it, and panics when another clone or rename meets it there.
type unnamed struct{}

func (unnamed) Reference() types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "UclabUnnamed", Value: "unnamed"}
}

func (unnamed) PutObject(_ *simulator.Context, o mo.Reference) {
	if vm, ok := o.(*simulator.VirtualMachine); ok && vm.Name == "" {
		vm.Name = vm.Self.Value
	}
}

func (unnamed) UpdateObject(*simulator.Context, mo.Reference, []types.PropertyChange) {}

func (unnamed) RemoveObject(*simulator.Context, types.ManagedObjectReference) {}
