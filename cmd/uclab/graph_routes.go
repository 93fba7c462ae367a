package main

import (
	"cmp"
	"slices"
)

// The kinds of line between things.
const (
	routeCable = "cable" // a serial cable between two nodes
	routeWire  = "wire"  // a node's second or later NIC to its network
)

// route is one line: it leaves a card downwards, runs in gutters and, where it
// must pass rows, in the channel at the right.
type route struct {
	kind  string
	label string
	// farLabel stands where a wire meets its network: the node and its address.
	farLabel string
	title    string
	color    int // of the network, for a wire
	from     routeEnd
	to       routeEnd
	segments []*segment // the horizontal parts, one or two
	channel  int        // track of the vertical part in the channel; -1: none
	points   []point
}

// routeEnd is where a line begins or ends: at a card, at a lane's edge, or nowhere
// (a cable whose other end is in another group).
type routeEnd struct {
	card   int // -1: none
	top    bool
	x      int
	server bool
	dot    bool // at a lane's edge
	left   bool // at its left edge
}

// segment is a horizontal part of a line in the gutter of a row.
type segment struct {
	row, track int
	x1, x2     int  // from and to, in either order
	from, to   int  // what it takes of its track, left to right
	bundled    bool // it leads to the channel
	label      string
	labelX     int // the middle of the label
	near       int // the x of the end that the label should be near
}

// routeLines finds the way of every line and the track of each part; the ys
// follow when the rows are placed.
func (d *groupDrawing) routeLines(group *graphGroup) {
	at := make(map[string]int, len(d.cards))
	for i := range d.cards {
		at[d.cards[i].node.Address] = i
	}
	lanes := make(map[string]int, len(d.lanes))
	for i := range d.lanes {
		lanes[d.lanes[i].name] = i
	}
	for _, link := range group.links {
		d.addCable(link, at)
	}
	for i := range d.cards {
		wires := d.cards[i].node.wires
		for w := 1; w < len(wires); w++ {
			if l, known := lanes[wires[w].network]; known && l != d.cards[i].lane {
				d.addWire(i, l, wires[w])
			}
		}
	}
	d.choosePorts()
	for i := range d.routes {
		d.makeSegments(&d.routes[i])
	}
	d.assignTracks()
	d.assignChannel()
}

func (d *groupDrawing) addCable(link *graphLink, at map[string]int) {
	server, hasServer := at[link.Server]
	client, hasClient := at[link.Client]
	r := route{
		kind: routeCable, label: link.Name, channel: -1, from: routeEnd{card: server, server: true}, to: routeEnd{card: client},
		title: "serial cable " + link.Name + ": server " + link.Server + ", client " + link.Client + ", pipe " + link.Pipe,
	}
	switch {
	case !hasServer:
		r.from, r.to, r.label = routeEnd{card: client}, routeEnd{card: -1}, link.Name+" to "+link.Server
	case !hasClient:
		r.to, r.label = routeEnd{card: -1}, link.Name+" to "+link.Client
	}
	d.routes = append(d.routes, r)
}

func (d *groupDrawing) addWire(c, l int, wire graphWire) {
	label := d.lanes[l].name
	if network := d.lanes[l].network; network != nil {
		label = network.Name
	}
	farLabel := d.cards[c].node.Name
	if wire.ip != "" {
		label += " " + wire.ip
		farLabel += " " + wire.ip
	}
	d.routes = append(d.routes, route{
		kind: routeWire, label: label, farLabel: farLabel, channel: -1, from: routeEnd{card: c}, to: routeEnd{card: -1, x: l, dot: true},
		title: d.cards[c].node.Address + " is also on " + label,
	})
}

// choosePorts spreads the lines of each card along its edge, those that go
// left at the left, so that they cross as little as possible.
func (d *groupDrawing) choosePorts() {
	type port struct {
		end    *routeEnd
		target int
	}
	bottom := make(map[int][]port)
	top := make(map[int][]port)
	for i := range d.routes {
		r := &d.routes[i]
		if r.to.card >= 0 {
			r.to.top = d.directlyBelow(r.from.card, r.to.card)
			r.from.top = d.directlyBelow(r.to.card, r.from.card)
		}
		add := func(e *routeEnd, target int) {
			if e.top {
				top[e.card] = append(top[e.card], port{e, target})
			} else {
				bottom[e.card] = append(bottom[e.card], port{e, target})
			}
		}
		add(&r.from, d.targetOf(r.to, r.from.card))
		if r.to.card >= 0 {
			add(&r.to, d.targetOf(r.from, r.to.card))
		}
	}
	spread := func(c int, ports []port, shift int) {
		slices.SortStableFunc(ports, func(a, b port) int { return cmp.Compare(a.target, b.target) })
		for i, p := range ports {
			p.end.x = d.cards[c].x + 20 + shift + (d.cardWidth-40)*(i+1)/(len(ports)+1)
		}
	}
	for c := range d.cards {
		spread(c, bottom[c], 0)
		spread(c, top[c], 11) // off the ports of the card above
	}
}

