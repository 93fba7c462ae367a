package vsphere

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/uclab/uclab/labspec"
)

// place is where a lab lives, resolved.
type place struct {
	datacenter *datacenter
	datastore  *datastore
	pool       ref
	compute    *compute
	hosts      []*hostSystem // of the compute resource, or the one that the lab is pinned to
	folder     string        // below the vm folder
	folderRef  ref           // the deepest part of it that is there
	missing    []string      // the names below folderRef that have to be created

	sources map[string]*source // what nodes are cloned from, by Clone.Source
}

// resolver turns names into objects and collects every miss.
type resolver struct {
	w      *world
	client *Client
	misses []Miss
}

func (r *resolver) miss(kind, name string, candidates []string) {
	r.misses = append(r.misses, Miss{Kind: kind, Name: name, Near: nearest(name, candidates)})
}

func (r *resolver) err() error {
	if len(r.misses) == 0 {
		return nil
	}
	return &UnresolvedError{Misses: r.misses}
}

// nearest sorts names by how little they differ from one, the nearest five.
func nearest(name string, candidates []string) []string {
	sorted := slices.Clone(candidates)
	slices.Sort(sorted)
	sorted = slices.Compact(sorted)
	want := strings.ToLower(name)
	slices.SortStableFunc(sorted, func(a, b string) int {
		return levenshtein.Distance(want, strings.ToLower(a), nil) - levenshtein.Distance(want, strings.ToLower(b), nil)
	})
	return sorted[:min(len(sorted), 5)]
}

// resolve finds everything that the lab names. With the error for what is missing
// the place comes all the same when the lab's own place is there: a destroy needs
// no more.
func (c *Client) resolve(w *world, lab *labspec.Lab) (*place, error) {
	r := &resolver{w: w, client: c}
	p := &place{}
	p.datacenter = r.datacenter(first(lab.Target.Datacenter, c.cfg.Datacenter))
	if p.datacenter == nil {
		return nil, r.err()
	}
	p.datastore = r.datastore(p.datacenter, first(lab.Target.Datastore, c.cfg.Datastore))
	r.compute(p, first(lab.Target.ResourcePool, c.cfg.ResourcePool), first(lab.Target.Host, c.cfg.Host))
	r.folder(p, first(lab.Target.Folder, c.cfg.Folder))
	if p.compute != nil {
		r.pins(p, lab)
		r.networks(p, lab)
	}
	r.mediaDatastores(p.datacenter, lab)
	if p.compute == nil || p.datastore == nil || len(p.hosts) == 0 {
		return nil, r.err()
	}
	return p, r.err()
}

func first(names ...string) string {
	for _, name := range names {
		if name != "" {
			return name
		}
	}
	return ""
}

// choose picks the object of a name, or the only one when no name is given. The
// embedded simulator has a default for everything: the first.
func choose[T any](r *resolver, kind, name string, all []T, nameOf func(T) string) (found T, ok bool) {
	names := make([]string, len(all))
	for i, candidate := range all {
		names[i] = nameOf(candidate)
		if names[i] == name {
			return candidate, true
		}
	}
	if name == "" && (len(all) == 1 || len(all) > 0 && r.client.cfg.Simulator) {
		return all[0], true
	}
	r.miss(kind, name, names)
	return found, false
}

func (r *resolver) datacenter(name string) *datacenter {
	name = strings.Trim(name, "/")
	dc, _ := choose(r, "datacenter", name, r.w.datacenters, func(dc *datacenter) string {
		if path := strings.TrimPrefix(r.w.inventoryPath(dc.ref), "/"); path == name {
			return path
		}
		return dc.name
	})
	return dc
}

func (r *resolver) datastore(dc *datacenter, name string) *datastore {
	var all []*datastore
	for _, ds := range r.w.datastores {
		if r.w.within(ds.ref, dc.ref) && (ds.usable || ds.name == name) {
			all = append(all, ds)
		}
	}
	ds, ok := choose(r, "datastore", datastoreName(name), all, func(ds *datastore) string { return ds.name })
	if ok && !ds.usable {
		r.misses = append(r.misses, Miss{Kind: "datastore", Name: name, Why: "cannot be used now: it is not accessible, or in maintenance"})
		return nil
	}
	return ds
}

