package vsphere_test

import (
	"fmt"
	"testing"

	"github.com/uclab/uclab/vsphere"
)

// A create of N VMs costs at most 1.3 N + 60 calls, a plan with nothing to do at
// most 15, however many VMs there are.
func TestCallBudget(t *testing.T) {
	for _, n := range []int{10, 100} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			tg := vpx(t)
			l := lab(n)
			c := tg.dial()
			if _, err := apply(t, c, l, vsphere.ApplyOptions{}); err != nil {
				t.Fatal(err)
			}
			if calls, most := tg.count(), n*13/10+60; calls > most {
				t.Errorf("apply of %d VMs: %d calls, at most %d wanted: %v", n, calls, most, tg.calls)
			}
			t.Logf("apply of %d VMs: %d calls", n, tg.count())

			tg.setCut(nil)
			again := tg.dial()
			wantEmpty(t, again, l)
			if calls := tg.count(); calls > 15 {
				t.Errorf("plan of %d VMs: %d calls, at most 15 wanted: %v", n, calls, tg.calls)
			}
			t.Logf("plan of %d VMs: %d calls", n, tg.count())
		})
	}
}
