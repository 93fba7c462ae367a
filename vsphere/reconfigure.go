package vsphere

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/uclab/uclab/plan"
	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// reconfigure makes a VM's configuration what is wanted. A call whose answer was
// lost is followed by a new look and a new comparison.
func (a *applier) reconfigure(ctx context.Context, change *plan.Change, live *machine) error {
	for attempt := 1; ; attempt++ {
		spec, err := editSpec(change.Name, change.Want, a.marks(change), live, a.backing, disksOf(change))
		if err != nil || spec == nil {
			return err
		}
		_, err = a.startAndWait(ctx, func(ctx context.Context) (ref, error) {
			res, err := methods.ReconfigVM_Task(ctx, a.vim, &types.ReconfigVM_Task{This: live.ref, Spec: *spec})
			if err != nil {
				return ref{}, err
			}
			return res.Returnval, nil
		}, a.percent(change.Address))
		if err == nil || attempt == maxAttempts || !lost(err) && !fault.IsTransientError(err) {
			return err
		}
		if err := backoff(ctx, attempt); err != nil {
			return err
		}
		again, err := a.readLive(ctx, []ref{live.ref})
		if err != nil {
			return err
		}
		if again[live.ref] == nil {
			return vanished(live.name)
		}
		live = again[live.ref]
	}
}

func vanished(name string) error {
	return &Error{Op: "update VM", On: name, Why: "it is not there any more", hint: "run the command again: it looks at what there is now"}
}

// Whether an edit may grow and add disks.
const (
	keepDisks = false
	growDisks = true
)

// disksOf keeps the disks of a linked clone as they are: a disk that hangs on
// another cannot grow.
func disksOf(change *plan.Change) bool {
	if change.Node != nil && change.Node.Clone != nil && change.Node.Clone.Linked {
		return keepDisks
	}
	return growDisks
}

// editor makes the changes that turn a VM as it is into the one that is wanted.
type editor struct {
	builder
	live  *machine
	found plan.Machine
	want  *plan.Machine
	spec  types.VirtualMachineConfigSpec
	dirty bool

	nicKeys []int32 // of the wanted NICs, in their order
}

// editSpec is what has to change in a VM's configuration; nil for nothing.
func editSpec(name string, want *plan.Machine, marks plan.Marks, live *machine, networks func(string) (types.BaseVirtualDeviceBackingInfo, error), grow bool) (*types.VirtualMachineConfigSpec, error) {
	e := &editor{builder: builder{networks: networks, taken: make(map[slot]bool)}, live: live, want: want}
	e.found = live.hardware(func(types.BaseVirtualDeviceBackingInfo) string { return "" })
	e.occupied()
	e.figures(name)
	steps := []func() error{e.nics, e.cdroms, e.floppies, e.serial}
	if grow {
		steps = append(steps, e.disks)
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	e.sound()
	e.extra(marks)
	e.bootOrder()
	e.spec.DeviceChange = e.changes
	if !e.dirty && len(e.changes) == 0 {
		return nil, nil
	}
	return &e.spec, nil
}

// occupied notes the places on the IDE controllers that are taken.
func (e *editor) occupied() {
	for _, device := range e.live.devices {
		d := device.GetVirtualDevice()
		if ideController(d.ControllerKey) && d.UnitNumber != nil {
			e.taken[slot{d.ControllerKey, *d.UnitNumber}] = true
		}
	}
}

func (e *editor) figures(name string) {
	set := func(differs bool, do func()) {
		if differs {
			do()
			e.dirty = true
		}
	}
	want, found, spec := e.want, &e.found, &e.spec
	set(name != "" && name != e.live.name, func() { spec.Name = name })
	set(want.GuestID != "" && want.GuestID != found.GuestID, func() { spec.GuestId = want.GuestID })
	set(want.CPUs > 0 && want.CPUs != found.CPUs, func() { spec.NumCPUs, spec.NumCoresPerSocket = int32(want.CPUs), types.NewInt32(1) })
	set(want.MemoryMB > 0 && want.MemoryMB != found.MemoryMB, func() { spec.MemoryMB = int64(want.MemoryMB) })
	set(want.Firmware != "" && want.Firmware != found.Firmware, func() { spec.Firmware = want.Firmware })
	set(want.Notes != found.Notes, func() { spec.Annotation = want.Notes })
}

func (e *editor) extra(marks plan.Marks) {
	changed := map[string]string{}
	need := map[string]string{}
	for _, option := range createExtra(&plan.Machine{ExtraConfig: e.want.ExtraConfig}, marks) {
		o := option.GetOptionValue()
		need[o.Key], _ = o.Value.(string)
	}
	for i, nic := range e.want.NICs {
		key := checkMACKey(e.nicKeys[i])
		if checked := !strings.EqualFold(e.found.ExtraConfig[key], "false"); checked != nic.CheckMAC {
			need[key] = strings.ToUpper(fmt.Sprint(nic.CheckMAC))
		}
	}
	for key, value := range need {
		if e.found.ExtraConfig[key] != value {
			changed[key] = value
		}
	}
	if len(changed) > 0 {
		e.spec.ExtraConfig, e.dirty = options(changed), true
	}
}

func (e *editor) edit(device types.BaseVirtualDevice) {
	e.changes = append(e.changes, &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationEdit, Device: device})
}

