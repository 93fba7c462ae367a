package sim

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

// worldVersion names the base world that saved objects belong to: their
// references count on from its own. It changes when furnish or Options' defaults
// do.
const worldVersion = "1"

// The hosts, the datastore and so on are made anew at every start, always the
// same; what is kept is what differs from that. savedProperties lists the types
// that can differ; nil means all properties, of objects that the base world may
// not have.
var savedProperties = map[string][]string{
	"VirtualMachine":                 nil,
	"VirtualMachineSnapshot":         nil,
	"Folder":                         nil,
	"ResourcePool":                   nil,
	"Network":                        nil,
	"DistributedVirtualPortgroup":    nil,
	"VmwareDistributedVirtualSwitch": {"portgroup", "summary"},
	"HostNetworkSystem":              {"networkInfo"},
	"HostSystem":                     {"vm", "network"},
	"ClusterComputeResource":         {"configurationEx", "network"},
	"Datastore":                      {"vm", "summary"},
	"Datacenter":                     {"network"},
	"CustomFieldsManager":            {"field"},
}

const (
	// quiet is how long nothing must change before what changed is saved.
	quiet = 40 * time.Millisecond
	// latest is how long a change waits at most while others follow it.
	latest = 250 * time.Millisecond
	// saveTimeout bounds the reading of one object: a call that died inside the
	// simulator can leave its lock held for ever.
	saveTimeout = 2 * time.Second
	// makeTimeout is how long a VM is in the making at most, when no task tells of
	// its end.
	makeTimeout = 10 * time.Second
)

// store keeps a world's changed objects on disk, a file each.
type store struct {
	dir     string
	service *simulator.Service

	mu      sync.Mutex
	dirty   map[types.ManagedObjectReference]bool // true: gone
	touched map[types.ManagedObjectReference]int  // calls that may still be changing it
	making  map[types.ManagedObjectReference]bool // VMs that are not whole yet
	running map[types.ManagedObjectReference]bool // tasks
	changed chan struct{}
	saving  sync.Mutex
}

func newStore(dir string, service *simulator.Service) *store {
	return &store{
		dir: filepath.Join(dir, "objects-"+worldVersion), service: service,
		dirty: map[types.ManagedObjectReference]bool{}, touched: map[types.ManagedObjectReference]int{},
		making: map[types.ManagedObjectReference]bool{}, running: map[types.ManagedObjectReference]bool{},
		changed: make(chan struct{}, 1),
	}
}

// Reference makes the store a simulator.RegisterObject, which is told of every
// change.
func (s *store) Reference() types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "UclabStore", Value: "store"}
}

// PutObject notes an object that is new. A VM is put before it is made, without
// its lock, so it is noted when its task has ended.
func (s *store) PutObject(_ *simulator.Context, obj mo.Reference) {
	ref := obj.Reference()
	switch ref.Type {
	case "Task":
		s.mu.Lock()
		s.running[ref] = true
		s.mu.Unlock()
	case "VirtualMachine":
		s.mu.Lock()
		s.making[ref] = true
		s.mu.Unlock()
		time.AfterFunc(makeTimeout, func() { s.made(ref) })
	default:
		s.note(ref, false)
	}
}

// made notes a VM that is whole now.
func (s *store) made(ref types.ManagedObjectReference) {
	s.mu.Lock()
	delete(s.making, ref)
	s.mu.Unlock()
	s.note(ref, false)
}

// UpdateObject notes an object that changed. The end of a task notes what the
// task was about: not every change of the simulator's is told.
func (s *store) UpdateObject(_ *simulator.Context, obj mo.Reference, changes []types.PropertyChange) {
	task, ok := obj.(*mo.Task)
	if !ok {
		// A VM changes before it is put, too.
		if ref := obj.Reference(); s.service.Context.Map.Get(ref) != nil {
			s.note(ref, false)
		}
		return
	}
	ended := slices.ContainsFunc(changes, func(change types.PropertyChange) bool { return change.Name == "info.completeTime" })
	if !ended {
		return
	}
	if task.Info.Entity != nil {
		s.note(*task.Info.Entity, false)
	}
	if made, ok := task.Info.Result.(types.ManagedObjectReference); ok {
		s.made(made)
	}
	s.mu.Lock()
	delete(s.running, task.Self)
	s.mu.Unlock()
}

// RemoveObject notes an object that is gone.
func (s *store) RemoveObject(_ *simulator.Context, ref types.ManagedObjectReference) {
	s.note(ref, true)
}

