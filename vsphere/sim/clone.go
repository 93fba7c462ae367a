package sim

import (
	"slices"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// clones gives a clone what a real one has and the simulator drops: of its
// source the notes, the boot order, the firmware and the extra settings, unless
// the call says otherwise.
type clones struct {
	mu      sync.Mutex
	pending map[string]inheritance // by folder and name
}

type inheritance struct {
	annotation string
	firmware   string
	boot       types.VirtualMachineBootOptions
}

func cloneKey(folder types.ManagedObjectReference, name string) string {
	return folder.Value + "/" + name
}

// expect notes what the clone of a call is to have, and adds to the call the
// settings that it inherits.
func (c *clones) expect(req *types.CloneVM_Task, source *simulator.VirtualMachine) {
	inherited := inheritance{annotation: source.Config.Annotation, firmware: source.Config.Firmware}
	if source.Config.BootOptions != nil {
		inherited.boot = *source.Config.BootOptions
		inherited.boot.BootOrder = slices.Clone(inherited.boot.BootOrder)
	}
	if req.Spec.Config == nil {
		req.Spec.Config = new(types.VirtualMachineConfigSpec)
	}
	config := req.Spec.Config
	if config.Annotation != "" {
		inherited.annotation = config.Annotation
	}
	if config.Firmware != "" {
		inherited.firmware = config.Firmware
	}
	if config.BootOptions != nil {
		inherited.boot = *config.BootOptions
	}
	config.ExtraConfig = inheritedExtra(config.ExtraConfig, source.Config.ExtraConfig)
	c.mu.Lock()
	c.pending[cloneKey(req.Folder, req.Name)] = inherited
	c.mu.Unlock()
}

// forget drops what was expected of a clone that did not come about.
func (c *clones) forget(folder types.ManagedObjectReference, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pending, cloneKey(folder, name))
}

func inheritedExtra(own, source []types.BaseOptionValue) []types.BaseOptionValue {
	all := slices.Clone(own)
	for _, option := range source {
		key := option.GetOptionValue().Key
		if !slices.ContainsFunc(own, func(o types.BaseOptionValue) bool { return o.GetOptionValue().Key == key }) {
			all = append(all, &types.OptionValue{Key: key, Value: option.GetOptionValue().Value})
		}
	}
	return all
}

// Reference identifies the handler.
func (c *clones) Reference() types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "UclabClones", Value: "clones"}
}

// PutObject does nothing: a VM that is put has no name yet.
func (c *clones) PutObject(*simulator.Context, mo.Reference) {}

// UpdateObject completes a clone when it is first updated after it was named.
func (c *clones) UpdateObject(_ *simulator.Context, o mo.Reference, _ []types.PropertyChange) {
	vm, ok := o.(*mo.VirtualMachine)
	if !ok || vm.Parent == nil || vm.Config == nil {
		return
	}
	key := cloneKey(*vm.Parent, vm.Name)
	c.mu.Lock()
	inherited, expected := c.pending[key]
	delete(c.pending, key)
	c.mu.Unlock()
	if !expected {
		return
	}
	vm.Config.Annotation, vm.Config.Firmware = inherited.annotation, inherited.firmware
	vm.Config.BootOptions = &inherited.boot
}

// RemoveObject does nothing.
func (c *clones) RemoveObject(*simulator.Context, types.ManagedObjectReference) {}
