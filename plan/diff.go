package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/uclab/uclab/labspec"
)

// ConflictError says that something which is not this lab's is in the way.
// Nothing of the lab can be changed until it is gone.
type ConflictError struct {
	Conflicts []string // one sentence each
}

// Error joins the conflicts.
func (e *ConflictError) Error() string { return strings.Join(e.Conflicts, "; ") }

// Hint says how to get past it.
func (e *ConflictError) Hint() string {
	return "uclab touches nothing that is not its own: rename or remove it, or give the lab another name or folder"
}

// differ is one run of Diff.
type differ struct {
	lab    *labspec.Lab
	inv    *Inventory
	want   *wanted
	nodes  nodeVMs
	plan   *Plan
	placed placement
	anew   func(address string) bool // nodes to make anew whatever they are like; nil: none
}

// Diff says what it takes to make the lab real. The error, if any, is a
// *ConflictError.
func Diff(lab *labspec.Lab, inv *Inventory) (*Plan, error) { return diff(lab, inv, nil) }

// Reset is Diff for the chosen pods, all nodes of which are made anew, be they
// as the lab file says or not.
func Reset(lab *labspec.Lab, inv *Inventory, pods PodSet) (*Plan, error) {
	p, err := diff(lab, inv, pods.Has)
	if err == nil {
		p.Only(pods)
	}
	return p, err
}

func diff(lab *labspec.Lab, inv *Inventory, anew func(address string) bool) (*Plan, error) {
	d := &differ{
		anew:  anew,
		lab:   lab,
		inv:   inv,
		want:  newWanted(lab, inv.Placement),
		nodes: matchVMs(lab, inv),
		plan:  &Plan{Format: 1, Lab: lab.Name, Changes: []Change{}, Warnings: slices.Clone(inv.Warnings)},
	}
	if err := d.conflicts(); err != nil {
		return nil, err
	}
	d.placed = place(lab, inv, d.nodes)
	d.media()
	d.networks()
	d.machines()
	d.rules()
	d.leftovers()
	d.plan.Warnings = append(d.plan.Warnings, d.nodes.warnings...)
	d.plan.Warnings = append(d.plan.Warnings, Fit(lab, inv)...)
	d.plan.count()
	return d.plan, nil
}

func (p *Plan) count() {
	p.Summary = Summary{}
	for _, change := range p.Changes {
		switch change.Action {
		case Create:
			p.Summary.Create++
		case Update:
			p.Summary.Update++
		case Recreate:
			p.Summary.Recreate++
		case Delete:
			p.Summary.Delete++
		}
	}
}

func (d *differ) add(change Change) {
	if change.Fields == nil {
		change.Fields = []Field{}
	}
	d.plan.Changes = append(d.plan.Changes, change)
}

// conflicts reports every wanted name and pipe that something foreign has.
func (d *differ) conflicts() error {
	names := make(map[string]*VM, len(d.inv.Foreign))
	pipes := map[string]*VM{}
	for i := range d.inv.Foreign {
		vm := &d.inv.Foreign[i]
		names[vm.Name] = vm
		for _, port := range vm.Serial {
			if port.Backing == "pipe" {
				pipes[port.Name] = vm
			}
		}
	}
	var conflicts []string
	for i := range d.lab.Nodes {
		node := &d.lab.Nodes[i]
		if vm, taken := names[node.VMName]; taken && d.nodes.byAddress[node.Address] == nil {
			conflicts = append(conflicts, fmt.Sprintf("the name %s, wanted for node %s, is taken by a VM that is not this lab's (%s)", node.VMName, node.Address, vm.Path))
		}
	}
	for _, link := range d.lab.SerialLinks {
		if vm, taken := pipes[link.Pipe]; taken {
			conflicts = append(conflicts, fmt.Sprintf("the pipe %s of serial link %s is in use by %s on %s", link.Pipe, link.Address, vm.Name, vm.Host))
		}
	}
	if len(conflicts) > 0 {
		return &ConflictError{conflicts}
	}
	return nil
}

