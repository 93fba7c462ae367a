package sim

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// maxVLAN is the VLAN that means all of them (virtual guest tagging).
const maxVLAN = 4095

// networkSystem is a host's network system with the port groups of real hosts:
// the same name on several hosts is one network, and each host has it on a
// switch of its own.
type networkSystem struct {
	simulator.HostNetworkSystem
}

// replaceNetworkSystems puts a networkSystem in the place of every host's own.
func replaceNetworkSystems(registry *simulator.Registry) {
	for _, host := range registry.All("HostSystem") {
		stock, ok := registry.Get(*host.(*simulator.HostSystem).ConfigManager.NetworkSystem).(*simulator.HostNetworkSystem)
		if !ok {
			continue
		}
		ours := &networkSystem{*stock}
		// The simulator's hosts share their template's slices.
		info := *stock.NetworkInfo
		info.Vswitch, info.Portgroup = slices.Clone(info.Vswitch), slices.Clone(info.Portgroup)
		for i := range info.Vswitch {
			info.Vswitch[i].Portgroup = slices.Clone(info.Vswitch[i].Portgroup)
		}
		ours.NetworkInfo = &info
		registry.Put(ours)
	}
}

// AddPortGroup adds a port group to this host, whether or not another host has
// one of the same name. A VLAN is 0 to 4095, the last meaning all.
func (n *networkSystem) AddPortGroup(ctx *simulator.Context, req *types.AddPortGroup) soap.HasFault {
	body := new(methods.AddPortGroupBody)
	if req.Portgrp.VlanId < 0 || req.Portgrp.VlanId > maxVLAN {
		body.Fault_ = simulator.Fault("", &types.InvalidArgument{InvalidProperty: "vlanId"})
		return body
	}
	if n.has(req.Portgrp.Name) {
		body.Fault_ = simulator.Fault("", &types.AlreadyExists{Name: req.Portgrp.Name})
		return body
	}
	if !n.elsewhere(ctx, req.Portgrp.Name) {
		answer := n.HostNetworkSystem.AddPortGroup(ctx, req)
		if answer.Fault() == nil {
			n.join(ctx, req.Portgrp.Name)
		}
		return answer
	}
	for i := range n.NetworkInfo.Vswitch {
		if n.NetworkInfo.Vswitch[i].Name != req.Portgrp.VswitchName {
			continue
		}
		n.NetworkInfo.Vswitch[i].Portgroup = append(n.NetworkInfo.Vswitch[i].Portgroup, req.Portgrp.Name)
		n.NetworkInfo.Portgroup = append(n.NetworkInfo.Portgroup, types.HostPortGroup{
			Key: "key-vim.host.PortGroup-" + req.Portgrp.Name, Spec: req.Portgrp,
		})
		n.join(ctx, req.Portgrp.Name)
		body.Res = new(types.AddPortGroupResponse)
		return body
	}
	body.Fault_ = simulator.Fault("", new(types.NotFound))
	return body
}

// UpdatePortGroup changes a port group of this host: its VLAN, its policies.
func (n *networkSystem) UpdatePortGroup(req *types.UpdatePortGroup) soap.HasFault {
	body := new(methods.UpdatePortGroupBody)
	for i := range n.NetworkInfo.Portgroup {
		group := &n.NetworkInfo.Portgroup[i]
		switch {
		case group.Spec.Name != req.PgName:
			continue
		case req.Portgrp.VlanId < 0 || req.Portgrp.VlanId > maxVLAN:
			body.Fault_ = simulator.Fault("", &types.InvalidArgument{InvalidProperty: "vlanId"})
		default:
			group.Spec.VlanId, group.Spec.Policy = req.Portgrp.VlanId, req.Portgrp.Policy
			body.Res = new(types.UpdatePortGroupResponse)
		}
		return body
	}
	body.Fault_ = simulator.Fault("", new(types.NotFound))
	return body
}

