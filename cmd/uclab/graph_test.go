package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
)

// labBuilder makes labs for drawing: addresses, products and wires are what
// matters.
type labBuilder struct{ lab *labspec.Lab }

func (b labBuilder) network(pod, name, cidr string, vlan int) {
	address := join(pod, name)
	b.lab.Networks = append(b.lab.Networks, labspec.Network{
		Name: name, Address: address, Pod: pod, CIDR: netip.MustParsePrefix(cidr), VLAN: vlan,
		PortGroup: b.lab.Name + "-" + strings.ReplaceAll(address, "/", "-"), Create: true,
	})
}

// node adds a node; wires are "network" or "network=address".
func (b labBuilder) node(pod, cluster, name, product, role string, wires ...string) *labspec.Node {
	product, version, _ := strings.Cut(product, " ")
	address := join(pod, name)
	node := labspec.Node{
		Address: address, Name: name, Pod: pod, Cluster: cluster, VMName: plan.VMName(b.lab.Name, address),
		Product: product, Version: version, Role: role, GuestID: "rhel4Guest", CPUs: 1, MemoryMB: 1024,
		Disks: []labspec.Disk{{SizeGB: 60}},
	}
	for i, wire := range wires {
		network, ip, _ := strings.Cut(wire, "=")
		nic := labspec.NIC{Network: join(pod, network), MAC: fmt.Sprintf("00:50:56:00:%02x:%02x", len(b.lab.Nodes)%256, i)}
		if shared, ok := strings.CutPrefix(network, "^"); ok {
			nic.Network = shared
		}
		if ip != "" {
			nic.IP = netip.MustParseAddr(ip)
		}
		node.NICs = append(node.NICs, nic)
	}
	b.lab.Nodes = append(b.lab.Nodes, node)
	return &b.lab.Nodes[len(b.lab.Nodes)-1]
}

func (b labBuilder) cable(pod, name, server, client string) {
	b.lab.SerialLinks = append(b.lab.SerialLinks, labspec.SerialLink{
		Name: name, Address: join(pod, name), Pod: pod, Pipe: name, Server: join(pod, server), Client: join(pod, client),
	})
}

func join(pod, name string) string {
	if pod == "" {
		return name
	}
	return pod + "/" + name
}

// voiceLab is a candidate's lab: two sites, a cluster, cables, a firewall with
// two feet.
func voiceLab() *labspec.Lab {
	b := labBuilder{&labspec.Lab{Format: 1, Name: "ccie-voice", Description: "CCIE Voice v3: HQ cluster, presence, voicemail, ASA console"}}
	b.network("", "hq", "10.10.210.0/24", 210)
	b.network("", "dmz", "10.10.220.0/24", 220)
	b.network("", "br1", "10.10.101.0/24", 101)
	b.node("", "hq", "cucm-pub", "cucm 7.1.5", "publisher", "hq=10.10.210.10")
	b.node("", "hq", "cucm-sub", "cucm 7.1.5", "subscriber", "hq=10.10.210.11")
	b.node("", "", "cups", "cups 7.0.8", "", "hq=10.10.210.12")
	b.node("", "", "cuc", "cuc 7.1.3", "", "hq=10.10.210.13")
	b.node("", "", "uccx", "uccx 7.0.1", "", "hq=10.10.210.14")
	b.node("", "", "asa", "asa 8.4.2", "", "hq=10.10.210.1", "dmz=10.10.220.1", "br1=10.10.101.1")
	b.node("", "", "xp-term", "winxp", "", "hq=10.10.210.100")
	b.node("", "", "cuma", "cuma 7.1", "", "dmz=10.10.220.10")
	b.node("", "", "xp-br1", "winxp", "", "br1=10.10.101.100")
	b.cable("", "asa-console", "asa", "xp-term")
	b.cable("", "cuc-console", "cuc", "xp-br1")
	return b.lab
}

