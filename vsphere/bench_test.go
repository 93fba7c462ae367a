package vsphere_test

import (
	"context"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
	"github.com/uclab/uclab/vsphere"
)

const inFlight = 8

// bare is a plain govmomi program's client of the target.
func bare(b *testing.B, tg *target) *vim25.Client {
	b.Helper()
	u, err := soap.ParseURL(tg.url)
	if err != nil {
		b.Fatal(err)
	}
	u.User = url.UserPassword("user", password)
	c, err := govmomi.NewClient(b.Context(), u, true)
	if err != nil {
		b.Fatal(err)
	}
	c.Client.Client.DefaultTransport().MaxIdleConnsPerHost = 64
	return c.Client
}

// BenchmarkApply500 compares an apply of 500 VMs, observation included, with a
// bare program that makes the same CreateVM_Task calls with as many in flight
// and one reader of all tasks every 20 ms.
func BenchmarkApply500(b *testing.B) {
	const n = 500
	var ours, floor time.Duration
	for b.Loop() {
		specs := recordedSpecs(b, n)
		tg := vpx(b).past()
		began := time.Now()
		createBare(b, tg, specs)
		floor += time.Since(began)

		tg = vpx(b).past()
		began = time.Now()
		c := tg.dial()
		if _, err := apply(b, c, lab(n), vsphere.ApplyOptions{Parallelism: inFlight}); err != nil {
			b.Fatal(err)
		}
		ours += time.Since(began)
	}
	b.ReportMetric(ours.Seconds()/floor.Seconds(), "x-of-bare")
	b.ReportMetric(ours.Seconds()/float64(b.N), "s/apply")
}

// recordedSpecs reads back what an apply made and turns it into the same create
// calls.
func recordedSpecs(b *testing.B, n int) []types.VirtualMachineConfigSpec {
	b.Helper()
	l := lab(n)
	inv := &plan.Inventory{Placement: plan.Placement{Folder: "", Pool: l.Target.ResourcePool, Datastore: "LocalDS_0"}}
	p := diff(b, l, inv)
	specs := make([]types.VirtualMachineConfigSpec, 0, n)
	for _, change := range p.Changes {
		spec, err := vsphere.CreateSpec(change.Name, change.Want, plan.Marks{Lab: l.Name, Node: change.Address, Spec: change.Spec, Format: "1"})
		if err != nil {
			b.Fatal(err)
		}
		specs = append(specs, *spec)
	}
	return specs
}

func createBare(b *testing.B, tg *target, specs []types.VirtualMachineConfigSpec) {
	b.Helper()
	ctx := b.Context()
	c := bare(b, tg)
	finder := find.NewFinder(c)
	pool, err := finder.ResourcePool(ctx, "/DC0/host/DC0_C0/Resources")
	if err != nil {
		b.Fatal(err)
	}
	folder, err := finder.Folder(ctx, "/DC0/vm")
	if err != nil {
		b.Fatal(err)
	}
	var creates []func() (*object.Task, error)
	for _, spec := range specs {
		creates = append(creates, func() (*object.Task, error) { return folder.CreateVM(ctx, spec, pool, nil) })
	}
	waitForAll(b, c, creates)
}

type bareWaiter struct {
	c       *vim25.Client
	mu      sync.Mutex
	pending map[types.ManagedObjectReference]chan error
}

func (w *bareWaiter) wait(task *object.Task) error {
	done := make(chan error, 1)
	w.mu.Lock()
	w.pending[task.Reference()] = done
	w.mu.Unlock()
	return <-done
}

func (w *bareWaiter) run(ctx context.Context, stop chan struct{}) {
	pc := property.DefaultCollector(w.c)
	for {
		select {
		case <-stop:
			return
		case <-time.After(20 * time.Millisecond):
		}
		w.mu.Lock()
		var refs []types.ManagedObjectReference
		for ref := range w.pending {
			refs = append(refs, ref)
		}
		w.mu.Unlock()
		if len(refs) == 0 {
			continue
		}
		var tasks []mo.Task
		err := pc.Retrieve(ctx, refs, []string{"info.state", "info.error", "info.result"}, &tasks)
		w.mu.Lock()
		for _, t := range tasks {
			if t.Info.State == types.TaskInfoStateSuccess || t.Info.State == types.TaskInfoStateError {
				w.pending[t.Self] <- err
				delete(w.pending, t.Self)
			}
		}
		w.mu.Unlock()
	}
}

