package labspec

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// group is the nodes of one product in one cluster of one pod. Nodes outside
// cluster blocks are a group too, of which less is known.
type group struct{ pod, cluster, product string }

func (g group) String() string {
	if g.cluster == "" {
		return "The lab"
	}
	return fmt.Sprintf("Cluster %q", g.cluster)
}

// groups gives the nodes by cluster and product, with the groups in file order.
func (c *linter) groups() ([]group, map[group][]int) {
	var order []group
	members := map[group][]int{}
	for i := range c.lab.Nodes {
		n := &c.lab.Nodes[i]
		g := group{n.Pod, n.Cluster, n.Product}
		if members[g] == nil {
			order = append(order, g)
		}
		members[g] = append(members[g], i)
	}
	return order, members
}

// lintClusters wants one publisher and one version per product of a cluster,
// and CUCM and Presence that go together.
func (c *linter) lintClusters() {
	order, members := c.groups()
	for _, g := range order {
		c.lintPublishers(g, members[g])
		if g.cluster == "" {
			continue
		}
		first := &c.lab.Nodes[members[g][0]]
		for _, i := range members[g][1:] {
			n, o := &c.lab.Nodes[i], c.nodes[i]
			if n.Version != first.Version {
				c.find("CLU003", o.object, o.rangeOf("version"), "%s has version %s, and %s has %s.", n.Name, n.Version, first.Name, first.Version)
			}
		}
	}
	c.lintPresence(members)
}

func (c *linter) lintPublishers(g group, members []int) {
	publisher, subscriber := -1, -1
	for _, i := range members {
		switch c.lab.Nodes[i].Role {
		case "publisher":
			if publisher >= 0 && g.cluster != "" {
				o := c.nodes[i]
				c.find("CLU001", o.object, o.rangeOf("role"), "Both %s and %s are publishers of %s in cluster %q.",
					c.lab.Nodes[publisher].Name, c.lab.Nodes[i].Name, g.product, g.cluster)
				continue
			}
			publisher = i
		case "subscriber":
			subscriber = i
		}
	}
	if publisher < 0 && subscriber >= 0 {
		o := c.nodes[subscriber]
		c.find("CLU002", o.object, o.rangeOf("role"), "%s has subscribers of %s, but no publisher.", g, g.product)
	}
}

// lintPresence compares every Presence node with the CUCM that it works with:
// that of its cluster, else any of the lab.
func (c *linter) lintPresence(members map[group][]int) {
	inPod := map[string][]int{}
	for i := range c.lab.Nodes {
		if n := &c.lab.Nodes[i]; n.Product == "cucm" {
			inPod[n.Pod] = append(inPod[n.Pod], i)
		}
	}
	for i, o := range c.nodes {
		n := &c.lab.Nodes[i]
		if n.Product != "cups" && n.Product != "imp" {
			continue
		}
		c.lintPresenceAddress(o, n)
		presence, known := majorVersion(n)
		if !known {
			continue
		}
		partners := members[group{n.Pod, n.Cluster, "cucm"}]
		if n.Cluster == "" || len(partners) == 0 {
			partners = slices.Concat(inPod[n.Pod])
			if n.Pod != "" {
				partners = append(partners, inPod[""]...)
			}
		}
		c.lintPair(o, n, presence, c.majors(partners))
	}
}

// lintPresenceAddress follows the rule by which CUPC makes the presence address:
// the node name as it is when it is an IP address or its text ends with the SIP
// domain, else the two joined.
func (c *linter) lintPresenceAddress(o *nodeObject, n *Node) {
	name, domain := n.Params["node_name"], cmp.Or(n.Params["sip_domain"], c.lab.Domain)
	if _, err := netip.ParseAddr(name); err == nil || name == "" || domain == "" {
		return
	}
	address := name
	if !strings.HasSuffix(name, domain) {
		address += "." + domain
	}
	head := strings.TrimSuffix(address, domain)
	if !strings.HasSuffix(head, ".") || strings.Contains(strings.TrimSuffix(head, "."), ".") {
		c.find("PRES002", o.object, o.rangeOf("params"), "With the node name %q and the SIP domain %q clients look for %q.", name, domain, address)
	}
}

// majors gives the major versions of nodes, each once, rising.
func (c *linter) majors(nodes []int) []int {
	found := map[int]bool{}
	for _, i := range nodes {
		if major, known := majorVersion(&c.lab.Nodes[i]); known {
			found[major] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// lintPair says whether Presence works with one of the CUCMs at least.
func (c *linter) lintPair(o *nodeObject, n *Node, presence int, cucms []int) {
	rule := ""
	for _, cucm := range cucms {
		verdict := pair(cucm, presence)
		if verdict == "" {
			return
		}
		if rule == "" || verdict == "VER002" {
			rule = verdict
		}
	}
	if rule != "" {
		c.find(rule, o.object, o.rangeOf("version"), "%s is Presence %d, and CUCM is %d.", n.Name, presence, cucms[0])
	}
}

// pair names the rule that a CUCM and a Presence of two major versions break.
// The posts know CUCM 6 and 7; other releases (unverified) go together by number.
func pair(cucm, presence int) string {
	switch {
	case cucm == presence, cucm == 6 && presence == 7:
		return ""
	case cucm == 6 || cucm == 7:
		return "VER001"
	}
	return "VER002"
}

// lintMobility wants remote destinations in another cluster than the user's.
func (c *linter) lintMobility() {
	for _, b := range c.doc.of("remote_destination") {
		o := &object{kind: "remote_destination", name: b.label, block: b, scope: c.ev.scopes[0]}
		r := c.ev.read(o)
		if user, phone := r.text("user_cluster"), r.text("phone_cluster"); user != "" && user == phone {
			c.find("MOB001", o, r.rangeOf("phone_cluster"), "%q rings a phone of cluster %q, which is the user's own.", b.label, user)
		}
	}
}