// room is a classroom: the same nodes in every pod, and a shared file server.
func room(pods, nodes int) *labspec.Lab {
	b := labBuilder{&labspec.Lab{Format: 1, Name: "classroom", Description: "CCIE Voice bootcamp", Pods: &labspec.Pods{Count: pods}}}
	b.network("", "backbone", "192.168.0.0/24", 10)
	b.lab.Networks[0].Shared = true
	b.node("", "", "files", "linux", "", "backbone=192.168.0.5")
	names := []string{"cucm-pub", "cucm-sub", "cups", "cuc", "uccx", "asa", "xp-term"}
	products := []string{"cucm 7.1.5", "cucm 7.1.5", "cups 7.0.8", "cuc 7.1.3", "uccx 7.0.1", "asa 8.4.2", "winxp"}
	for p := 1; p <= pods; p++ {
		pod := fmt.Sprintf("pod%02d", p)
		b.network(pod, "hq", "10.10.210.0/24", 200+p)
		for n := range nodes {
			name, product, cluster := fmt.Sprintf("node-%02d", n), "cucm 7.1.5", ""
			if n < len(names) {
				name, product = names[n], products[n]
			}
			if n < 2 {
				cluster = "hq"
			}
			b.node(pod, cluster, name, product, "", fmt.Sprintf("hq=10.10.210.%d", 10+n))
		}
		if nodes >= len(names) {
			b.cable(pod, "asa-console", "asa", "xp-term")
		}
	}
	return b.lab
}

// mixedStatus is a status in which nodes are in every state there is.
func mixedStatus(lab *labspec.Lab) *plan.Status {
	status := plan.StatusOf(lab, &plan.Inventory{Target: plan.TargetSimulator})
	for i := range status.Nodes {
		node := &status.Nodes[i]
		node.State, node.Host = plan.StateRunning, "esxi-1"
		switch (i * 7) % 31 {
		case 1:
			node.State = plan.StateStopped
		case 5:
			node.State = plan.StateSuspended
		case 11:
			node.State, node.Host = plan.StateMissing, ""
		case 17:
			node.Drift = []string{"memory_mb is 512, wanted 1024"}
		case 23:
			if i%2 == 0 {
				node.State, node.Drift = plan.StateForeign, []string{"the name is taken by a VM that is not this lab's"}
			}
		}
	}
	return status
}

var observedAt = time.Date(2026, 12, 1, 9, 30, 0, 0, time.UTC)

// golden compares with a file under testdata that -update rewrites.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "graph", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got), rewrite with -update:\n%s", path, diff)
	}
}

// TestGraphDocumentOfPods draws one pod, with the shared network that it is on,
// and not the shared nodes.
func TestGraphDocumentOfPods(t *testing.T) {
	lab := room(3, 7)
	lab.Nodes[len(lab.Nodes)-1].NICs[0].Network = "backbone"
	for pod, want := range map[int]string{2: "pod02/hq", 3: "backbone pod03/hq"} {
		doc := newGraphDocument(lab, plan.PodSet{pod: true}, mixedStatus(lab), observedAt)
		var networks []string
		for _, network := range doc.Networks {
			networks = append(networks, network.Address)
		}
		if got := strings.Join(networks, " "); got != want || len(doc.Nodes) != 7 || len(doc.Links) != 1 {
			t.Errorf("pod %d: networks %s, %d nodes, %d links; want %s, 7, 1", pod, got, len(doc.Nodes), len(doc.Links), want)
		}
	}
}

// TestGraphDocumentOfLeftovers shows a VM that the lab file does not name any
// more on the network where it was found.
func TestGraphDocumentOfLeftovers(t *testing.T) {
	lab := voiceLab()
	doc := newGraphDocument(lab, nil, plan.StatusOf(lab, &plan.Inventory{
		Target: plan.TargetVCenter,
		VMs: []plan.VM{{
			Name: "ccie-voice-old", State: plan.StateRunning, Marks: plan.Marks{Lab: "ccie-voice", Node: "old", Spec: `{"product":"cups"}`},
			Machine: plan.Machine{NICs: []plan.NIC{{PortGroup: "ccie-voice-dmz"}}},
		}},
	}), observedAt)
	old := doc.Nodes[len(doc.Nodes)-1]
	if old.Name != "old" || old.Product != "cups" || !old.drifted() || len(old.wires) != 1 || old.wires[0].network != "dmz" {
		t.Errorf("the leftover is %+v on %v", old.NodeStatus, old.wires)
	}
}

