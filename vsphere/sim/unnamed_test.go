package sim

import (
	"testing"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// A look among a folder's children that meets a VM which has no name yet does
// not end the process.
func TestVMWithoutNameIsNoPanic(t *testing.T) {
	s, err := New(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	registry := s.Service.Context.Map
	vm := registry.Put(new(simulator.VirtualMachine))
	defer registry.Remove(s.Service.Context, vm.Reference())
	if found := registry.FindByName("other", []types.ManagedObjectReference{vm.Reference()}); found != nil {
		t.Errorf("found %v", found)
	}
}
