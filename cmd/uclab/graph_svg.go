package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
	"unicode"

	"github.com/uclab/uclab/plan"
)

// The measures of text in the drawing; drawing.css has the same sizes.
const (
	nameSize  = 13
	smallSize = 11
	titleSize = 20
	cardText  = 46 // where a card's text begins
	cardEdge  = 12
	stateRoom = 80 // for a state and its glyph

	laneStripe   = 12 // for the colour before a lane's name
	laneTextGap  = 10 // between its name and the rest
	laneTitleMax = 320

	sheetMargin = 28
	podPad      = 20
	podHeader   = 42
	podGap      = 24
	legendStep  = 26
)

// svgWriter writes SVG elements with every text escaped.
type svgWriter struct {
	bytes.Buffer
	live bool
}

func (w *svgWriter) add(format string, args ...any) { fmt.Fprintf(&w.Buffer, format, args...) }

// escapeXML makes a text safe in XML, in content and in attributes. Characters
// that XML 1.0 (section 2.2) does not allow become U+FFFD.
func escapeXML(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || r == 0xfffe || r == 0xffff {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(text, string(unicode.ReplacementChar)))
	return html.EscapeString(text)
}

// sheetBox is a group's place on the sheet.
type sheetBox struct {
	box
	group   *graphGroup
	drawing *groupDrawing
	title   string
}

// sheet is the whole drawing.
type sheet struct {
	w, h  int
	boxes []sheetBox
}

// layoutSheet lays out every group and sets the pods in a grid that is about as
// wide as a screen is.
func layoutSheet(doc *graphDocument, groups []graphGroup) sheet {
	s := sheet{}
	width := cardWidthFor(doc)
	var pods []sheetBox
	y := 0
	hasPods := len(groups) > 1 || len(groups) == 1 && groups[0].pod != ""
	for i := range groups {
		drawing := layoutGroup(doc, &groups[i], width)
		b := sheetBox{group: &groups[i], drawing: drawing, box: box{w: drawing.w, h: drawing.h}}
		if hasPods {
			b.w, b.h = drawing.w+2*podPad, drawing.h+podHeader+podPad
			b.title = groups[i].pod
		}
		if groups[i].pod != "" {
			pods = append(pods, b)
			continue
		}
		if hasPods {
			b.title = "shared by all pods"
		}
		s.boxes = append(s.boxes, b)
		s.w, y = b.w, b.h+podGap
	}
	s.placePods(pods, y)
	return s
}

// placePods sets the pods in a grid below y.
func (s *sheet) placePods(pods []sheetBox, y int) {
	if len(pods) == 0 {
		s.h = max(0, y-podGap)
		return
	}
	width, area := 0, 0
	for i := range pods {
		width = max(width, pods[i].w)
		area += (pods[i].w + podGap) * (pods[i].h + podGap)
	}
	columns := int(math.Round(math.Sqrt(1.6*float64(area)) / float64(width+podGap)))
	columns = min(max(1, columns), len(pods))
	for first := 0; first < len(pods); first += columns {
		row := pods[first:min(first+columns, len(pods))]
		height := 0
		for i := range row {
			height = max(height, row[i].h)
		}
		for i := range row {
			row[i].x, row[i].y, row[i].w, row[i].h = i*(width+podGap), y, width, height
		}
		y += height + podGap
	}
	s.h = y - podGap
	s.w = max(s.w, columns*(width+podGap)-podGap)
	s.boxes = append(s.boxes, pods...)
}

// writeSVG draws the document as one SVG file that needs nothing else.
func writeSVG(doc *graphDocument) ([]byte, error) {
	style, err := drawingStyle()
	if err != nil {
		return nil, err
	}
	symbols, err := graphFile("symbols.svg")
	if err != nil {
		return nil, err
	}
	s := layoutSheet(doc, doc.groups())
	legend := doc.legend()
	top := sheetMargin + 34
	if doc.Description != "" {
		top += 20
	}
	if doc.live() {
		top += 20
	}
	titleWidth := max(textWidth(doc.Lab, titleSize), textWidth(doc.Description, nameSize))
	width := max(s.w, min(titleWidth, 900), legendWidth(legend)) + 2*sheetMargin
	height := top + s.h + legendStep + 20 + sheetMargin
	w := &svgWriter{live: doc.live()}
	w.add(`<svg xmlns="http://www.w3.org/2000/svg" class="drawing" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-label="%s">`+"\n",
		width, height, width, height, escapeXML("Lab "+doc.Lab+": "+doc.summary()))
	w.add("<title>%s</title>\n<style>\n%s</style>\n%s", escapeXML("Lab "+doc.Lab), style, symbols)
	w.add(`<rect class="paper" width="%d" height="%d"/>`+"\n", width, height)
	w.heading(doc, width-2*sheetMargin)
	w.add(`<g transform="translate(%d,%d)">`+"\n", sheetMargin, top)
	for i := range s.boxes {
		w.box(&s.boxes[i])
	}
	w.add("</g>\n")
	w.legend(legend, sheetMargin, top+s.h+legendStep)
	w.add("</svg>\n")
	return w.Bytes(), nil
}

