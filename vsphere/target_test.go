package vsphere_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"sync"
	"testing"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
	"github.com/uclab/uclab/vsphere"
	"github.com/uclab/uclab/vsphere/sim"
)

const password = "s3cr3t-passw0rd"

// target is a simulated vSphere with a proxy in front of it that counts calls
// and can cut connections.
type target struct {
	t      testing.TB
	sim    *sim.Server
	url    string
	server *url.URL

	mu    sync.Mutex
	calls map[string]int
	cut   func(method string, nth int) cut

	refuse   int // status that uploads are answered with
	refusals int // how many still
}

// past takes the proxy out of the way, for benchmarks.
func (tg *target) past() *target {
	tg.url = "https://" + tg.server.Host + "/sdk"
	return tg
}

// cut says where in a call the proxy cuts the connection.
type cut int

const (
	pass   cut = iota
	before     // the server never sees the call
	after      // the server acts and its answer is lost
)

func vpx(t testing.TB) *target { return start(t, false) }

func esx(t testing.TB) *target { return start(t, true) }

// starting keeps two simulators from being made at once: they share globals.
var starting sync.Mutex

func start(t testing.TB, esx bool) *target {
	t.Helper()
	starting.Lock()
	defer starting.Unlock()
	server, err := sim.New(t.Context(), sim.Options{ESX: esx, User: "user", Password: password})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	tg := &target{t: t, sim: server, server: server.URL(), calls: map[string]int{}}
	tg.proxy(server.URL())
	return tg
}

var methodName = regexp.MustCompile(`<Body[^>]*><([A-Za-z_]+)`)

func (tg *target) proxy(to *url.URL) {
	upstream := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: to.Scheme, Host: to.Host})
			r.Out.Host = r.In.Host
		},
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxIdleConnsPerHost: 64},
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.Method + " " + r.URL.Path
		if r.URL.Path == "/sdk" {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			if m := methodName.FindSubmatch(body); m != nil {
				method = string(m[1])
			}
		}
		if status := tg.refused(r); status != 0 {
			w.WriteHeader(status)
			return
		}
		switch tg.decide(method) {
		case before:
			panic(http.ErrAbortHandler)
		case after:
			upstream.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		default:
			upstream.ServeHTTP(w, r)
		}
	}))
	tg.t.Cleanup(front.Close)
	tg.url = front.URL + "/sdk"
}

// refuseUploads answers the next uploads with a status.
func (tg *target) refuseUploads(status, times int) {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	tg.refuse, tg.refusals = status, times
}

func (tg *target) refused(r *http.Request) int {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	if r.Method != http.MethodPut || tg.refusals == 0 {
		return 0
	}
	tg.refusals--
	return tg.refuse
}

func (tg *target) decide(method string) cut {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	tg.calls[method]++
	if tg.cut == nil {
		return pass
	}
	return tg.cut(method, tg.calls[method])
}

func (tg *target) setCut(f func(method string, nth int) cut) {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	tg.cut = f
	clear(tg.calls)
}

func (tg *target) count() int {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	sum := 0
	for _, n := range tg.calls {
		sum += n
	}
	return sum
}

func (tg *target) config() vsphere.Config {
	return vsphere.Config{URL: tg.url, User: "user", Password: password, Simulator: true, Insecure: true}
}

func (tg *target) dial() *vsphere.Client {
	tg.t.Helper()
	c, err := vsphere.Dial(tg.t.Context(), tg.config())
	if err != nil {
		tg.t.Fatal(err)
	}
	tg.t.Cleanup(func() {
		if err := c.Close(context.Background()); err != nil {
			tg.t.Error(err)
		}
	})
	return c
}

func (tg *target) fault(rule simulator.FaultInjectionRule) {
	rule.ObjectType, rule.ObjectName, rule.Probability, rule.Enabled, rule.FaultType = "*", "*", 1, true, simulator.FaultTypeCustom
	tg.sim.AddFaultRule(&rule)
}

// taskFault makes the tasks of a method fail, from the nth call on, count times.
// It is for clients with one call at a time: meanwhile the object is not itself.
func (tg *target) taskFault(method string, nth, count int, fault types.BaseMethodFault) {
	registry := tg.sim.Service.Context.Map
	next := registry.Handler
	calls := 0
	var mu sync.Mutex
	var placed *failing
	registry.Handler = func(ctx *simulator.Context, m *simulator.Method) (mo.Reference, types.BaseMethodFault) {
		mu.Lock()
		defer mu.Unlock()
		if placed != nil && ctx.Session != nil {
			ctx.Session.Registry.Remove(ctx, placed.ref)
			placed = nil
		}
		if m.Name == method {
			if calls++; calls >= nth && calls < nth+count {
				placed = &failing{ref: m.This, fault: fault}
				ctx.Session.Registry.Put(placed)
			}
		}
		return next(ctx, m)
	}
}

// failing stands in for any object: its tasks fail.
type failing struct {
	ref   types.ManagedObjectReference
	fault types.BaseMethodFault
}

func (f *failing) Reference() types.ManagedObjectReference { return f.ref }

