package main

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"

	"github.com/uclab/uclab/plan"
)

// fillOf is the background colour of a node in a state, for dark text.
func fillOf(state string) string {
	switch state {
	case plan.StateRunning:
		return "#d3f0da"
	case plan.StateStopped:
		return "#e3e6ea"
	case plan.StateSuspended:
		return "#fbe9b7"
	case plan.StateMissing:
		return "#ffd9d6"
	case plan.StateForeign:
		return "#e9dbff"
	default:
		return "#ffffff"
	}
}

// lines are what a node says about itself in DOT and Mermaid.
func (n *graphNode) lines() []string {
	var lines []string
	for _, line := range []string{n.Name, n.title(), n.ip(), n.stateText()} {
		if line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// lines are what a network says about itself in DOT and Mermaid.
func (n *graphNetwork) lines() []string {
	lines := []string{n.Name}
	if n.CIDR != "" {
		lines = append(lines, n.CIDR)
	}
	if n.VLAN != 0 {
		lines = append(lines, fmt.Sprintf("VLAN %d", n.VLAN))
	}
	return lines
}

// isBreak says that a character would break a line, or is no text at all.
func isBreak(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }

// dotQuote writes a DOT string. A backslash begins an escape and an ampersand an
// HTML entity (Graphviz, "escString"), so both are escaped.
func dotQuote(lines ...string) string {
	escaped := make([]string, len(lines))
	for i, line := range lines {
		line = strings.ToValidUTF8(line, "\uFFFD")
		line = strings.Map(func(r rune) rune {
			if isBreak(r) {
				return ' '
			}
			return r
		}, line)
		escaped[i] = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "&", "&amp;").Replace(line)
	}
	return `"` + strings.Join(escaped, `\n`) + `"`
}

// writeDOT writes the lab for Graphviz: pods and clusters are subgraphs,
// networks are nodes of their own, serial cables are dashed.
func writeDOT(doc *graphDocument) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "graph %s {\n", dotQuote(doc.Lab))
	out.WriteString(`  graph [rankdir=LR, fontname="Helvetica", compound=true];` + "\n")
	out.WriteString(`  node [shape=box, style="rounded,filled", fillcolor="#ffffff", color="#5b6570", fontname="Helvetica", fontsize=11];` + "\n")
	out.WriteString(`  edge [color="#5b6570", fontname="Helvetica", fontsize=9];` + "\n")
	groups := doc.groups()
	for i := range groups {
		writeDOTGroup(&out, &groups[i])
	}
	known := doc.networkSet()
	for i := range doc.Nodes {
		node := &doc.Nodes[i]
		for w, wire := range node.wires {
			if w == 0 {
				wire.ip = "" // the node itself shows it
			}
			if known[wire.network] {
				fmt.Fprintf(&out, "  %s -- %s%s;\n", dotQuote("node:"+node.Address), dotQuote("network:"+wire.network), dotLabel(wire.ip))
			}
		}
	}
	nodes := doc.nodeSet()
	for _, link := range doc.Links {
		if nodes[link.Server] && nodes[link.Client] {
			fmt.Fprintf(&out, "  %s -- %s [style=dashed, color=\"#7a5200\", label=%s, taillabel=\"server\", headlabel=\"client\", constraint=false];\n",
				dotQuote("node:"+link.Server), dotQuote("node:"+link.Client), dotQuote(link.Name))
		}
	}
	out.WriteString("}\n")
	return out.Bytes()
}

func dotLabel(text string) string {
	if text == "" {
		return ""
	}
	return " [label=" + dotQuote(text) + "]"
}

func writeDOTGroup(out *bytes.Buffer, group *graphGroup) {
	indent := "  "
	if group.pod != "" {
		fmt.Fprintf(out, "  subgraph %s {\n    label=%s;\n", dotQuote("cluster:"+group.pod), dotQuote(group.pod))
		indent = "    "
	}
	for _, network := range group.networks {
		fmt.Fprintf(out, "%s%s [shape=box, style=filled, fillcolor=\"#dbe9fb\", label=%s];\n", indent, dotQuote("network:"+network.Address), dotQuote(network.lines()...))
	}
	for _, block := range group.clusters() {
		inner := indent
		if block.name != "" {
			fmt.Fprintf(out, "%ssubgraph %s {\n%s  label=%s;\n", indent, dotQuote("cluster:"+group.pod+"/"+block.name), indent, dotQuote("cluster "+block.name))
			inner = indent + "  "
		}
		for _, node := range block.nodes {
			style := ""
			if node.State == plan.StateMissing {
				style = `, style="rounded,filled,dashed"`
			}
			if node.drifted() {
				style += `, color="#b44a00", penwidth=2`
			}
			fmt.Fprintf(out, "%s%s [label=%s, fillcolor=%q%s];\n", inner, dotQuote("node:"+node.Address), dotQuote(node.lines()...), fillOf(node.State), style)
		}
		if block.name != "" {
			fmt.Fprintf(out, "%s}\n", indent)
		}
	}
	if group.pod != "" {
		out.WriteString("  }\n")
	}
}

