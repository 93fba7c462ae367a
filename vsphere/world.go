package vsphere

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

type ref = types.ManagedObjectReference

// world is the target's inventory as one retrieve gave it, by reference.
type world struct {
	root        ref
	entities    map[ref]*entity
	datacenters []*datacenter
	datastores  []*datastore
	networks    []*network
	switches    []*distributedSwitch
	hosts       []*hostSystem
	computes    []*compute
	vms         []*machine

	// networkInfo is by HostNetworkSystem, which is no entity of the tree.
	networkInfo map[ref]*networkInfo
}

// entity is what everything in the inventory tree has.
type entity struct {
	ref    ref
	name   string
	parent ref
	owner  ref // of a resource pool: its compute resource
}

type datacenter struct {
	*entity
	vmFolder, hostFolder ref
}

type datastore struct {
	*entity
	capacity, free int64 // bytes
	usable         bool
	browser        ref
}

type network struct {
	*entity
	distributed bool
	key         string // of a distributed port group
	dvs         ref    // its switch
	vlan        int
	uplink      bool
	hosts       int // how many hosts it says it is on
}

type distributedSwitch struct {
	*entity
	uuid string
}

type hostSystem struct {
	*entity
	memory        int64 // bytes
	usedMB        int64
	connected     bool
	maintenance   bool
	version       string
	networkSystem ref
}

type networkInfo struct {
	portGroups []types.HostPortGroup
	switches   []types.HostVirtualSwitch
}

type compute struct {
	*entity
	cluster bool
	pool    ref
	drs     bool
	rules   []types.BaseClusterRuleInfo
}

// The properties that Observe needs, by type. Whole objects such as config or
// summary would be several times as much to transfer and decode.
var (
	machineProperties = []string{
		"name", "parent", "resourcePool", "runtime.powerState", "runtime.host", "snapshot.currentSnapshot",
		"config.template", "config.guestId", "config.firmware", "config.version", "config.annotation",
		"config.hardware.numCPU", "config.hardware.memoryMB", "config.hardware.device",
		"config.bootOptions", "config.extraConfig", "config.files.vmPathName",
	}
	treeProperties = []types.PropertySpec{
		{Type: "Folder", PathSet: []string{"name", "parent"}},
		{Type: "Datacenter", PathSet: []string{"name", "parent", "vmFolder", "hostFolder"}},
		{Type: "Datastore", PathSet: []string{"name", "parent", "summary.capacity", "summary.freeSpace", "summary.accessible", "summary.maintenanceMode", "browser"}},
		{Type: "Network", PathSet: []string{"name", "parent", "host"}},
		{Type: "DistributedVirtualPortgroup", PathSet: []string{"name", "parent", "key", "config.distributedVirtualSwitch", "config.uplink", "config.defaultPortConfig"}},
		{Type: "DistributedVirtualSwitch", PathSet: []string{"name", "parent", "uuid"}},
		{Type: "HostSystem", PathSet: []string{
			"name", "parent", "summary.hardware.memorySize", "summary.quickStats.overallMemoryUsage", "runtime.connectionState",
			"runtime.inMaintenanceMode", "config.product.version", "configManager.networkSystem",
		}},
		{Type: "HostNetworkSystem", PathSet: []string{"networkInfo.portgroup", "networkInfo.vswitch"}},
		{Type: "ComputeResource", PathSet: []string{"name", "parent", "resourcePool", "configurationEx"}},
		{Type: "ResourcePool", PathSet: []string{"name", "parent", "owner"}},
	}
	treeTypes = []string{
		"Folder", "Datacenter", "Datastore", "Network", "DistributedVirtualSwitch", "HostSystem", "ComputeResource", "ResourcePool",
	}
)

// pageSize bounds the memory that one answer takes.
const pageSize = 500