// datastoreName takes "/DC0/datastore/x" for x.
func datastoreName(name string) string { return name[strings.LastIndex(name, "/")+1:] }

// compute resolves the resource pool, or the host's root pool, or that of the
// only compute resource.
func (r *resolver) compute(p *place, pool, host string) {
	var pinned *hostSystem
	if host != "" {
		pinned = r.host(p.datacenter, host)
		if pinned == nil {
			return
		}
	}
	switch {
	case pool != "":
		p.pool = r.pool(p.datacenter, pool)
		p.compute = r.w.computeOf(p.pool)
	case pinned != nil:
		p.compute = r.w.computeByRef(pinned.parent)
	default:
		all := r.w.computesIn(p.datacenter)
		p.compute, _ = choose(r, "resource pool", "", all, func(c *compute) string { return r.w.poolPath(c.pool) })
	}
	if p.compute == nil {
		return
	}
	if p.pool == (ref{}) {
		p.pool = p.compute.pool
	}
	for _, h := range r.w.hosts {
		if h.parent == p.compute.ref && (pinned == nil || h == pinned) {
			p.hosts = append(p.hosts, h)
		}
	}
	if pinned != nil && len(p.hosts) == 0 {
		r.misses = append(r.misses, Miss{Kind: "host", Name: host, Why: fmt.Sprintf("does not belong to resource pool %s", r.w.poolPath(p.pool))})
	}
}

func (r *resolver) host(dc *datacenter, name string) *hostSystem {
	var names []string
	for _, h := range r.w.hosts {
		if !r.w.within(h.ref, dc.ref) {
			continue
		}
		if h.name == datastoreName(name) {
			return h
		}
		names = append(names, h.name)
	}
	r.miss("host", name, names)
	return nil
}

// pool finds a resource pool by its path, with or without the parts before the
// compute resource, or by the compute resource alone for its root pool.
func (r *resolver) pool(dc *datacenter, name string) ref {
	want := strings.Trim(name, "/")
	want = strings.TrimPrefix(want, strings.TrimPrefix(r.w.inventoryPath(dc.hostFolder), "/")+"/")
	var names []string
	var suffix []ref
	for e := range r.w.entities {
		if e.Type != "ResourcePool" || !r.w.within(e, dc.ref) {
			continue
		}
		path := r.w.poolPath(e)
		if path == want || path == want+"/Resources" {
			return e
		}
		if strings.HasSuffix(path, "/"+want) {
			suffix = append(suffix, e)
		}
		names = append(names, path)
	}
	if len(suffix) == 1 {
		return suffix[0]
	}
	r.miss("resource pool", name, names)
	return ref{}
}

// folder splits the folder's path into what is there and what is to be created.
func (r *resolver) folder(p *place, name string) {
	p.folderRef = p.datacenter.vmFolder
	if !r.client.vim.IsVC() {
		return // ESXi has no folders
	}
	name = strings.Trim(name, "/")
	name = strings.TrimPrefix(name, strings.TrimPrefix(r.w.inventoryPath(p.datacenter.vmFolder), "/"))
	name = strings.Trim(name, "/")
	if name == "" {
		return
	}
	p.folder = name
	for part := range strings.SplitSeq(name, "/") {
		if len(p.missing) == 0 {
			if child, ok := r.w.childFolder(p.folderRef, part); ok {
				p.folderRef = child
				continue
			}
		}
		p.missing = append(p.missing, part)
	}
}

// pins resolves the hosts that nodes are pinned to.
func (r *resolver) pins(p *place, lab *labspec.Lab) {
	seen := map[string]bool{}
	for i := range lab.Nodes {
		name := lab.Nodes[i].Host
		if name == "" || seen[name] {
			continue
		}
		seen[name] = true
		if !slices.ContainsFunc(p.hosts, func(h *hostSystem) bool { return h.name == name }) {
			r.miss("host", name, hostNames(p.hosts))
		}
	}
}

func hostNames(hosts []*hostSystem) []string {
	names := make([]string, len(hosts))
	for i, h := range hosts {
		names[i] = h.name
	}
	return names
}