// clusterBlock is the nodes of one cluster in a group; name is "" for a node
// outside clusters.
type clusterBlock struct {
	name  string
	nodes []*graphNode
}

// clusters parts a group's nodes by cluster, in the order of the file.
func (g *graphGroup) clusters() []clusterBlock {
	var blocks []clusterBlock
	at := map[string]int{}
	for _, node := range g.nodes {
		i, known := at[node.Cluster]
		if !known || node.Cluster == "" {
			i = len(blocks)
			at[node.Cluster] = i
			blocks = append(blocks, clusterBlock{name: node.Cluster})
		}
		blocks[i].nodes = append(blocks[i].nodes, node)
	}
	return blocks
}

func (d *graphDocument) networkSet() map[string]bool {
	set := make(map[string]bool, len(d.Networks))
	for i := range d.Networks {
		set[d.Networks[i].Address] = true
	}
	return set
}

func (d *graphDocument) nodeSet() map[string]bool {
	set := make(map[string]bool, len(d.Nodes))
	for i := range d.Nodes {
		set[d.Nodes[i].Address] = true
	}
	return set
}

// mermaidQuote writes a Mermaid label. Mermaid has no escapes but entity codes
// with a number sign (flowchart syntax, "Entity codes to escape characters").
func mermaidQuote(lines ...string) string {
	escaped := make([]string, len(lines))
	for i, line := range lines {
		var b strings.Builder
		for _, r := range strings.ToValidUTF8(line, "\uFFFD") {
			switch {
			case isBreak(r):
				b.WriteByte(' ')
			case strings.ContainsRune("#\"<>&`;\\%", r):
				fmt.Fprintf(&b, "#%d;", r)
			default:
				b.WriteRune(r)
			}
		}
		escaped[i] = b.String()
	}
	return `"` + strings.Join(escaped, "<br/>") + `"`
}

// writeMermaid writes the lab as a Mermaid flowchart, which GitHub and GitLab
// draw in Markdown. Ids are numbers, for names may be Mermaid's own words.
func writeMermaid(doc *graphDocument) []byte {
	var out bytes.Buffer
	out.WriteString("flowchart LR\n")
	ids := map[string]string{}
	groups := doc.groups()
	for i := range groups {
		writeMermaidGroup(&out, &groups[i], i, ids)
	}
	for i := range doc.Nodes {
		node := &doc.Nodes[i]
		for w, wire := range node.wires {
			if w == 0 {
				wire.ip = "" // the node itself shows it
			}
			network, known := ids["network:"+wire.network]
			switch {
			case !known:
			case wire.ip != "":
				fmt.Fprintf(&out, "  %s ---|%s| %s\n", ids["node:"+node.Address], mermaidQuote(wire.ip), network)
			default:
				fmt.Fprintf(&out, "  %s --- %s\n", ids["node:"+node.Address], network)
			}
		}
	}
	for _, link := range doc.Links {
		server, hasServer := ids["node:"+link.Server]
		client, hasClient := ids["node:"+link.Client]
		if hasServer && hasClient {
			fmt.Fprintf(&out, "  %s -.-|%s| %s\n", server, mermaidQuote("serial "+link.Name), client)
		}
	}
	writeMermaidClasses(&out, doc, ids)
	return out.Bytes()
}

func writeMermaidGroup(out *bytes.Buffer, group *graphGroup, number int, ids map[string]string) {
	indent := "  "
	if group.pod != "" {
		fmt.Fprintf(out, "  subgraph pod%d[%s]\n", number, mermaidQuote(group.pod))
		indent = "    "
	}
	for _, network := range group.networks {
		id := fmt.Sprintf("w%d", len(ids))
		ids["network:"+network.Address] = id
		fmt.Fprintf(out, "%s%s([%s])\n", indent, id, mermaidQuote(network.lines()...))
	}
	for i, block := range group.clusters() {
		inner := indent
		if block.name != "" {
			fmt.Fprintf(out, "%ssubgraph cluster%d_%d[%s]\n", indent, number, i, mermaidQuote("cluster "+block.name))
			inner = indent + "  "
		}
		for _, node := range block.nodes {
			id := fmt.Sprintf("n%d", len(ids))
			ids["node:"+node.Address] = id
			fmt.Fprintf(out, "%s%s[%s]\n", inner, id, mermaidQuote(node.lines()...))
		}
		if block.name != "" {
			fmt.Fprintf(out, "%send\n", indent)
		}
	}
	if group.pod != "" {
		out.WriteString("  end\n")
	}
}

func writeMermaidClasses(out *bytes.Buffer, doc *graphDocument, ids map[string]string) {
	if !doc.live() {
		return
	}
	for _, state := range graphStates() {
		var members []string
		for i := range doc.Nodes {
			if doc.Nodes[i].State == state {
				members = append(members, ids["node:"+doc.Nodes[i].Address])
			}
		}
		if len(members) > 0 {
			fmt.Fprintf(out, "  classDef %s fill:%s,stroke:#5b6570,color:#1c2128\n  class %s %s\n", state, fillOf(state), strings.Join(members, ","), state)
		}
	}
}
