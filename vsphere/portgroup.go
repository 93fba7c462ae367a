package vsphere

import (
	"context"
	"fmt"
	"slices"

	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// backing is what a NIC on a port group is backed by.
func (a *applier) backing(portGroup string) (types.BaseVirtualDeviceBackingInfo, error) {
	a.mu.Lock()
	made := a.standard[portGroup]
	a.mu.Unlock()
	n := a.world.network(a.place.datacenter, portGroup)
	if n != nil && n.distributed {
		dvs := a.world.switchByRef(n.dvs)
		if dvs == nil {
			return nil, &Error{Op: "connect to", On: "port group " + portGroup, Why: "its distributed switch cannot be seen", hint: "ask for a role that may see the switch"}
		}
		return &types.VirtualEthernetCardDistributedVirtualPortBackingInfo{
			Port: types.DistributedVirtualSwitchPortConnection{SwitchUuid: dvs.uuid, PortgroupKey: n.key},
		}, nil
	}
	if n == nil && !made {
		return nil, &Error{Op: "connect to", On: "port group " + portGroup, Why: "it is not there", hint: "run the command again: what is missing is made"}
	}
	return &types.VirtualEthernetCardNetworkBackingInfo{
		VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: portGroup},
	}, nil
}

// makeNetwork makes a port group, or sets its VLAN.
func (a *applier) makeNetwork(ctx context.Context, change *plan.Change) error {
	n := change.Network
	var err error
	switch {
	case n.DistributedSwitch != "" && change.Action == plan.Create:
		err = a.addDistributed(ctx, n)
	case n.DistributedSwitch != "":
		err = a.setDistributed(ctx, n)
	default:
		if err = a.onHosts(ctx, n, change.Action); err == nil {
			a.mu.Lock()
			a.standard[n.PortGroup] = true
			a.mu.Unlock()
		}
	}
	return a.fail(n.PortGroup, failure(change.Action+" port group", n.PortGroup, err))
}

// onHosts makes a standard port group on every host where VMs may be placed, or
// sets its VLAN there.
func (a *applier) onHosts(ctx context.Context, n *labspec.Network, action string) error {
	there := a.hostsWith(n.PortGroup)
	for _, h := range a.place.hosts {
		if !h.usable() {
			continue
		}
		has := slices.Contains(there, h.name)
		if has && action == plan.Create {
			continue
		}
		if err := a.onHost(ctx, h, n, has); err != nil {
			return fmt.Errorf("on host %s: %w", h.name, err)
		}
	}
	return nil
}

func (a *applier) hostsWith(portGroup string) []string {
	for _, found := range a.inv.Networks {
		if found.Name == portGroup && !found.Distributed {
			return found.Hosts
		}
	}
	return nil
}

func (a *applier) onHost(ctx context.Context, h *hostSystem, n *labspec.Network, has bool) error {
	spec := types.HostPortGroupSpec{Name: n.PortGroup, VlanId: int32(n.VLAN), VswitchName: n.Switch}
	return a.repeat(ctx, func() error {
		if has {
			_, err := methods.UpdatePortGroup(ctx, a.vim, &types.UpdatePortGroup{This: h.networkSystem, PgName: n.PortGroup, Portgrp: spec})
			return err
		}
		_, err := methods.AddPortGroup(ctx, a.vim, &types.AddPortGroup{This: h.networkSystem, Portgrp: spec})
		// The name is the lab's own: another apply, or the call whose answer was
		// lost, has made it.
		if fault.Is(err, &types.DuplicateName{}) || fault.Is(err, &types.AlreadyExists{}) {
			return nil
		}
		return err
	})
}

// repeat repeats a call that sets a state while the connection fails.
func (a *applier) repeat(ctx context.Context, call func() error) error {
	for attempt := 1; ; attempt++ {
		err := call()
		if err == nil || attempt == maxAttempts || !lost(err) && !fault.IsTransientError(err) {
			return err
		}
		if err := backoff(ctx, attempt); err != nil {
			return err
		}
	}
}

func vlanSetting(vlan int) *types.VMwareDVSPortSetting {
	return &types.VMwareDVSPortSetting{Vlan: &types.VmwareDistributedVirtualSwitchVlanIdSpec{VlanId: int32(vlan)}}
}

