package labspec

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// lint runs every rule that can be decided from the file over the complete lab.
func (l *loader) lint(ctx context.Context) error {
	c := &linter{loader: l}
	for _, group := range []func(){
		c.checkIgnores, c.lintNames, c.lintHardware, c.lintNetworks, c.lintAddresses, c.lintSerial,
		c.lintLicenses, c.lintInstallation, c.lintClusters, c.lintMobility, c.lintUnused,
	} {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		group()
	}
	return nil
}

// linter is the lint stage of a load.
type linter struct{ *loader }

// checkIgnores reads every ignore, so that a wrong id is found even where the
// lint has nothing to say.
func (c *linter) checkIgnores() {
	for _, b := range c.doc.blocks {
		c.ignores(b)
		for _, inner := range b.of("node") {
			c.ignores(inner)
		}
	}
}

// lintNames wants lower case everywhere.
func (c *linter) lintNames() {
	lab := c.ev.lab
	if upper(lab.block.label) {
		c.find("NAM001", lab, lab.block.labelRange, "The lab's name %q has upper case letters.", lab.block.label)
	}
	if upper(c.lab.Domain) {
		c.find("NAM001", lab, lab.rangeOf("domain"), "The domain %q has upper case letters.", c.lab.Domain)
	}
	for i, o := range c.nodes {
		n := &c.lab.Nodes[i]
		switch {
		case upper(n.Hostname) && n.Hostname != n.Name:
			c.find("NAM001", o.object, o.rangeOf("hostname"), "The host name %q has upper case letters.", n.Hostname)
		case upper(n.Name):
			c.find("NAM001", o.object, o.block.labelRange, "The name %q has upper case letters.", n.Name)
		}
	}
	c.lintHostnames()
	for _, b := range slices.Concat(c.doc.of("cluster"), c.doc.of("network")) {
		if upper(b.label) {
			c.find("NAM001", &object{kind: b.typ.name, name: b.label, block: b}, b.labelRange, "The name %q has upper case letters.", b.label)
		}
	}
}

// lintHostnames finds two nodes of a pod with one host name: nodes know each
// other by it.
func (c *linter) lintHostnames() {
	type host struct{ pod, name string }
	first := map[host]string{}
	for i, o := range c.nodes {
		n := &c.lab.Nodes[i]
		key := host{n.Pod, strings.ToLower(n.Hostname)}
		if other, taken := first[key]; taken {
			c.find("NAM003", o.object, o.rangeOf("hostname"), "%s and %s both have the host name %q.", other, n.Name, n.Hostname)
			continue
		}
		first[key] = n.Name
	}
}

func upper(s string) bool { return strings.ToLower(s) != s }

// lintInstallation keeps installations simple: what is configured while the
// appliance installs can make the installation fail.
func (c *linter) lintInstallation() {
	accounts := map[string]account{}
	for i, o := range c.nodes {
		n := &c.lab.Nodes[i]
		c.lintSecrets(o, n)
		c.lintAccounts(o, n, accounts)
		if n.Product == "cups" || n.Product == "imp" {
			if sip := n.Params["sip_domain"]; sip != "" && c.lab.Domain != "" && sip != c.lab.Domain {
				c.find("DNS001", o.object, o.rangeOf("params"), "The SIP domain %q is not the DNS domain %q.", sip, c.lab.Domain)
			}
		}
		if o.profile == nil || o.profile.Kind != "appliance" {
			continue
		}
		if len(n.DNS) > 0 {
			c.find("KISS001", o.object, o.rangeOf("dns"), "%s is installed with DNS; if that is not set up properly, the installation fails.", n.Name)
		}
		c.lintNTP(o, n)
	}
}

// lintNTP: NTP is configured on the publisher only, and after the installation.
// From 9 on (unverified) a virtual publisher insists on NTP, so nothing is said.
func (c *linter) lintNTP(o *nodeObject, n *Node) {
	if len(n.NTP) == 0 {
		return
	}
	if n.Role == "subscriber" {
		c.find("NTP001", o.object, o.rangeOf("ntp"), "%s is a subscriber: it takes its time from the publisher.", n.Name)
		return
	}
	if major, known := majorVersion(n); known && major < 9 {
		c.find("KISS002", o.object, o.rangeOf("ntp"), "%s is installed with NTP; if that is not set up properly, the installation fails.", n.Name)
	}
}

type account struct {
	param string
	node  string
}

// lintAccounts finds one service account used for two purposes.
func (c *linter) lintAccounts(o *nodeObject, n *Node, seen map[string]account) {
	for _, param := range slices.Sorted(maps.Keys(n.Params)) {
		if !strings.HasSuffix(param, "_account") || n.Params[param] == "" {
			continue
		}
		key := n.Pod + "\x00" + strings.ToLower(n.Params[param])
		first, used := seen[key]
		if !used {
			seen[key] = account{param, n.Name}
			continue
		}
		if first.param != param {
			c.find("KISS003", o.object, o.rangeOf("params"), "The account of %s is also the %s of %s.", param, first.param, first.node)
		}
	}
}

// lintSecrets finds what looks like a secret written out. Its value is never
// part of the message.
func (c *linter) lintSecrets(o *nodeObject, n *Node) {
	value := c.ev.get(o.object, "params")
	if _, marks := value.UnmarkDeep(); len(marks) > 0 {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(n.Params)) {
		name := strings.ToLower(key)
		if n.Params[key] != "" && (strings.Contains(name, "password") || strings.Contains(name, "passwd") || strings.Contains(name, "secret")) {
			c.find("SEC002", o.object, o.rangeOf("params"), "params.%s looks like a secret.", key)
		}
	}
}

// lintUnused says what is declared for nothing.
func (c *linter) lintUnused() {
	networks, media := map[string]bool{}, map[string]bool{}
	for i := range c.lab.Nodes {
		n := &c.lab.Nodes[i]
		for _, nic := range n.NICs {
			networks[nic.Network] = true
		}
		for _, name := range slices.Concat(n.CDROMs, n.Floppies) {
			media[name] = true
		}
	}
	if c.report.failed {
		return // what refers to them may be what failed
	}
	for i := range c.lab.Networks {
		if n := &c.lab.Networks[i]; !networks[n.Address] {
			b := c.blockAt("network", n.Name)
			c.find("USE001", &object{kind: "network", name: n.Name, block: b}, n.DeclRange, "No node is on network %q.", n.Name)
		}
	}
	for i := range c.lab.Media {
		if m := &c.lab.Media[i]; !media[m.Name] {
			b := c.blockAt("media", m.Name)
			c.find("USE001", &object{kind: "media", name: m.Name, block: b}, m.DeclRange, "No node has media %q in a drive.", m.Name)
		}
	}
}

func (c *linter) blockAt(kind, name string) *block {
	for _, b := range c.doc.of(kind) {
		if b.label == name {
			return b
		}
	}
	return nil
}
