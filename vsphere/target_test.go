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

	"github.com/vmware/govmomi/simulator"

	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
	"github.com/uclab/uclab/vsphere"
)

const password = "s3cr3t-passw0rd"

// target is a simulated vSphere with a proxy in front of it that counts calls
// and can cut connections.
type target struct {
	t      testing.TB
	model  *simulator.Model
	url    string
	server *url.URL

	mu    sync.Mutex
	calls map[string]int
	cut   func(method string, nth int) cut
}

// cut says where in a call the proxy cuts the connection.
type cut int

const (
	pass   cut = iota
	before     // the server never sees the call
	after      // the server acts and its answer is lost
)

func vpx(t testing.TB) *target {
	model := simulator.VPX()
	model.Machine, model.Autostart = 0, false
	return start(t, model)
}

func esx(t testing.TB) *target {
	model := simulator.ESX()
	model.Machine, model.Autostart = 0, false
	return start(t, model)
}

func start(t testing.TB, model *simulator.Model) *target {
	t.Helper()
	t.Cleanup(model.Remove)
	if err := model.Create(); err != nil {
		t.Fatal(err)
	}
	model.Service.TLS = new(tls.Config)
	model.Service.Listen = &url.URL{Host: "127.0.0.1:0", User: url.UserPassword("user", password)}
	server := model.Service.NewServer()
	t.Cleanup(server.Close)
	tg := &target{t: t, model: model, server: server.URL, calls: map[string]int{}}
	tg.proxy(server.URL)
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
	return vsphere.Config{URL: tg.url, User: "user", Password: password, Simulator: true}
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
	tg.model.Service.AddFaultRule(&rule)
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