// TestGraphFormats pins what each format says of a small lab, from the file
// alone and with states.
func TestGraphFormats(t *testing.T) {
	for name, doc := range map[string]*graphDocument{
		"voice": newGraphDocument(voiceLab(), nil, nil, observedAt),
		"room":  newGraphDocument(room(2, 7), nil, mixedStatus(room(2, 7)), observedAt),
	} {
		for format, ending := range map[string]string{"dot": "dot", "mermaid": "mmd", "svg": "svg", "json": "json"} {
			t.Run(name+"/"+format, func(t *testing.T) {
				content, err := renderGraph(doc, format)
				if err != nil {
					t.Fatal(err)
				}
				golden(t, name+"."+ending, content)
			})
		}
	}
}

// hostileLab has texts that would be markup, or end a string, if they were not
// escaped.
func hostileLab() *labspec.Lab {
	const evil = `</script><script>document.body.remove()</script>"']]>&\|#{}` + "\u2028`end`"
	b := labBuilder{&labspec.Lab{Format: 1, Name: evil, Description: evil}}
	b.network("", evil, "10.0.0.0/24", 1)
	b.node("", evil, evil, "cucm 7", evil, evil).Notes = evil + "\x00\x1b[31m"
	b.node("", "", "plain", "cucm 7", "")
	b.cable("", evil, "plain", evil)
	return b.lab
}

func TestGraphEscapes(t *testing.T) {
	doc := newGraphDocument(hostileLab(), nil, mixedStatus(hostileLab()), observedAt)
	svg, err := renderGraph(doc, "svg")
	if err != nil {
		t.Fatal(err)
	}
	decoder := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("the SVG is no XML: %v", err)
		}
		if element, ok := token.(xml.StartElement); ok && element.Name.Local == "script" {
			t.Error("a text of the lab became an element")
		}
	}
	page, err := renderGraph(doc, "html")
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(page, []byte("<script")); n != 3 {
		t.Errorf("the page has %d script elements, want its own: the script, the lab and one drawing", n)
	}
	for _, format := range []string{"dot", "mermaid"} {
		content, err := renderGraph(doc, format)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "hostile."+format, content)
	}
}

// TestGraphvizReadsDOT asks Graphviz itself.
func TestGraphvizReadsDOT(t *testing.T) {
	dot := realTool(t, "dot", "graphviz")
	for name, lab := range map[string]*labspec.Lab{"voice": voiceLab(), "room": room(3, 7), "hostile": hostileLab()} {
		doc := newGraphDocument(lab, nil, mixedStatus(lab), observedAt)
		cmd := exec.Command(dot, "-Tplain")
		cmd.Stdin = bytes.NewReader(writeDOT(doc))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		if n := strings.Count(string(out), "\nnode "); n != len(doc.Nodes)+len(doc.Networks) {
			t.Errorf("%s: Graphviz sees %d nodes, want %d", name, n, len(doc.Nodes)+len(doc.Networks))
		}
		if strings.Contains(string(out), "Warning") {
			t.Errorf("%s: Graphviz warns: %s", name, out)
		}
	}
}

// realTool finds a program that a test compares with.
func realTool(t *testing.T, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	message := fmt.Sprintf("%s is not there; to let this test run: sudo apt-get install %s", name, pkg)
	if os.Getenv("CI") == "true" {
		t.Fatal(message)
	}
	t.Skip(message)
	return ""
}

// TestGraphLayout checks what a reader would: no two cards overlap, no line
// goes through a card, no label lies on a card or on another label.
func TestGraphLayout(t *testing.T) {
	labs := map[string]*labspec.Lab{"voice": voiceLab(), "room": room(3, 20), "tangled": tangledLab(7), "more tangled": tangledLab(8)}
	for name, lab := range labs {
		t.Run(name, func(t *testing.T) {
			doc := newGraphDocument(lab, nil, mixedStatus(lab), observedAt)
			groups := doc.groups()
			for i := range groups {
				checkDrawing(t, layoutGroup(doc, &groups[i], cardWidthFor(doc)))
			}
		})
	}
}

