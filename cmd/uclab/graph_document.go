package main

import (
	"slices"
	"strings"
	"time"

	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
)

// stateUnknown is the state of a node in a graph that was drawn from the lab
// file alone.
const stateUnknown = "unknown"

// networkColors is how many colours for networks drawing.css has.
const networkColors = 8

// graphDocument is what `uclab graph` draws, and what `--as json` writes:
// documented in docs/graph.md.
type graphDocument struct {
	Format      int            `json:"format"`
	Lab         string         `json:"lab"`
	Description string         `json:"description,omitempty"`
	Target      string         `json:"target,omitempty"`   // "" when the target was not read
	Observed    string         `json:"observed,omitempty"` // RFC 3339; "" when the target was not read
	Networks    []graphNetwork `json:"networks"`
	Nodes       []graphNode    `json:"nodes"`
	Links       []graphLink    `json:"links"`
}

// graphNetwork is one network of the lab.
type graphNetwork struct {
	Address   string `json:"address"`
	Name      string `json:"name"`
	Pod       string `json:"pod,omitempty"`
	CIDR      string `json:"cidr,omitempty"`
	Gateway   string `json:"gateway,omitempty"`
	VLAN      int    `json:"vlan,omitempty"` // 0: untagged
	PortGroup string `json:"port_group,omitempty"`
	Shared    bool   `json:"shared,omitempty"`

	color int // in the palette: the same for the pods' networks of one name
}

// graphNode is a node as `uclab status` shows it, with what the drawing needs
// besides. Without a read of the target its state is "unknown".
type graphNode struct {
	plan.NodeStatus
	Name    string `json:"name"`
	Pod     string `json:"pod,omitempty"`
	Cluster string `json:"cluster,omitempty"`
	Role    string `json:"role,omitempty"`
	Notes   string `json:"notes,omitempty"`
	Source  string `json:"source,omitempty"` // the VM that it is a clone of
	Protect bool   `json:"protect,omitempty"`

	wires []graphWire // the networks that it is to be on, in NIC order
}

// graphWire joins a node with a network.
type graphWire struct {
	network string // graphNetwork.Address
	ip      string
}

// graphLink is a serial cable. Server and Client are addresses of nodes.
type graphLink struct {
	Address string `json:"address"`
	Name    string `json:"name"`
	Pod     string `json:"pod,omitempty"`
	Pipe    string `json:"pipe"`
	Server  string `json:"server"`
	Client  string `json:"client"`
}

// newGraphDocument joins a lab with what was found. A nil status means that the
// target was not read.
func newGraphDocument(lab *labspec.Lab, pods plan.PodSet, status *plan.Status, observed time.Time) *graphDocument {
	doc := &graphDocument{
		Format: 1, Lab: lab.Name, Description: lab.Description,
		Networks: []graphNetwork{}, Nodes: []graphNode{}, Links: []graphLink{},
	}
	live := status != nil
	if live {
		doc.Target = status.Target
		doc.Observed = observed.UTC().Format(time.RFC3339)
	} else {
		status = plan.StatusOf(lab, &plan.Inventory{})
	}
	wanted := make(map[string]*labspec.Node, len(lab.Nodes))
	for i := range lab.Nodes {
		wanted[lab.Nodes[i].Address] = &lab.Nodes[i]
	}
	for _, found := range status.Nodes {
		if !pods.Has(found.Address) {
			continue
		}
		if !live {
			found.State = stateUnknown
		}
		doc.Nodes = append(doc.Nodes, newGraphNode(found, wanted[found.Address]))
	}
	doc.addLinks(lab, pods)
	doc.addNetworks(lab, pods)
	return doc
}

// newGraphNode describes one node. A VM that the lab file does not name any
// more has no wanted node: it is on the networks where it was found.
func newGraphNode(found plan.NodeStatus, wanted *labspec.Node) graphNode {
	node := graphNode{NodeStatus: found}
	if wanted == nil {
		node.Pod, node.Name = splitAddress(found.Address)
		for _, nic := range found.NICs {
			node.wires = append(node.wires, graphWire{nic.Network, nic.IP})
		}
		return node
	}
	node.Name, node.Pod, node.Cluster, node.Role = wanted.Name, wanted.Pod, wanted.Cluster, wanted.Role
	node.Notes, node.Protect = wanted.Notes, wanted.Protect
	if wanted.Clone != nil {
		node.Source = wanted.Clone.Source
	}
	for _, nic := range wanted.NICs {
		wire := graphWire{network: nic.Network}
		if nic.IP.IsValid() {
			wire.ip = nic.IP.String()
		}
		node.wires = append(node.wires, wire)
	}
	return node
}