func (f *failing) task(ctx *simulator.Context, name string) types.ManagedObjectReference {
	return simulator.CreateTask(f, name, func(*simulator.Task) (types.AnyType, types.BaseMethodFault) { return nil, f.fault }).Run(ctx)
}

func (f *failing) CreateVMTask(ctx *simulator.Context, _ *types.CreateVM_Task) soap.HasFault {
	return &methods.CreateVM_TaskBody{Res: &types.CreateVM_TaskResponse{Returnval: f.task(ctx, "createVm")}}
}

func (f *failing) ReconfigVMTask(ctx *simulator.Context, _ *types.ReconfigVM_Task) soap.HasFault {
	return &methods.ReconfigVM_TaskBody{Res: &types.ReconfigVM_TaskResponse{Returnval: f.task(ctx, "reconfigVm")}}
}

func (f *failing) DestroyTask(ctx *simulator.Context, _ *types.Destroy_Task) soap.HasFault {
	return &methods.Destroy_TaskBody{Res: &types.Destroy_TaskResponse{Returnval: f.task(ctx, "destroy")}}
}

// lab is a lab of n nodes on the simulator's own network.
func lab(n int) *labspec.Lab {
	l := &labspec.Lab{
		Format: 1, Name: "room", Owner: "trainer",
		Target:   labspec.Target{Kind: "vsphere", Datacenter: "DC0", Datastore: "LocalDS_0", ResourcePool: "DC0_C0/Resources", Folder: "labs/voice"},
		Networks: []labspec.Network{{Name: "hq", Address: "hq", PortGroup: "VM Network"}},
	}
	for i := range n {
		l.Nodes = append(l.Nodes, node(l, fmt.Sprintf("cucm-%03d", i), i))
	}
	return l
}

func node(l *labspec.Lab, address string, i int) labspec.Node {
	return labspec.Node{
		Address: address, Name: address, VMName: plan.VMName(l.Name, address), Product: "cucm", Version: "7.1.5",
		GuestID: "rhel4Guest", CPUs: 1, MemoryMB: 1024, SCSI: "lsilogic", Firmware: "bios", HardwareVersion: "vmx-07",
		Disks:     []labspec.Disk{{SizeGB: 1}},
		NICs:      []labspec.NIC{{Network: "hq", Type: "e1000", MAC: fmt.Sprintf("00:50:56:00:%02x:%02x", i/256, i%256), CheckMAC: true}},
		CDROMs:    []string{""},
		BootOrder: []string{"cdrom", "disk"},
		Power:     "off",
		Notes:     "made by a test",
	}
}

func observe(t testing.TB, c *vsphere.Client, l *labspec.Lab) *plan.Inventory {
	t.Helper()
	inv, err := c.Observe(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func diff(t testing.TB, l *labspec.Lab, inv *plan.Inventory) *plan.Plan {
	t.Helper()
	p, err := plan.Diff(l, inv)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func apply(t testing.TB, c *vsphere.Client, l *labspec.Lab, opts vsphere.ApplyOptions) (*vsphere.Result, error) {
	t.Helper()
	inv := observe(t, c, l)
	return c.Apply(t.Context(), l, inv, diff(t, l, inv), opts)
}

// mustApply applies and wants an empty plan after it.
func mustApply(t testing.TB, c *vsphere.Client, l *labspec.Lab, opts vsphere.ApplyOptions) {
	t.Helper()
	if _, err := apply(t, c, l, opts); err != nil {
		t.Fatal(err)
	}
	wantEmpty(t, c, l)
}

func wantEmpty(t testing.TB, c *vsphere.Client, l *labspec.Lab) {
	t.Helper()
	p := diff(t, l, observe(t, c, l))
	for _, change := range p.Changes {
		t.Errorf("still to do: %s %s %s: %v %v", change.Action, change.Kind, change.Address, change.Reasons, change.Fields)
	}
}

func destroy(t testing.TB, c *vsphere.Client, l *labspec.Lab) error {
	t.Helper()
	inv := observe(t, c, l)
	_, err := c.Apply(t.Context(), l, inv, plan.Destroy(l, inv, nil), vsphere.ApplyOptions{})
	return err
}

// admin is a client of the server's own, past the proxy.
func (tg *target) admin() *vim25.Client {
	tg.t.Helper()
	u := *tg.server
	u.User = url.UserPassword("user", password)
	c, err := govmomi.NewClient(context.Background(), &u, true)
	if err != nil {
		tg.t.Fatal(err)
	}
	tg.t.Cleanup(func() { _ = c.Logout(context.Background()) })
	return c.Client
}

// reconfigure changes a VM as somebody else would.
func (tg *target) reconfigure(name string, spec types.VirtualMachineConfigSpec) {
	tg.t.Helper()
	ctx := tg.t.Context()
	c := tg.admin()
	path := "/DC0/vm/labs/voice/" + name
	if !c.IsVC() {
		path = "/ha-datacenter/vm/" + name
	}
	vm, err := find.NewFinder(c).VirtualMachine(ctx, path)
	if err != nil {
		tg.t.Fatal(err)
	}
	task, err := vm.Reconfigure(ctx, spec)
	if err != nil {
		tg.t.Fatal(err)
	}
	if err := task.Wait(ctx); err != nil {
		tg.t.Fatal(err)
	}
}