func (w *svgWriter) heading(doc *graphDocument, width int) {
	y := sheetMargin + 14
	w.add(`<text class="title" x="%d" y="%d">%s</text>`+"\n", sheetMargin, y, escapeXML(fitText(doc.Lab, titleSize, width)))
	if doc.Description != "" {
		y += 22
		w.add(`<text class="about" x="%d" y="%d">%s</text>`+"\n", sheetMargin, y, escapeXML(fitText(doc.Description, nameSize, width)))
	}
	if doc.live() {
		y += 20
		w.add(`<text class="about" x="%d" y="%d">%s</text>`+"\n", sheetMargin, y, escapeXML(doc.summary()))
	}
}

func (w *svgWriter) box(b *sheetBox) {
	x, y := b.x, b.y
	if b.title != "" {
		w.add(`<rect class="pod" x="%d" y="%d" width="%d" height="%d" rx="14"/>`+"\n", b.x, b.y, b.w, b.h)
		w.add(`<text class="podname" x="%d" y="%d">%s</text>`+"\n", b.x+podPad, b.y+27, escapeXML(fitText(b.title, 15, b.w-2*podPad)))
		x, y = x+podPad, y+podHeader
	}
	w.add(`<g transform="translate(%d,%d)">`+"\n", x, y)
	w.group(b.drawing)
	w.add("</g>\n")
}

// group writes one group's drawing: areas first, lines over them, cards on top.
func (w *svgWriter) group(d *groupDrawing) {
	for i := range d.lanes {
		w.lane(&d.lanes[i], d.color(&d.lanes[i]))
	}
	for i := range d.frames {
		f := &d.frames[i]
		w.add(`<rect class="frame" x="%d" y="%d" width="%d" height="%d" rx="12"/>`, f.x, f.y, f.w, f.h)
		w.add(`<text class="framename" x="%d" y="%d">%s</text>`+"\n", f.x+framePad, f.y+16,
			escapeXML(fitText("cluster "+f.label, smallSize, f.w-2*framePad)))
	}
	for i := range d.routes {
		w.route(&d.routes[i])
	}
	for i := range d.cards {
		w.card(&d.cards[i])
	}
	for i := range d.routes {
		w.routeEnds(&d.routes[i])
	}
}

func (w *svgWriter) lane(l *lane, color int) {
	class := "lane"
	if l.guest {
		class += " guest"
	}
	class += colorClass(color)
	w.add(`<g class="%s"><rect class="area" x="%d" y="%d" width="%d" height="%d" rx="12"/>`, class, l.x, l.y, l.w, l.h)
	w.add(`<rect class="stripe" x="%d" y="%d" width="4" height="18" rx="2"/>`, l.x+lanePad, l.y+13)
	title, detail := l.text()
	title = fitText(title, nameSize, laneTitleMax)
	used := laneStripe + textWidth(title, nameSize) + laneTextGap
	w.add(`<text class="lanename" x="%d" y="%d">%s</text>`, l.x+lanePad+laneStripe, l.y+27, escapeXML(title))
	if detail != "" {
		w.add(`<text class="lanetext" x="%d" y="%d">%s</text>`, l.x+lanePad+used, l.y+27, escapeXML(detail))
	}
	w.add("</g>\n")
}

// headerWidth is what a lane needs for its header.
func (l *lane) headerWidth() int {
	title, detail := l.text()
	return 2*lanePad + laneStripe + textWidth(fitText(title, nameSize, laneTitleMax), nameSize) + laneTextGap + textWidth(detail, smallSize)
}

// text is a lane's name and what there is to say about its network.
func (l *lane) text() (title, detail string) {
	switch {
	case l.network == nil && l.name == "":
		return "no network", ""
	case l.network == nil:
		return l.name, "not a network of this lab"
	}
	var parts []string
	if l.network.CIDR != "" {
		parts = append(parts, l.network.CIDR)
	}
	if l.network.VLAN != 0 {
		parts = append(parts, "VLAN "+strconv.Itoa(l.network.VLAN))
	}
	if l.guest {
		parts = append(parts, "shared")
	}
	return l.network.Name, strings.Join(parts, " · ")
}

func colorClass(color int) string {
	if color < 0 {
		return ""
	}
	return " net" + strconv.Itoa(color)
}

func (w *svgWriter) route(r *route) {
	w.add(`<g class="%s%s"><title>%s</title><path d="%s"/>`, r.kind, colorClass(wireColor(r)), escapeXML(r.title), pathOf(r.points))
	for i, segment := range r.segments {
		if segment.label == "" || segment.label == "…" {
			continue
		}
		y := r.points[1].y
		if i == 1 {
			y = r.points[3].y
		}
		width := textWidth(segment.label, smallSize) + 8
		w.add(`<rect class="halo" x="%d" y="%d" width="%d" height="14" rx="3"/>`, segment.labelX-width/2, y-7, width)
		w.add(`<text class="label" x="%d" y="%d">%s</text>`, segment.labelX, y+4, escapeXML(segment.label))
	}
	if r.to.dot {
		last := r.points[len(r.points)-1]
		x, class := last.x-10, "label far"
		if r.to.left {
			x, class = last.x+10, "label near"
		}
		w.add(`<text class="%s" x="%d" y="%d">%s</text>`, class, x, last.y+4, escapeXML(r.farLabel))
	}
	w.add("</g>\n")
}

