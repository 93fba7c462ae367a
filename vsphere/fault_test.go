package vsphere_test

import (
	"context"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/vim25/mo"

	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
	"github.com/uclab/uclab/vsphere"
)

// everything is a lab whose apply makes every kind of call: folder, port group,
// media, VMs, rule, power.
func everything() *labspec.Lab {
	l := lab(2)
	l.Networks = append(l.Networks, labspec.Network{Name: "dv", Address: "dv", DistributedSwitch: "DVS0", VLAN: 210, PortGroup: "room-dv", Create: true})
	l.Media = []labspec.Media{{Name: "disc", Kind: "iso", Source: "/isos/disc.iso", Size: int64(len(disc)), SHA256: strings.Repeat("ab", 32)}}
	l.SerialLinks = []labspec.SerialLink{{Name: "cable", Address: "cable", Pipe: "room-cable", Server: l.Nodes[0].Address, Client: l.Nodes[1].Address}}
	for i := range l.Nodes {
		l.Nodes[i].Power = "on"
		l.Nodes[i].CDROMs = []string{"disc"}
		l.Nodes[i].NICs[0].Network = "dv"
	}
	l.Nodes[0].Serial = []labspec.SerialPort{{Backing: "pipe", Name: "room-cable", Endpoint: "server", Link: "cable"}}
	l.Nodes[1].Serial = []labspec.SerialPort{{Backing: "pipe", Name: "room-cable", Endpoint: "client", Link: "cable"}}
	return l
}

const disc = "the bytes of a disc"

func openDisc(context.Context, labspec.Media) (vsphere.MediaReader, error) {
	return io.NopCloser(strings.NewReader(disc)), nil
}

var withDisc = vsphere.ApplyOptions{OpenMedia: openDisc}

func TestEverythingThenNothingToDo(t *testing.T) {
	tg := vpx(t)
	c := tg.dial()
	l := everything()
	mustApply(t, c, l, withDisc)
	inv := observe(t, c, l)
	for _, vm := range inv.VMs {
		if vm.State != plan.StateRunning {
			t.Errorf("%s is %s", vm.Name, vm.State)
		}
	}
	if len(inv.Rules) != 1 || len(inv.Rules[0].VMs) != 2 {
		t.Errorf("rules: %+v", inv.Rules)
	}
	if len(inv.Media) != 1 || inv.Media[0].Size != int64(len(disc)) || !inv.Media[0].Used || inv.Media[0].UsedByOthers || inv.Media[0].Partial {
		t.Errorf("media: %+v", inv.Media)
	}
	if err := destroy(t, c, l); err != nil {
		t.Fatal(err)
	}
	wantNothingLeft(t, c, l)
}

func wantNothingLeft(t *testing.T, c *vsphere.Client, l *labspec.Lab) {
	t.Helper()
	inv := observe(t, c, l)
	for _, vm := range inv.VMs {
		t.Errorf("VM %s is left", vm.Name)
	}
	for _, n := range inv.Networks {
		if n.Name == "room-dv" {
			t.Errorf("port group %s is left", n.Name)
		}
	}
	for _, m := range inv.Media {
		t.Errorf("media %s is left", m.Path)
	}
	for _, r := range inv.Rules {
		t.Errorf("rule %s is left", r.Name)
	}
}

// everyCall applies and destroys a lab over and over; harm comes to one call of
// each, a later one every time, until there is none left to harm.
func everyCall(t *testing.T, harm func(tg *target) cut) {
	tg := vpx(t)
	c := tg.dial()
	l := everything()
	for nth := 1; ; nth++ {
		var harmed []string
		hurt := func() {
			total := 0
			tg.setCut(func(method string, _ int) cut {
				if total++; total != nth {
					return pass
				}
				harmed = append(harmed, method)
				return harm(tg)
			})
		}
		hurt()
		if _, err := apply(t, c, l, withDisc); err != nil {
			t.Fatalf("call %d, %v: %v", nth, harmed, err)
		}
		tg.setCut(nil)
		if inv := observe(t, c, l); len(inv.VMs) != len(l.Nodes) || !diff(t, l, inv).Empty() {
			t.Fatalf("call %d, %v: %d VMs, still to do: %+v", nth, harmed, len(inv.VMs), diff(t, l, inv).Changes)
		}
		hurt()
		if err := destroy(t, c, l); err != nil {
			t.Fatalf("call %d, %v: destroy: %v", nth, harmed, err)
		}
		tg.setCut(nil)
		wantNothingLeft(t, c, l)
		if t.Failed() {
			t.Fatalf("call %d, %v", nth, harmed)
		}
		if len(harmed) == 0 {
			t.Logf("%d calls", nth-1)
			return
		}
	}
}

// Whichever call of an apply or a destroy loses its connection, before the
// server sees it or after it has acted, the work ends well and makes nothing
// twice.
func TestEveryCallMayBeCut(t *testing.T) {
	for name, where := range map[string]cut{"before": before, "after": after} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everyCall(t, func(*target) cut { return where })
		})
	}
}

// A session that ends between any two calls is renewed.
func TestSessionMayEndAnyTime(t *testing.T) {
	t.Parallel()
	everyCall(t, func(tg *target) cut { tg.endSessions(); return pass })
}

// endSessions ends every session but its own, from behind the proxy.
func (tg *target) endSessions() {
	tg.t.Helper()
	ctx := context.Background()
	u := *tg.server
	u.User = url.UserPassword("user", password)
	c, err := govmomi.NewClient(ctx, &u, true)
	if err != nil {
		tg.t.Error(err)
		return
	}
	m := session.NewManager(c.Client)
	own, err := m.UserSession(ctx)
	if err != nil {
		tg.t.Error(err)
		return
	}
	var all mo.SessionManager
	if err := property.DefaultCollector(c.Client).RetrieveOne(ctx, m.Reference(), []string{"sessionList"}, &all); err != nil {
		tg.t.Error(err)
		return
	}
	var keys []string
	for _, s := range all.SessionList {
		if s.Key != own.Key {
			keys = append(keys, s.Key)
		}
	}
	if len(keys) > 0 {
		if err := m.TerminateSession(ctx, keys); err != nil {
			tg.t.Error(err)
		}
	}
	_ = c.Logout(ctx)
}
