package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"time"
)

// graphPage is what page.html is filled in with.
type graphPage struct {
	Document         *graphDocument
	Target           string // in words; "" when it was not read
	HasPods          bool
	Policy           string
	PollMilliseconds int64 // 0: the page does not follow the state
	Style            template.CSS
	Script           template.JS
	JSON             template.JS
	Symbols          template.HTML
	Drawings         []pageDrawing
}

// pageDrawing is the drawing of one pod, or of what is outside pods.
type pageDrawing struct {
	Pod string
	SVG template.HTML
}

// writeHTML makes one page that holds everything it needs. With a poll interval
// it asks for status.json beside it again and again.
func writeHTML(doc *graphDocument, poll time.Duration) ([]byte, error) {
	page := graphPage{Document: doc, PollMilliseconds: poll.Milliseconds()}
	if doc.live() {
		page.Target = targetName(doc.Target)
	}
	if err := page.assets(poll > 0); err != nil {
		return nil, err
	}
	data, err := json.Marshal(doc) // it escapes <, > and &, so no text can end the script element
	if err != nil {
		return nil, fmt.Errorf("write the graph as JSON: %w", err)
	}
	page.JSON = template.JS(data)
	page.drawings(doc)
	text, err := graphFile("page.html")
	if err != nil {
		return nil, err
	}
	html, err := template.New("page").Parse(text)
	if err != nil {
		return nil, fmt.Errorf("read the built-in page: %w", err)
	}
	var out bytes.Buffer
	if err := html.Execute(&out, &page); err != nil {
		return nil, fmt.Errorf("write the page: %w", err)
	}
	return out.Bytes(), nil
}

// assets puts in the styles, the script and the policy that lets nothing else
// run: a text of the lab that became markup by mistake would still be dead.
func (p *graphPage) assets(follows bool) error {
	style, err := pageStyle()
	if err != nil {
		return err
	}
	script, err := graphFile("page.js")
	if err != nil {
		return err
	}
	symbols, err := graphFile("symbols.svg")
	if err != nil {
		return err
	}
	connect := "'none'"
	if follows {
		connect = "'self'"
	}
	p.Style, p.Script, p.Symbols = template.CSS(style), template.JS(script), template.HTML(symbols)
	p.Policy = fmt.Sprintf("default-src 'none'; script-src '%s'; style-src '%s'; img-src data:; connect-src %s; base-uri 'none'; form-action 'none'",
		sourceHash(script), sourceHash(style), connect)
	return nil
}

// sourceHash is how a Content-Security-Policy (level 3, section 2.3.1) names
// one inline script or style.
func sourceHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// pageStyle is the page's style with the light palette, and the dark one where
// the reader, or the system, asks for it.
func pageStyle() (string, error) {
	var parts [4]string
	for i, name := range []string{"light.css", "dark.css", "drawing.css", "page.css"} {
		text, err := graphFile(name)
		if err != nil {
			return "", err
		}
		parts[i] = text
	}
	light, dark := parts[0], parts[1]
	return ":root {\ncolor-scheme: light dark;\n" + light + "}\n" +
		":root[data-theme=light] { color-scheme: light; }\n" +
		"@media (prefers-color-scheme: dark) { :root:not([data-theme=light]) {\n" + dark + "} }\n" +
		":root[data-theme=dark] {\ncolor-scheme: dark;\n" + dark + "}\n" + parts[2] + parts[3], nil
}

// drawings draws each group by itself: the page shows one at a time.
func (p *graphPage) drawings(doc *graphDocument) {
	const margin = 12 // badges and plugs stand out
	width := cardWidthFor(doc)
	groups := doc.groups()
	for i := range groups {
		d := layoutGroup(doc, &groups[i], width)
		w := &svgWriter{live: doc.live()}
		w.add(`<svg xmlns="http://www.w3.org/2000/svg" class="drawing" width="%d" height="%d" viewBox="%d %d %d %d">`,
			d.w+2*margin, d.h+2*margin, -margin, -margin, d.w+2*margin, d.h+2*margin)
		w.group(d)
		w.add("</svg>")
		p.Drawings = append(p.Drawings, pageDrawing{groups[i].pod, template.HTML(w.String())})
		p.HasPods = p.HasPods || groups[i].pod != ""
	}
}