// BenchmarkEmptyPlan1000 compares a plan of 1,000 VMs with nothing to do, login
// to answer, with a bare read of the same properties of the same VMs.
func BenchmarkEmptyPlan1000(b *testing.B) {
	const n = 1000
	l := lab(n)
	tg := vpx(b).past()
	if _, err := apply(b, tg.dial(), l, vsphere.ApplyOptions{Parallelism: 32}); err != nil {
		b.Fatal(err)
	}
	var ours, floor time.Duration
	for b.Loop() {
		began := time.Now()
		readBare(b, tg, n)
		floor += time.Since(began)

		began = time.Now()
		c, err := vsphere.Dial(b.Context(), tg.config())
		if err != nil {
			b.Fatal(err)
		}
		if p := diff(b, l, observe(b, c, l)); !p.Empty() {
			b.Fatalf("not empty: %v", p.Changes[0])
		}
		ours += time.Since(began)
		if err := c.Close(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(ours.Seconds()/floor.Seconds(), "x-of-read")
	b.ReportMetric(ours.Seconds()/float64(b.N), "s/plan")
}

func readBare(b *testing.B, tg *target, n int) {
	b.Helper()
	ctx := b.Context()
	c := bare(b, tg)
	v, err := view.NewManager(c).CreateContainerView(ctx, c.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
	if err != nil {
		b.Fatal(err)
	}
	var vms []mo.VirtualMachine
	if err := v.Retrieve(ctx, []string{"VirtualMachine"}, vsphere.MachineProperties, &vms); err != nil {
		b.Fatal(err)
	}
	if len(vms) != n {
		b.Fatalf("%d VMs", len(vms))
	}
	if _, err := methods.Logout(ctx, c, &types.Logout{This: *c.ServiceContent.SessionManager}); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkClone200 compares an apply of 200 linked clones, read back and
// mended, with a bare program that makes the CloneVM_Task calls with as many in
// flight.
func BenchmarkClone200(b *testing.B) {
	var ours, floor time.Duration
	for b.Loop() {
		l := room(100, labspec.Clone{From: "golden", Snapshot: "clean", Linked: true})
		tg := vpx(b).past()
		golden(b, tg.dial(), 2, "clean")
		program := bareClones(b, tg, l)
		began := time.Now()
		program()
		floor += time.Since(began)

		tg = vpx(b).past()
		golden(b, tg.dial(), 2, "clean")
		began = time.Now()
		if _, err := apply(b, tg.dial(), l, vsphere.ApplyOptions{Parallelism: inFlight}); err != nil {
			b.Fatal(err)
		}
		ours += time.Since(began)
	}
	b.ReportMetric(ours.Seconds()/floor.Seconds(), "x-of-bare")
	b.ReportMetric(ours.Seconds()/float64(b.N), "s/apply")
}

// bareClones makes the program ready: what it clones and where to is known.
func bareClones(b *testing.B, tg *target, l *labspec.Lab) func() {
	b.Helper()
	ctx := b.Context()
	c := bare(b, tg)
	finder := find.NewFinder(c)
	pool, err := finder.ResourcePool(ctx, "/DC0/host/DC0_C0/Resources")
	if err != nil {
		b.Fatal(err)
	}
	folder, err := finder.Folder(ctx, "/DC0/vm")
	if err != nil {
		b.Fatal(err)
	}
	var clones []func() (*object.Task, error)
	for _, n := range l.Nodes {
		vm, err := finder.VirtualMachine(ctx, "/DC0/vm/labs/voice/"+n.Clone.Source)
		if err != nil {
			b.Fatal(err)
		}
		devices, err := vm.Device(ctx)
		if err != nil {
			b.Fatal(err)
		}
		spec := types.VirtualMachineCloneSpec{
			Location: types.VirtualMachineRelocateSpec{Pool: types.NewReference(pool.Reference())},
			Config:   &types.VirtualMachineConfigSpec{DeviceChange: ownAddress(devices, n.NICs[0].MAC)},
		}
		clones = append(clones, func() (*object.Task, error) { return vm.Clone(ctx, folder, n.VMName, spec) })
	}
	return func() { waitForAll(b, c, clones) }
}

// waitForAll runs tasks, inFlight at a time.
func waitForAll(b *testing.B, c *vim25.Client, start []func() (*object.Task, error)) {
	b.Helper()
	w := &bareWaiter{c: c, pending: map[types.ManagedObjectReference]chan error{}}
	stop := make(chan struct{})
	defer close(stop)
	go w.run(b.Context(), stop)
	slots := make(chan struct{}, inFlight)
	var all sync.WaitGroup
	for _, begin := range start {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			task, err := begin()
			if err != nil {
				b.Error(err)
				return
			}
			if err := w.wait(task); err != nil {
				b.Error(err)
			}
		})
	}
	all.Wait()
}

// ownAddress gives a clone's NIC an address of its own: a strict server refuses
// a second VM with the same one.
func ownAddress(devices object.VirtualDeviceList, mac string) []types.BaseVirtualDeviceConfigSpec {
	for _, d := range devices.SelectByType((*types.VirtualEthernetCard)(nil)) {
		d.(types.BaseVirtualEthernetCard).GetVirtualEthernetCard().MacAddress = mac
		return []types.BaseVirtualDeviceConfigSpec{&types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationEdit, Device: d}}
	}
	return nil
}