// networks resolves switches of networks to create, and port groups of others.
func (r *resolver) networks(p *place, lab *labspec.Lab) {
	seen := map[string]bool{}
	for i := range lab.Networks {
		n := &lab.Networks[i]
		switch {
		case n.Create && n.DistributedSwitch != "":
			if !seen["dvs "+n.DistributedSwitch] && r.w.distributedSwitch(p.datacenter, n.DistributedSwitch) == nil {
				r.miss("distributed switch", n.DistributedSwitch, r.w.switchNames(p.datacenter))
			}
			seen["dvs "+n.DistributedSwitch] = true
		case n.Create:
			if !seen["switch "+n.Switch] {
				r.standardSwitch(p, n.Switch)
			}
			seen["switch "+n.Switch] = true
		default:
			if !seen["port group "+n.PortGroup] && r.w.network(p.datacenter, n.PortGroup) == nil {
				r.miss("port group", n.PortGroup, r.w.networkNames(p.datacenter))
			}
			seen["port group "+n.PortGroup] = true
		}
	}
}

// standardSwitch wants the vSwitch on every usable host, since a VM may be
// placed on any.
func (r *resolver) standardSwitch(p *place, name string) {
	var without []string
	var names []string
	with := 0
	for _, h := range p.hosts {
		if !h.usable() {
			continue
		}
		switches := r.w.switchesOn(h)
		if slices.Contains(switches, name) {
			with++
			continue
		}
		without, names = append(without, h.name), append(names, switches...)
	}
	switch {
	case len(without) > 0 && with > 0:
		r.misses = append(r.misses, Miss{Kind: "vSwitch", Name: name, Why: "not on " + strings.Join(without, ", ")})
	case len(without) > 0:
		r.miss("vSwitch", name, names)
	}
}

// mediaDatastores resolves the datastores of media that are there already.
func (r *resolver) mediaDatastores(dc *datacenter, lab *labspec.Lab) {
	var names []string
	for _, ds := range r.w.datastores {
		if r.w.within(ds.ref, dc.ref) {
			names = append(names, ds.name)
		}
	}
	for _, m := range lab.Media {
		if name := datastoreOf(m.Source); strings.HasPrefix(m.Source, "[") && !slices.Contains(names, name) {
			r.miss("datastore", name, names)
		}
	}
}

func (h *hostSystem) usable() bool { return h.connected && !h.maintenance }

func (w *world) computesIn(dc *datacenter) []*compute {
	var all []*compute
	for _, c := range w.computes {
		if w.within(c.ref, dc.ref) {
			all = append(all, c)
		}
	}
	// Clusters first: they are what the simulator's default should be.
	slices.SortStableFunc(all, func(a, b *compute) int {
		if a.cluster != b.cluster {
			if a.cluster {
				return -1
			}
			return 1
		}
		return strings.Compare(a.name, b.name)
	})
	return all
}

func (w *world) computeByRef(r ref) *compute {
	for _, c := range w.computes {
		if c.ref == r {
			return c
		}
	}
	return nil
}

// computeOf is the compute resource that owns a resource pool.
func (w *world) computeOf(pool ref) *compute {
	e, ok := w.entities[pool]
	if !ok {
		return nil
	}
	return w.computeByRef(e.owner)
}

func (w *world) childFolder(parent ref, name string) (ref, bool) {
	for r, e := range w.entities {
		if r.Type == "Folder" && e.parent == parent && e.name == name {
			return r, true
		}
	}
	return ref{}, false
}

func (w *world) distributedSwitch(dc *datacenter, name string) *distributedSwitch {
	for _, s := range w.switches {
		if s.name == name && w.within(s.ref, dc.ref) {
			return s
		}
	}
	return nil
}

func (w *world) switchNames(dc *datacenter) []string {
	var names []string
	for _, s := range w.switches {
		if w.within(s.ref, dc.ref) {
			names = append(names, s.name)
		}
	}
	return names
}

func (w *world) switchesOn(h *hostSystem) []string {
	var names []string
	if info := w.networkInfo[h.networkSystem]; info != nil {
		for _, s := range info.switches {
			names = append(names, s.Name)
		}
	}
	return names
}

func (w *world) network(dc *datacenter, name string) *network {
	for _, n := range w.networks {
		if n.name == name && !n.uplink && w.within(n.ref, dc.ref) {
			return n
		}
	}
	return nil
}

func (w *world) networkNames(dc *datacenter) []string {
	var names []string
	for _, n := range w.networks {
		if !n.uplink && w.within(n.ref, dc.ref) {
			names = append(names, n.name)
		}
	}
	return names
}
