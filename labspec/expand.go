package labspec

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
)

// nodeObject is a node of the lab beside the block that it comes from.
type nodeObject struct {
	reader
	index   int // in Lab.Nodes
	cluster *block
	profile *Profile
	nics    []reader    // per NIC: where its attributes are
	ports   []hcl.Range // per serial port: the block that made it
	hostID  string      // the MAC that the licences want, 12 digits
}

// expand makes the lab's parts out of the blocks, for every pod.
func (l *loader) expand(ctx context.Context) error {
	l.addLabProfiles()
	l.lab = &Lab{Format: Format, File: l.path, Dir: l.dir, Name: l.ev.labName}
	l.expandTarget()
	for _, o := range l.objects("network") {
		l.expandNetwork(l.ev.read(o))
	}
	for _, b := range l.doc.of("media") {
		l.expandMedia(l.ev.read(&object{kind: "media", name: b.label, block: b, scope: l.ev.scopes[0]}))
	}
	machines := map[string]string{}
	for i, o := range l.objects("node") {
		if i%1000 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		l.expandNode(l.ev.read(o))
		n := &l.lab.Nodes[i]
		if other, taken := machines[n.VMName]; taken {
			l.report.add("LANG003", o.address(), o.block.declRange, "The machines of %q and %q are both called %q.", other, n.Address, n.VMName)
		}
		machines[n.VMName] = n.Address
	}
	l.expandPods()
	l.expandSerialLinks()
	l.expandRemoteDestinations()
	l.expandLab()
	l.evaluateLocals()
	return nil
}

// evaluateLocals evaluates what nothing refers to, so that mistakes there are
// found too.
func (l *loader) evaluateLocals() {
	last := l.ev.scopes[len(l.ev.scopes)-1]
	for _, name := range slices.Sorted(maps.Keys(l.ev.localsOf)) {
		l.ev.local(last, name, nil)
	}
}

// expandLab comes last: the message may refer to everything.
func (l *loader) expandLab() {
	r := l.ev.read(l.ev.lab)
	l.lab.Description = r.text("description")
	l.lab.Domain = r.text("domain")
	l.lab.Message = strings.TrimRight(l.ev.read(l.firstPodLab()).text("message"), " \t\r\n")
	l.lab.Owner = r.text("owner")
	expires, hasExpires := r.str("expires")
	ttl, hasTTL := r.str("ttl")
	if hasExpires && hasTTL {
		l.report.add("LANG010", "lab", r.rangeOf("ttl"), "Both expires and ttl are given.")
	}
	if hasExpires {
		when, err := parseDate(expires)
		if err != nil {
			r.invalid("expires", "expires = %q is neither a date (2026-12-24) nor an RFC 3339 time.", expires)
		}
		l.lab.Expires = when
	}
	if hasTTL {
		lifetime, err := parseLifetime(ttl)
		if err != nil {
			r.invalid("ttl", "ttl = %q is not a lifetime such as \"8h\" or \"3d\", up to ten years.", ttl)
		}
		l.lab.TTL = lifetime
	}
}

// firstPodLab is the lab block as the first pod sees it: in a lab with pods the
// message speaks of that one's nodes.
func (l *loader) firstPodLab() *object {
	if !l.hasPods() {
		return l.ev.lab
	}
	return &object{kind: "lab", block: l.ev.lab.block, scope: l.ev.scopes[1], shared: true}
}

func parseDate(text string) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.AddDate(0, 0, 1), nil // the whole day still counts
	}
	return time.Parse(time.RFC3339, text)
}

func parseLifetime(text string) (time.Duration, error) {
	const longest = 10 * 365 * 24 * time.Hour
	lifetime, err := time.ParseDuration(text)
	if days, isDays := strings.CutSuffix(text, "d"); isDays {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		lifetime = time.Duration(n) * 24 * time.Hour
	}
	if err != nil {
		return 0, err
	}
	if lifetime <= 0 || lifetime > longest {
		return 0, fmt.Errorf("out of range")
	}
	return lifetime, nil
}

