package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"image/png"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
	"github.com/uclab/uclab/templates"
)

// browser is a tab of a headless Chromium with what went wrong in its page.
type browser struct {
	ctx context.Context

	mu       sync.Mutex
	troubles []string
	requests []string
}

// startChromium starts Chromium with a profile of its own. It ends with the test.
func startChromium(t *testing.T, width, height int) context.Context {
	t.Helper()
	path := realTool(t, "chromium", "chromium")
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(width, height),
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	return ctx
}

// newTab opens a tab and listens to what goes wrong in it.
func newTab(t *testing.T, chromium context.Context) *browser {
	t.Helper()
	ctx, cancel := context.WithTimeout(chromium, time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{ctx: ctx}
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	return b
}

func (b *browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.troubles = append(b.troubles, fmt.Sprintf("line %d: %s", e.ExceptionDetails.LineNumber, e.ExceptionDetails.Text))
	case *log.EventEntryAdded:
		b.troubles = append(b.troubles, e.Entry.Text)
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, "data:") {
			b.requests = append(b.requests, e.Request.URL)
		}
	}
}

func (b *browser) run(t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// value is the value of a JavaScript expression, as text.
func (b *browser) value(t *testing.T, expression string) string {
	t.Helper()
	out, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("String("+expression+")"))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return out
}

func (b *browser) want(t *testing.T, expression, want string) {
	t.Helper()
	if got := b.value(t, expression); got != want {
		t.Errorf("%s is %q, want %q", expression, got, want)
	}
}

// eventually waits for an expression to be true.
func (b *browser) eventually(t *testing.T, expression string) {
	t.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(20*time.Second))); err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
}

// silent fails the test for script errors, broken policies and requests other
// than for the given addresses.
func (b *browser) silent(t *testing.T, allowed ...string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, trouble := range b.troubles {
		t.Errorf("the page says: %s", trouble)
	}
	for _, request := range b.requests {
		if !slices.ContainsFunc(allowed, func(prefix string) bool { return strings.HasPrefix(request, prefix) }) {
			t.Errorf("the page asked for %s", request)
		}
	}
}

// openPage writes a page to a file and opens it.
func (b *browser) openPage(t *testing.T, doc *graphDocument) (url string) {
	t.Helper()
	page, err := writeHTML(doc, 0)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "lab.html")
	if err := os.WriteFile(path, page, 0o644); err != nil {
		t.Fatal(err)
	}
	url = "file://" + filepath.ToSlash(path)
	b.run(t, chromedp.Navigate(url))
	return url
}

func tile(address string) chromedp.CSS {
	return chromedp.CSS(fmt.Sprintf(`#room [data-node="%s"]`, address))
}

// TestGraphInBrowser opens pages in a real browser.
func TestGraphInBrowser(t *testing.T) {
	chromium := startChromium(t, 1280, 900)
	for name, test := range map[string]func(*testing.T, *browser){
		"room": testRoomPage, "from the lab file": testPageFromFile, "hostile lab": testHostilePage, "serve": testServedPage,
	} {
		t.Run(name, func(t *testing.T) { test(t, newTab(t, chromium)) })
	}
}

// testRoomPage uses the page of a classroom as a trainer would.
func testRoomPage(t *testing.T, b *browser) {
	lab := room(20, 7)
	status := mixedStatus(lab)
	missing, drifting := 0, ""
	for _, node := range status.Nodes {
		if node.State == plan.StateMissing {
			missing++
		}
		if len(node.Drift) > 0 && node.State == plan.StateRunning {
			drifting = node.Address
		}
	}
	url := b.openPage(t, newGraphDocument(lab, nil, status, observedAt))
	b.want(t, `document.querySelectorAll("#room .tile").length`, "141")
	b.want(t, `[...document.querySelectorAll("#room .tile")].every((tile) => tile.checkVisibility() && tile.textContent.length > 0)`, "true")

	b.run(t, chromedp.Click(tile(drifting)), chromedp.WaitVisible(chromedp.CSS("#details")))
	b.want(t, `document.getElementById("details-title").textContent`, drifting)
	b.want(t, `document.getElementById("details").textContent.includes("memory_mb is 512, wanted 1024")`, "true")
	b.run(t, chromedp.KeyEvent(kb.Escape))
	b.want(t, `document.getElementById("details").checkVisibility()`, "false")

	b.value(t, `document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "/", bubbles: true }))`)
	b.want(t, "document.activeElement.id", "search")
	b.run(t, chromedp.KeyEvent("pod07 asa"))
	b.want(t, `document.getElementById("matches").textContent`, "1 of 141 nodes in 1 pod")
	b.run(t, chromedp.KeyEvent(kb.Escape), chromedp.Click(chromedp.CSS(`#chips .missing`)))
	b.want(t, `document.querySelectorAll("#room .tile:not(.dim)").length`, fmt.Sprint(missing))
	b.run(t, chromedp.Click(chromedp.CSS(`#chips .missing`)))

	b.run(t, chromedp.Focus(tile("pod02/cucm-pub")), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.Enter))
	b.want(t, `document.getElementById("details-title").textContent`, "pod02/cucm-sub")

	b.run(t, chromedp.Click(chromedp.CSS(`[data-pod="pod03"] h2 button`)), chromedp.WaitVisible(chromedp.CSS("#sheet svg")))
	b.want(t, `document.querySelectorAll("#sheet [data-node]").length`, "7")
	b.run(t, chromedp.Click(chromedp.CSS(`#sheet [data-node="pod03/asa"]`)))
	b.want(t, `document.getElementById("details").textContent.includes("this is the server end, the other is at pod03/xp-term")`, "true")
	b.silent(t, url)
}