// touch notes what a call is about to change, and notes it again when the call
// has surely ended: the simulator does not tell when that is.
func (s *store) touch(refs []types.ManagedObjectReference) {
	refs = slices.DeleteFunc(refs, func(ref types.ManagedObjectReference) bool {
		_, saved := savedProperties[ref.Type]
		return !saved
	})
	if len(refs) == 0 {
		return
	}
	s.mu.Lock()
	for _, ref := range refs {
		s.touched[ref]++
	}
	s.mu.Unlock()
	time.AfterFunc(latest, func() {
		s.mu.Lock()
		for _, ref := range refs {
			if s.touched[ref]--; s.touched[ref] == 0 {
				delete(s.touched, ref)
			}
		}
		s.mu.Unlock()
		for _, ref := range refs {
			s.note(ref, false)
		}
	})
}

func (s *store) note(ref types.ManagedObjectReference, gone bool) {
	if _, saved := savedProperties[ref.Type]; !saved {
		return
	}
	s.mu.Lock()
	making := s.making[ref] && !gone
	if gone {
		delete(s.making, ref)
	}
	if !making {
		s.dirty[ref] = gone
	}
	s.mu.Unlock()
	if making {
		return
	}
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// run saves what changes until the context ends, and then once more.
func (s *store) run(ctx context.Context, report func(error)) {
	for {
		select {
		case <-ctx.Done():
			s.finish()
			report(s.save())
			return
		case <-s.changed:
		}
		s.settle(ctx)
		report(s.save())
	}
}

// finish waits for the tasks that still run, and notes what may have changed
// without a word.
func (s *store) finish() {
	for deadline := time.Now().Add(saveTimeout); ; time.Sleep(5 * time.Millisecond) {
		s.mu.Lock()
		running := len(s.running)
		if running == 0 || time.Now().After(deadline) {
			for ref := range s.touched {
				if _, noted := s.dirty[ref]; !noted {
					s.dirty[ref] = false
				}
			}
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
	}
}

// settle waits until nothing has changed for a moment, or long enough.
func (s *store) settle(ctx context.Context) {
	deadline := time.After(latest)
	for {
		select {
		case <-ctx.Done():
			return
		case <-deadline:
			return
		case <-time.After(quiet):
			return
		case <-s.changed:
		}
	}
}

// save writes every changed object. One that cannot be read or written now is
// tried again with the next change. What is gone goes last, and snapshots come
// before the VMs that name them: wherever a kill ends it, nothing that is named
// is missing.
func (s *store) save() error {
	s.saving.Lock()
	defer s.saving.Unlock()
	s.mu.Lock()
	dirty := s.dirty
	s.dirty = map[types.ManagedObjectReference]bool{}
	s.mu.Unlock()
	if len(dirty) == 0 {
		return nil
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		s.again(dirty)
		return fmt.Errorf("make the directory of the simulator's world: %w", err)
	}
	var failed []error
	for _, ref := range inOrder(dirty) {
		gone := dirty[ref]
		if err := s.saveObject(ref, gone); err != nil {
			failed = append(failed, fmt.Errorf("save %s: %w", ref, err))
			s.again(map[types.ManagedObjectReference]bool{ref: gone})
		}
	}
	return errors.Join(failed...)
}

// again keeps what could not be saved for the next time, unless it changed since.
func (s *store) again(dirty map[types.ManagedObjectReference]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ref, gone := range dirty {
		if _, noted := s.dirty[ref]; !noted {
			s.dirty[ref] = gone
		}
	}
}

func inOrder(dirty map[types.ManagedObjectReference]bool) []types.ManagedObjectReference {
	rank := func(ref types.ManagedObjectReference) int {
		switch {
		case dirty[ref]:
			return 2
		case ref.Type == "VirtualMachineSnapshot":
			return 0
		default:
			return 1
		}
	}
	return slices.SortedFunc(maps.Keys(dirty), func(a, b types.ManagedObjectReference) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Value, b.Value))
	})
}