// media plans the uploads that are not on the datastore yet.
func (d *differ) media() {
	present := make(map[string]*FoundMedia, len(d.inv.Media))
	for i := range d.inv.Media {
		present[d.inv.Media[i].Path] = &d.inv.Media[i]
	}
	used := d.mediaInUse()
	planned := map[string]bool{}
	for i := range d.lab.Media {
		m := &d.lab.Media[i]
		path := MediaPath(d.inv.Placement.Datastore, *m)
		if path == "" || path == m.Source || !used[m.Name] || planned[path] {
			continue
		}
		planned[path] = true
		reason := "not on the datastore yet"
		if found, ok := present[path]; ok {
			if found.Size == m.Size && !found.Partial {
				continue
			}
			reason = fmt.Sprintf("on the datastore with %d bytes, not %d: an upload did not end", found.Size, m.Size)
		}
		d.add(Change{
			Action: Create, Kind: KindMedia, Address: m.Name, Reasons: []string{reason}, Media: m, Path: path,
			Fields: []Field{{"path", nil, path}, {"size_bytes", nil, m.Size}},
		})
	}
}

func (d *differ) mediaInUse() map[string]bool {
	used := map[string]bool{}
	for i := range d.lab.Nodes {
		for _, name := range d.lab.Nodes[i].CDROMs {
			used[name] = true
		}
		for _, name := range d.lab.Nodes[i].Floppies {
			used[name] = true
		}
	}
	return used
}

func (d *differ) networks() {
	found := make(map[string]*FoundNetwork, len(d.inv.Networks))
	for i := range d.inv.Networks {
		found[d.inv.Networks[i].Name] = &d.inv.Networks[i]
	}
	for i := range d.lab.Networks {
		network := &d.lab.Networks[i]
		if !network.Create {
			continue
		}
		change := Change{Kind: KindNetwork, Address: network.Address, Name: network.PortGroup, Network: network}
		existing, ok := found[network.PortGroup]
		if !ok {
			change.Action, change.Reasons = Create, []string{"no such port group"}
			change.Fields = []Field{
				{"port_group", nil, network.PortGroup},
				{"switch", nil, network.Switch + network.DistributedSwitch},
				{"vlan", nil, network.VLAN},
			}
			d.add(change)
			continue
		}
		if d.networkDrift(&change, existing) {
			change.Action = Update
			d.add(change)
		}
	}
}

// networkDrift fills in what differs between a port group and its network.
func (d *differ) networkDrift(change *Change, found *FoundNetwork) bool {
	network := change.Network
	if network.VLAN != found.VLAN {
		change.Fields = append(change.Fields, Field{"vlan", found.VLAN, network.VLAN})
		change.Reasons = append(change.Reasons, fmt.Sprintf("VLAN is %d, wanted %d", found.VLAN, network.VLAN))
	}
	if !found.Distributed {
		if missing := d.hostsWithout(found); len(missing) > 0 {
			change.Fields = append(change.Fields, Field{"hosts", found.Hosts, append(slices.Clone(found.Hosts), missing...)})
			change.Reasons = append(change.Reasons, "missing on "+strings.Join(missing, ", "))
		}
	}
	return len(change.Fields) > 0
}

func (d *differ) hostsWithout(found *FoundNetwork) []string {
	var missing []string
	for _, host := range d.inv.Hosts {
		if host.Connected && !slices.Contains(found.Hosts, host.Name) {
			missing = append(missing, host.Name)
		}
	}
	return missing
}

func (d *differ) machines() {
	for i := range d.lab.Nodes {
		node := &d.lab.Nodes[i]
		want := d.want.machine(node)
		change := Change{
			Kind: KindVM, Address: node.Address, Name: node.VMName, Node: node, Want: &want,
			Spec: SpecOf(d.lab, node).String(), Host: d.placed.hostOf[node.Address],
		}
		vm := d.nodes.byAddress[node.Address]
		if vm == nil {
			change.Action, change.Reasons = Create, []string{"no such VM"}
			change.Fields = createFields(node, &want)
			if node.Power == "on" {
				change.Power = "on"
			}
			d.add(change)
			continue
		}
		change.Found = vm
		drifted := d.vmDrift(&change)
		if d.anew != nil && d.anew(node.Address) {
			change.remake("to be made anew")
			drifted = true
		}
		switch {
		case !drifted:
		case change.Action == Recreate && node.Protect:
			d.plan.Warnings = append(d.plan.Warnings, fmt.Sprintf("%s is protected and stays: remove protect = true to recreate it (%s)", node.Address, strings.Join(change.Reasons, "; ")))
		default:
			d.add(change)
		}
	}
}

