package plan

import (
	"fmt"

	"github.com/uclab/uclab/labspec"
)

// Fit compares the whole lab with what the target has, and gives a sentence for
// each thing that does not fit. A lab that is too large may still be applied:
// hypervisors overcommit memory, and thin disks grow only as they fill.
// Source: "CCIE Voice Lab v3" (the author's whole lab ran on 8 GB of memory and
// 750 GB of disk).
func Fit(lab *labspec.Lab, inv *Inventory) []string {
	var warnings []string
	var memory, disk int64
	for i := range lab.Nodes {
		node := &lab.Nodes[i]
		if node.Power != "off" {
			memory += int64(node.MemoryMB)
		}
		for _, d := range node.Disks {
			disk += int64(d.SizeGB)
		}
		if largest := largestHost(inv.Hosts); largest > 0 && int64(node.MemoryMB) > largest {
			warnings = append(warnings, fmt.Sprintf("FIT001: node %s wants %d MiB of memory, more than the largest host has (%d MiB): it will not power on", node.Address, node.MemoryMB, largest))
		}
	}
	for i := range inv.VMs {
		for _, d := range inv.VMs[i].Disks {
			disk -= d.SizeMB / 1024 // already taken, or promised, on the datastore
		}
	}
	if total := inv.Capacity.MemoryMB; total > 0 && memory > total {
		warnings = append(warnings, fmt.Sprintf("FIT002: the lab wants %d MiB of memory, the target's hosts have %d MiB: they will overcommit, which is slow", memory, total))
	}
	if free := inv.Capacity.DatastoreFreeGB; inv.Capacity.DatastoreGB > 0 && disk > 0 && disk > free {
		warnings = append(warnings, fmt.Sprintf("FIT003: the lab's new disks add up to %d GiB, datastore %s has %d GiB free: thin disks may fill it", disk, inv.Placement.Datastore, free))
	}
	return warnings
}

func largestHost(hosts []Host) int64 {
	var largest int64
	for _, host := range hosts {
		largest = max(largest, host.MemoryMB)
	}
	return largest
}
