package vsphere_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
	"github.com/uclab/uclab/vsphere"
)

// wantSentence checks an error's words: what failed, why, a hint, no type of
// the API's and no password.
func wantSentence(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
	if strings.Contains(err.Error(), "types.") || strings.Contains(err.Error(), "ServerFaultCode") {
		t.Errorf("%q speaks the API's language", err)
	}
	var hinted interface{ Hint() string }
	if !errors.As(err, &hinted) || hinted.Hint() == "" {
		t.Errorf("%q has no hint", err)
	}
	wantNoPassword(t, err)
}

func wantNoPassword(t *testing.T, err error) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, password) {
			t.Errorf("the password is in %q", text)
		}
	}
}

func TestDialErrors(t *testing.T) {
	tg := vpx(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	direct := tg.server.Host
	cases := map[string]struct {
		config vsphere.Config
		words  string
	}{
		"no server":       {vsphere.Config{}, "no server is named"},
		"broken URL":      {vsphere.Config{URL: "https://user:" + password + "@host:port%zz/sdk"}, "URL cannot be read"},
		"wrong password":  {vsphere.Config{URL: tg.url, User: "user", Password: password + "x"}, "user name or password is wrong"},
		"wrong in URL":    {vsphere.Config{URL: strings.Replace(tg.url, "://", "://nobody:"+password+"@", 1)}, "user name or password is wrong"},
		"refused":         {vsphere.Config{URL: "https://" + refused, User: "user", Password: password}, "refuses connections"},
		"unknown name":    {vsphere.Config{URL: "https://vcenter.invalid", User: "user", Password: password}, "vcenter.invalid cannot be resolved"},
		"not a vSphere":   {vsphere.Config{URL: web.URL, User: "user", Password: password}, "404"},
		"untrusted":       {vsphere.Config{URL: "https://" + direct, User: "user", Password: password}, "authority"},
		"other print":     {vsphere.Config{URL: "https://" + direct, User: "user", Password: password, Thumbprint: strings.Repeat("AB:", 31) + "AB"}, "certificate"},
		"missing CA file": {vsphere.Config{URL: "https://" + direct, User: "user", Password: password, CAFile: "/nowhere/ca.pem"}, "/nowhere/ca.pem"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := vsphere.Dial(t.Context(), tc.config)
			wantSentence(t, err, tc.words)
			if text := fmt.Sprintf("%v %+v %#v", tc.config, tc.config, tc.config); strings.Contains(text, password) {
				t.Errorf("a printed Config shows the password: %s", text)
			}
		})
	}
}