func (e *editor) remove(device types.BaseVirtualDevice) {
	e.changes = append(e.changes, &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationRemove, Device: device})
}

// devicesOf lists the VM's devices of one type in order.
func devicesOf[T any](m *machine) []T {
	var list []T
	for _, device := range inOrder(m.devices) {
		if d, ok := device.(T); ok {
			list = append(list, d)
		}
	}
	return list
}

// freeKey is a key for a new device that no device of the VM has.
func (e *editor) freeKey(base int32) int32 {
	for key := base; ; key++ {
		used := slices.ContainsFunc(e.live.devices, func(d types.BaseVirtualDevice) bool { return d.GetVirtualDevice().Key == key }) ||
			slices.ContainsFunc(e.changes, func(c types.BaseVirtualDeviceConfigSpec) bool {
				return c.GetVirtualDeviceConfigSpec().Device.GetVirtualDevice().Key == key
			})
		if !used {
			return key
		}
	}
}

// disks grows disks and adds new ones. A disk never shrinks or goes here: that
// would lose what is on it, so the plan recreates the VM instead.
func (e *editor) disks() error {
	disks := devicesOf[*types.VirtualDisk](e.live)
	for i, want := range e.want.Disks {
		if i >= len(disks) {
			if err := e.disk(e.want, i, want); err != nil {
				return err
			}
			continue
		}
		if want.SizeMB > e.found.Disks[i].SizeMB {
			disk := *disks[i]
			disk.CapacityInKB = want.SizeMB << 10
			if disk.CapacityInBytes > 0 {
				disk.CapacityInBytes = want.SizeMB << 20
			}
			e.edit(&disk)
		}
	}
	return nil
}

func (e *editor) nics() error {
	cards := devicesOf[types.BaseVirtualEthernetCard](e.live)
	for i, want := range e.want.NICs {
		if i >= len(cards) {
			key := e.freeKey(nicKeyBase)
			e.nicKeys = append(e.nicKeys, key)
			if err := e.nic(key, want); err != nil {
				return err
			}
			continue
		}
		e.nicKeys = append(e.nicKeys, e.found.NICs[i].Key)
		if err := e.changeNIC(cards[i], e.found.NICs[i], want); err != nil {
			return err
		}
	}
	for _, extra := range cards[min(len(e.want.NICs), len(cards)):] {
		e.remove(extra.(types.BaseVirtualDevice))
	}
	return nil
}

