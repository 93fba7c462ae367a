package labspec

import (
	"regexp"
	"slices"
	"strings"
)

// maxVMName is the longest name of a VM or port group, in bytes (vSphere).
const maxVMName = 80

var (
	labNamePattern  = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$`)
	namePattern     = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$`)
	hostnamePattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)
)

func (l *loader) checkLabName(b *block) {
	if b.label == "" {
		return // there is no lab block, which has been reported
	}
	if !labNamePattern.MatchString(b.label) || len(b.label) > 40 {
		l.report.add("NAM002", "lab", b.labelRange, "%q cannot name a lab: up to 40 letters, digits and hyphens, not starting or ending with a hyphen.", b.label)
	}
}

// declaration is a block that every scope gets an object of.
type declaration struct {
	block   *block
	cluster *block
	shared  bool
}

// declareScopes makes the scopes, and in each the objects that names mean.
// False means that there are too many.
func (l *loader) declareScopes() bool {
	count := l.podCount()
	networks := l.declarations("network", l.withoutCluster("network"))
	nodes := l.declarations("node", l.nodeDeclarations())
	l.checkLabels("media", "cluster", "serial_link", "remote_destination", "target")
	if total := count * len(nodes); total > maxNodes || len(nodes) > maxNodes {
		l.report.add("LANG009", "", l.doc.declRange, "The lab has %d nodes; the limit is %d.", max(total, len(nodes)), maxNodes)
		return false
	}
	if total := count * len(networks); total > maxNetworks || len(networks) > maxNetworks {
		l.report.add("LANG009", "", l.doc.declRange, "The lab has %d networks; the limit is %d.", max(total, len(networks)), maxNetworks)
		return false
	}
	shared := l.ev.scopes[0]
	l.ev.pods = make(map[string]*scope, count)
	for i := 1; i <= count; i++ {
		pod := newScope(i)
		l.ev.scopes = append(l.ev.scopes, pod)
		l.ev.pods[pod.name] = pod
	}
	l.declareObjects("network", networks, shared)
	l.declareObjects("node", nodes, shared)
	return true
}

// podCount reads the pods block's count before there are pods.
func (l *loader) podCount() int {
	b := l.doc.one("pods")
	if b == nil {
		return 0
	}
	r := l.ev.read(&object{kind: "pods", block: b, scope: l.ev.scopes[0]})
	count, _ := r.integer("count", 1, maxPods)
	return count
}

// hasPods says whether the file asks for pods; without, everything is in the
// shared scope.
func (l *loader) hasPods() bool { return len(l.ev.scopes) > 1 }

func (l *loader) withoutCluster(kind string) []declaration {
	var all []declaration
	for _, b := range l.doc.of(kind) {
		all = append(all, declaration{block: b})
	}
	return all
}

// nodeDeclarations gives the nodes in file order, those of clusters in place.
func (l *loader) nodeDeclarations() []declaration {
	var all []declaration
	for _, b := range l.doc.blocks {
		switch b.typ.name {
		case "node":
			all = append(all, declaration{block: b})
		case "cluster":
			for _, inner := range b.of("node") {
				all = append(all, declaration{block: inner, cluster: b})
			}
		}
	}
	// JSON gives a body's blocks type by type; the file's order is the reader's.
	slices.SortStableFunc(all, func(a, b declaration) int { return a.block.declRange.Start.Byte - b.block.declRange.Start.Byte })
	return all
}

// declarations drops what has a taken or unusable name and finds out what is
// shared.
func (l *loader) declarations(kind string, all []declaration) []declaration {
	seen := map[string]*block{}
	kept := all[:0]
	for _, d := range all {
		if !l.checkLabel(kind, d.block, seen) {
			continue
		}
		o := &object{kind: kind, name: d.block.label, block: d.block, defaults: d.cluster, scope: l.ev.scopes[0]}
		d.shared = l.ev.read(o).boolean("shared", false)
		kept = append(kept, d)
	}
	return kept
}

func (l *loader) checkLabels(kinds ...string) {
	for _, kind := range kinds {
		seen := map[string]*block{}
		for _, b := range l.doc.of(kind) {
			l.checkLabel(kind, b, seen)
		}
	}
}

func (l *loader) checkLabel(kind string, b *block, seen map[string]*block) bool {
	address := kind + "." + b.label
	if !namePattern.MatchString(b.label) {
		l.report.add("NAM002", address, b.labelRange, "%q cannot name a %s: letters, digits, hyphens, dots and underscores, starting and ending with a letter or digit.", b.label, kind)
		return false
	}
	if first, taken := seen[b.label]; taken {
		l.report.add("LANG003", address, b.declRange, "There are two of %s %q; the first is at line %d.", kind, b.label, first.declRange.Start.Line)
		return false
	}
	seen[b.label] = b
	return true
}

// declareObjects puts an object into each scope: shared ones are the same
// object everywhere.
func (l *loader) declareObjects(kind string, all []declaration, shared *scope) {
	pods := l.ev.scopes[1:]
	for _, d := range all {
		if d.shared || len(pods) == 0 {
			o := &object{kind: kind, name: d.block.label, block: d.block, defaults: d.cluster, scope: shared, shared: true}
			for _, s := range l.ev.scopes {
				s.namespace(kind).add(o)
			}
			continue
		}
		for _, s := range pods {
			s.namespace(kind).add(&object{kind: kind, name: d.block.label, block: d.block, defaults: d.cluster, scope: s})
		}
	}
}

// objects gives the objects of a kind, each once: the shared ones, then pod by
// pod.
func (l *loader) objects(kind string) []*object {
	var all []*object
	for _, s := range l.ev.scopes {
		in := s.namespace(kind)
		for _, name := range in.names {
			if o := in.byName[name]; o.scope == s {
				all = append(all, o)
			}
		}
	}
	return all
}

// checkVMName checks a name that goes into the inventory.
func (l *loader) checkVMName(o *object, name string) {
	if len(name) > maxVMName {
		l.report.add("NAM002", o.address(), o.block.declRange, "The name %q has %d bytes; the limit is %d.", name, len(name), maxVMName)
	}
}

// clusterNames lists the labels of the cluster blocks.
func (l *loader) clusterNames() []string {
	var names []string
	for _, b := range l.doc.of("cluster") {
		names = append(names, b.label)
	}
	return names
}

// trimmed is s without surrounding space, for paths typed by hand.
func trimmed(s string) string { return strings.TrimSpace(s) }
