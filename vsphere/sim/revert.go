package sim

import (
	"bytes"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

// revert makes a VM what it was at a snapshot: its configuration, with our marks
// in it, and its power state. The stock simulator only moves the mark of the
// current snapshot. The VM keeps its name, as it does on a real server.
func revert(ctx *simulator.Context, ref types.ManagedObjectReference, suppressPowerOn *bool) types.BaseMethodFault {
	snapshot, ok := ctx.Map.Get(ref).(*simulator.VirtualMachineSnapshot)
	if !ok {
		return &types.ManagedObjectNotFound{Obj: ref}
	}
	vm, ok := ctx.Map.Get(snapshot.Vm).(*simulator.VirtualMachine)
	if !ok {
		return &types.ManagedObjectNotFound{Obj: snapshot.Vm}
	}
	var fault types.BaseMethodFault
	ctx.WithLock(vm, func() {
		if vm.Snapshot == nil || !inTree(vm.Snapshot.RootSnapshotList, ref) {
			fault = &types.ManagedObjectNotFound{Obj: ref}
			return
		}
		config, err := copyConfig(&snapshot.Config)
		if err != nil {
			fault = &types.SystemError{Reason: err.Error()}
			return
		}
		config.Name = vm.Config.Name
		config.Template = vm.Config.Template
		ctx.Update(vm, reverted(vm, config, power(vm.Snapshot.RootSnapshotList, ref, suppressPowerOn)))
	})
	return fault
}

// copyConfig copies a configuration so that nothing of it is shared.
func copyConfig(config *types.VirtualMachineConfigInfo) (*types.VirtualMachineConfigInfo, error) {
	text, err := xml.Marshal(config)
	if err != nil {
		return nil, err
	}
	decoder := xml.NewDecoder(bytes.NewReader(text))
	decoder.TypeFunc = types.TypeFunc()
	copied := new(types.VirtualMachineConfigInfo)
	return copied, decoder.Decode(copied)
}

// power is the state that a VM has after a revert: a snapshot without memory
// leaves it off.
func power(tree []types.VirtualMachineSnapshotTree, ref types.ManagedObjectReference, suppress *bool) types.VirtualMachinePowerState {
	for _, node := range tree {
		if node.Snapshot == ref {
			if node.State == types.VirtualMachinePowerStatePoweredOn && (suppress == nil || !*suppress) {
				return types.VirtualMachinePowerStatePoweredOn
			}
			return types.VirtualMachinePowerStatePoweredOff
		}
		if inTree(node.ChildSnapshotList, ref) {
			return power(node.ChildSnapshotList, ref, suppress)
		}
	}
	return types.VirtualMachinePowerStatePoweredOff
}

// reverted lists what changes with a VM's configuration.
func reverted(vm *simulator.VirtualMachine, config *types.VirtualMachineConfigInfo, state types.VirtualMachinePowerState) []types.PropertyChange {
	summary := vm.Summary.Config
	summary.NumCpu, summary.MemorySizeMB = config.Hardware.NumCPU, config.Hardware.MemoryMB
	summary.GuestId, summary.GuestFullName, summary.HwVersion = config.GuestId, config.GuestFullName, config.Version
	summary.NumEthernetCards, summary.NumVirtualDisks = 0, 0
	var networks []types.ManagedObjectReference
	var nics []types.GuestNicInfo
	for _, device := range config.Hardware.Device {
		switch d := device.(type) {
		case *types.VirtualDisk:
			summary.NumVirtualDisks++
		case types.BaseVirtualEthernetCard:
			summary.NumEthernetCards++
			card := d.GetVirtualEthernetCard()
			nic := types.GuestNicInfo{MacAddress: card.MacAddress, Connected: true, DeviceConfigId: card.Key}
			switch backing := card.Backing.(type) {
			case *types.VirtualEthernetCardNetworkBackingInfo:
				nic.Network = backing.DeviceName
				if backing.Network != nil {
					networks = append(networks, *backing.Network)
				}
			case *types.VirtualEthernetCardDistributedVirtualPortBackingInfo:
				networks = append(networks, types.ManagedObjectReference{Type: "DistributedVirtualPortgroup", Value: backing.Port.PortgroupKey})
			}
			nics = append(nics, nic)
		}
	}
	return []types.PropertyChange{
		{Name: "config", Val: *config},
		{Name: "summary.config", Val: summary},
		{Name: "network", Val: networks},
		{Name: "guest.net", Val: nics},
		{Name: "runtime.powerState", Val: state},
		{Name: "summary.runtime.powerState", Val: state},
	}
}

// revertToCurrent reverts a VM that has a snapshot; one that has none is the
// stock simulator's to refuse.
func revertToCurrent(ctx *simulator.Context, req *types.RevertToCurrentSnapshot_Task) types.BaseMethodFault {
	vm, ok := ctx.Map.Get(req.This).(*simulator.VirtualMachine)
	if !ok {
		return nil
	}
	var current *types.ManagedObjectReference
	ctx.WithLock(vm, func() {
		if vm.Snapshot != nil {
			current = vm.Snapshot.CurrentSnapshot
		}
	})
	if current == nil {
		return nil
	}
	return revert(ctx, *current, req.SuppressPowerOn)
}