// changeNIC edits a NIC in place, or swaps it for one of another type in the
// same place.
func (e *editor) changeNIC(card types.BaseVirtualEthernetCard, found, want plan.NIC) error {
	if found.Type != want.Type {
		e.remove(card.(types.BaseVirtualDevice))
		return e.nic(found.Key, want)
	}
	backing, err := e.networks(want.PortGroup)
	if err != nil {
		return err
	}
	c := card.GetVirtualEthernetCard()
	if sameNetwork(c.Backing, backing) && (want.MAC == "" || want.MAC == found.MAC) && want.Connected == found.Connected {
		return nil
	}
	edited, err := newNIC(want.Type)
	if err != nil {
		return err
	}
	n := edited.(types.BaseVirtualEthernetCard).GetVirtualEthernetCard()
	*n = *c // a source that is cloned many times stays as it is
	setNIC(n, want, backing)
	if want.MAC == "" {
		n.MacAddress = found.MAC
	}
	e.edit(edited)
	return nil
}

func sameNetwork(a, b types.BaseVirtualDeviceBackingInfo) bool {
	switch a := a.(type) {
	case *types.VirtualEthernetCardNetworkBackingInfo:
		b, ok := b.(*types.VirtualEthernetCardNetworkBackingInfo)
		return ok && a.DeviceName == b.DeviceName
	case *types.VirtualEthernetCardDistributedVirtualPortBackingInfo:
		b, ok := b.(*types.VirtualEthernetCardDistributedVirtualPortBackingInfo)
		return ok && a.Port.PortgroupKey == b.Port.PortgroupKey
	}
	return false
}

func (e *editor) cdroms() error {
	drives := devicesOf[*types.VirtualCdrom](e.live)
	if len(e.want.CDROMs) > len(drives) && !slices.ContainsFunc(e.live.devices, func(d types.BaseVirtualDevice) bool {
		_, ide := d.(*types.VirtualIDEController)
		return ide
	}) {
		return &Error{Op: "add", On: "a CD-ROM drive", Why: "the VM has no IDE controller", hint: "destroy the node and apply again"}
	}
	for i, path := range e.want.CDROMs {
		if i >= len(drives) {
			if err := e.cdrom(path); err != nil {
				return err
			}
			continue
		}
		if e.found.CDROMs[i] != path {
			drive := *drives[i]
			drive.Backing, drive.Connectable = cdromBacking(path), e.connect(path != "")
			e.edit(&drive)
		}
	}
	for _, extra := range drives[min(len(e.want.CDROMs), len(drives)):] {
		e.remove(extra)
	}
	return nil
}

// connect connects a drive now too when the VM runs.
func (e *editor) connect(start bool) *types.VirtualDeviceConnectInfo {
	info := connectable(start)
	info.Connected = start && e.live.state == plan.StateRunning
	return info
}

func (e *editor) floppies() error {
	drives := devicesOf[*types.VirtualFloppy](e.live)
	for i, path := range e.want.Floppies {
		if i >= len(drives) {
			e.add(newFloppy(e.freeKey(floppyKey), path))
			continue
		}
		if e.found.Floppies[i] != path {
			drive := *drives[i]
			drive.Backing, drive.Connectable = floppyBacking(path), e.connect(path != "")
			e.edit(&drive)
		}
	}
	for _, extra := range drives[min(len(e.want.Floppies), len(drives)):] {
		e.remove(extra)
	}
	return nil
}

func (e *editor) serial() error {
	ports := devicesOf[*types.VirtualSerialPort](e.live)
	for i, want := range e.want.Serial {
		if i >= len(ports) {
			e.add(newSerial(e.freeKey(serialKey), want))
			continue
		}
		found := e.found.Serial[i]
		found.Key, want.Key = 0, 0
		if found != want {
			port := *ports[i]
			port.Backing, port.YieldOnPoll = serialBacking(want), true
			e.edit(&port)
		}
	}
	for _, extra := range ports[min(len(e.want.Serial), len(ports)):] {
		e.remove(extra)
	}
	return nil
}

func (e *editor) sound() {
	if e.want.Audio == e.found.Audio {
		return
	}
	if e.want.Audio {
		e.add(newSound())
		return
	}
	for _, card := range devicesOf[types.BaseVirtualSoundCard](e.live) {
		e.remove(card.(types.BaseVirtualDevice))
	}
}