func (l *loader) expandTarget() {
	b := l.doc.one("target")
	if b == nil {
		l.lab.Target = Target{Simulator: true}
		return
	}
	if b.label != "vsphere" {
		l.report.add("LANG006", "target", b.labelRange, "There is no target %q.%s", b.label, didYouMean(b.label, []string{"vsphere"})).Fix =
			"Use target \"vsphere\", or no target block for the embedded simulator."
	}
	r := l.ev.read(&object{kind: "target", block: b, scope: l.ev.scopes[0]})
	l.lab.Target = Target{
		Kind: b.label, URL: r.text("url"), User: r.text("user"), Datacenter: r.text("datacenter"), Datastore: r.text("datastore"),
		ResourcePool: r.text("resource_pool"), Folder: r.text("folder"), Host: r.text("host"),
		CAFile: l.relative(r.text("ca_file")), Thumbprint: r.text("thumbprint"), Insecure: r.boolean("insecure", false), DeclRange: b.declRange,
	}
	if address := l.lab.Target.URL; address != "" {
		parsed, err := url.Parse(address)
		if err != nil {
			// The error quotes the address, which may hold a password.
			r.invalid("url", "url is not an address such as \"https://vcenter.example.com/sdk\".")
			l.lab.Target.URL = ""
		} else if _, has := parsed.User.Password(); has {
			l.report.add("SEC001", "target", r.rangeOf("url"), "url holds a password.")
			l.lab.Target.URL = ""
		}
	}
}

// relative makes a path that the file writes absolute to the lab's directory.
func (l *loader) relative(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(l.dir, path)
}

func (l *loader) expandNetwork(r reader) {
	n := Network{
		Name: r.name, Address: r.scope.address(r.name), Pod: r.scope.name, Shared: r.shared && l.hasPods(), DeclRange: r.block.declRange,
		Switch: r.text("switch"), DistributedSwitch: r.text("distributed_switch"), PortGroup: r.text("port_group"),
	}
	l.networkAddresses(r, &n)
	n.VLAN, _ = r.integer("vlan", 0, 4095)
	n.Create = n.Switch != "" || n.DistributedSwitch != ""
	switch {
	case n.Switch != "" && n.DistributedSwitch != "":
		l.report.add("LANG010", r.address(), r.rangeOf("distributed_switch"), "Both switch and distributed_switch are given.")
	case n.Create && n.PortGroup != "":
		l.report.add("LANG010", r.address(), r.rangeOf("port_group"), "Both a switch and port_group are given.").Fix =
			"Keep the switch to have a port group created (named " + vmName(l.ev.labName, n.Address) + "), or port_group to use an existing one."
	case n.Create:
		n.PortGroup = vmName(l.ev.labName, n.Address)
		l.checkVMName(r.object, n.PortGroup)
	case n.PortGroup == "" && !l.tried(r, "switch", "distributed_switch", "port_group"):
		l.report.add("NET001", r.address(), r.block.declRange, "Network %q has neither a switch nor a port group.", n.Name)
	}
	if _, given := r.attribute("vlan"); given && !n.Create {
		l.report.add("LANG010", r.address(), r.rangeOf("vlan"), "vlan is for a port group that uclab creates; %q is used as it is.", n.PortGroup).Fix =
			"Remove vlan, or name the switch on which to create a port group."
	}
	if n.VLAN == 4095 && n.DistributedSwitch != "" {
		r.invalid("vlan", "vlan 4095 (all VLANs) exists on standard switches only.")
	}
	l.lab.Networks = append(l.lab.Networks, n)
}

// tried says whether one of the attributes has a value that could not be had,
// which has then been reported.
func (l *loader) tried(r reader, names ...string) bool {
	for _, name := range names {
		if _, given := r.attribute(name); given && !l.ev.get(r.object, name).IsWhollyKnown() {
			return true
		}
	}
	return false
}

