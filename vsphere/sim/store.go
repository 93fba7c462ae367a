package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
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
)

// store keeps a world's changed objects on disk, a file each.
type store struct {
	dir     string
	service *simulator.Service

	mu      sync.Mutex
	dirty   map[types.ManagedObjectReference]bool // true: gone
	touched map[types.ManagedObjectReference]int  // calls that may still be changing it
	changed chan struct{}
	saving  sync.Mutex
}

func newStore(dir string, service *simulator.Service) *store {
	return &store{
		dir: filepath.Join(dir, "objects-"+worldVersion), service: service,
		dirty: map[types.ManagedObjectReference]bool{}, touched: map[types.ManagedObjectReference]int{},
		changed: make(chan struct{}, 1),
	}
}

// Reference makes the store a simulator.RegisterObject, which is told of every
// change.
func (s *store) Reference() types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "UclabStore", Value: "store"}
}

// PutObject notes an object that is new.
func (s *store) PutObject(_ *simulator.Context, obj mo.Reference) { s.note(obj.Reference(), false) }

// UpdateObject notes an object that changed. The end of a task notes what the
// task was about: not every change of the simulator's is told.
func (s *store) UpdateObject(_ *simulator.Context, obj mo.Reference, changes []types.PropertyChange) {
	task, ok := obj.(*mo.Task)
	if !ok {
		s.note(obj.Reference(), false)
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
		s.note(made, false)
	}
}

// RemoveObject notes an object that is gone.
func (s *store) RemoveObject(_ *simulator.Context, ref types.ManagedObjectReference) {
	s.note(ref, true)
}

// touch notes an object that a call is about to change, and notes it again when
// the call has surely ended: the simulator does not tell when that is.
func (s *store) touch(ref types.ManagedObjectReference) {
	if _, saved := savedProperties[ref.Type]; !saved {
		return
	}
	s.note(ref, false)
	s.mu.Lock()
	s.touched[ref]++
	s.mu.Unlock()
	time.AfterFunc(latest, func() {
		s.mu.Lock()
		if s.touched[ref]--; s.touched[ref] == 0 {
			delete(s.touched, ref)
		}
		s.mu.Unlock()
		s.note(ref, false)
	})
}

func (s *store) note(ref types.ManagedObjectReference, gone bool) {
	if _, saved := savedProperties[ref.Type]; !saved {
		return
	}
	s.mu.Lock()
	s.dirty[ref] = gone
	s.mu.Unlock()
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
			s.mu.Lock()
			for ref := range s.touched {
				s.dirty[ref] = false
			}
			s.mu.Unlock()
			report(s.save())
			return
		case <-s.changed:
		}
		s.settle(ctx)
		report(s.save())
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

// save writes every changed object. An object that cannot be read now is tried
// again the next time.
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
		return fmt.Errorf("make the directory of the simulator's world: %w", err)
	}
	var failed []error
	for ref, gone := range dirty {
		if err := s.saveObject(ref, gone); err != nil {
			failed = append(failed, fmt.Errorf("save %s: %w", ref, err))
		}
	}
	return errors.Join(failed...)
}

func (s *store) saveObject(ref types.ManagedObjectReference, gone bool) error {
	path := s.path(ref)
	if gone || s.service.Context.Map.Get(ref) == nil {
		return removeIfThere(path)
	}
	ctx, cancel := context.WithTimeout(context.Background(), saveTimeout)
	defer cancel()
	content, err := s.read(ctx, ref)
	if err != nil || content == nil {
		return err
	}
	var text bytes.Buffer
	if err := xml.NewEncoder(&text).Encode(content); err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", text.Bytes(), 0o600); err != nil {
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

// read gives an object's saved properties, or nil when it is gone by now. It
// reads aside, so that a lock held for ever costs one object and not all.
func (s *store) read(ctx context.Context, ref types.ManagedObjectReference) (*types.ObjectContent, error) {
	type answer struct {
		content []types.ObjectContent
		err     error
	}
	got := make(chan answer, 1)
	go func() {
		var a answer
		var client *vim25.Client
		if client, a.err = vim25.NewClient(ctx, s.service); a.err == nil {
			a.err = property.DefaultCollector(client).RetrieveOne(ctx, ref, savedProperties[ref.Type], &a.content)
		}
		got <- a
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case a := <-got:
		if s.service.Context.Map.Get(ref) == nil {
			return nil, nil
		}
		if a.err != nil || len(a.content) == 0 {
			return nil, a.err
		}
		a.content[0].MissingSet = nil
		return &a.content[0], nil
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
		return new(simulator.VirtualMachine)
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
