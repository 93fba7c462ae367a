package vsphere

import (
	"github.com/uclab/uclab/plan"
	"github.com/vmware/govmomi/vim25/types"
)

// MachineProperties is what Observe reads of every VM.
var MachineProperties = machineProperties

// CreateSpec is the configuration of a VM on standard port groups, as an apply
// would ask for it.
func CreateSpec(name string, want *plan.Machine, marks plan.Marks) (*types.VirtualMachineConfigSpec, error) {
	return createSpec(name, want, marks, func(portGroup string) (types.BaseVirtualDeviceBackingInfo, error) {
		return &types.VirtualEthernetCardNetworkBackingInfo{
			VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: portGroup},
		}, nil
	})
}
