package sim

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// BenchmarkCreate makes 500 VMs with 32 calls in flight in the simulator, its
// world kept on disk, and in the stock one, and prints how many times as long it
// takes.
func BenchmarkCreate(b *testing.B) {
	const vms, inFlight = 500, 32
	var ours, stock time.Duration
	for b.Loop() {
		server, err := New(b.Context(), Options{User: "user", Password: "pass", Dir: b.TempDir()})
		if err != nil {
			b.Fatal(err)
		}
		ours += createMany(b, server.URL(), vms, inFlight)
		if err := server.Close(); err != nil {
			b.Fatal(err)
		}

		model := simulator.VPX()
		model.Machine, model.Host = 0, 0
		if err := model.Create(); err != nil {
			b.Fatal(err)
		}
		model.Service.TLS = new(tls.Config)
		plain := model.Service.NewServer()
		stock += createMany(b, plain.URL, vms, inFlight)
		plain.Close()
		model.Remove()
	}
	b.ReportMetric(float64(vms)*float64(b.N)/ours.Seconds(), "VMs/s")
	b.ReportMetric(float64(ours)/float64(stock), "x-of-stock")
}

// createMany makes VMs and gives how long that took.
func createMany(b *testing.B, address *url.URL, vms, inFlight int) time.Duration {
	b.Helper()
	ctx := b.Context()
	client, err := govmomi.NewClient(ctx, address, true)
	if err != nil {
		b.Fatal(err)
	}
	client.Client.Client.DefaultTransport().MaxIdleConnsPerHost = 64
	finder := find.NewFinder(client.Client)
	dc, err := finder.DefaultDatacenter(ctx)
	if err != nil {
		b.Fatal(err)
	}
	finder.SetDatacenter(dc)
	folders, err := dc.Folders(ctx)
	if err != nil {
		b.Fatal(err)
	}
	pool, err := finder.ResourcePool(ctx, "DC0_C0/Resources")
	if err != nil {
		b.Fatal(err)
	}
	datastore, err := finder.DefaultDatastore(ctx)
	if err != nil {
		b.Fatal(err)
	}
	w := &world{ctx: ctx, datastore: datastore}
	names := make(chan string)
	tasks := make(chan *object.Task, vms)
	var group sync.WaitGroup
	begin := time.Now()
	for range inFlight {
		group.Go(func() {
			for name := range names {
				running, err := folders.VmFolder.CreateVM(ctx, w.vmSpec(name), pool, nil)
				if err != nil {
					b.Error(err)
					continue
				}
				tasks <- running
			}
		})
	}
	for i := range vms {
		names <- fmt.Sprintf("vm-%d", i)
	}
	close(names)
	group.Wait()
	close(tasks)
	waitForAll(ctx, b, client, tasks)
	return time.Since(begin)
}

// waitForAll polls all tasks together, as uclab does.
func waitForAll(ctx context.Context, b *testing.B, client *govmomi.Client, tasks <-chan *object.Task) {
	var pending []types.ManagedObjectReference
	for running := range tasks {
		pending = append(pending, running.Reference())
	}
	for len(pending) > 0 {
		var found []mo.Task
		if err := property.DefaultCollector(client.Client).Retrieve(ctx, pending, []string{"info.state", "info.error"}, &found); err != nil {
			b.Fatal(err)
		}
		pending = nil
		for i := range found {
			switch found[i].Info.State {
			case types.TaskInfoStateError:
				b.Fatalf("create: %T", found[i].Info.Error.Fault)
			case types.TaskInfoStateSuccess:
			default:
				pending = append(pending, found[i].Self)
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}