// directlyBelow says that a line can go from the bottom of one card to the top
// of the other through the one gutter between them.
func (d *groupDrawing) directlyBelow(upper, lower int) bool {
	a, b := &d.cards[upper], &d.cards[lower]
	return b.row == a.row+1 && d.rows[a.row].band == d.rows[b.row].band && !d.rows[b.row].framed
}

// targetOf is about where a line from a card goes to, seen from the other end.
func (d *groupDrawing) targetOf(other routeEnd, from int) int {
	row := d.cards[from].row
	switch {
	case other.card >= 0 && (d.cards[other.card].row == row || d.directlyBelow(from, other.card) || d.directlyBelow(other.card, from)):
		return d.cards[other.card].x
	case other.dot && d.lanes[other.x].band == d.rows[row].band:
		return d.lanes[other.x].x
	default:
		return d.channel
	}
}

// makeSegments finds the horizontal parts of a line.
func (d *groupDrawing) makeSegments(r *route) {
	row := d.cards[r.from.card].row
	if r.from.top {
		row--
	}
	straight := func(to int) {
		r.segments = []*segment{{row: row, x1: r.from.x, x2: to, from: to, to: to, near: (r.from.x + to) / 2, label: r.label}}
	}
	around := func(otherRow, to int) {
		r.channel = 0
		r.segments = []*segment{
			{row: row, x1: r.from.x, x2: d.channel, from: r.from.x, near: r.from.x, label: r.label, bundled: true},
			{row: otherRow, x1: d.channel, x2: to, from: to, near: to, label: r.label, bundled: true},
		}
	}
	switch {
	case r.to.dot:
		d.wireSegments(r, row, straight, around)
	case r.to.card < 0:
		r.to.x = min(r.from.x+textWidth(r.label, smallSize)+16, d.w)
		straight(r.to.x)
	case r.to.top || r.from.top || d.cards[r.to.card].row == row:
		straight(r.to.x)
	default:
		around(d.cards[r.to.card].row, r.to.x)
	}
}

// wireSegments leads a wire to the edge of its network's lane: to the near edge
// of a lane in the same band, else around to the right edge. The label of the
// far end stands inside the lane.
func (d *groupDrawing) wireSegments(r *route, row int, straight func(to int), around func(row, to int)) {
	l := &d.lanes[r.to.x]
	r.color = d.color(l)
	r.farLabel = fitText(r.farLabel, smallSize, l.w-2*lanePad)
	room := textWidth(r.farLabel, smallSize) + 20
	switch {
	case l.band == d.rows[row].band && l.x > r.from.x:
		r.to.x, r.to.left = l.x, true
		straight(r.to.x)
		r.segments[0].near, r.segments[0].to = r.from.x, r.to.x+room
	case l.band == d.rows[row].band:
		r.to.x = l.x + l.w
		straight(r.to.x)
		r.segments[0].near, r.segments[0].from = r.from.x, r.to.x-room
	default:
		r.to.x = l.x + l.w
		last := d.bands[l.band]
		around(last.firstRow+last.rows-1, r.to.x)
		r.segments[1].label, r.segments[1].from = "", r.to.x-room
	}
}

// color is the number of a network's colour in the palette.
func (d *groupDrawing) color(l *lane) int {
	if l.network == nil {
		return -1
	}
	return l.network.color
}

