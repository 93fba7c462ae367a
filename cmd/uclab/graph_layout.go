package main

import (
	"math"
	"slices"
)

// The measures of the drawing, in SVG user units (pixels at 1:1).
const (
	cardHeight    = 72
	cardMinWidth  = 208
	cardMaxWidth  = 264
	columnGap     = 30
	rowGap        = 22 // below a row whose gutter carries no line
	lanePad       = 18
	laneHeader    = 44
	laneGap       = 18
	frameHeader   = 26 // above a row in which a cluster's frame begins
	framePad      = 10
	gutterPad     = 18 // from the cards to the first line of a gutter
	trackStep     = 18 // between the lines of a gutter: a label fits
	channelStep   = 14 // between the lines of the channel
	minimumColumn = 4
)

// box is a rectangle.
type box struct{ x, y, w, h int }

type point struct{ x, y int }

// card is a node's place in the drawing.
type card struct {
	box
	node *graphNode
	row  int
	lane int
}

// lane is the area of one network: the nodes whose first NIC is on it.
type lane struct {
	box
	network *graphNetwork // nil: the nodes have no NIC, or on a network that is not the lab's
	name    string
	guest   bool // a shared network, drawn inside a pod
	cards   []int
	columns int
	band    int
}

// frame surrounds the nodes of one cluster.
type frame struct {
	box
	label     string
	row, rows int
	columns   int
	first     int // its first card
}

// groupDrawing is one pod, or what is outside pods, laid out. Cards stand in
// rows; below each row is a gutter for lines; lines between rows that do not
// touch run in a channel at the right. So no line ever crosses a card.
type groupDrawing struct {
	w, h      int
	cardWidth int
	lanes     []lane
	frames    []frame
	cards     []card
	rows      []cardRow
	bands     []band
	routes    []route
	channel   int // x of the channel
}

// cardRow is one row of cards over all lanes of a band, and the gutter below.
type cardRow struct {
	y, band  int
	gutter   int // y of the gutter's first line
	tracks   int
	framed   bool // a cluster's frame begins here
	occupied bool
}

// band is a run of lanes that stand side by side.
type band struct{ y, h, firstRow, rows int }

// layoutGroup places a group. The same group always gives the same drawing.
func layoutGroup(doc *graphDocument, group *graphGroup, cardWidth int) *groupDrawing {
	d := &groupDrawing{cardWidth: cardWidth}
	d.makeLanes(doc, group)
	columns := max(minimumColumn, int(math.Ceil(math.Sqrt(0.9*float64(len(group.nodes))))))
	d.placeLanes(columns)
	d.routeLines(group)
	d.placeRows()
	d.finishRoutes()
	return d
}

// makeLanes gives each network of the group a lane, in the order of the file,
// then each network from outside that the group's nodes are on.
func (d *groupDrawing) makeLanes(doc *graphDocument, group *graphGroup) {
	index := map[string]int{}
	add := func(name string, network *graphNetwork, guest bool) {
		if _, known := index[name]; !known {
			index[name] = len(d.lanes)
			d.lanes = append(d.lanes, lane{network: network, name: name, guest: guest})
		}
	}
	for _, network := range group.networks {
		add(network.Address, network, false)
	}
	used := map[string]bool{}
	for _, node := range group.nodes {
		for _, wire := range node.wires {
			used[wire.network] = true
		}
	}
	for i := range doc.Networks {
		if used[doc.Networks[i].Address] {
			add(doc.Networks[i].Address, &doc.Networks[i], doc.Networks[i].Pod != group.pod)
		}
	}
	for _, node := range group.nodes {
		home := ""
		if len(node.wires) > 0 {
			home = node.wires[0].network
		}
		add(home, nil, true)
		at := index[home]
		d.lanes[at].cards = append(d.lanes[at].cards, len(d.cards))
		d.cards = append(d.cards, card{node: node, lane: at, box: box{w: d.cardWidth, h: cardHeight}})
	}
}

// placeLanes sets lanes side by side where they are narrow, and the cards in
// them; it fixes every x and every row, but no y.
func (d *groupDrawing) placeLanes(columns int) {
	x, used := 0, columns
	for i := range d.lanes {
		l := &d.lanes[i]
		l.columns = max(1, min(len(l.cards), columns))
		if used+l.columns > columns {
			d.bands = append(d.bands, band{firstRow: len(d.rows)})
			x, used = 0, 0
		}
		used += l.columns
		l.band = len(d.bands) - 1
		l.x = x
		l.w = max(2*lanePad+l.columns*(d.cardWidth+columnGap)-columnGap, l.headerWidth())
		x += l.w + laneGap
		d.flow(i)
		d.w = max(d.w, l.x+l.w)
	}
	for i := range d.lanes {
		last := i == len(d.lanes)-1 || d.lanes[i+1].band != d.lanes[i].band
		if last {
			d.lanes[i].w = d.w - d.lanes[i].x
		}
	}
	d.channel = d.w + channelStep
}