func TestDialTrusts(t *testing.T) {
	tg := vpx(t)
	for name, config := range map[string]vsphere.Config{
		"thumbprint": {Thumbprint: tg.sim.Thumbprint()},
		"insecure":   {Insecure: true},
	} {
		t.Run(name, func(t *testing.T) {
			config.URL, config.User, config.Password = "https://"+tg.server.Host, "user", password
			c, err := vsphere.Dial(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Target(); got != plan.TargetVCenter {
				t.Errorf("target is %s", got)
			}
			if text := fmt.Sprintf("%+v", c); strings.Contains(text, password) {
				t.Error("a printed Client shows the password")
			}
			if err := c.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestMissesTogether(t *testing.T) {
	tg := vpx(t)
	c := tg.dial()
	l := lab(2)
	l.Target.Datastore = "LocalDS_1"
	l.Target.ResourcePool = "DC0_C0/Resource"
	l.Nodes[1].Host = "DC0_C0_H9"
	l.Networks[0].PortGroup = "VM Networks"
	l.Networks = append(l.Networks,
		labspec.Network{Name: "a", Address: "a", Create: true, Switch: "vSwitch9", PortGroup: "room-a"},
		labspec.Network{Name: "b", Address: "b", Create: true, DistributedSwitch: "DVS9", PortGroup: "room-b"})
	_, err := c.Observe(t.Context(), l)
	wantSentence(t, err, `datastore "LocalDS_1": not found; there is LocalDS_0`, `resource pool "DC0_C0/Resource": not found; there is DC0_C0/Resources`)

	l.Target.ResourcePool = "DC0_C0/Resources"
	_, err = c.Observe(t.Context(), l)
	wantSentence(t, err,
		`datastore "LocalDS_1": not found; there is LocalDS_0`,
		`host "DC0_C0_H9": not found; there is DC0_C0_H0`,
		`port group "VM Networks": not found; there is VM Network`,
		`vSwitch "vSwitch9": not found; there is vSwitch0`,
		`distributed switch "DVS9": not found; there is DVS0`)
	var unresolved *vsphere.UnresolvedError
	if !errors.As(err, &unresolved) || len(unresolved.Misses) != 5 {
		t.Errorf("misses: %v", err)
	}

	l = lab(1)
	l.Target.Datacenter = "DC1"
	_, err = c.Observe(t.Context(), l)
	wantSentence(t, err, `datacenter "DC1": not found; there is DC0`)

	l = lab(1)
	l.Media = []labspec.Media{{Name: "there", Kind: "iso", Source: "[LocalDS_0] isos/there.iso"}, {Name: "ds", Kind: "iso", Source: "[nowhere] x.iso"}}
	_, err = c.Observe(t.Context(), l)
	wantSentence(t, err, `datastore "nowhere": not found`)
	l.Media = l.Media[:1]
	_, err = c.Observe(t.Context(), l)
	wantSentence(t, err, `file "[LocalDS_0] isos/there.iso": not found`)
}

// Faults of tasks and of calls become sentences; the VMs that they did not
// concern are made.
func TestOneFailureStopsNoOther(t *testing.T) {
	for name, tc := range map[string]struct {
		fault types.BaseMethodFault
		words string
	}{
		"full disk":    {&types.NoDiskSpace{Datastore: "LocalDS_0"}, "datastore LocalDS_0 is full"},
		"no memory":    {&types.InsufficientHostCapacityFault{}, "not enough free memory"},
		"no privilege": {&types.NoPermission{PrivilegeId: "VirtualMachine.Inventory.Create"}, "lacks the privilege VirtualMachine.Inventory.Create"},
		"free licence": {&types.RestrictedVersion{}, "free ESXi licence"},
		"bad value":    {&types.InvalidArgument{InvalidProperty: "configSpec.guestId"}, "does not accept guestId"},
		"no sentence":  {&types.VmConfigFault{}, "vm config fault"},
	} {
		for _, kind := range []string{"call", "task"} {
			if kind == "call" && name == "no sentence" {
				continue // the server has words of its own for it
			}
			t.Run(kind+" "+name, func(t *testing.T) {
				t.Parallel()
				tg := vpx(t)
				if kind == "task" {
					tg.taskFault("CreateVM_Task", 2, 1, tc.fault)
				} else {
					tg.fault(simulator.FaultInjectionRule{MethodName: "CreateVM_Task", SkipCount: 1, MaxCount: 1, Fault: tc.fault})
				}
				c := tg.dial()
				l := lab(4)
				result, err := apply(t, c, l, vsphere.ApplyOptions{Parallelism: 1})
				if err == nil || !strings.Contains(err.Error(), tc.words) || !strings.Contains(err.Error(), "create VM room-cucm-001: ") || strings.Contains(err.Error(), "types.") {
					t.Errorf("error: %v", err)
				}
				states := map[string]int{}
				for _, o := range result.Outcomes {
					states[o.State]++
				}
				if states[vsphere.Done] != 3 || states[vsphere.Failed] != 1 {
					t.Errorf("outcomes: %v", states)
				}
				mustApply(t, c, l, vsphere.ApplyOptions{})
			})
		}
	}
}

func TestTransientFaultsAreRepeated(t *testing.T) {
	for _, method := range []string{"CreateVM_Task", "ReconfigVM_Task", "Destroy_Task"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			tg := vpx(t)
			c := tg.dial()
			l := lab(1)
			tg.taskFault(method, 1, 2, &types.TaskInProgress{})
			mustApply(t, c, l, vsphere.ApplyOptions{})
			l.Nodes[0].MemoryMB = 2048
			mustApply(t, c, l, vsphere.ApplyOptions{})
			if err := destroy(t, c, l); err != nil {
				t.Error(err)
			}
			if tg.calls[method] != 3 {
				t.Errorf("%d calls, wanted 3", tg.calls[method])
			}
		})
	}
}

func TestForeignVMIsNeverTouched(t *testing.T) {
	tg := vpx(t)
	c := tg.dial()
	theirs := lab(1)
	mustApply(t, c, theirs, vsphere.ApplyOptions{})
	tg.reconfigure("room-cucm-000", types.VirtualMachineConfigSpec{ExtraConfig: []types.BaseOptionValue{
		&types.OptionValue{Key: plan.MarkLab, Value: "other"},
	}})

	l := lab(2)
	inv := observe(t, c, l)
	if len(inv.VMs) != 0 || len(inv.Foreign) != 1 || inv.Foreign[0].Name != "room-cucm-000" {
		t.Errorf("own %d, foreign %+v", len(inv.VMs), inv.Foreign)
	}
	if _, err := plan.Diff(l, inv); !plan.IsConflict(err) {
		t.Errorf("diff: %v", err)
	}
	// Between the plan and the apply, somebody takes the name.
	p := diff(t, l, &plan.Inventory{Target: inv.Target, Placement: inv.Placement, Hosts: inv.Hosts, Networks: inv.Networks})
	tg.taskFault("CreateVM_Task", 1, 1, &types.DuplicateName{Name: "room-cucm-000"})
	result, err := c.Apply(t.Context(), l, inv, p, vsphere.ApplyOptions{Parallelism: 1})
	wantSentence(t, err, "create VM room-cucm-000: the name is taken by a VM that belongs to node cucm-000 of lab other")
	if result.Outcomes[1].State != vsphere.Done {
		t.Errorf("the other VM: %+v", result.Outcomes[1])
	}
}

// A name that is taken by the very VM that was to be made, by another apply at
// the same time, is taken over.
func TestOwnVMIsAdopted(t *testing.T) {
	tg := vpx(t)
	c := tg.dial()
	l := lab(2)
	inv := observe(t, c, l)
	p := diff(t, l, inv)
	if _, err := c.Apply(t.Context(), l, inv, p, vsphere.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	inv = observe(t, c, l)
	tg.taskFault("CreateVM_Task", 1, 2, &types.DuplicateName{Name: "room-cucm-000"})
	result, err := c.Apply(t.Context(), l, inv, p, vsphere.ApplyOptions{Parallelism: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range result.Outcomes {
		if o.State != vsphere.Done {
			t.Errorf("%s: %s", o.Change.Address, o.State)
		}
	}
	wantEmpty(t, c, l)
}

func TestMarksAreReadRightBeforeTheEnd(t *testing.T) {
	tg := vpx(t)
	c := tg.dial()
	l := lab(2)
	mustApply(t, c, l, vsphere.ApplyOptions{})
	inv := observe(t, c, l)
	tg.reconfigure("room-cucm-001", types.VirtualMachineConfigSpec{ExtraConfig: []types.BaseOptionValue{
		&types.OptionValue{Key: plan.MarkNode, Value: "somebody-else"},
	}})
	_, err := c.Apply(t.Context(), l, inv, plan.Destroy(l, inv, nil), vsphere.ApplyOptions{})
	wantSentence(t, err, "delete VM room-cucm-001: it does not bear this lab's marks any more")
	if inv := observe(t, c, l); len(inv.VMs) != 1 {
		t.Errorf("%d VMs left", len(inv.VMs))
	}
}

// canceller cancels when the first VM is done.
type canceller struct {
	once   sync.Once
	cancel context.CancelFunc
}

func (c *canceller) Start(_, _, _ string)      {}
func (c *canceller) Step(_ string, _, _ int64) {}
func (c *canceller) Done(_ string, _ error)    { c.once.Do(c.cancel) }

func TestInterrupt(t *testing.T) {
	tg := vpx(t)
	c := tg.dial()
	l := lab(20)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	inv := observe(t, c, l)
	result, err := c.Apply(ctx, l, inv, diff(t, l, inv), vsphere.ApplyOptions{Parallelism: 2, Progress: &canceller{cancel: cancel}})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "interrupted with ") {
		t.Errorf("error: %v", err)
	}
	states := map[string]int{}
	for _, o := range result.Outcomes {
		states[o.State]++
	}
	made := len(observe(t, c, l).VMs)
	if states[vsphere.Failed] != 0 || states[vsphere.Done] != made || states[vsphere.Skipped] != 20-made || made == 0 || made > 6 {
		t.Errorf("outcomes %v, %d VMs made", states, made)
	}
	mustApply(t, c, l, vsphere.ApplyOptions{})
}

// What a lab needs only to be made does not stand in the way of its end.
func TestDestroyNeedsNoNetwork(t *testing.T) {
	tg := vpx(t)
	c := tg.dial()
	l := lab(2)
	mustApply(t, c, l, vsphere.ApplyOptions{})
	l.Networks[0].PortGroup = "VM Networks"
	inv, err := c.Observe(t.Context(), l)
	wantSentence(t, err, `port group "VM Networks": not found`)
	if inv == nil {
		t.Fatal("no inventory")
	}
	if _, err := c.Apply(t.Context(), l, inv, plan.Destroy(l, inv, nil), vsphere.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	l.Networks[0].PortGroup = "VM Network"
	wantNothingLeft(t, c, l)
}