func (l *loader) networkAddresses(r reader, n *Network) {
	if text, ok := r.str("cidr"); ok {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			r.invalid("cidr", "cidr = %q is not an address block such as \"10.10.210.0/24\".", text)
		} else if prefix.Masked() != prefix {
			r.invalid("cidr", "cidr = %q has host bits set; the block is %q.", text, prefix.Masked())
		}
		n.CIDR = prefix
	}
	if text, ok := r.str("gateway"); ok {
		gateway, err := netip.ParseAddr(text)
		switch {
		case err != nil:
			r.invalid("gateway", "gateway = %q is not an address.", text)
		case n.CIDR.IsValid() && !n.CIDR.Contains(gateway):
			l.report.add("NET002", r.address(), r.rangeOf("gateway"), "Gateway %s is not in %s.", gateway, n.CIDR)
		default:
			n.Gateway = gateway
		}
	}
}

func (l *loader) expandMedia(r reader) {
	m := Media{
		Name: r.name, Bootable: r.boolean("bootable", false), BootFile: r.text("boot_file"),
		Optional: r.boolean("optional", false), DeclRange: r.block.declRange,
	}
	source, given := r.str("source")
	source = trimmed(source)
	fallback := "iso"
	switch strings.ToLower(path.Ext(filepath.ToSlash(source))) {
	case ".flp", ".img", ".vfd", ".ima":
		fallback = "floppy"
	}
	m.Kind = r.oneOf("kind", fallback, "iso", "floppy")
	switch {
	case given && source != "":
		m.Source = source
		if !strings.HasPrefix(source, "[") {
			m.Source = l.relative(source)
			l.findMedia(r, &m)
		} else if end := strings.Index(source, "] "); end < 2 || end+2 == len(source) {
			r.invalid("source", "source = %q is not a datastore path such as \"[datastore1] iso/cucm.iso\".", source)
		}
	case m.Optional:
		m.Missing = true
	case !l.tried(r, "source"):
		r.need("source", "Media %q has no source, and is not optional.", r.name)
	}
	if m.Bootable && m.Kind == "floppy" {
		r.invalid("bootable", "A floppy takes no boot record from uclab: bootable is for discs.")
	}
	if m.BootFile != "" && !m.Bootable {
		l.report.add("LANG010", r.address(), r.rangeOf("boot_file"), "boot_file is given, but not bootable = true.").Fix = "Add bootable = true."
	}
	l.lab.Media = append(l.lab.Media, m)
}

// findMedia looks whether a local source is there.
func (l *loader) findMedia(r reader, m *Media) {
	info, err := os.Stat(m.Source)
	switch {
	case err == nil && info.Mode().IsRegular():
	case err == nil:
		r.invalid("source", "%s is not a file.", m.Source)
	case m.Optional:
		m.Missing = true
		l.find("MED002", r.object, r.rangeOf("source"), "%s is not there.", m.Source)
	default:
		m.Missing = true
		l.report.add("MED001", r.address(), r.rangeOf("source"), "%s is not there.", m.Source)
	}
}

func (l *loader) expandPods() {
	b := l.doc.one("pods")
	if b == nil || !l.hasPods() {
		return
	}
	l.lab.Pods = &Pods{Count: len(l.ev.scopes) - 1, DeclRange: b.declRange}
	if inner := b.one("clone"); inner != nil {
		l.lab.Pods.Clone = l.clone(l.ev.read(&object{kind: "pods.clone", block: inner, scope: l.ev.scopes[1]}), "")
	}
}

// clone reads a clone block for a node's name.
func (l *loader) clone(r reader, name string) *Clone {
	c := &Clone{From: r.text("from"), Snapshot: r.text("snapshot"), Linked: r.boolean("linked", false), Instant: r.boolean("instant", false)}
	if c.From == "" {
		return nil
	}
	if c.Instant && (c.Linked || c.Snapshot != "") {
		l.report.add("LANG010", r.address(), r.rangeOf("instant"), "An instant clone is made of a running machine, not of a snapshot or by linking.")
	}
	if !strings.Contains(c.From, "/") && c.From == l.ev.labName {
		r.invalid("from", "from = %q is this lab itself: masters are another lab's nodes, or a VM's path.", c.From)
	}
	switch {
	case strings.Contains(c.From, "/"):
		c.Source = c.From
	case name != "":
		c.Source = vmName(c.From, name)
	}
	return c
}
