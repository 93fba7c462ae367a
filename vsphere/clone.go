package vsphere

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// source is a VM to clone from.
type source struct {
	*machine
	snapshots []taken
}

// snapshot picks the snapshot to clone from: the one that is named, or for a
// linked clone the newest. A full clone of the VM as it is needs none.
func (s *source) snapshot(c *labspec.Clone) (ref, bool) {
	if c.Snapshot != "" {
		found := named(s.snapshots, c.Snapshot)
		if len(found) == 0 {
			return ref{}, false
		}
		return found[len(found)-1].ref, true
	}
	if !c.Linked {
		return ref{}, true
	}
	if len(s.snapshots) == 0 {
		return ref{}, false
	}
	newest := slices.MaxFunc(s.snapshots, func(a, b taken) int { return a.created.Compare(b.created) })
	return newest.ref, true
}

// sources finds the VMs that the lab's missing nodes, and those to be made anew,
// are cloned from, and their snapshots. What is not there is reported all
// together.
func (c *Client) sources(ctx context.Context, w *world, p *place, lab *labspec.Lab, anew map[string]bool) (map[string]*source, error) {
	made := map[string]bool{}
	for _, m := range w.vms {
		if m.marks.Lab == lab.Name && !anew[m.marks.Node] {
			made[m.marks.Node] = true
		}
	}
	r := &resolver{w: w, client: c}
	found := map[string]*source{}
	var vms []plan.VM
	for i := range lab.Nodes {
		clone := lab.Nodes[i].Clone
		if clone == nil || made[lab.Nodes[i].Address] {
			continue
		}
		if _, seen := found[clone.Source]; seen {
			continue
		}
		m := r.machine(p.datacenter, clone.Source)
		found[clone.Source] = nil
		if m != nil {
			found[clone.Source] = &source{machine: m}
			vms = append(vms, plan.VM{Ref: m.ref.Value})
		}
	}
	trees, err := c.snapshotTrees(ctx, vms)
	if err != nil {
		return nil, err
	}
	for _, s := range found {
		if s != nil {
			s.snapshots = trees[s.ref]
		}
	}
	r.snapshots(lab, found, made)
	return found, r.err()
}

// machine finds the VM to clone by its inventory path or its name.
func (r *resolver) machine(dc *datacenter, name string) *machine {
	var names []string
	var found []*machine
	for _, m := range r.w.vms {
		full := r.w.inventoryPath(m.ref)
		below := r.w.path(m.ref, dc.vmFolder)
		if full == name || below == strings.Trim(name, "/") || m.name == name {
			found = append(found, m)
		}
		names = append(names, m.name)
	}
	if len(found) == 1 {
		return found[0]
	}
	if len(found) > 1 {
		r.misses = append(r.misses, Miss{Kind: "VM to clone", Name: name, Why: "there are several of that name: write its path"})
		return nil
	}
	r.miss("VM to clone", name, names)
	return nil
}

func (r *resolver) snapshots(lab *labspec.Lab, found map[string]*source, made map[string]bool) {
	seen := map[string]bool{}
	for i := range lab.Nodes {
		clone := lab.Nodes[i].Clone
		if clone == nil || made[lab.Nodes[i].Address] || found[clone.Source] == nil || seen[clone.Source] {
			continue
		}
		seen[clone.Source] = true
		s := found[clone.Source]
		if _, ok := s.snapshot(clone); ok {
			continue
		}
		var names []string
		for _, t := range s.snapshots {
			names = append(names, t.name)
		}
		if clone.Snapshot == "" {
			r.misses = append(r.misses, Miss{Kind: "VM to clone", Name: s.name, Why: "a linked clone hangs on a snapshot, and it has none: take one with 'uclab snapshot create'"})
			continue
		}
		r.miss("snapshot of "+s.name, clone.Snapshot, names)
	}
}