func (s *store) saveObject(ref types.ManagedObjectReference, gone bool) error {
	path := s.path(ref)
	if gone || s.service.Context.Map.Get(ref) == nil {
		return removeIfThere(path)
	}
	text, err := s.read(ref)
	if err != nil || text == nil {
		return err
	}
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// path puts what others refer to first, since loading goes by name.
func (s *store) path(ref types.ManagedObjectReference) string {
	order := "5"
	switch ref.Type {
	case "Folder", "CustomFieldsManager":
		order = "1"
	case "ResourcePool":
		order = "2"
	case "Network", "DistributedVirtualPortgroup":
		order = "3"
	case "VirtualMachineSnapshot":
		order = "6"
	}
	return filepath.Join(s.dir, order+"-"+ref.Encode()+".xml")
}

// read gives an object's saved properties as XML, or nil when it is gone by now.
// It reads aside, so that a lock held for ever costs one object and not all.
func (s *store) read(ref types.ManagedObjectReference) ([]byte, error) {
	type answer struct {
		text []byte
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		var a answer
		registry := s.service.Context.Map
		object := registry.Get(ref)
		if object != nil {
			registry.WithLock(&simulator.Context{Context: context.Background(), Map: registry}, object, func() {
				var text bytes.Buffer
				a.err = xml.NewEncoder(&text).Encode(types.ObjectContent{Obj: ref, PropSet: properties(object, savedProperties[ref.Type])})
				a.text = text.Bytes()
			})
		}
		got <- a
	}()
	select {
	case <-time.After(saveTimeout):
		return nil, fmt.Errorf("no answer within %s", saveTimeout)
	case a := <-got:
		if s.service.Context.Map.Get(ref) == nil {
			return nil, a.err
		}
		return a.text, a.err
	}
}

// load puts the saved objects into the world.
func (s *store) load() error {
	files, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the simulator's world: %w", err)
	}
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".xml") {
			continue
		}
		if err := s.loadObject(filepath.Join(s.dir, file.Name())); err != nil {
			return fmt.Errorf("load the simulator's world from %s: %w", file.Name(), err)
		}
	}
	s.reconcile()
	s.countFields()
	return s.service.Context.Map.AlignCounter()
}

func (s *store) loadObject(path string) (err error) {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	// A file that a power cut left empty is one that was not written.
	if info, err := file.Stat(); err != nil || info.Size() == 0 {
		return err
	}
	var content types.ObjectContent
	decoder := xml.NewDecoder(file)
	decoder.TypeFunc = types.TypeFunc()
	if err := decoder.Decode(&content); err != nil {
		return err
	}
	registry := s.service.Context.Map
	if object := registry.Get(content.Obj); object != nil {
		var changes []types.PropertyChange
		for _, property := range content.PropSet {
			changes = append(changes, types.PropertyChange{Name: property.Name, Op: types.PropertyChangeOpAssign, Val: property.Val})
		}
		mo.ApplyPropertyChange(managedObject(object), changes)
		return nil
	}
	object := newObject(content.Obj.Type)
	if object == nil {
		return fmt.Errorf("the world has no %s", content.Obj)
	}
	if err := mo.LoadObjectContent([]types.ObjectContent{content}, managedObject(object)); err != nil {
		return err
	}
	registry.Put(object)
	return nil
}

// countFields makes the keys of new custom fields go on after those that were
// loaded; the counter itself is the simulator's own.
func (s *store) countFields() {
	registry := s.service.Context.Map
	for _, object := range registry.AllReference("CustomFieldsManager") {
		manager := object.(*simulator.CustomFieldsManager)
		loaded := manager.Field
		last := int32(-1)
		for _, field := range loaded {
			last = max(last, field.Key)
		}
		manager.Field = nil
		for key := int32(-1); key < last; key = manager.Field[len(manager.Field)-1].Key {
			manager.AddCustomFieldDef(s.service.Context, &types.AddCustomFieldDef{Name: strconv.Itoa(int(key)), MoType: "UclabNone"})
		}
		manager.Field = loaded
	}
}

// newObject makes an object of a type that the base world may lack.
func newObject(kind string) mo.Reference {
	switch kind {
	case "VirtualMachine":
		return &simulator.VirtualMachine{DataSets: map[string]*simulator.DataSet{}}
	case "VirtualMachineSnapshot":
		return new(simulator.VirtualMachineSnapshot)
	case "Folder":
		return new(simulator.Folder)
	case "ResourcePool":
		return new(simulator.ResourcePool)
	case "DistributedVirtualPortgroup":
		return new(simulator.DistributedVirtualPortgroup)
	case "Network":
		return new(mo.Network)
	default:
		return nil
	}
}

// managedObject is the part of a simulator's object that properties belong to.
func managedObject(object mo.Reference) mo.Reference {
	switch o := object.(type) {
	case *simulator.VirtualMachine:
		return &o.VirtualMachine
	case *simulator.VirtualMachineSnapshot:
		return &o.VirtualMachineSnapshot
	case *simulator.Folder:
		return &o.Folder
	case *simulator.ResourcePool:
		return &o.ResourcePool
	case *simulator.DistributedVirtualPortgroup:
		return &o.DistributedVirtualPortgroup
	case *simulator.DistributedVirtualSwitch:
		return &o.DistributedVirtualSwitch
	case *networkSystem:
		return &o.HostNetworkSystem.HostNetworkSystem
	case *simulator.HostSystem:
		return &o.HostSystem
	case *simulator.ClusterComputeResource:
		return &o.ClusterComputeResource
	case *simulator.Datastore:
		return &o.Datastore
	case *simulator.Datacenter:
		return &o.Datacenter
	case *simulator.CustomFieldsManager:
		return &o.CustomFieldsManager
	default:
		return object
	}
}