// bootOrder names the VM's own disks and NICs. New ones are named by the keys
// that they ask for.
func (e *editor) bootOrder() {
	if len(e.want.BootOrder) == 0 || slices.Equal(e.want.BootOrder, e.found.BootOrder) && !e.renumbers() {
		return
	}
	var disks, nics []int32
	gone := map[int32]bool{}
	sort := func(device types.BaseVirtualDevice) {
		key := device.GetVirtualDevice().Key
		switch device.(type) {
		case *types.VirtualDisk:
			disks = append(disks, key)
		case types.BaseVirtualEthernetCard:
			nics = append(nics, key)
		}
	}
	for _, change := range e.changes {
		if c := change.GetVirtualDeviceConfigSpec(); c.Operation == types.VirtualDeviceConfigSpecOperationRemove {
			gone[c.Device.GetVirtualDevice().Key] = true
		}
	}
	for _, device := range inOrder(e.live.devices) {
		if !gone[device.GetVirtualDevice().Key] {
			sort(device)
		}
	}
	for _, change := range e.changes {
		if c := change.GetVirtualDeviceConfigSpec(); c.Operation == types.VirtualDeviceConfigSpecOperationAdd {
			sort(c.Device)
		}
	}
	slices.Sort(nics)
	e.spec.BootOptions, e.dirty = bootOptions(e.want.BootOrder, disks, nics), true
}

// renumbers says that a disk or NIC comes or goes, and the boot order with it.
func (e *editor) renumbers() bool {
	return slices.ContainsFunc(e.changes, func(change types.BaseVirtualDeviceConfigSpec) bool {
		c := change.GetVirtualDeviceConfigSpec()
		if c.Operation == types.VirtualDeviceConfigSpecOperationEdit {
			return false
		}
		switch c.Device.(type) {
		case *types.VirtualDisk, types.BaseVirtualEthernetCard:
			return true
		}
		return false
	})
}

// move brings a VM into the wanted folder, pool, datastore and host.
func (a *applier) move(ctx context.Context, change *plan.Change, live *machine) error {
	spec := types.VirtualMachineRelocateSpec{}
	relocate := false
	if path := a.world.poolPath(live.pool); change.Want.Pool != "" && path != change.Want.Pool {
		spec.Pool, relocate = &a.place.pool, true
	}
	if want := change.Want.Datastore; want != "" && want != datastoreOf(live.vmx) {
		spec.Datastore, relocate = &a.place.datastore.ref, true
	}
	if host := a.hostByName(change.Host); host != nil && host.ref != live.host {
		spec.Host, relocate = &host.ref, true
		if spec.Pool == nil {
			spec.Pool = &live.pool
		}
	}
	if relocate {
		if !a.vim.IsVC() {
			return &Error{Op: "move VM", On: live.name, Why: "a standalone ESXi cannot move a VM", hint: "destroy the node and apply again, or manage the host with a vCenter"}
		}
		if err := a.task(ctx, func(ctx context.Context) (ref, error) {
			res, err := methods.RelocateVM_Task(ctx, a.vim, &types.RelocateVM_Task{This: live.ref, Spec: spec, Priority: types.VirtualMachineMovePriorityDefaultPriority})
			if err != nil {
				return ref{}, err
			}
			return res.Returnval, nil
		}, func(error) bool { return false }); err != nil {
			return err
		}
	}
	return a.moveFolder(ctx, change, live)
}

func (a *applier) moveFolder(ctx context.Context, change *plan.Change, live *machine) error {
	if !a.vim.IsVC() || change.Want.Folder != a.place.folder || len(a.place.missing) == 0 && live.parent == a.place.folderRef {
		return nil
	}
	folder, err := a.wholeFolder(ctx)
	if err != nil {
		return err
	}
	return a.task(ctx, func(ctx context.Context) (ref, error) {
		res, err := methods.MoveIntoFolder_Task(ctx, a.vim, &types.MoveIntoFolder_Task{This: folder, List: []ref{live.ref}})
		if err != nil {
			return ref{}, err
		}
		return res.Returnval, nil
	}, func(error) bool { return false })
}

func (a *applier) hostByName(name string) *hostSystem {
	for _, h := range a.place.hosts {
		if name != "" && h.name == name {
			return h
		}
	}
	return nil
}