// readWorld reads the tree, and the VMs when machines names properties of
// theirs, through one view in one paged read.
func (c *Client) readWorld(ctx context.Context, machines []string) (*world, error) {
	types, props := treeTypes, treeProperties
	if machines != nil {
		types = append([]string{"VirtualMachine"}, types...)
		props = append(machineSpecs(machines), props...)
	}
	var w *world
	err := c.again(ctx, &props, func() error {
		objects, err := c.readView(ctx, types, props)
		if err != nil {
			return err
		}
		w = newWorld(c.vim.ServiceContent.RootFolder, objects)
		return nil
	})
	return w, err
}

func machineSpecs(paths []string) []types.PropertySpec {
	return []types.PropertySpec{{Type: "VirtualMachine", PathSet: paths}}
}

// again repeats a compound read whose view or page token went with a lost
// session, or whose connection broke between pages. A property that an old
// server does not have is left out of props.
func (c *Client) again(ctx context.Context, props *[]types.PropertySpec, read func() error) error {
	for attempt := 1; ; attempt++ {
		err := read()
		if err == nil {
			return nil
		}
		if without, ok := withoutUnknown(*props, err); ok {
			*props = without
			attempt--
			continue
		}
		if attempt == maxAttempts {
			return err
		}
		gone := fault.Is(err, &types.ManagedObjectNotFound{}) || fault.Is(err, &types.InvalidProperty{})
		if !gone && !lost(err) {
			return err
		}
		if err := backoff(ctx, attempt); err != nil {
			return err
		}
	}
}

// withoutUnknown leaves out the property that the server says it does not know.
func withoutUnknown(props []types.PropertySpec, err error) ([]types.PropertySpec, bool) {
	var unknown *types.InvalidProperty
	if _, ok := fault.As(err, &unknown); !ok {
		return nil, false
	}
	without := slices.Clone(props)
	found := false
	for i := range without {
		if slices.Contains(without[i].PathSet, unknown.Name) {
			without[i].PathSet = slices.DeleteFunc(slices.Clone(without[i].PathSet), func(path string) bool { return path == unknown.Name })
			found = true
		}
	}
	return without, found
}

