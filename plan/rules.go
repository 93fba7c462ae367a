package plan

import (
	"fmt"
	"slices"

	"github.com/uclab/uclab/labspec"
)

// rules plans the VM-VM affinity rules that keep both ends of each serial link
// on one host. Only a DRS cluster has them.
func (d *differ) rules() {
	if !slices.ContainsFunc(d.inv.Hosts, func(h Host) bool { return h.DRS }) {
		return
	}
	found := make(map[string]*FoundRule, len(d.inv.Rules))
	for i := range d.inv.Rules {
		found[d.inv.Rules[i].Name] = &d.inv.Rules[i]
	}
	renewed := map[string]bool{}
	for _, change := range d.plan.Changes {
		if change.Kind == KindVM && change.Action == Recreate {
			renewed[change.Address] = true
		}
	}
	wanted := map[string]bool{}
	for _, link := range d.lab.SerialLinks {
		name := RuleName(d.lab.Name, link)
		wanted[name] = true
		d.rule(name, link, found[name], renewed)
	}
	for _, rule := range d.inv.Rules {
		if !wanted[rule.Name] && onlyOurs(rule, d.inv.VMs) {
			d.add(Change{
				Action: Delete, Kind: KindRule, Address: rule.Name, Name: rule.Name,
				Reasons: []string{"its serial link is not in the lab file any more"},
				Fields:  []Field{{"rule", rule.Name, nil}},
			})
		}
	}
}

// RuleName is the name of a serial link's affinity rule: "<lab>-<address with -
// for />".
func RuleName(lab string, link labspec.SerialLink) string { return VMName(lab, link.Address) }

func (d *differ) rule(name string, link labspec.SerialLink, found *FoundRule, renewed map[string]bool) {
	members := []string{link.Server, link.Client}
	change := Change{
		Action: Create, Kind: KindRule, Address: link.Address, Name: name, Members: members,
		Reasons: []string{"both ends of a serial link run on one host"},
		Fields:  []Field{{"members", nil, members}},
	}
	if found == nil {
		d.add(change)
		return
	}
	for _, address := range members {
		vm := d.nodes.byAddress[address]
		if vm == nil || renewed[address] || !slices.Contains(found.VMs, vm.Ref) {
			change.Action = Update
			change.Reasons = []string{fmt.Sprintf("does not hold the VM of %s", address)}
			d.add(change)
			return
		}
	}
}

// onlyOurs says that a rule holds VMs, and only such as bear this lab's marks: a
// name alone does not tell lab "a" with a link "b-c" from lab "a-b" with "c".
func onlyOurs(rule FoundRule, ours []VM) bool {
	refs := make(map[string]bool, len(ours))
	for i := range ours {
		refs[ours[i].Ref] = true
	}
	for _, ref := range rule.VMs {
		if !refs[ref] {
			return false
		}
	}
	return len(rule.VMs) > 0
}