// tangledLab has many clusters, networks and cables between anything.
func tangledLab(seed int) *labspec.Lab {
	b := labBuilder{&labspec.Lab{Format: 1, Name: "tangled"}}
	networks := []string{"hq", "dmz", "br1", "br2", "wan", "empty"}
	for i, name := range networks {
		b.network("", name, fmt.Sprintf("10.%d.0.0/24", i), i)
	}
	const nodes = 26
	for i := range nodes {
		cluster := ""
		if i%4 != 0 {
			cluster = fmt.Sprintf("c%d", i*seed%5)
		}
		wires := []string{networks[i*seed%5]}
		for w := 1; w <= i%3; w++ {
			wires = append(wires, fmt.Sprintf("%s=10.9.%d.%d", networks[(i*seed+w)%6], w, i))
		}
		b.node("", cluster, fmt.Sprintf("node-%02d", i), "cucm 7.1.5", "", wires...)
	}
	for i := range nodes {
		if i%2 == 0 {
			b.cable("", fmt.Sprintf("cable-%d", i), fmt.Sprintf("node-%02d", i), fmt.Sprintf("node-%02d", (i*seed+3)%nodes))
		}
	}
	return b.lab
}

func checkDrawing(t *testing.T, d *groupDrawing) {
	t.Helper()
	overlap := func(a, b box) bool { return a.x < b.x+b.w && b.x < a.x+a.w && a.y < b.y+b.h && b.y < a.y+a.h }
	for i := range d.cards {
		for j := range i {
			if overlap(d.cards[i].box, d.cards[j].box) {
				t.Errorf("%s lies on %s", d.cards[i].node.Address, d.cards[j].node.Address)
			}
		}
		if l := d.lanes[d.cards[i].lane].box; !overlap(l, d.cards[i].box) || d.cards[i].x+d.cards[i].w > l.x+l.w || d.cards[i].y+d.cards[i].h > l.y+l.h {
			t.Errorf("%s is outside its network", d.cards[i].node.Address)
		}
		if d.cards[i].x+d.cards[i].w > d.w || d.cards[i].y+d.cards[i].h > d.h {
			t.Errorf("%s is outside the drawing", d.cards[i].node.Address)
		}
	}
	var labels []box
	for i := range d.routes {
		r := &d.routes[i]
		for p := 1; p < len(r.points); p++ {
			a, b := r.points[p-1], r.points[p]
			line := box{min(a.x, b.x), min(a.y, b.y), max(1, abs(a.x-b.x)), max(1, abs(a.y-b.y))}
			for c := range d.cards {
				inner := d.cards[c].box
				inner.x, inner.y, inner.w, inner.h = inner.x+1, inner.y+1, inner.w-2, inner.h-2
				if overlap(line, inner) {
					t.Errorf("%s goes through %s", r.title, d.cards[c].node.Address)
				}
			}
		}
		for s, segment := range r.segments {
			y := r.points[1].y
			if s == 1 {
				y = r.points[3].y
			}
			if width := textWidth(segment.label, smallSize); width > 0 {
				labels = append(labels, box{segment.labelX - width/2, y - 7, width, 14})
			}
		}
	}
	for i := range labels {
		for j := range i {
			if overlap(labels[i], labels[j]) {
				t.Errorf("two labels overlap at %v", labels[i])
			}
		}
		for c := range d.cards {
			if overlap(labels[i], d.cards[c].box) {
				t.Errorf("a label lies on %s", d.cards[c].node.Address)
			}
		}
	}
}

// TestGraphPageSize keeps the page of a room of 1,000 nodes small enough to mail.
func TestGraphPageSize(t *testing.T) {
	lab := room(50, 20)
	page, err := writeHTML(newGraphDocument(lab, nil, mixedStatus(lab), observedAt), 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(page) > 2<<20 {
		t.Errorf("the page of 1,001 nodes has %d bytes, more than 2 MiB", len(page))
	}
}

// BenchmarkGraphPage renders the page of a room of 1,000 nodes; the floor is
// writing the same nodes as JSON.
func BenchmarkGraphPage(b *testing.B) {
	lab := room(50, 20)
	status := mixedStatus(lab)
	var floor, page time.Duration
	size := 0
	for b.Loop() {
		begin := time.Now()
		doc := newGraphDocument(lab, nil, status, observedAt)
		if _, err := json.Marshal(doc); err != nil {
			b.Fatal(err)
		}
		floor += time.Since(begin)
		begin = time.Now()
		html, err := writeHTML(newGraphDocument(lab, nil, status, observedAt), 0)
		if err != nil {
			b.Fatal(err)
		}
		page += time.Since(begin)
		size = len(html)
	}
	b.ReportMetric(float64(page)/float64(floor), "x-of-json")
	b.ReportMetric(float64(page.Milliseconds())/float64(b.N), "ms/page")
	b.ReportMetric(float64(size), "page-bytes")
}