func (a *applier) addDistributed(ctx context.Context, n *labspec.Network) error {
	dvs := a.world.distributedSwitch(a.place.datacenter, n.DistributedSwitch)
	return a.task(ctx, func(ctx context.Context) (ref, error) {
		res, err := methods.AddDVPortgroup_Task(ctx, a.vim, &types.AddDVPortgroup_Task{This: dvs.ref, Spec: []types.DVPortgroupConfigSpec{{
			Name:              n.PortGroup,
			Description:       fmt.Sprintf("uclab lab %s, network %s", a.lab.Name, n.Address),
			Type:              string(types.DistributedVirtualPortgroupPortgroupTypeEarlyBinding),
			NumPorts:          distributedPorts,
			AutoExpand:        types.NewBool(true),
			DefaultPortConfig: vlanSetting(n.VLAN),
		}}})
		if err != nil {
			return ref{}, err
		}
		return res.Returnval, nil
	}, func(err error) bool { return fault.Is(err, &types.DuplicateName{}) })
}

// distributedPorts is what a distributed port group begins with; it grows by
// itself.
const distributedPorts = 8

func (a *applier) setDistributed(ctx context.Context, n *labspec.Network) error {
	group := a.world.network(a.place.datacenter, n.PortGroup)
	if group == nil || !group.distributed {
		return &Error{Op: "update port group", On: n.PortGroup, Why: "it is not on a distributed switch", hint: "remove it, or name the switch that it is on"}
	}
	return a.task(ctx, func(ctx context.Context) (ref, error) {
		version, err := a.configVersion(ctx, group.ref)
		if err != nil {
			return ref{}, err
		}
		res, err := methods.ReconfigureDVPortgroup_Task(ctx, a.vim, &types.ReconfigureDVPortgroup_Task{This: group.ref, Spec: types.DVPortgroupConfigSpec{
			ConfigVersion: version, DefaultPortConfig: vlanSetting(n.VLAN),
		}})
		if err != nil {
			return ref{}, err
		}
		return res.Returnval, nil
	}, func(error) bool { return false })
}

func (a *applier) configVersion(ctx context.Context, group ref) (string, error) {
	objects, _, err := retrieve(ctx, a.vim, types.PropertyFilterSpec{
		PropSet:   []types.PropertySpec{{Type: group.Type, PathSet: []string{"config.configVersion"}}},
		ObjectSet: []types.ObjectSpec{{Obj: group}},
	}, 0)
	if err != nil {
		return "", err
	}
	for _, o := range objects {
		for _, p := range o.PropSet {
			version, _ := p.Val.(string)
			return version, nil
		}
	}
	return "", nil
}

// refreshNetworks learns the keys of the distributed port groups that were just
// made.
func (a *applier) refreshNetworks(ctx context.Context) {
	made := a.of(plan.KindNetwork, func(action string) bool { return action == plan.Create })
	made = slices.DeleteFunc(made, func(o *Outcome) bool { return o.State != Done || o.Change.Network.DistributedSwitch == "" })
	if len(made) == 0 {
		return
	}
	w, err := a.readWorld(context.WithoutCancel(ctx), nil)
	if err != nil {
		for _, o := range made {
			o.State, o.Err = Failed, a.fail(o.Change.Network.PortGroup, failure("read port group", o.Change.Network.PortGroup, err))
		}
		return
	}
	a.world.networks, a.world.switches, a.world.networkInfo = w.networks, w.switches, w.networkInfo
	for _, n := range w.networks {
		a.world.entities[n.ref] = n.entity
	}
}

// deleteNetwork removes a port group of ours that nothing uses any more.
func (a *applier) deleteNetwork(ctx context.Context, change *plan.Change) error {
	name := change.Name
	for _, found := range a.inv.Networks {
		if found.Name == name && found.ForeignUse {
			return &Error{Op: "delete port group", On: name, Why: "a VM that is not this lab's is connected to it", hint: "connect that VM elsewhere first"}
		}
	}
	group := a.world.network(a.place.datacenter, name)
	if group != nil && group.distributed {
		return failure("delete port group", name, a.task(ctx, func(ctx context.Context) (ref, error) {
			res, err := methods.Destroy_Task(ctx, a.vim, &types.Destroy_Task{This: group.ref})
			if err != nil {
				return ref{}, err
			}
			return res.Returnval, nil
		}, gone))
	}
	there := a.hostsWith(name)
	for _, h := range a.place.hosts {
		if !slices.Contains(there, h.name) {
			continue
		}
		err := a.repeat(ctx, func() error {
			_, err := methods.RemovePortGroup(ctx, a.vim, &types.RemovePortGroup{This: h.networkSystem, PgName: name})
			if fault.Is(err, &types.NotFound{}) {
				return nil
			}
			return err
		})
		if err != nil {
			return failure("delete port group", name, fmt.Errorf("on host %s: %w", h.name, err))
		}
	}
	return nil
}
