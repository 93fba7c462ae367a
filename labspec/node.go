package labspec

import (
	"cmp"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// expandNode takes from a node's block, and its cluster's, what the file says.
// The profile's figures come in complete.
func (l *loader) expandNode(r reader) {
	address := r.scope.address(r.name)
	n := Node{
		Address: address, Name: r.name, Pod: r.scope.name, PodIndex: r.scope.index, VMName: vmName(l.ev.labName, address),
		Product: strings.ToLower(l.product(r)), Version: r.text("version"), Role: l.role(r), Hostname: orText(r, "hostname", r.name),
		Power: r.oneOf("power", "on", "on", "off", "keep"), Host: r.text("host"),
		DNS: l.servers(r, "dns"), NTP: l.servers(r, "ntp"), Params: r.stringMap("params"),
		Shared: r.shared && l.hasPods(), Protect: l.protected(r), DeclRange: r.block.declRange,
	}
	if r.defaults != nil {
		n.Cluster = r.defaults.label
	}
	l.checkVMName(r.object, n.VMName)
	if !hostnamePattern.MatchString(n.Hostname) {
		l.report.add("NAM002", r.address(), r.rangeOf("hostname"), "%q is not a host name: up to 63 letters, digits and hyphens.", n.Hostname).Fix =
			"Set hostname to one of letters, digits and hyphens."
	}
	if n.Role == "subscriber" && !own(r, "ntp") {
		n.NTP = nil // a cluster's default is meant for its publisher
	}
	o := &nodeObject{reader: r, index: len(l.lab.Nodes), cluster: r.defaults}
	l.nodeDrives(r, &n)
	l.nodeNICs(o, &n)
	l.nodeSerial(o, &n)
	n.SSH = l.nodeSSH(r)
	n.Clone = l.nodeClone(r)
	l.lab.Nodes = append(l.lab.Nodes, n)
	l.nodes = append(l.nodes, o)
}

// own says whether the node's block itself, not its cluster, has an attribute.
func own(r reader, name string) bool { return r.block.attributes[name] != nil }

// product reads the product, which is one: a list of several is somebody's
// attempt to put Presence on a CUCM server.
func (l *loader) product(r reader) string {
	value := l.ev.get(r.object, "product")
	if raw, _ := value.Unmark(); raw.IsKnown() && !raw.IsNull() && raw.CanIterateElements() {
		several := r.strings("product")
		if len(several) > 1 && slices.ContainsFunc(several, isPresence) {
			l.report.add("PRES001", r.address(), r.rangeOf("product"), "%s are to share the node %q.", strings.Join(several, " and "), r.name)
			return ""
		}
		r.invalid("product", "A node has one product.")
		return ""
	}
	return r.text("product")
}

// role reads the role. Presence is a product, not a role of CUCM.
func (l *loader) role(r reader) string {
	role, _ := r.str("role")
	if isPresence(role) {
		l.report.add("PRES001", r.address(), r.rangeOf("role"), "Node %q is to have the role %q.", r.name, role)
		return ""
	}
	return r.oneOf("role", "", "publisher", "subscriber")
}

// isPresence knows the words for Cisco Unified Presence.
func isPresence(word string) bool {
	switch strings.ToLower(word) {
	case "presence", "cups", "cup", "imp", "im&p":
		return true
	}
	return false
}

// servers reads a list of addresses or names.
func (l *loader) servers(r reader, name string) []string {
	servers := r.strings(name)
	for _, server := range servers {
		if _, err := netip.ParseAddr(server); err == nil {
			continue
		}
		for _, label := range strings.Split(strings.TrimSuffix(server, "."), ".") {
			if !hostnamePattern.MatchString(label) {
				r.invalid(name, "%s: %q is neither an address nor a host name.", name, server)
				break
			}
		}
	}
	return servers
}

// protected combines the node's own word with its pod's.
func (l *loader) protected(r reader) bool {
	if r.boolean("protect", false) {
		return true
	}
	pods := l.doc.one("pods")
	if pods == nil || r.scope.index == 0 {
		return false
	}
	return l.ev.read(&object{kind: "pods", block: pods, scope: r.scope}).boolean("protect", false)
}

// nodeDrives puts discs and floppies into the node's drives.
func (l *loader) nodeDrives(r reader, n *Node) {
	for _, attribute := range []string{"media", "floppy"} {
		for _, name := range r.strings(attribute) {
			m, ok := l.lab.MediaByName(name)
			if !ok {
				l.report.add("LANG004", r.address(), r.rangeOf(attribute), "There is no media %q.%s", name, didYouMean(name, l.mediaNames()))
				continue
			}
			switch {
			case slices.Contains(n.CDROMs, name) || slices.Contains(n.Floppies, name):
				r.invalid(attribute, "%q is in a drive of %q already.", name, r.name)
			case m.Kind == "floppy":
				n.Floppies = append(n.Floppies, name)
			case attribute == "floppy":
				r.invalid(attribute, "%q is a disc: name it in media, or give it kind = \"floppy\".", name)
			default:
				n.CDROMs = append(n.CDROMs, name)
			}
		}
	}
}

func (l *loader) mediaNames() []string {
	var names []string
	for i := range l.lab.Media {
		names = append(names, l.lab.Media[i].Name)
	}
	return names
}

// nodeNICs makes the adapters, of the nic blocks or the one of the node's
// network.
func (l *loader) nodeNICs(o *nodeObject, n *Node) {
	blocks := o.block.of("nic")
	network := o.text("network")
	if len(blocks) == 0 {
		if network == "" {
			for _, name := range []string{"ip", "mac"} {
				if _, given := o.block.attributes[name]; given && !l.tried(o.reader, "network") {
					l.report.add("LANG010", o.address(), o.rangeOf(name), "%s is given, but the node has no network.", name).Fix = "Add network = \"...\"."
				}
			}
			return
		}
		l.addNIC(o, n, o.reader, network)
		return
	}
	for i, b := range blocks {
		r := o.inner(b)
		if i == 0 {
			r = l.firstNIC(o, b)
		}
		name := cmp.Or(r.text("network"), network)
		if name == "" {
			if !l.tried(r, "network") {
				r.need("network", "The adapter has no network, and the node has none either.")
			}
			continue
		}
		l.addNIC(o, n, r, name)
	}
}

// firstNIC is the reader of the first nic block: it takes the node's ip and mac
// unless it has its own.
func (l *loader) firstNIC(o *nodeObject, b *block) reader {
	for _, name := range []string{"ip", "mac", "check_mac"} {
		if mine := b.attributes[name]; mine != nil && own(o.reader, name) {
			l.report.add("LANG010", o.address(), mine.Range, "%s is given for the node and for its first adapter.", name)
		}
	}
	r := o.inner(b)
	r.object.defaults = &block{attributes: hcl.Attributes{}}
	for _, name := range []string{"ip", "mac", "check_mac"} {
		if a := o.block.attributes[name]; a != nil {
			r.object.defaults.attributes[name] = a
		}
	}
	return r
}

// addNIC adds an adapter to a network.
func (l *loader) addNIC(o *nodeObject, n *Node, r reader, name string) {
	network := l.ev.find(o.scope, o.scope.networks, "network", name)
	if network == nil {
		l.unknownNetwork(o, r, name)
		return
	}
	nic := NIC{Network: network.scope.address(network.name), CheckMAC: r.boolean("check_mac", true)}
	if r.block.typ.name == "nic" {
		nic.Type = nicType(r.oneOf("type", "", nicTypes...))
	}
	if text, ok := r.str("ip"); ok {
		ip, err := netip.ParseAddr(text)
		if err != nil || ip.Zone() != "" {
			r.invalid("ip", "ip = %q is not an address.", text)
		} else {
			nic.IP = ip.Unmap()
		}
	}
	n.NICs = append(n.NICs, nic)
	o.nics = append(o.nics, r)
}

func (l *loader) unknownNetwork(o *nodeObject, r reader, name string) {
	if _, given := r.attribute("network"); !given {
		r = o.reader
	}
	if o.scope.index == 0 && l.hasPods() && l.ev.scopes[1].networks.byName[name] != nil {
		l.report.add("LANG004", o.address(), r.rangeOf("network"), "Every pod has a network %q of its own, and the shared node %q cannot be on all of them.", name, o.name).Fix =
			"Mark the network shared = true, or put the node on a shared one."
		return
	}
	l.report.add("LANG004", o.address(), r.rangeOf("network"), "There is no network %q.%s", name, didYouMean(name, o.scope.networks.names))
}

// nodeSerial makes the ports of the serial blocks; those of cables come later.
func (l *loader) nodeSerial(o *nodeObject, n *Node) {
	for _, b := range o.block.of("serial") {
		s := o.inner(b)
		port := SerialPort{Endpoint: s.oneOf("endpoint", "server", "server", "client")}
		pipe, hasPipe := s.str("pipe")
		uri, hasURI := s.str("uri")
		switch {
		case hasPipe == hasURI:
			if !l.tried(s, "pipe", "uri") {
				l.report.add("LANG010", s.address(), b.declRange, "A serial port is on a pipe or on the network.").Fix = "Give it pipe or uri, one of the two."
			}
			continue
		case hasPipe:
			port.Backing, port.Name = "pipe", pipe
			if !namePattern.MatchString(pipe) || len(pipe) > maxVMName {
				s.invalid("pipe", "pipe = %q is not a name: letters, digits, hyphens, dots and underscores.", pipe)
			}
			if own(s, "proxy") {
				l.report.add("LANG010", s.address(), s.rangeOf("proxy"), "proxy is for ports on the network, not on a pipe.")
			}
		default:
			port.Backing, port.URI, port.Proxy = "network", uri, s.text("proxy")
			for _, name := range []string{"uri", "proxy"} {
				l.checkSerialURI(s, name)
			}
		}
		n.Serial = append(n.Serial, port)
		o.ports = append(o.ports, b.declRange)
	}
}

func (l *loader) checkSerialURI(s reader, name string) {
	text, ok := s.str(name)
	if !ok {
		return
	}
	parsed, err := url.Parse(text)
	if err != nil || parsed.Host == "" || !slices.Contains([]string{"telnet", "telnets", "tcp", "tcp+ssl"}, parsed.Scheme) {
		s.invalid(name, "%s = %q is not an address such as \"telnet://:2001\" or \"telnets://concentrator:13370\".", name, text)
	}
}

func (l *loader) nodeSSH(r reader) SSH {
	mine, theirs := r.block.one("ssh"), (*block)(nil)
	if r.defaults != nil {
		theirs = r.defaults.one("ssh")
	}
	if mine == nil {
		mine, theirs = theirs, nil
	}
	if mine == nil {
		return SSH{Port: 22}
	}
	s := l.ev.read(&object{kind: r.address() + ".ssh", block: mine, defaults: theirs, scope: r.scope})
	port, _ := s.integer("port", 1, 65535)
	return SSH{Host: s.text("host"), Port: cmp.Or(port, 22), User: s.text("user"), Legacy: s.boolean("legacy", false), Jump: s.text("jump")}
}

// nodeClone finds the nearest clone block: the node's, the cluster's, or for a
// node of a pod the pods block's.
func (l *loader) nodeClone(r reader) *Clone {
	b := r.block.one("clone")
	if b == nil && r.defaults != nil {
		b = r.defaults.one("clone")
	}
	if pods := l.doc.one("pods"); b == nil && pods != nil && r.scope.index > 0 {
		b = pods.one("clone")
	}
	if b == nil {
		return nil
	}
	return l.clone(l.ev.read(&object{kind: r.address() + ".clone", block: b, scope: r.scope}), r.name)
}
