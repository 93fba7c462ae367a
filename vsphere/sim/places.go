package sim

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// there makes sure that references, where given, lead to something.
func there(ctx *simulator.Context, refs ...*types.ManagedObjectReference) types.BaseMethodFault {
	for _, ref := range refs {
		if ref != nil && ctx.Map.Get(*ref) == nil {
			return &types.ManagedObjectNotFound{Obj: *ref}
		}
	}
	return nil
}

func first(faults ...types.BaseMethodFault) types.BaseMethodFault {
	for _, fault := range faults {
		if fault != nil {
			return fault
		}
	}
	return nil
}

// placed makes sure that everything a relocation names is there.
func placed(ctx *simulator.Context, spec types.VirtualMachineRelocateSpec) types.BaseMethodFault {
	fault := there(ctx, spec.Pool, spec.Host, spec.Folder, spec.Datastore)
	for i := range spec.Disk {
		fault = first(fault, there(ctx, &spec.Disk[i].Datastore))
	}
	return fault
}

func relocatable(ctx *simulator.Context, req *types.RelocateVM_Task) types.BaseMethodFault {
	if fault := placed(ctx, req.Spec); fault != nil {
		return fault
	}
	if req.Spec.Folder == nil {
		return nil
	}
	return movable(ctx, &types.MoveIntoFolder_Task{This: *req.Spec.Folder, List: []types.ManagedObjectReference{req.This}})
}

// movable makes sure that what is to be moved is there, and that nothing in the
// folder has its name.
func movable(ctx *simulator.Context, req *types.MoveIntoFolder_Task) types.BaseMethodFault {
	folder, ok := ctx.Map.Get(req.This).(*simulator.Folder)
	if !ok {
		return nil
	}
	for _, ref := range req.List {
		entity, ok := ctx.Map.Get(ref).(mo.Entity)
		if !ok || entity.Entity().Parent == nil {
			return &types.ManagedObjectNotFound{Obj: ref}
		}
		name := nameOf(entity)
		if other := childNamed(ctx, folder, name); other != nil && *other != ref {
			return &types.DuplicateName{Name: name, Object: *other}
		}
	}
	return nil
}

// register makes sure that a VM's file is there before it enters the inventory.
func (s strict) register(ctx *simulator.Context, req *types.RegisterVM_Task) types.BaseMethodFault {
	fault := first(there(ctx, &req.This, req.Pool, req.Host), fileThere(ctx, req.Path))
	if fault != nil || req.Name == "" {
		return fault
	}
	return s.freeName(ctx, req.This, req.Name)
}

// startable makes sure that a datacenter's VMs are there before it powers on one.
func startable(ctx *simulator.Context, req *types.PowerOnMultiVM_Task) types.BaseMethodFault {
	for i := range req.Vm {
		if fault := there(ctx, &req.Vm[i]); fault != nil {
			return fault
		}
	}
	return nil
}