// testPageFromFile shows a lab whose target was not read.
func testPageFromFile(t *testing.T, b *browser) {
	url := b.openPage(t, newGraphDocument(voiceLab(), nil, nil, observedAt))
	b.want(t, `document.querySelectorAll("#sheet [data-node]").length`, "9")
	b.want(t, `document.getElementById("clock").textContent`, "from the lab file")
	b.want(t, `document.body.innerText.includes("unknown")`, "false")
	b.silent(t, url)
}

// testHostilePage opens a lab whose every text is an attack.
func testHostilePage(t *testing.T, b *browser) {
	lab := hostileLab()
	url := b.openPage(t, newGraphDocument(lab, nil, mixedStatus(lab), observedAt))
	b.want(t, `document.querySelectorAll("script").length`, "3")
	b.want(t, `document.querySelectorAll("#sheet [data-node]").length`, "2")
	b.run(t, chromedp.Click(chromedp.CSS(`#sheet [data-node]`)), chromedp.WaitVisible(chromedp.CSS("#details")))
	b.want(t, `document.querySelector("#details .notes").textContent.startsWith("</script><script>")`, "true")
	b.silent(t, url)
}

// watchedRoom is a room whose states a test changes while a page looks on.
type watchedRoom struct {
	mu     sync.Mutex
	lab    *labspec.Lab
	status *plan.Status
	err    error
}

func (w *watchedRoom) observe(context.Context) (*graphDocument, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return nil, w.err
	}
	return newGraphDocument(w.lab, nil, w.status, time.Now()), nil
}

func (w *watchedRoom) change(address, state string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	next := *w.status
	next.Nodes = slices.Clone(w.status.Nodes)
	for i := range next.Nodes {
		if next.Nodes[i].Address == address {
			next.Nodes[i].State = state
		}
	}
	w.status, w.err = &next, err
}

// serveRoom serves a room on loopback until the test ends.
func serveRoom(t *testing.T, w *watchedRoom, interval time.Duration) *graphServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	first, err := w.observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	server, err := newGraphServer(listener.Addr(), interval, first, w.observe)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.run(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	return server
}

// testServedPage sees states change, and the target go away and come back,
// without loading the page again.
func testServedPage(t *testing.T, b *browser) {
	lab := room(3, 7)
	w := &watchedRoom{lab: lab, status: plan.StatusOf(lab, &plan.Inventory{Target: plan.TargetSimulator})}
	server := serveRoom(t, w, 100*time.Millisecond)
	b.run(t, chromedp.Navigate(server.url()), chromedp.Evaluate[chromedp.Void](`window.marker = "not loaded again"`))
	b.run(t, chromedp.Click(tile("pod02/asa")))
	state := fmt.Sprintf(`document.querySelector('%s .state').textContent`, tile("pod02/asa"))
	b.want(t, state, plan.StateMissing)

	w.change("pod02/asa", plan.StateRunning, nil)
	b.eventually(t, state+` === "running"`)
	b.want(t, `document.querySelector("#details .state").textContent`, plan.StateRunning)
	b.want(t, `document.querySelector("#chips .running b").textContent`, "1")
	b.want(t, `document.getElementById("news").textContent`, "pod02/asa is now running")
	b.silent(t, server.url())

	w.change("pod02/asa", plan.StateStopped, errors.New("vcenter.lab.local does not answer"))
	b.eventually(t, `document.getElementById("trouble").textContent.includes("vcenter.lab.local does not answer")`)
	b.want(t, state, plan.StateRunning)
	w.change("pod02/asa", plan.StateStopped, nil)
	b.eventually(t, state+` === "stopped" && document.getElementById("trouble").hidden`)
	b.want(t, "window.marker", "not loaded again")
}

var pictures = flag.String("pictures", "", "directory in which to take the documentation's pictures")

// TestPictures takes the pictures of the documentation: `make pictures`.
func TestPictures(t *testing.T) {
	if *pictures == "" {
		t.Skip("it takes pictures only when asked: make pictures")
	}
	lab := loadExample(t, "ccie-voice")
	status := plan.StatusOf(lab, &plan.Inventory{Target: plan.TargetVCenter})
	for i := range status.Nodes {
		status.Nodes[i].State, status.Nodes[i].Host = plan.StateRunning, fmt.Sprintf("esxi-%d", i%2+1)
	}
	takePicture(t, "lab.png", newGraphDocument(lab, nil, status, observedAt), "view=drawing&node=asa", 1360, 600)
	classroom := loadExample(t, "classroom")
	takePicture(t, "room.png", newGraphDocument(classroom, nil, mixedStatus(classroom), observedAt), "view=room", 1280, 800)
}

func loadExample(t *testing.T, name string) *labspec.Lab {
	t.Helper()
	path := filepath.Join("..", "..", "examples", name, name+".lab.hcl")
	lab, err := labspec.Load(t.Context(), path, labspec.Options{Profiles: templates.Profiles()})
	if err != nil {
		t.Fatal(err)
	}
	return lab
}

func takePicture(t *testing.T, name string, doc *graphDocument, hash string, width, height int) {
	t.Helper()
	b := newTab(t, startChromium(t, width, height))
	url := b.openPage(t, doc)
	b.run(t, chromedp.EmulateViewport(int64(width), int64(height)), chromedp.Navigate("about:blank"), chromedp.Navigate(url+"#"+hash))
	shot, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Fatal(err)
	}
	var small bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&small, picture); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(*pictures, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*pictures, name), small.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