// RemovePortGroup takes a port group from this host; the network goes with the
// last host's. One that a VM of this host has a NIC on stays.
func (n *networkSystem) RemovePortGroup(ctx *simulator.Context, req *types.RemovePortGroup) soap.HasFault {
	body := new(methods.RemovePortGroupBody)
	if !n.has(req.PgName) {
		body.Fault_ = simulator.Fault("", new(types.NotFound))
		return body
	}
	if name := n.user(ctx, req.PgName); name != "" {
		body.Fault_ = simulator.Fault("", &types.ResourceInUse{Type: "Network", Name: req.PgName})
		return body
	}
	n.leave(ctx, req.PgName)
	if !n.elsewhere(ctx, req.PgName) {
		return n.HostNetworkSystem.RemovePortGroup(ctx, req)
	}
	for i := range n.NetworkInfo.Vswitch {
		n.NetworkInfo.Vswitch[i].Portgroup = slices.DeleteFunc(n.NetworkInfo.Vswitch[i].Portgroup, func(name string) bool { return name == req.PgName })
	}
	n.NetworkInfo.Portgroup = slices.DeleteFunc(n.NetworkInfo.Portgroup, func(group types.HostPortGroup) bool { return group.Spec.Name == req.PgName })
	body.Res = new(types.RemovePortGroupResponse)
	return body
}

// network is the network of a port group's name.
func network(ctx *simulator.Context, name string) *mo.Network {
	for _, entity := range ctx.Map.All("Network") {
		if found, ok := entity.(*mo.Network); ok && nameOf(found) == name {
			return found
		}
	}
	return nil
}

// join makes this host one of a network's.
func (n *networkSystem) join(ctx *simulator.Context, name string) {
	found, host := network(ctx, name), n.host(ctx)
	if found == nil || host == nil {
		return
	}
	ctx.Update(found, []types.PropertyChange{{Name: "host", Val: with(slices.Clone(found.Host), host.Self)}})
	ctx.Map.AddReference(ctx, host, &host.Network, found.Self)
	ctx.Update(host, []types.PropertyChange{{Name: "network", Val: slices.Clone(host.Network)}})
}

// leave takes this host from a network's.
func (n *networkSystem) leave(ctx *simulator.Context, name string) {
	found, host := network(ctx, name), n.host(ctx)
	if found == nil || host == nil {
		return
	}
	others := slices.DeleteFunc(slices.Clone(found.Host), func(ref types.ManagedObjectReference) bool { return ref == host.Self })
	ctx.Update(found, []types.PropertyChange{{Name: "host", Val: others}})
	ctx.Map.RemoveReference(ctx, host, &host.Network, found.Self)
	ctx.Update(host, []types.PropertyChange{{Name: "network", Val: slices.Clone(host.Network)}})
}

func (n *networkSystem) host(ctx *simulator.Context) *simulator.HostSystem {
	host, _ := ctx.Map.Get(n.Host.Self).(*simulator.HostSystem)
	return host
}

func (n *networkSystem) has(name string) bool {
	return slices.ContainsFunc(n.NetworkInfo.Portgroup, func(group types.HostPortGroup) bool { return group.Spec.Name == name })
}

// elsewhere says that another host has a port group of this name.
func (n *networkSystem) elsewhere(ctx *simulator.Context, name string) bool {
	for _, host := range ctx.Map.All("HostSystem") {
		other, ok := ctx.Map.Get(*host.(*simulator.HostSystem).ConfigManager.NetworkSystem).(*networkSystem)
		if ok && other.Self != n.Self && other.has(name) {
			return true
		}
	}
	return false
}

// user names a VM of this host that has a NIC on a port group.
func (n *networkSystem) user(ctx *simulator.Context, name string) string {
	for _, object := range ctx.Map.All("VirtualMachine") {
		vm, ok := object.(*simulator.VirtualMachine)
		if !ok || vm.Config == nil || vm.Runtime.Host == nil || *vm.Runtime.Host != n.Host.Self {
			continue
		}
		for _, device := range vm.Config.Hardware.Device {
			card, ok := device.(types.BaseVirtualEthernetCard)
			if !ok {
				continue
			}
			backing, ok := card.GetVirtualEthernetCard().Backing.(*types.VirtualEthernetCardNetworkBackingInfo)
			if ok && backing.DeviceName == name {
				return vm.Name
			}
		}
	}
	return ""
}