// remake turns a change of a VM that is there into its recreation.
func (c *Change) remake(reason string) {
	if c.Action != Recreate {
		c.Action = Recreate
		c.PowerOff = c.PowerOff || c.Found.State != StateStopped
		if c.Node.Power == "on" {
			c.Power = "on"
		}
	}
	c.Reasons = append([]string{reason}, c.Reasons...)
}

// createFields are the values that a reader wants to see of a new VM.
func createFields(node *labspec.Node, want *Machine) []Field {
	fields := []Field{
		{"vm", nil, node.VMName},
		{"product", nil, strings.TrimSpace(node.Product + " " + node.Version)},
		{"guest_id", nil, want.GuestID},
		{"cpus", nil, want.CPUs},
		{"memory_mb", nil, want.MemoryMB},
	}
	for i, disk := range want.Disks {
		fields = append(fields, Field{fmt.Sprintf("disks[%d].size_mb", i), nil, disk.SizeMB})
	}
	for i, nic := range want.NICs {
		fields = append(fields,
			Field{fmt.Sprintf("nics[%d].port_group", i), nil, nic.PortGroup},
			Field{fmt.Sprintf("nics[%d].type", i), nil, nic.Type},
			Field{fmt.Sprintf("nics[%d].mac", i), nil, nic.MAC})
	}
	for i, disc := range want.CDROMs {
		fields = append(fields, Field{fmt.Sprintf("cdroms[%d]", i), nil, disc})
	}
	for i, floppy := range want.Floppies {
		fields = append(fields, Field{fmt.Sprintf("floppies[%d]", i), nil, floppy})
	}
	for i, port := range want.Serial {
		fields = append(fields, Field{fmt.Sprintf("serial[%d]", i), nil, port.String()})
	}
	return append(fields, Field{"power", nil, node.Power})
}

// vmDrift fills in what differs between a VM and its node, and what it takes.
func (d *differ) vmDrift(change *Change) bool {
	vm, node := change.Found, change.Node
	differences := append(identityDrift(vm, node, change.Spec), compare(vm, change.Want)...)
	differences = append(differences, d.hostDrift(vm, change)...)
	worst := live
	for _, difference := range differences {
		worst = max(worst, difference.effect)
	}
	differences = append(differences, d.powerDrift(change, worst)...)
	for _, difference := range differences {
		change.Fields = append(change.Fields, difference.Field)
		change.Reasons = append(change.Reasons, difference.reason)
	}
	change.Action = Update
	if worst == rebuild {
		change.Action = Recreate
		if node.Power == "on" {
			change.Power = "on"
		}
	}
	change.PowerOff = change.PowerOff || worst != live && vm.State != StateStopped
	return len(differences) > 0
}

func identityDrift(vm *VM, node *labspec.Node, spec string) []difference {
	c := &comparison{}
	if vm.Name != node.VMName {
		c.add(live, "vm", vm.Name, node.VMName, "is named %s, wanted %s", vm.Name, node.VMName)
	}
	if found := ParseSpec(vm.Marks.Spec); found.Product != "" && found.Product != node.Product {
		c.add(rebuild, "product", found.Product, node.Product, "was made for %s, wanted for %s: another product needs a new installation", found.Product, node.Product)
	} else if vm.Marks.Spec != spec {
		c.add(live, "spec", vm.Marks.Spec, spec, "its description in the lab file changed")
	}
	return c.found
}

// hostDrift moves a VM that is pinned elsewhere or parted from its cable's
// other end. Named pipes keep a running VM from migrating.
func (d *differ) hostDrift(vm *VM, change *Change) []difference {
	c := &comparison{}
	host := d.placed.hostOf[change.Address]
	if host == "" || host == vm.Host {
		return nil
	}
	why := "pinned there by the lab file"
	if change.Node.Host == "" {
		why = "both ends of a serial link run on one host"
	}
	c.add(powerOff, "host", vm.Host, host, "runs on %s, wanted on %s: %s", vm.Host, host, why)
	return c.found
}

