package labspec

import "slices"

// expandSerialLinks makes a cable in every pod, or one between shared nodes,
// and plugs it into both nodes.
func (l *loader) expandSerialLinks() {
	byAddress := make(map[string]int, len(l.lab.Nodes))
	for i := range l.lab.Nodes {
		byAddress[l.lab.Nodes[i].Address] = i
	}
	for _, b := range l.doc.of("serial_link") {
		for _, s := range l.linkScopes(b) {
			l.expandSerialLink(l.ev.read(&object{kind: "serial_link", name: b.label, block: b, scope: s}), byAddress)
		}
	}
}

// linkScopes says in which scopes a cable is laid: in each pod, unless both its
// nodes are shared.
func (l *loader) linkScopes(b *block) []*scope {
	shared := l.ev.scopes[:1]
	if !l.hasPods() {
		return shared
	}
	r := l.ev.read(&object{kind: "serial_link", name: b.label, block: b, scope: shared[0]})
	if _, said := b.attributes["shared"]; said {
		if r.boolean("shared", false) {
			return shared
		}
		return l.ev.scopes[1:]
	}
	for _, end := range []string{"server", "client"} {
		a, ok := b.attributes[end]
		if !ok || len(a.Expr.Variables()) > 0 || shared[0].nodes.byName[r.text(end)] == nil {
			return l.ev.scopes[1:]
		}
	}
	return shared
}

func (l *loader) expandSerialLink(r reader, byAddress map[string]int) {
	server, okServer := l.linkEnd(r, "server")
	client, okClient := l.linkEnd(r, "client")
	if !okServer || !okClient {
		return
	}
	if server == client {
		r.invalid("client", "A cable needs two nodes; both its ends are at %q.", server)
		return
	}
	link := SerialLink{
		Name: r.name, Address: r.scope.address(r.name), Pod: r.scope.name, Server: server, Client: client, DeclRange: r.block.declRange,
		Pipe: orText(r, "pipe", r.scope.pipe(r.name)),
	}
	if !namePattern.MatchString(link.Pipe) || len(link.Pipe) > maxVMName {
		r.invalid("pipe", "pipe = %q is not a name: letters, digits, hyphens, dots and underscores.", link.Pipe)
		return
	}
	for address, endpoint := range map[string]string{server: "server", client: "client"} {
		i := byAddress[address]
		node := &l.lab.Nodes[i]
		l.nodes[i].ports = append(l.nodes[i].ports, r.block.declRange)
		node.Serial = append(node.Serial, SerialPort{Backing: "pipe", Name: link.Pipe, Endpoint: endpoint, Link: link.Address})
	}
	l.lab.SerialLinks = append(l.lab.SerialLinks, link)
}

// pipe names the pipe of a cable.
func (s *scope) pipe(label string) string {
	if s.name == "" {
		return label
	}
	return s.name + "-" + label
}

// linkEnd finds the node at an end of a cable.
func (l *loader) linkEnd(r reader, end string) (address string, ok bool) {
	name, ok := r.str(end)
	if !ok {
		return "", false
	}
	o := l.ev.find(r.scope, r.scope.nodes, "node", name)
	if o == nil {
		l.report.add("LANG004", r.address(), r.rangeOf(end), "There is no node %q.%s", name, didYouMean(name, r.scope.nodes.names))
		return "", false
	}
	return o.scope.address(o.name), true
}

func (l *loader) expandRemoteDestinations() {
	clusters := l.clusterNames()
	for _, b := range l.doc.of("remote_destination") {
		r := l.ev.read(&object{kind: "remote_destination", name: b.label, block: b, scope: l.ev.scopes[0]})
		d := RemoteDestination{
			Name: b.label, UserCluster: r.text("user_cluster"), PhoneCluster: r.text("phone_cluster"), Number: r.text("number"), DeclRange: b.declRange,
		}
		for name, cluster := range map[string]string{"user_cluster": d.UserCluster, "phone_cluster": d.PhoneCluster} {
			if cluster != "" && !slices.Contains(clusters, cluster) {
				l.report.add("LANG004", r.address(), r.rangeOf(name), "There is no cluster %q.%s", cluster, didYouMean(cluster, clusters))
			}
		}
		l.lab.RemoteDestinations = append(l.lab.RemoteDestinations, d)
	}
}