func (c *Client) readView(ctx context.Context, kinds []string, props []types.PropertySpec) (objects []types.ObjectContent, err error) {
	view, err := methods.CreateContainerView(ctx, c.vim, &types.CreateContainerView{
		This:      *c.vim.ServiceContent.ViewManager,
		Container: c.vim.ServiceContent.RootFolder,
		Type:      kinds,
		Recursive: true,
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		// The server drops views with the session anyway.
		_, _ = methods.DestroyView(context.WithoutCancel(ctx), c.vim, &types.DestroyView{This: view.Returnval})
	}()
	objects, _, err = retrieve(ctx, c.vim, types.PropertyFilterSpec{
		PropSet: props,
		ObjectSet: []types.ObjectSpec{{
			Obj:  view.Returnval,
			Skip: types.NewBool(true),
			SelectSet: []types.BaseSelectionSpec{&types.TraversalSpec{
				Type: "ContainerView",
				Path: "view",
				SelectSet: []types.BaseSelectionSpec{&types.TraversalSpec{
					Type: "HostSystem",
					Path: "configManager.networkSystem",
				}},
			}},
		}},
	}, pageSize)
	return objects, err
}

func newWorld(root ref, objects []types.ObjectContent) *world {
	w := &world{
		root:        root,
		entities:    make(map[ref]*entity, len(objects)),
		networkInfo: make(map[ref]*networkInfo),
	}
	for i := range objects {
		w.add(&objects[i])
	}
	return w
}

func (w *world) add(o *types.ObjectContent) {
	e := &entity{ref: o.Obj}
	for _, p := range o.PropSet {
		switch p.Name {
		case "name":
			e.name = unescape(valueOf[string](p.Val))
		case "parent":
			e.parent = valueOf[ref](p.Val)
		case "owner":
			e.owner = valueOf[ref](p.Val)
		}
	}
	switch o.Obj.Type {
	case "HostNetworkSystem":
		w.networkInfo[o.Obj] = newNetworkInfo(o.PropSet)
		return
	case "VirtualMachine":
		w.vms = append(w.vms, newMachine(e, o.PropSet))
	case "Datacenter":
		w.datacenters = append(w.datacenters, newDatacenter(e, o.PropSet))
	case "Datastore":
		w.datastores = append(w.datastores, newDatastore(e, o.PropSet))
	case "Network", "DistributedVirtualPortgroup", "OpaqueNetwork":
		w.networks = append(w.networks, newNetwork(e, o.PropSet))
	case "DistributedVirtualSwitch", "VmwareDistributedVirtualSwitch":
		w.switches = append(w.switches, newSwitch(e, o.PropSet))
	case "HostSystem":
		w.hosts = append(w.hosts, newHost(e, o.PropSet))
	case "ComputeResource", "ClusterComputeResource":
		w.computes = append(w.computes, newCompute(e, o.PropSet))
	}
	w.entities[o.Obj] = e
}

// valueOf is a property's value, or the zero value of one that the server left
// empty.
func valueOf[T any](value any) T {
	v, _ := value.(T)
	return v
}

// unescape undoes what vSphere does to the characters / \ and % in names.
func unescape(name string) string {
	if !strings.Contains(name, "%") {
		return name
	}
	return strings.NewReplacer("%2f", "/", "%2F", "/", "%5c", `\`, "%5C", `\`, "%25", "%").Replace(name)
}

func newNetworkInfo(props []types.DynamicProperty) *networkInfo {
	info := &networkInfo{}
	for _, p := range props {
		switch v := p.Val.(type) {
		case types.ArrayOfHostPortGroup:
			info.portGroups = v.HostPortGroup
		case types.ArrayOfHostVirtualSwitch:
			info.switches = v.HostVirtualSwitch
		}
	}
	return info
}

func newDatacenter(e *entity, props []types.DynamicProperty) *datacenter {
	dc := &datacenter{entity: e}
	for _, p := range props {
		switch p.Name {
		case "vmFolder":
			dc.vmFolder = valueOf[ref](p.Val)
		case "hostFolder":
			dc.hostFolder = valueOf[ref](p.Val)
		}
	}
	return dc
}

func newDatastore(e *entity, props []types.DynamicProperty) *datastore {
	ds := &datastore{entity: e}
	accessible, maintenance := false, ""
	for _, p := range props {
		switch p.Name {
		case "summary.capacity":
			ds.capacity = valueOf[int64](p.Val)
		case "summary.freeSpace":
			ds.free = valueOf[int64](p.Val)
		case "summary.accessible":
			accessible = valueOf[bool](p.Val)
		case "summary.maintenanceMode":
			maintenance = valueOf[string](p.Val)
		case "browser":
			ds.browser = valueOf[ref](p.Val)
		}
	}
	ds.usable = accessible && (maintenance == "" || maintenance == string(types.DatastoreSummaryMaintenanceModeStateNormal))
	return ds
}

func newNetwork(e *entity, props []types.DynamicProperty) *network {
	n := &network{entity: e, distributed: e.ref.Type == "DistributedVirtualPortgroup"}
	n.uplink = n.distributed && strings.Contains(e.name, "-DVUplinks-") // servers before 6.5 do not say
	for _, p := range props {
		switch p.Name {
		case "host":
			n.hosts = len(valueOf[types.ArrayOfManagedObjectReference](p.Val).ManagedObjectReference)
		case "key":
			n.key = valueOf[string](p.Val)
		case "config.distributedVirtualSwitch":
			n.dvs = valueOf[ref](p.Val)
		case "config.uplink":
			n.uplink = n.uplink || valueOf[bool](p.Val)
		case "config.defaultPortConfig":
			n.vlan = vlanOf(p.Val)
		}
	}
	return n
}

func vlanOf(setting any) int {
	var vlan types.BaseVmwareDistributedVirtualSwitchVlanSpec
	switch s := setting.(type) {
	case types.VMwareDVSPortSetting:
		vlan = s.Vlan
	case *types.VMwareDVSPortSetting:
		vlan = s.Vlan
	}
	if id, ok := vlan.(*types.VmwareDistributedVirtualSwitchVlanIdSpec); ok {
		return int(id.VlanId)
	}
	return 0
}

func newSwitch(e *entity, props []types.DynamicProperty) *distributedSwitch {
	s := &distributedSwitch{entity: e}
	for _, p := range props {
		if p.Name == "uuid" {
			s.uuid = valueOf[string](p.Val)
		}
	}
	return s
}

func newHost(e *entity, props []types.DynamicProperty) *hostSystem {
	h := &hostSystem{entity: e}
	for _, p := range props {
		switch p.Name {
		case "summary.hardware.memorySize":
			h.memory = valueOf[int64](p.Val)
		case "summary.quickStats.overallMemoryUsage":
			h.usedMB = int64(valueOf[int32](p.Val))
		case "runtime.connectionState":
			h.connected = valueOf[types.HostSystemConnectionState](p.Val) == types.HostSystemConnectionStateConnected
		case "runtime.inMaintenanceMode":
			h.maintenance = valueOf[bool](p.Val)
		case "config.product.version":
			h.version = valueOf[string](p.Val)
		case "configManager.networkSystem":
			h.networkSystem = valueOf[ref](p.Val)
		}
	}
	return h
}

func newCompute(e *entity, props []types.DynamicProperty) *compute {
	cr := &compute{entity: e, cluster: e.ref.Type == "ClusterComputeResource"}
	for _, p := range props {
		switch v := p.Val.(type) {
		case ref:
			if p.Name == "resourcePool" {
				cr.pool = v
			}
		case types.ClusterConfigInfoEx:
			cr.rules = v.Rule
			if v.DrsConfig.Enabled != nil {
				cr.drs = *v.DrsConfig.Enabled
			}
		}
	}
	return cr
}

// path names an entity by its ancestors below stop, top first, joined by /.
func (w *world) path(r, stop ref) string {
	var names []string
	for r != stop {
		e, ok := w.entities[r]
		if !ok {
			break
		}
		names = append([]string{e.name}, names...)
		r = e.parent
	}
	return strings.Join(names, "/")
}

// within says that an entity lies below an ancestor in the tree.
func (w *world) within(r, ancestor ref) bool {
	for {
		if r == ancestor {
			return true
		}
		e, ok := w.entities[r]
		if !ok {
			return false
		}
		r = e.parent
	}
}

// datacenterOf is the datacenter that an entity lies in; nil when in none.
func (w *world) datacenterOf(r ref) *datacenter {
	for _, dc := range w.datacenters {
		if w.within(r, dc.ref) {
			return dc
		}
	}
	return nil
}

// inventoryPath is the whole path, "/DC0/vm/labs/x", as govc writes it.
func (w *world) inventoryPath(r ref) string {
	return fmt.Sprintf("/%s", w.path(r, w.root))
}

// poolPath spells a resource pool "compute resource/Resources/pool", below its
// datacenter's host folder.
func (w *world) poolPath(r ref) string {
	var names []string
	for r.Type == "ResourcePool" || r.Type == "VirtualApp" {
		e, ok := w.entities[r]
		if !ok {
			return ""
		}
		names = append([]string{e.name}, names...)
		r = e.parent
	}
	top := ""
	if dc := w.datacenterOf(r); dc != nil {
		top = w.path(r, dc.hostFolder)
	}
	return strings.Join(append([]string{top}, names...), "/")
}

// folderPath spells a VM folder below its datacenter's vm folder; "" is that.
func (w *world) folderPath(r ref) string {
	dc := w.datacenterOf(r)
	if dc == nil {
		return ""
	}
	return w.path(r, dc.vmFolder)
}

func (w *world) host(r ref) *hostSystem {
	for _, h := range w.hosts {
		if h.ref == r {
			return h
		}
	}
	return nil
}

func (w *world) switchByRef(r ref) *distributedSwitch {
	for _, s := range w.switches {
		if s.ref == r {
			return s
		}
	}
	return nil
}