func wireColor(r *route) int {
	if r.kind == routeCable {
		return -1
	}
	return r.color
}

// routeEnds marks a cable's server end filled and its client end hollow, and a
// wire's end at its network by a dot.
func (w *svgWriter) routeEnds(r *route) {
	mark := func(e routeEnd, p point) {
		switch {
		case e.dot:
			w.add(`<circle class="dot%s" cx="%d" cy="%d" r="4"/>`, colorClass(r.color), p.x, p.y)
		case e.card >= 0 && r.kind == routeCable && e.server:
			w.add(`<rect class="plug server" x="%d" y="%d" width="10" height="8" rx="2"/>`, p.x-5, p.y-4)
		case e.card >= 0 && r.kind == routeCable:
			w.add(`<rect class="plug" x="%d" y="%d" width="10" height="8" rx="2"/>`, p.x-5, p.y-4)
		}
	}
	mark(r.from, r.points[0])
	mark(r.to, r.points[len(r.points)-1])
	w.add("\n")
}

// pathOf draws a line with rounded corners through the points.
func pathOf(points []point) string {
	var b strings.Builder
	fmt.Fprintf(&b, "M%d %d", points[0].x, points[0].y)
	for i := 1; i < len(points)-1; i++ {
		before, at, after := points[i-1], points[i], points[i+1]
		in, out := towards(at, before), towards(at, after)
		fmt.Fprintf(&b, "L%d %dQ%d %d %d %d", in.x, in.y, at.x, at.y, out.x, out.y)
	}
	last := points[len(points)-1]
	fmt.Fprintf(&b, "L%d %d", last.x, last.y)
	return b.String()
}

// towards is the point some way from a corner, at most half of the way.
func towards(corner, other point) point {
	const radius = 7
	dx, dy := other.x-corner.x, other.y-corner.y
	length := max(abs(dx), abs(dy))
	if length == 0 {
		return corner
	}
	r := min(radius, length/2)
	return point{corner.x + dx*r/length, corner.y + dy*r/length}
}

func abs(n int) int { return max(n, -n) }

func (w *svgWriter) card(c *card) {
	node := c.node
	class := "node " + node.State
	if w.live && node.drifted() {
		class += " drifted"
	}
	room := c.w - cardText - cardEdge
	w.add(`<g class="%s" data-node="%s" transform="translate(%d,%d)">`, class, escapeXML(node.Address), c.x, c.y)
	w.add(`<title>%s</title><rect class="card" width="%d" height="%d" rx="10"/>`, escapeXML(node.describe()), c.w, c.h)
	w.add(`<use class="icon" href="#icon-%s" x="14" y="13" width="22" height="22"/>`, iconOf(node.Product))
	w.add(`<text class="name" x="%d" y="25">%s</text>`, cardText, escapeXML(fitText(node.Name, nameSize, room)))
	w.add(`<text class="product" x="%d" y="43">%s</text>`, cardText, escapeXML(fitText(node.title(), smallSize, room)))
	if w.live {
		w.add(`<text class="ip" x="%d" y="60">%s</text>`, cardText, escapeXML(fitText(node.ip(), smallSize, room-stateRoom)))
		w.add(`<use class="glyph" href="#state-%s" x="%d" y="51" width="11" height="11"/>`, node.State, c.w-cardEdge-10)
		w.add(`<text class="state" x="%d" y="60">%s</text>`, c.w-cardEdge-15, escapeXML(node.State))
		w.add(`<g class="badge"><rect x="%d" y="-8" width="42" height="16" rx="8"/><text x="%d" y="4">drift</text></g>`, c.w-cardEdge-42, c.w-cardEdge-21)
	} else {
		w.add(`<text class="ip" x="%d" y="60">%s</text>`, cardText, escapeXML(fitText(node.ip(), smallSize, room)))
	}
	w.add("</g>\n")
}

// drifted says that a node that is there differs from the lab file.
func (n *graphNode) drifted() bool {
	return len(n.Drift) > 0 && n.State != plan.StateForeign && n.State != plan.StateMissing
}

// describe says in one line what a node is, for readers of the screen.
func (n *graphNode) describe() string {
	text := n.Address
	for _, part := range []string{n.title(), n.ip(), n.stateText()} {
		if part != "" {
			text += ", " + part
		}
	}
	return text
}

// iconOf names the symbol that stands for a kind of product.
func iconOf(product string) string {
	switch strings.ToLower(product) {
	case "asa", "pix", "firewall":
		return "firewall"
	case "olive", "junos", "vmx", "ios", "csr1000v", "vyos", "router":
		return "router"
	case "winxp", "win7", "win10", "windows", "workstation":
		return "workstation"
	default:
		return "server"
	}
}
