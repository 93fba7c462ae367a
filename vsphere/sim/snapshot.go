package sim

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// snapshotThere makes sure that a snapshot is there, and so is its VM: of a
// snapshot of a VM that is gone, the simulator dies.
func snapshotThere(ctx *simulator.Context, ref types.ManagedObjectReference) types.BaseMethodFault {
	snapshot, ok := ctx.Map.Get(ref).(*simulator.VirtualMachineSnapshot)
	if !ok {
		return &types.ManagedObjectNotFound{Obj: ref}
	}
	vm, ok := ctx.Map.Get(snapshot.Vm).(*simulator.VirtualMachine)
	if !ok || !hasSnapshot(vm, ref) {
		return &types.ManagedObjectNotFound{Obj: ref}
	}
	return nil
}

func hasSnapshot(vm *simulator.VirtualMachine, ref types.ManagedObjectReference) bool {
	return vm.Snapshot != nil && inTree(vm.Snapshot.RootSnapshotList, ref)
}

func inTree(tree []types.VirtualMachineSnapshotTree, ref types.ManagedObjectReference) bool {
	return slices.ContainsFunc(tree, func(node types.VirtualMachineSnapshotTree) bool {
		return node.Snapshot == ref || inTree(node.ChildSnapshotList, ref)
	})
}

// orphans removes the snapshots of a VM that goes. It is a
// simulator.RegisterObject.
type orphans struct{}

// Reference identifies orphans among the simulator's handlers.
func (orphans) Reference() types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "UclabOrphans", Value: "orphans"}
}

// PutObject does nothing.
func (orphans) PutObject(*simulator.Context, mo.Reference) {}

// UpdateObject does nothing.
func (orphans) UpdateObject(*simulator.Context, mo.Reference, []types.PropertyChange) {}

// RemoveObject removes a VM's snapshots, which the simulator keeps.
func (orphans) RemoveObject(ctx *simulator.Context, ref types.ManagedObjectReference) {
	vm, ok := ctx.Map.Get(ref).(*simulator.VirtualMachine)
	if !ok || vm.Snapshot == nil {
		return
	}
	for _, snapshot := range snapshotsIn(vm.Snapshot.RootSnapshotList) {
		ctx.Map.Remove(ctx, snapshot)
	}
}

func snapshotsIn(tree []types.VirtualMachineSnapshotTree) []types.ManagedObjectReference {
	var refs []types.ManagedObjectReference
	for _, node := range tree {
		refs = slices.Concat(refs, []types.ManagedObjectReference{node.Snapshot}, snapshotsIn(node.ChildSnapshotList))
	}
	return refs
}
