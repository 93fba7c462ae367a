package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/uclab/uclab/plan"
)

// serveGraph serves the page of the lab and follows its state until the context
// ends, which is how it is meant to end: no error.
func (a *app) serveGraph(ctx context.Context, flags graphFlags, args []string) (err error) {
	address, err := loopbackAddress(flags.listen)
	if err != nil {
		return err
	}
	s, err := a.open(ctx, flags.lab, args)
	if err != nil {
		return err
	}
	defer s.close(ctx, &err)
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return hintf(fmt.Errorf("listen on %s: %w", address, err), "give another --listen, or leave it out for a free port")
	}
	first := newGraphDocument(s.lab.Lab, s.lab.pods, plan.StatusOf(s.lab.Lab, s.inventory), time.Now())
	server, err := newGraphServer(listener.Addr(), flags.interval, first, func(ctx context.Context) (*graphDocument, error) {
		inventory, err := s.client.Observe(ctx, s.lab.Lab)
		if err != nil {
			return nil, err
		}
		return newGraphDocument(s.lab.Lab, s.lab.pods, plan.StatusOf(s.lab.Lab, inventory), time.Now()), nil
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	a.printf("%s\n", server.url())
	a.notef("Open it in a browser; Ctrl-C ends it.\n")
	return server.run(ctx, listener)
}

// loopbackAddress refuses every address that other machines could reach.
func loopbackAddress(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", usageError{hintf(fmt.Errorf("--listen %s: %w", listen, err), "write it as 127.0.0.1:8080, or 127.0.0.1:0 for a free port")}
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || !ip.IsLoopback() {
		return "", usageError{hintf(fmt.Errorf("--listen %s: not a loopback address", listen),
			"use 127.0.0.1 or [::1]; to look from another machine, forward the port: ssh -L 8080:127.0.0.1:8080 this-machine")}
	}
	return net.JoinHostPort(ip.String(), port), nil
}

// graphServer serves one lab's page and its state. The state is read by one
// loop, however many pages are open, and only while one is.
type graphServer struct {
	token    string
	address  string
	hosts    []string // the names that a browser may call this server by
	interval time.Duration
	observe  func(context.Context) (*graphDocument, error)

	mu     sync.Mutex
	latest snapshot
	asked  time.Time
}

// snapshot is the last that was seen of the lab.
type snapshot struct {
	document *graphDocument
	json     []byte
	tag      string // HTTP entity tag: changes when anything but the time does
	trouble  string // why the target could not be read at the last try
}

func newGraphServer(address net.Addr, interval time.Duration, first *graphDocument, observe func(context.Context) (*graphDocument, error)) (*graphServer, error) {
	_, port, err := net.SplitHostPort(address.String())
	if err != nil {
		return nil, fmt.Errorf("read the listener's address: %w", err)
	}
	latest, err := newSnapshot(first)
	if err != nil {
		return nil, err
	}
	return &graphServer{
		token: rand.Text(), address: address.String(), hosts: []string{address.String(), net.JoinHostPort("localhost", port)},
		interval: interval, observe: observe, latest: latest, asked: time.Now(),
	}, nil
}

func newSnapshot(doc *graphDocument) (snapshot, error) {
	timeless := *doc
	timeless.Observed = ""
	content, err := json.Marshal(&timeless)
	if err != nil {
		return snapshot{}, fmt.Errorf("write the graph as JSON: %w", err)
	}
	sum := sha256.Sum256(content)
	full, err := json.Marshal(doc)
	if err != nil {
		return snapshot{}, fmt.Errorf("write the graph as JSON: %w", err)
	}
	return snapshot{document: doc, json: full, tag: `"` + hex.EncodeToString(sum[:16]) + `"`}, nil
}

func (g *graphServer) url() string { return "http://" + g.address + "/" + g.token + "/" }

// run serves until the context ends.
func (g *graphServer) run(ctx context.Context, listener net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var watching sync.WaitGroup
	watching.Go(func() { g.watch(ctx) })
	defer watching.Wait()
	server := &http.Server{
		Handler: g, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		cancel()
		return fmt.Errorf("serve the page: %w", err)
	case <-ctx.Done():
	}
	ending, stop := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer stop()
	if err := server.Shutdown(ending); err != nil {
		return server.Close()
	}
	return nil
}

// watch reads the target again and again while a page is open: for some time
// after the last request.
func (g *graphServer) watch(ctx context.Context) {
	ticker := time.NewTicker(g.interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		g.mu.Lock()
		idle := time.Since(g.asked) > 3*g.interval+time.Minute
		g.mu.Unlock()
		if !idle {
			g.refresh(ctx)
		}
	}
}

// refresh reads the target once. When it cannot be read, what was last seen
// stays, with the reason beside it.
func (g *graphServer) refresh(ctx context.Context) {
	doc, err := g.observe(ctx)
	var latest snapshot
	if err == nil {
		latest, err = newSnapshot(doc)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		g.latest.trouble = err.Error()
		return
	}
	g.latest = latest
}

// ServeHTTP answers for the page and its state, to those who know the token and
// call the server by its own name: a page of another site that had its name
// point here (DNS rebinding) does not.
func (g *graphServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-store")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Content-Security-Policy", "frame-ancestors 'none'")
	if !slices.Contains(g.hosts, r.Host) {
		http.Error(w, "this server is called by another name", http.StatusMisdirectedRequest)
		return
	}
	token, file, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if subtle.ConstantTimeCompare([]byte(token), []byte(g.token)) != 1 {
		http.Error(w, "not found: use the whole address that uclab graph --serve printed", http.StatusNotFound)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "this page is only for looking", http.StatusMethodNotAllowed)
		return
	}
	g.mu.Lock()
	g.asked = time.Now()
	latest := g.latest
	g.mu.Unlock()
	switch file {
	case "":
		g.servePage(w, r, latest)
	case "status.json":
		serveStatus(w, r, latest)
	default:
		http.NotFound(w, r)
	}
}

func (g *graphServer) servePage(w http.ResponseWriter, r *http.Request, latest snapshot) {
	if !strings.HasSuffix(r.URL.Path, "/") {
		// Without the slash status.json would be looked for elsewhere.
		http.Redirect(w, r, "/"+g.token+"/", http.StatusFound)
		return
	}
	page, err := writeHTML(latest.document, g.interval)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(page) // a reader that has gone is no trouble of ours
}

func serveStatus(w http.ResponseWriter, r *http.Request, latest snapshot) {
	if latest.trouble != "" {
		http.Error(w, latest.trouble, http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("ETag", latest.tag)
	if r.Header.Get("If-None-Match") == latest.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(latest.json) // a reader that has gone is no trouble of ours
}
