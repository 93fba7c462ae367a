package main

import (
	"fmt"
	"strings"

	"github.com/uclab/uclab/plan"
)

// graphStates are the states of nodes in the order in which people read them.
func graphStates() []string {
	return []string{plan.StateRunning, plan.StateStopped, plan.StateSuspended, plan.StateMissing, plan.StateForeign}
}

// legendEntry is one mark of the drawing and what it means.
type legendEntry struct{ mark, text string }

// legend explains the marks that occur in the drawing.
func (d *graphDocument) legend() []legendEntry {
	counts, drifted := d.counts()
	var out []legendEntry
	if d.live() {
		for _, state := range graphStates() {
			if counts[state] > 0 {
				out = append(out, legendEntry{"state-" + state, state})
			}
		}
		if drifted > 0 {
			out = append(out, legendEntry{"drift", "differs from the lab file"})
		}
	}
	if len(d.Links) > 0 {
		out = append(out, legendEntry{"cable", "serial cable, server end filled"})
	}
	return out
}

func (d *graphDocument) counts() (byState map[string]int, drifted int) {
	byState = map[string]int{}
	for i := range d.Nodes {
		byState[d.Nodes[i].State]++
		if d.Nodes[i].drifted() {
			drifted++
		}
	}
	return byState, drifted
}

// summary counts the nodes in words: "7 nodes: 6 running, 1 stopped; 1 with drift".
func (d *graphDocument) summary() string {
	text := countOf(len(d.Nodes), "node")
	if !d.live() {
		return text
	}
	counts, drifted := d.counts()
	var parts []string
	for _, state := range graphStates() {
		if counts[state] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[state], state))
		}
	}
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	if drifted > 0 {
		text += fmt.Sprintf("; %d with drift", drifted)
	}
	return text
}

func countOf(n int, word string) string {
	if n != 1 {
		word += "s"
	}
	return fmt.Sprintf("%d %s", n, word)
}

const (
	legendMark = 22 // width of a mark
	legendGap  = 22 // between entries
)

func legendWidth(entries []legendEntry) int {
	width := 0
	for _, entry := range entries {
		width += markWidth(entry) + textWidth(entry.text, smallSize) + legendGap
	}
	return width
}

func markWidth(entry legendEntry) int {
	switch entry.mark {
	case "cable":
		return 54
	case "drift":
		return 50
	default:
		return legendMark
	}
}

func (w *svgWriter) legend(entries []legendEntry, x, y int) {
	for _, entry := range entries {
		switch entry.mark {
		case "cable":
			w.add(`<g class="cable"><path d="M%d %dH%d"/></g><rect class="plug server" x="%d" y="%d" width="10" height="8" rx="2"/>`, x+5, y, x+41, x, y-4)
			w.add(`<rect class="plug" x="%d" y="%d" width="10" height="8" rx="2"/>`, x+36, y-4)
		case "drift":
			w.add(`<g class="badge shown"><rect x="%d" y="%d" width="42" height="16" rx="8"/><text x="%d" y="%d">drift</text></g>`, x, y-8, x+21, y+4)
		default:
			w.add(`<use class="glyph %s" href="#%s" x="%d" y="%d" width="11" height="11"/>`, strings.TrimPrefix(entry.mark, "state-"), entry.mark, x+4, y-6)
		}
		x += markWidth(entry)
		w.add(`<text class="legend" x="%d" y="%d">%s</text>`+"\n", x, y+4, escapeXML(entry.text))
		x += textWidth(entry.text, smallSize) + legendGap
	}
}