// cloneVM makes a node from its source: on a vCenter by a clone, on a standalone
// ESXi, which has no clone call under any licence, by a copy of the disks.
func (a *applier) cloneVM(ctx context.Context, change *plan.Change) error {
	s := a.place.sources[change.Node.Clone.Source]
	if s == nil {
		return &Error{Op: "clone VM", On: change.Node.Clone.Source, Why: "it is not there", hint: "run the command again: it looks at what there is now"}
	}
	if !a.vim.IsVC() {
		return a.copyVM(ctx, change, s)
	}
	start, err := a.cloneCall(change, s)
	if err != nil {
		return failure("clone VM", s.name, err)
	}
	// A server makes the clones of one source one after the other: few end
	// between two reads, and the next ones should not wait for that.
	a.tasks.grant(cloneCredit)
	vm, err := a.create(ctx, change, a.marks(change), start)
	if fault.Is(err, &types.MethodNotFound{}) && change.Node.Clone.Instant {
		return &Error{Op: "clone VM", On: s.name, Why: "the server makes no instant clones", Err: err, hint: "set linked = true instead of instant"}
	}
	if err != nil {
		return err
	}
	a.created(change, vm)
	a.mendLater(ctx, change, vm)
	return errLater
}

// cloneCredit pays for the reads that a clone takes on top of other tasks.
const cloneCredit = 0.8

// mendLater reads a clone back and makes it what is wanted, since hosts drop
// parts of a clone's configuration without a word. Meanwhile the next clone may
// begin: the change is closed when this has ended.
func (a *applier) mendLater(ctx context.Context, change *plan.Change, vm ref) {
	a.mends.Go(func() {
		a.mendSlots <- struct{}{}
		defer func() { <-a.mendSlots }()
		live, err := a.reads.read(ctx, vm)
		if err == nil && live != nil {
			err = a.reconfigure(ctx, change, live)
		}
		a.close(a.outcomes[change], failure("configure VM", change.Name, err))
	})
}

// cloneCall is the call that starts the clone.
func (a *applier) cloneCall(change *plan.Change, s *source) (func(context.Context) (ref, error), error) {
	config, err := editSpec("", change.Want, a.marks(change), s.machine, a.backing, keepDisks)
	if err != nil {
		return nil, err
	}
	if change.Node.Clone.Instant {
		return a.instantCall(change, s, config)
	}
	req := a.cloneRequest(change, s, config)
	return func(ctx context.Context) (ref, error) {
		res, err := methods.CloneVM_Task(ctx, a.vim, req)
		if err != nil {
			return ref{}, err
		}
		return res.Returnval, nil
	}, nil
}

// instantCall forks a running VM with its memory. Of the configuration it takes
// the devices and the extra settings only.
func (a *applier) instantCall(change *plan.Change, s *source, config *types.VirtualMachineConfigSpec) (func(context.Context) (ref, error), error) {
	if s.state != plan.StateRunning {
		return nil, &Error{Op: "clone VM", On: s.name, Why: "it does not run, and an instant clone forks a running VM", hint: "power it on, or set linked = true instead of instant"}
	}
	req := &types.InstantClone_Task{This: s.ref, Spec: types.VirtualMachineInstantCloneSpec{
		Name: change.Name,
		Location: types.VirtualMachineRelocateSpec{
			Folder: &a.place.folderRef, Pool: &a.place.pool, Datastore: &a.place.datastore.ref, DeviceChange: config.DeviceChange,
		},
		Config: config.ExtraConfig,
	}}
	return func(ctx context.Context) (ref, error) {
		res, err := methods.InstantClone_Task(ctx, a.vim, req)
		if err != nil {
			return ref{}, err
		}
		return res.Returnval, nil
	}, nil
}

func (a *applier) cloneRequest(change *plan.Change, s *source, config *types.VirtualMachineConfigSpec) *types.CloneVM_Task {
	snapshot, _ := s.snapshot(change.Node.Clone)
	spec := types.VirtualMachineCloneSpec{
		Location: types.VirtualMachineRelocateSpec{
			Datastore:    &a.place.datastore.ref,
			Pool:         &a.place.pool,
			Host:         a.hostFor(change.Host),
			DiskMoveType: string(types.VirtualMachineRelocateDiskMoveOptionsMoveAllDiskBackingsAndDisallowSharing),
		},
		Config: config,
	}
	if snapshot != (ref{}) {
		spec.Snapshot = &snapshot
	}
	if change.Node.Clone.Linked {
		spec.Location.DiskMoveType = string(types.VirtualMachineRelocateDiskMoveOptionsCreateNewChildDiskBacking)
	}
	return &types.CloneVM_Task{This: s.ref, Folder: a.place.folderRef, Name: change.Name, Spec: spec}
}

