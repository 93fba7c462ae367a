package sim

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// refusal stands in for the object of a call that is refused as a vCenter does
// it: the call gives a task, and the task fails. What is wrong with a call's
// parameters as such is said at once instead.
type refusal struct {
	Self types.ManagedObjectReference // in the session of the call

	object types.ManagedObjectReference // whose call it was
	fault  types.BaseMethodFault
}

// Reference makes a refusal an object of the simulator's.
func (r *refusal) Reference() types.ManagedObjectReference { return r.Self }

// byTask says that a server finds a fault only when it carries a call out.
func byTask(fault types.BaseMethodFault) bool {
	switch fault.(type) {
	case *types.ManagedObjectNotFound, *types.NotSupported, *types.InvalidArgument, *types.InvalidName:
		return false
	default:
		return true
	}
}

// refuse makes a call end in a task that fails, or, where the call has none, in
// the fault itself.
func refuse(ctx *simulator.Context, method *simulator.Method, fault types.BaseMethodFault) types.BaseMethodFault {
	if !byTask(fault) || ctx.Session == nil {
		return fault
	}
	switch method.Body.(type) {
	case *types.CreateVM_Task, *types.CloneVM_Task, *types.ReconfigVM_Task, *types.RelocateVM_Task, *types.Rename_Task,
		*types.Destroy_Task, *types.MoveIntoFolder_Task, *types.RegisterVM_Task, *types.DeleteDatastoreFile_Task,
		*types.MoveDatastoreFile_Task, *types.CopyDatastoreFile_Task:
	default:
		return fault
	}
	stand := &refusal{object: method.This, fault: fault}
	ctx.Session.Registry.Put(stand)
	method.This = stand.Self
	return nil
}

// task gives a task that fails, about the object that the call was made on.
func (r *refusal) task(ctx *simulator.Context, name string) types.ManagedObjectReference {
	ctx.Session.Registry.Remove(ctx, r.Self)
	task := simulator.CreateTask(r.object, name, func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		return nil, r.fault
	})
	return task.Run(ctx)
}

// CreateVMTask fails.
func (r *refusal) CreateVMTask(ctx *simulator.Context, _ *types.CreateVM_Task) soap.HasFault {
	return &methods.CreateVM_TaskBody{Res: &types.CreateVM_TaskResponse{Returnval: r.task(ctx, "createVm")}}
}

// RegisterVMTask fails.
func (r *refusal) RegisterVMTask(ctx *simulator.Context, _ *types.RegisterVM_Task) soap.HasFault {
	return &methods.RegisterVM_TaskBody{Res: &types.RegisterVM_TaskResponse{Returnval: r.task(ctx, "registerVm")}}
}

// CloneVMTask fails.
func (r *refusal) CloneVMTask(ctx *simulator.Context, _ *types.CloneVM_Task) soap.HasFault {
	return &methods.CloneVM_TaskBody{Res: &types.CloneVM_TaskResponse{Returnval: r.task(ctx, "cloneVm")}}
}

// ReconfigVMTask fails.
func (r *refusal) ReconfigVMTask(ctx *simulator.Context, _ *types.ReconfigVM_Task) soap.HasFault {
	return &methods.ReconfigVM_TaskBody{Res: &types.ReconfigVM_TaskResponse{Returnval: r.task(ctx, "reconfigVm")}}
}

// RelocateVMTask fails.
func (r *refusal) RelocateVMTask(ctx *simulator.Context, _ *types.RelocateVM_Task) soap.HasFault {
	return &methods.RelocateVM_TaskBody{Res: &types.RelocateVM_TaskResponse{Returnval: r.task(ctx, "relocateVm")}}
}

// RenameTask fails.
func (r *refusal) RenameTask(ctx *simulator.Context, _ *types.Rename_Task) soap.HasFault {
	return &methods.Rename_TaskBody{Res: &types.Rename_TaskResponse{Returnval: r.task(ctx, "rename")}}
}

// DestroyTask fails.
func (r *refusal) DestroyTask(ctx *simulator.Context, _ *types.Destroy_Task) soap.HasFault {
	return &methods.Destroy_TaskBody{Res: &types.Destroy_TaskResponse{Returnval: r.task(ctx, "destroy")}}
}

// MoveIntoFolderTask fails.
func (r *refusal) MoveIntoFolderTask(ctx *simulator.Context, _ *types.MoveIntoFolder_Task) soap.HasFault {
	return &methods.MoveIntoFolder_TaskBody{Res: &types.MoveIntoFolder_TaskResponse{Returnval: r.task(ctx, "moveIntoFolder")}}
}

// DeleteDatastoreFileTask fails.
func (r *refusal) DeleteDatastoreFileTask(ctx *simulator.Context, _ *types.DeleteDatastoreFile_Task) soap.HasFault {
	return &methods.DeleteDatastoreFile_TaskBody{Res: &types.DeleteDatastoreFile_TaskResponse{Returnval: r.task(ctx, "deleteDatastoreFile")}}
}

// MoveDatastoreFileTask fails.
func (r *refusal) MoveDatastoreFileTask(ctx *simulator.Context, _ *types.MoveDatastoreFile_Task) soap.HasFault {
	return &methods.MoveDatastoreFile_TaskBody{Res: &types.MoveDatastoreFile_TaskResponse{Returnval: r.task(ctx, "moveDatastoreFile")}}
}

// CopyDatastoreFileTask fails.
func (r *refusal) CopyDatastoreFileTask(ctx *simulator.Context, _ *types.CopyDatastoreFile_Task) soap.HasFault {
	return &methods.CopyDatastoreFile_TaskBody{Res: &types.CopyDatastoreFile_TaskResponse{Returnval: r.task(ctx, "copyDatastoreFile")}}
}
