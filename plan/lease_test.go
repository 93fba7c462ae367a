package plan_test

import (
	"testing"
	"time"

	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
)

func marked(spec plan.Spec) plan.VM { return plan.VM{Marks: plan.Marks{Spec: spec.String()}} }

func TestExpires(t *testing.T) {
	now := time.Date(2026, 12, 1, 8, 0, 0, 500, time.UTC)
	first := time.Date(2026, 12, 1, 6, 0, 0, 0, time.UTC)
	begun := plan.Spec{TTL: "8h0m0s", Expires: "2026-12-01T14:00:00Z"} // first applied at 06:00
	cases := []struct {
		name string
		lab  labspec.Lab
		vms  []plan.VM
		want time.Time
	}{
		{"never", labspec.Lab{}, nil, time.Time{}},
		{"a date", labspec.Lab{Expires: first}, []plan.VM{marked(begun)}, first},
		{"a lifetime counts from the first apply", labspec.Lab{TTL: 8 * time.Hour}, nil, now.Truncate(time.Second).Add(8 * time.Hour)},
		{"and not from the second", labspec.Lab{TTL: 8 * time.Hour}, []plan.VM{marked(plan.Spec{}), marked(begun)}, first.Add(8 * time.Hour)},
		{"a longer one counts from there too", labspec.Lab{TTL: 24 * time.Hour}, []plan.VM{marked(begun)}, first.Add(24 * time.Hour)},
		{"a date before does not matter", labspec.Lab{TTL: time.Hour}, []plan.VM{marked(plan.Spec{Expires: "2026-01-01T00:00:00Z"})}, now.Truncate(time.Second).Add(time.Hour)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := plan.Expires(&c.lab, &plan.Inventory{VMs: c.vms}, now); !got.Equal(c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestLeaseEnd(t *testing.T) {
	early, late := marked(plan.Spec{Expires: "2026-12-01T14:00:00Z"}), marked(plan.Spec{Expires: "2026-12-02T14:00:00Z"})
	if got := plan.LeaseEnd([]plan.VM{late, early}); !got.Equal(time.Date(2026, 12, 2, 14, 0, 0, 0, time.UTC)) {
		t.Errorf("two dates: %s", got)
	}
	if got := plan.LeaseEnd([]plan.VM{early, marked(plan.Spec{})}); !got.IsZero() {
		t.Errorf("one has none: %s", got)
	}
	if got := plan.LeaseEnd(nil); !got.IsZero() {
		t.Errorf("no VMs: %s", got)
	}
}