// copyVM copies the source's disks and creates a VM on them.
func (a *applier) copyVM(ctx context.Context, change *plan.Change, s *source) error {
	switch {
	case change.Node.Clone.Linked, change.Node.Clone.Instant:
		return &Error{Op: "clone VM", On: s.name, Why: "a standalone ESXi makes no linked and no instant clones", hint: "set linked = false for full copies, or manage the host with a vCenter"}
	case s.state != plan.StateStopped:
		return &Error{Op: "clone VM", On: s.name, Why: "it runs, and its disks are locked", hint: "shut it off first"}
	}
	disks, err := a.sourceDisks(ctx, change, s)
	if err != nil {
		return failure("clone VM", s.name, err)
	}
	dir := fmt.Sprintf("[%s] %s", a.place.datastore.name, change.Name)
	if err := a.makeDirectory(ctx, dir); err != nil {
		return failure("clone VM", s.name, err)
	}
	var copies []string
	for i, disk := range disks {
		to := path.Join(dir, fmt.Sprintf("%s_%d.vmdk", change.Name, i))
		if err := a.copyDisk(ctx, disk, to); err != nil {
			return failure("copy disk", disk, err)
		}
		copies = append(copies, to)
	}
	return a.createOn(ctx, change, path.Join(dir, change.Name+".vmx"), copies)
}

// sourceDisks are the disk files to copy: the VM's, or those that it had at the
// snapshot.
func (a *applier) sourceDisks(ctx context.Context, change *plan.Change, s *source) ([]string, error) {
	devices := s.devices
	if snapshot, _ := s.snapshot(change.Node.Clone); snapshot != (ref{}) {
		objects, _, err := retrieve(ctx, a.vim, types.PropertyFilterSpec{
			PropSet:   []types.PropertySpec{{Type: snapshot.Type, PathSet: []string{"config.hardware.device"}}},
			ObjectSet: []types.ObjectSpec{{Obj: snapshot}},
		}, 0)
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			for _, p := range o.PropSet {
				devices = valueOf[types.ArrayOfVirtualDevice](p.Val).VirtualDevice
			}
		}
	}
	var files []string
	for _, disk := range devicesOf[*types.VirtualDisk](&machine{devices: devices}) {
		files = append(files, fileOf(disk.Backing))
	}
	if len(files) != len(change.Want.Disks) {
		return nil, &Error{
			Op: "clone VM", On: s.name, Why: fmt.Sprintf("it has %d disks, and the node is to have %d", len(files), len(change.Want.Disks)),
			hint: "give the node the disks of what it is cloned from",
		}
	}
	return files, nil
}

func (a *applier) copyDisk(ctx context.Context, from, to string) error {
	return a.task(ctx, func(ctx context.Context) (ref, error) {
		res, err := methods.CopyVirtualDisk_Task(ctx, a.vim, &types.CopyVirtualDisk_Task{
			This:       *a.vim.ServiceContent.VirtualDiskManager,
			SourceName: from, SourceDatacenter: &a.place.datacenter.ref,
			DestName: to, DestDatacenter: &a.place.datacenter.ref,
			Force: types.NewBool(true), // what an earlier try has left
		})
		if err != nil {
			return ref{}, err
		}
		return res.Returnval, nil
	}, func(error) bool { return false })
}

// createOn creates a VM on disks that are there.
func (a *applier) createOn(ctx context.Context, change *plan.Change, vmx string, disks []string) error {
	marks := a.marks(change)
	spec, err := createSpec(change.Name, change.Want, marks, a.backing)
	if err != nil {
		return failure("create VM", change.Name, err)
	}
	spec.Files.VmPathName = vmx
	for _, add := range spec.DeviceChange {
		if disk, ok := add.GetVirtualDeviceConfigSpec().Device.(*types.VirtualDisk); ok {
			add.GetVirtualDeviceConfigSpec().FileOperation = ""
			disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo).FileName, disks = disks[0], disks[1:]
		}
	}
	vm, err := a.create(ctx, change, marks, func(ctx context.Context) (ref, error) {
		res, err := methods.CreateVM_Task(ctx, a.vim, &types.CreateVM_Task{This: a.place.folderRef, Config: *spec, Pool: a.place.pool, Host: a.hostFor(change.Host)})
		if err != nil {
			return ref{}, err
		}
		return res.Returnval, nil
	})
	if err != nil {
		return err
	}
	a.created(change, vm)
	return nil
}
