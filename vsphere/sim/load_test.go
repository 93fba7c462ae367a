package sim

import (
	"fmt"
	"sync"
	"testing"

	"github.com/vmware/govmomi/vim25/types"
)

// Many clients' calls at once end as those of one: nothing hangs, dies or is
// lost, and the world on disk has what was left. The server is in another process:
// govmomi's simulator has races of its own between destroying and the rest, of
// which none matters here.
func TestManyCallsAtOnce(t *testing.T) {
	cfg := background(t)
	w := enter(t, ensure(t, cfg))
	master := w.mustCreate(w.vmSpec("master"))
	const workers, rounds = 8, 4
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for round := range rounds {
				name := fmt.Sprintf("vm-%d-%d", worker, round)
				vm, err := w.create(w.vmSpec(name))
				if err != nil {
					t.Errorf("create %s: %v", name, err)
					return
				}
				if worker%2 == 0 {
					w.soon(master.Clone(w.ctx, w.folder, "clone-"+name, types.VirtualMachineCloneSpec{}))
				}
				w.soon(vm.Reconfigure(w.ctx, types.VirtualMachineConfigSpec{MemoryMB: 2048}))
				w.soon(vm.PowerOn(w.ctx))
				w.soon(vm.PowerOff(w.ctx))
				if round%2 == 0 {
					w.soon(vm.Destroy(w.ctx))
				}
			}
		})
	}
	group.Wait()
	want := 1 + workers*rounds/2 + workers/2*rounds
	vms, err := w.finder.VirtualMachineList(w.ctx, "*")
	if err != nil || len(vms) != want {
		t.Errorf("%d VMs, want %d: %v", len(vms), want, err)
	}
	if err := Stop(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	w = enter(t, ensure(t, cfg))
	vms, err = w.finder.VirtualMachineList(w.ctx, "*")
	if err != nil || len(vms) != want {
		t.Errorf("%d VMs after a load, want %d: %v", len(vms), want, err)
	}
}