// assignTracks gives the segments of each gutter lines of their own where they
// would overlap. Cables between neighbours are nearest to the cards; of those
// that go to the channel, the rightmost, so that the others pass below it.
func (d *groupDrawing) assignTracks() {
	byRow := make([][]*segment, len(d.rows))
	for i := range d.routes {
		for _, s := range d.routes[i].segments {
			s.from, s.to = min(s.from, s.x1, s.x2), max(s.to, s.x1, s.x2)
			byRow[s.row] = append(byRow[s.row], s)
		}
	}
	for row, segments := range byRow {
		slices.SortStableFunc(segments, func(a, b *segment) int {
			if a.bundled != b.bundled {
				return cmp.Compare(boolInt(a.bundled), boolInt(b.bundled))
			}
			if a.bundled {
				return cmp.Compare(b.from, a.from)
			}
			return cmp.Compare(a.to-a.from, b.to-b.from)
		})
		var tracks [][]*segment
		for _, s := range segments {
			s.track = slices.IndexFunc(tracks, func(track []*segment) bool {
				return !slices.ContainsFunc(track, func(other *segment) bool { return s.from-10 < other.to && other.from-10 < s.to })
			})
			if s.track < 0 {
				s.track = len(tracks)
				tracks = append(tracks, nil)
			}
			tracks[s.track] = append(tracks[s.track], s)
		}
		d.rows[row].tracks = len(tracks)
	}
	d.placeLabels()
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// drop is the vertical part of a line between a card and a gutter's track.
type drop struct {
	x, track int
	top      bool // it goes to the card below
}

// placeLabels puts each label on its segment, near the end that it speaks of,
// where no other line's drop goes through it.
func (d *groupDrawing) placeLabels() {
	drops := make([][]drop, len(d.rows))
	for i := range d.routes {
		r := &d.routes[i]
		first, last := r.segments[0], r.segments[len(r.segments)-1]
		drops[first.row] = append(drops[first.row], drop{r.from.x, first.track, r.from.top})
		if r.to.card >= 0 {
			drops[last.row] = append(drops[last.row], drop{r.to.x, last.track, r.to.top})
		}
	}
	for i := range d.routes {
		for _, s := range d.routes[i].segments {
			s.placeLabel(drops[s.row])
		}
	}
}

func (s *segment) placeLabel(drops []drop) {
	from, to := min(s.x1, s.x2), max(s.x1, s.x2)
	s.label = fitText(s.label, smallSize, to-from-16)
	half := textWidth(s.label, smallSize)/2 + 8
	least, most := from+half, to-half
	s.labelX = min(max(s.near, least), most)
	for offset := 0; offset <= most-least; offset += 4 {
		for _, x := range []int{s.labelX + offset, s.labelX - offset} {
			if x >= least && x <= most && !s.crossed(drops, x-half, x+half) {
				s.labelX = x
				return
			}
		}
	}
}

// crossed says that a drop goes through the segment between two xs.
func (s *segment) crossed(drops []drop, from, to int) bool {
	return slices.ContainsFunc(drops, func(d drop) bool {
		through := d.track > s.track
		if d.top {
			through = d.track < s.track
		}
		return through && d.x > from && d.x < to
	})
}

// assignChannel gives the vertical parts lines of their own where they would
// overlap, and widens the drawing by the channel.
func (d *groupDrawing) assignChannel() {
	var ends []int
	var users []*route
	for i := range d.routes {
		if d.routes[i].channel == 0 {
			users = append(users, &d.routes[i])
		}
	}
	span := func(r *route) (first, last int) {
		a, b := r.segments[0].row, r.segments[1].row
		return min(a, b), max(a, b)
	}
	slices.SortStableFunc(users, func(a, b *route) int {
		firstA, _ := span(a)
		firstB, _ := span(b)
		return cmp.Compare(firstA, firstB)
	})
	for _, r := range users {
		first, last := span(r)
		r.channel = slices.IndexFunc(ends, func(end int) bool { return end < first })
		if r.channel < 0 {
			r.channel = len(ends)
			ends = append(ends, 0)
		}
		ends[r.channel] = last
	}
	if len(ends) > 0 {
		d.w = d.channel + len(ends)*channelStep
	}
}

// finishRoutes turns rows and tracks into points.
func (d *groupDrawing) finishRoutes() {
	edge := func(e routeEnd) int {
		if e.top {
			return d.cards[e.card].y
		}
		return d.cards[e.card].y + cardHeight
	}
	for i := range d.routes {
		r := &d.routes[i]
		first, last := r.segments[0], r.segments[len(r.segments)-1]
		r.points = []point{{r.from.x, edge(r.from)}, {r.from.x, d.segmentY(first)}}
		if r.channel >= 0 {
			x := d.channel + r.channel*channelStep
			r.points = append(r.points, point{x, d.segmentY(first)}, point{x, d.segmentY(last)})
		}
		r.points = append(r.points, point{r.to.x, d.segmentY(last)})
		if r.to.card >= 0 {
			r.points = append(r.points, point{r.to.x, edge(r.to)})
		}
	}
}

func (d *groupDrawing) segmentY(r *segment) int { return d.rows[r.row].gutter + r.track*trackStep }