// flow sets the cards of a lane in reading order; the nodes of a cluster stay
// together in a frame.
func (d *groupDrawing) flow(at int) {
	l := &d.lanes[at]
	first := d.bands[l.band].firstRow
	row, height, column := first, 1, 0
	d.needRow(l.band, row)
	for _, block := range d.blocks(l) {
		width := min(len(block), l.columns)
		if column+width > l.columns {
			row, height, column = row+height, 1, 0
		}
		rows := (len(block) + width - 1) / width
		height = max(height, rows)
		for i, c := range block {
			cardRow := row + i/width
			d.needRow(l.band, cardRow)
			d.rows[cardRow].occupied = true
			d.cards[c].row = cardRow
			d.cards[c].x = l.x + lanePad + (column+i%width)*(d.cardWidth+columnGap)
		}
		if cluster := d.cards[block[0]].node.Cluster; cluster != "" {
			d.rows[row].framed = true
			d.frames = append(d.frames, frame{label: cluster, row: row, rows: rows, columns: width, first: block[0]})
		}
		column += width
	}
}

func (d *groupDrawing) needRow(band, row int) {
	for len(d.rows) <= row {
		d.rows = append(d.rows, cardRow{band: band})
		d.bands[band].rows++
	}
}

// blocks parts the cards of a lane: each cluster is one block, each other node
// one of its own.
func (d *groupDrawing) blocks(l *lane) [][]int {
	var blocks [][]int
	byCluster := map[string]int{}
	for _, c := range l.cards {
		cluster := d.cards[c].node.Cluster
		at, known := byCluster[cluster]
		if cluster != "" && known {
			blocks[at] = append(blocks[at], c)
			continue
		}
		byCluster[cluster] = len(blocks)
		blocks = append(blocks, []int{c})
	}
	return blocks
}

// placeRows fixes every y, now that the number of lines in each gutter is known.
func (d *groupDrawing) placeRows() {
	y := 0
	for b := range d.bands {
		band := &d.bands[b]
		band.y = y
		y += laneHeader
		for r := band.firstRow; r < band.firstRow+band.rows; r++ {
			row := &d.rows[r]
			if row.framed {
				y += frameHeader
			}
			row.y = y
			if row.occupied {
				y += cardHeight
			}
			row.gutter = y + gutterPad
			if row.tracks > 0 {
				y = row.gutter + (row.tracks-1)*trackStep
			}
			y += rowGap
		}
		band.h = y - band.y
		y += laneGap
	}
	d.h = max(0, y-laneGap)
	for i := range d.lanes {
		d.lanes[i].y, d.lanes[i].h = d.bands[d.lanes[i].band].y, d.bands[d.lanes[i].band].h
	}
	for i := range d.cards {
		d.cards[i].y = d.rows[d.cards[i].row].y
	}
	for i := range d.frames {
		f := &d.frames[i]
		last := d.rows[f.row+f.rows-1].y + cardHeight
		f.x, f.y = d.cards[f.first].x-framePad, d.rows[f.row].y-frameHeader+2
		f.w, f.h = f.columns*(d.cardWidth+columnGap)-columnGap+2*framePad, last+framePad-f.y
	}
}

// textWidth estimates how wide a text is, on the wide side of the common
// sans-serif fonts, so that nothing overlaps whichever one draws it.
func textWidth(text string, size float64) int {
	var em float64
	for _, r := range text {
		switch {
		case slices.Contains([]rune("iIjlft.,:;'|!()[]/ -"), r):
			em += 0.38
		case slices.Contains([]rune("mwMW@%"), r):
			em += 0.95
		case r >= 'A' && r <= 'Z':
			em += 0.72
		case r < 0x2e80:
			em += 0.62
		default:
			em += 1.05
		}
	}
	return int(math.Ceil(em * size))
}

// fitText shortens a text with an ellipsis to a width.
func fitText(text string, size float64, width int) string {
	if textWidth(text, size) <= width {
		return text
	}
	runes := []rune(text)
	for len(runes) > 0 && textWidth(string(runes)+"…", size) > width {
		runes = runes[:len(runes)-1]
	}
	if len(runes) == 0 {
		return ""
	}
	return string(runes) + "…"
}

// cardWidthFor is the width of all cards: the longest name and address fit,
// within reason.
func cardWidthFor(doc *graphDocument) int {
	width, beside := cardMinWidth, 0
	if doc.live() {
		beside = stateRoom
	}
	for i := range doc.Nodes {
		node := &doc.Nodes[i]
		text := max(textWidth(node.Name, nameSize), textWidth(node.title(), smallSize), textWidth(node.ip(), smallSize)+beside)
		width = max(width, text+cardText+cardEdge)
	}
	return min(width, cardMaxWidth)
}
