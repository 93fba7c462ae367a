package vsphere

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/uclab/uclab/plan"
	"github.com/vmware/govmomi/vim25/types"
)

// LabSummary is one lab found on a target by its marks.
type LabSummary struct {
	Name     string
	Nodes    int
	Running  int
	MemoryMB int64 // MiB, configured
	DiskGB   int64 // GiB, provisioned
	Owner    string
	Created  time.Time // when its oldest VM was; zero: unknown
	Expires  time.Time // when all of its VMs have; zero: never
}

var listProperties = []string{
	"name", "runtime.powerState", "config.hardware.memoryMB", "config.hardware.device", "config.extraConfig", "config.createDate",
}

// List finds all labs on the target by their marks, sorted by name.
func (c *Client) List(ctx context.Context) ([]LabSummary, error) {
	var objects []types.ObjectContent
	props := machineSpecs(listProperties)
	err := c.again(ctx, &props, func() (err error) {
		objects, err = c.readView(ctx, []string{"VirtualMachine"}, props)
		return err
	})
	if err != nil {
		return nil, failure("read the inventory of", c.host(), err)
	}
	labs := map[string]*LabSummary{}
	vms := map[string][]plan.VM{}
	for i := range objects {
		m := newMachine(&entity{ref: objects[i].Obj}, objects[i].PropSet)
		if m.marks.Lab == "" {
			continue
		}
		if labs[m.marks.Lab] == nil {
			labs[m.marks.Lab] = &LabSummary{Name: m.marks.Lab}
		}
		labs[m.marks.Lab].add(m)
		vms[m.marks.Lab] = append(vms[m.marks.Lab], plan.VM{Marks: m.marks})
	}
	list := make([]LabSummary, 0, len(labs))
	for _, lab := range labs {
		lab.Expires = plan.LeaseEnd(vms[lab.Name])
		lab.DiskGB = (lab.DiskGB + 1023) / 1024
		list = append(list, *lab)
	}
	slices.SortFunc(list, func(a, b LabSummary) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// add counts one VM in; DiskGB holds MiB until all are.
func (l *LabSummary) add(m *machine) {
	l.Nodes++
	if m.state == plan.StateRunning {
		l.Running++
	}
	l.MemoryMB += int64(m.memoryMB)
	for _, device := range m.devices {
		if disk, ok := device.(*types.VirtualDisk); ok {
			l.DiskGB += diskOf(disk).SizeMB
		}
	}
	spec := plan.ParseSpec(m.marks.Spec)
	if spec.Owner != "" {
		l.Owner = spec.Owner
	}
	if !m.created.IsZero() && (l.Created.IsZero() || m.created.Before(l.Created)) {
		l.Created = m.created
	}
}
