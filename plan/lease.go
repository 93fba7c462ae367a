package plan

import (
	"time"

	"github.com/uclab/uclab/labspec"
)

// Expires says when a lab expires; the zero time means never. A lifetime (ttl)
// counts from the first apply, which is found in the marks of its VMs; when
// nothing of the lab is there yet, from now.
func Expires(lab *labspec.Lab, inv *Inventory, now time.Time) time.Time {
	if lab.TTL == 0 {
		return lab.Expires
	}
	begun := now.UTC().Truncate(time.Second)
	for i := range inv.VMs {
		if at, ok := ParseSpec(inv.VMs[i].Marks.Spec).begun(); ok && at.Before(begun) {
			begun = at
		}
	}
	return begun.Add(lab.TTL)
}

// begun is when the lifetime that a mark speaks of began.
func (s Spec) begun() (time.Time, bool) {
	lifetime, err := time.ParseDuration(s.TTL)
	if err != nil {
		return time.Time{}, false
	}
	expires, err := time.Parse(time.RFC3339, s.Expires)
	return expires.Add(-lifetime), err == nil
}

// LeaseEnd is when all of some VMs of a lab have expired: the latest expiry in
// their marks, and the zero time, never, when one of them has none.
func LeaseEnd(vms []VM) time.Time {
	var end time.Time
	for i := range vms {
		expires, err := time.Parse(time.RFC3339, ParseSpec(vms[i].Marks.Spec).Expires)
		if err != nil {
			return time.Time{}
		}
		if expires.After(end) {
			end = expires
		}
	}
	return end
}