// powerDrift decides the power operation at the end of an update. worst tells
// whether the update itself powers the VM off, after which it comes back.
func (d *differ) powerDrift(change *Change, worst effect) []difference {
	c := &comparison{}
	running := change.Found.State == StateRunning
	switch {
	case change.Node.Power == "on" && !running:
		change.Power = "on"
		c.add(live, "power", change.Found.State, StateRunning, "is %s, wanted running", change.Found.State)
	case change.Node.Power == "off" && change.Found.State != StateStopped:
		change.Power = "off"
		c.add(powerOff, "power", change.Found.State, StateStopped, "is %s, wanted stopped", change.Found.State)
		change.PowerOff = true
	case running && worst != live:
		change.Power = "on"
	}
	return c.found
}

// leftovers deletes what the lab once had and no longer wants.
func (d *differ) leftovers() {
	for _, vm := range d.nodes.unwanted {
		d.add(deleteVM(vm, "not in the lab file any more"))
	}
	for _, network := range d.strayNetworks() {
		d.add(Change{
			Action: Delete, Kind: KindNetwork, Address: strings.TrimPrefix(network.Name, d.lab.Name+"-"), Name: network.Name,
			Reasons: []string{"not in the lab file any more, and no other VM uses it"},
			Network: &labspec.Network{PortGroup: network.Name, VLAN: network.VLAN, Create: true},
			Fields:  []Field{{"port_group", network.Name, nil}},
		})
	}
	for _, media := range d.strayMedia() {
		d.add(deleteMedia(media))
	}
}

func deleteVM(vm *VM, reason string) Change {
	return Change{
		Action: Delete, Kind: KindVM, Address: vm.Marks.Node, Name: vm.Name, Found: vm, Reasons: []string{reason},
		Fields: []Field{{"vm", vm.Name, nil}}, PowerOff: vm.State != StateStopped,
	}
}

func deleteMedia(media FoundMedia) Change {
	return Change{
		Action: Delete, Kind: KindMedia, Address: media.Path[strings.LastIndex(media.Path, "/")+1:], Path: media.Path,
		Reasons: []string{"no VM refers to it any more"},
		Fields:  []Field{{"path", media.Path, nil}, {"size_bytes", media.Size, nil}},
	}
}

// strayNetworks are port groups named as we name ours, that this lab's VMs use
// and nothing else does, but that the lab file does not have any more.
func (d *differ) strayNetworks() []FoundNetwork {
	wanted := map[string]bool{}
	for _, network := range d.lab.Networks {
		wanted[network.PortGroup] = true
	}
	used := map[string]bool{}
	for i := range d.inv.VMs {
		for _, nic := range d.inv.VMs[i].NICs {
			used[nic.PortGroup] = true
		}
	}
	var stray []FoundNetwork
	for _, network := range d.inv.Networks {
		ours := strings.HasPrefix(network.Name, d.lab.Name+"-")
		if ours && used[network.Name] && !wanted[network.Name] && !network.ForeignUse {
			stray = append(stray, network)
		}
	}
	return stray
}

// strayMedia are uploads that only this lab's VMs have in a drive, and that
// none will have after this plan.
func (d *differ) strayMedia() []FoundMedia {
	wanted := map[string]bool{}
	for _, m := range d.lab.Media {
		wanted[MediaPath(d.inv.Placement.Datastore, m)] = true
	}
	held := mediaHeld(d.inv.VMs)
	var stray []FoundMedia
	for _, media := range d.inv.Media {
		if held[media.Path] && !wanted[media.Path] && !media.UsedByOthers {
			stray = append(stray, media)
		}
	}
	return stray
}

func mediaHeld(vms []VM) map[string]bool {
	held := map[string]bool{}
	for i := range vms {
		for _, path := range slices.Concat(vms[i].CDROMs, vms[i].Floppies) {
			held[path] = true
		}
	}
	return held
}

// IsConflict says whether an error of Diff is about foreign things.
func IsConflict(err error) bool {
	var conflict *ConflictError
	return errors.As(err, &conflict)
}
