package sim

import (
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// claimTime is how long a name is kept for a call that is still being carried
// out. Real servers reserve a name with the call.
const claimTime = 2 * time.Second

// names remembers which names were ever given in a folder, so that only one that
// was is looked for among the folder's children, which other calls change. It is
// a simulator.RegisterObject: a name is free when its owner is gone, and not when
// its owner is merely asked to go.
type names struct {
	mu    sync.Mutex
	given map[string]time.Time // when
}

// claim takes a name and gives the time at which it was given before; the zero
// time when it never was.
func (n *names) claim(folder types.ManagedObjectReference, name string) time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := folder.Value + "/" + name
	before := n.given[key]
	if time.Since(before) > claimTime {
		n.given[key] = time.Now()
	}
	return before
}

// release gives a name free whose owner is gone or never came.
func (n *names) release(folder types.ManagedObjectReference, name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.given, folder.Value+"/"+name)
}

// Reference identifies names among the simulator's handlers.
func (n *names) Reference() types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "UclabNames", Value: "names"}
}

// PutObject does nothing: a name is taken with the call that gives it.
func (n *names) PutObject(*simulator.Context, mo.Reference) {}

// UpdateObject does nothing.
func (n *names) UpdateObject(*simulator.Context, mo.Reference, []types.PropertyChange) {}

// RemoveObject gives the name of what goes free.
func (n *names) RemoveObject(ctx *simulator.Context, ref types.ManagedObjectReference) {
	entity, ok := ctx.Map.Get(ref).(mo.Entity)
	if !ok {
		return
	}
	if parent := entity.Entity().Parent; parent != nil {
		n.release(*parent, nameOf(entity))
	}
}