func splitAddress(address string) (pod, name string) {
	pod, name, inPod := strings.Cut(address, "/")
	if !inPod {
		return "", address
	}
	return pod, name
}

func (d *graphDocument) addLinks(lab *labspec.Lab, pods plan.PodSet) {
	for _, link := range lab.SerialLinks {
		if !pods.Has(link.Server) && !pods.Has(link.Client) {
			continue
		}
		d.Links = append(d.Links, graphLink{
			Address: link.Address, Name: link.Name, Pod: link.Pod, Pipe: link.Pipe, Server: link.Server, Client: link.Client,
		})
	}
}

// addNetworks adds the networks of the chosen pods and the shared ones that
// their nodes are on. Without a choice of pods it adds all.
func (d *graphDocument) addNetworks(lab *labspec.Lab, pods plan.PodSet) {
	used := map[string]bool{}
	for _, node := range d.Nodes {
		for _, wire := range node.wires {
			used[wire.network] = true
		}
	}
	colors := map[string]int{}
	for _, network := range lab.Networks {
		if _, known := colors[network.Name]; !known {
			colors[network.Name] = len(colors) % networkColors
		}
		if !pods.Has(network.Address) && !used[network.Address] {
			continue
		}
		out := graphNetwork{
			Address: network.Address, Name: network.Name, Pod: network.Pod, VLAN: network.VLAN,
			PortGroup: network.PortGroup, Shared: network.Shared, color: colors[network.Name],
		}
		if network.CIDR.IsValid() {
			out.CIDR = network.CIDR.String()
		}
		if network.Gateway.IsValid() {
			out.Gateway = network.Gateway.String()
		}
		d.Networks = append(d.Networks, out)
	}
}

// live says that the states of the nodes were read from the target.
func (d *graphDocument) live() bool { return d.Target != "" }

// graphGroup is what is drawn together: one pod, or what is outside pods.
type graphGroup struct {
	pod      string // "" outside pods
	networks []*graphNetwork
	nodes    []*graphNode
	links    []*graphLink
}

// groups parts the document by pods: first what is outside them, then each pod
// in the order of its name. A cable between two groups is in both.
func (d *graphDocument) groups() []graphGroup {
	byPod := map[string]*graphGroup{}
	group := func(pod string) *graphGroup {
		if byPod[pod] == nil {
			byPod[pod] = &graphGroup{pod: pod}
		}
		return byPod[pod]
	}
	for i := range d.Networks {
		g := group(d.Networks[i].Pod)
		g.networks = append(g.networks, &d.Networks[i])
	}
	for i := range d.Nodes {
		g := group(d.Nodes[i].Pod)
		g.nodes = append(g.nodes, &d.Nodes[i])
	}
	podOf := make(map[string]string, len(d.Nodes))
	for i := range d.Nodes {
		podOf[d.Nodes[i].Address] = d.Nodes[i].Pod
	}
	for i := range d.Links {
		link := &d.Links[i]
		server, hasServer := podOf[link.Server]
		client, hasClient := podOf[link.Client]
		if hasServer {
			group(server).links = append(group(server).links, link)
		}
		if hasClient && (!hasServer || client != server) {
			group(client).links = append(group(client).links, link)
		}
	}
	out := make([]graphGroup, 0, len(byPod))
	for _, g := range byPod {
		out = append(out, *g)
	}
	slices.SortFunc(out, func(a, b graphGroup) int { return comparePods(a.pod, b.pod) })
	return out
}

// comparePods orders pod100 after pod99: names of pods differ in length only
// when the number does.
func comparePods(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// title names a node's product as people do: "cucm 7.1.5 publisher".
func (n *graphNode) title() string {
	return strings.TrimSpace(strings.Join(strings.Fields(n.Product+" "+n.Version+" "+n.Role), " "))
}

// ip is the first address that the node has.
func (n *graphNode) ip() string {
	for _, wire := range n.wires {
		if wire.ip != "" {
			return wire.ip
		}
	}
	return ""
}

// stateText says a node's state, and its drift, in words.
func (n *graphNode) stateText() string {
	text := n.State
	if n.State == stateUnknown {
		text = ""
	}
	if len(n.Drift) > 0 && n.State != stateUnknown && n.State != plan.StateMissing {
		text = strings.TrimSpace(text + ", drift")
	}
	return text
}
