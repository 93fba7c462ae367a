// Package sim is the embedded simulator: govmomi's simulator of vSphere, made
// strict, kept on disk, and run in a background process, so that the commands
// of a user see one world without any server. Nothing outside this package
// knows that it is a simulator.
package sim

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// hostMemory is what each simulated host has, in bytes: enough for a room of a
// thousand VMs.
const hostMemory = 512 << 30

// datastoreSize is what the simulated datastore has, in bytes.
const datastoreSize = 256 << 40

// closeTimeout is how long Close waits for calls.
const closeTimeout = 3 * time.Second

// taskLife is how long an ended task can be asked about. A vCenter forgets them,
// too.
const taskLife = 10 * time.Minute

// Options say what kind of world a Server simulates.
type Options struct {
	ESX      bool   // a standalone ESXi instead of a vCenter
	User     string // "" accepts any user and password
	Password string
	// Dir keeps the world on disk; "" forgets it with the server.
	Dir string
	// Report is told of errors that no client hears of, such as a full disk; nil
	// ignores them.
	Report func(error)
}

// Server is a simulated vSphere that listens on loopback.
type Server struct {
	// Service is the simulator itself, for fault rules and the like.
	Service *simulator.Service

	model  *simulator.Model
	strict strict
	server *simulator.Server

	store *store // nil: nothing is kept
	saved chan struct{}
	stop  context.CancelFunc

	closing sync.Once

	mu       sync.Mutex
	calls    map[string]int
	lastCall time.Time
}

// New starts a server in this process. It has hosts, a datastore and networks
// under vcsim's standard names (DC0, DC0_C0, LocalDS_0, DVS0), and no VM.
func New(ctx context.Context, opts Options) (_ *Server, err error) {
	s := &Server{calls: map[string]int{}, strict: newStrict(opts.ESX)}
	s.model = simulator.VPX()
	if opts.ESX {
		s.model = simulator.ESX()
	}
	s.model.Machine, s.model.Autostart, s.model.Host = 0, false, 0
	if err := s.model.Create(); err != nil {
		return nil, fmt.Errorf("make the simulated world: %w", err)
	}
	s.Service = s.model.Service
	s.furnish()
	if opts.Dir != "" {
		if err := s.keep(ctx, opts); err != nil {
			return nil, err
		}
	}
	s.strict.remember(s.model.Map())
	s.model.Map().AddHandler(s.strict.names)
	s.model.Map().AddHandler(orphans{})
	s.model.Map().AddHandler(s.strict.clones)
	s.Service.TLS = new(tls.Config)
	s.Service.Listen = &url.URL{Host: "127.0.0.1:0"}
	if opts.User != "" {
		s.Service.Listen.User = url.UserPassword(opts.User, opts.Password)
	}
	s.model.Map().Handler = s.handle
	s.Service.ServeMux = http.NewServeMux()
	s.guardFiles()
	s.server = s.Service.NewServer()
	return s, nil
}

// furnish makes the hosts and the cluster such as a lab would find them.
func (s *Server) furnish() {
	registry := s.model.Map()
	registry.AddHandler(unnamed{})
	replaceNetworkSystems(registry)
	for _, entity := range registry.All("HostSystem") {
		host := entity.(*simulator.HostSystem)
		hardware, summary := *host.Hardware, *host.Summary.Hardware
		hardware.MemorySize, summary.MemorySize = hostMemory, hostMemory
		host.Hardware, host.Summary.Hardware = &hardware, &summary
	}
	for _, entity := range registry.All("Datastore") {
		datastore := entity.(*simulator.Datastore)
		datastore.Summary.Capacity, datastore.Summary.FreeSpace = datastoreSize, datastoreSize
		datastore.Info.GetDatastoreInfo().FreeSpace = datastoreSize
	}
	for _, entity := range registry.All("ClusterComputeResource") {
		cluster := entity.(*simulator.ClusterComputeResource)
		if config, ok := cluster.ConfigurationEx.(*types.ClusterConfigInfoEx); ok {
			enabled := true
			config.DrsConfig.Enabled = &enabled
		}
	}
}

// keep loads the world from disk, and keeps it there from now on.
func (s *Server) keep(ctx context.Context, opts Options) error {
	s.store = newStore(opts.Dir, s.Service)
	if err := s.store.load(); err != nil {
		return err
	}
	if err := s.moveDatastores(filepath.Join(opts.Dir, "datastores")); err != nil {
		return err
	}
	s.model.Map().AddHandler(s.store)
	report := opts.Report
	if report == nil {
		report = func(error) {}
	}
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.saved = make(chan struct{})
	go func() {
		defer close(s.saved)
		s.store.run(ctx, report)
	}()
	return nil
}

// moveDatastores puts the datastores' files where they stay.
func (s *Server) moveDatastores(dir string) error {
	for _, entity := range s.model.Map().All("Datastore") {
		datastore := entity.(*simulator.Datastore)
		path := filepath.Join(dir, datastore.Name)
		if err := os.MkdirAll(path, 0o700); err != nil {
			return fmt.Errorf("make the directory of datastore %s: %w", datastore.Name, err)
		}
		datastore.Summary.Url = path
		datastore.Info.GetDatastoreInfo().Url = path
	}
	return nil
}

// handle counts every call, checks it, and tells the store what it is about to
// change.
func (s *Server) handle(ctx *simulator.Context, method *simulator.Method) (mo.Reference, types.BaseMethodFault) {
	if ctx.Value(ownCall{}) != nil {
		return nil, nil
	}
	s.mu.Lock()
	s.calls[method.Name]++
	s.lastCall = time.Now()
	s.mu.Unlock()
	if ctx.Session == nil || method.Body == nil || reads(method.Name) {
		return nil, nil // without a session, the simulator refuses it
	}
	about, fault := references(ctx, method)
	if fault == nil {
		fault = s.strict.check(ctx, method)
	}
	if fault != nil {
		return nil, refuse(ctx, method, fault)
	}
	if s.store != nil {
		s.store.touch(about)
	}
	return nil, nil
}

// guardFiles gives files only to who has logged in: the simulator gives those of
// its datastores, which are files of the user's, to every user of the machine.
func (s *Server) guardFiles() {
	// Each of these patterns goes before the simulator's own "/folder/".
	for _, pattern := range []string{"/folder/{$}", "/folder/{name}", "/folder/{name}/{rest...}"} {
		s.Service.ServeMux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			cookie, err := r.Cookie(soap.SessionCookieName)
			if err != nil || !s.loggedIn(r.Context(), cookie.Value) {
				http.Error(w, "log in first", http.StatusUnauthorized)
				return
			}
			s.Service.ServeDatastore(w, r)
		})
	}
}

// ownCall marks the server's own calls, which count for nothing.
type ownCall struct{}

// loggedIn says that a session of this key is open.
func (s *Server) loggedIn(ctx context.Context, key string) bool {
	ctx = context.WithValue(ctx, ownCall{}, true)
	client, err := vim25.NewClient(ctx, s.Service)
	if err != nil {
		return false
	}
	var manager mo.SessionManager
	if err := property.DefaultCollector(client).RetrieveOne(ctx, *client.ServiceContent.SessionManager, []string{"sessionList"}, &manager); err != nil {
		return false
	}
	return slices.ContainsFunc(manager.SessionList, func(session types.UserSession) bool { return session.Key == key })
}

// reads says that a method changes nothing.
func reads(method string) bool {
	for _, prefix := range []string{"Retrieve", "Query", "Fetch", "Find", "Wait", "Check", "Search", "Current"} {
		if strings.HasPrefix(method, prefix) {
			return true
		}
	}
	return false
}

// endWhenIdle calls end when nobody has called the server for idleTimeout, and
// forgets old tasks until then.
func (s *Server) endWhenIdle(ctx context.Context, end func()) {
	s.mu.Lock()
	s.lastCall = time.Now()
	s.mu.Unlock()
	go func() {
		tick := time.NewTicker(time.Minute)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			s.forgetTasks(time.Now().Add(-taskLife))
			s.mu.Lock()
			idle := time.Since(s.lastCall)
			s.mu.Unlock()
			if idle > idleTimeout {
				end()
				return
			}
		}
	}()
}

// forgetTasks removes the tasks that ended before a time; the simulator keeps all.
func (s *Server) forgetTasks(before time.Time) {
	context := s.Service.Context
	for _, object := range context.Map.AllReference("Task") {
		task, ok := object.(*simulator.Task)
		if !ok {
			continue
		}
		old := false
		context.Map.WithLock(context, task, func() {
			old = task.Info.CompleteTime != nil && task.Info.CompleteTime.Before(before)
		})
		if old {
			context.Map.Remove(context, task.Self)
		}
	}
}

// URL is the address of the SDK, with user and password in it.
func (s *Server) URL() *url.URL {
	address := *s.server.URL
	return &address
}

// Thumbprint is the SHA-256 of the server's certificate, "AB:CD:…".
func (s *Server) Thumbprint() string { return thumbprint(s.server.Certificate().Raw) }

func thumbprint(certificate []byte) string {
	sum := sha256.Sum256(certificate)
	text := strings.ToUpper(hex.EncodeToString(sum[:]))
	var parts []string
	for i := 0; i < len(text); i += 2 {
		parts = append(parts, text[i:i+2])
	}
	return strings.Join(parts, ":")
}

// Calls counts the SOAP calls by method, from all clients, since ResetCalls.
func (s *Server) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.calls)
}

// ResetCalls starts counting anew.
func (s *Server) ResetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.calls)
}

// AddFaultRule makes calls fail as the rule says.
func (s *Server) AddFaultRule(rule *simulator.FaultInjectionRule) { s.Service.AddFaultRule(rule) }

// DropConnections closes every client's connection, in the midst of calls.
func (s *Server) DropConnections() { s.server.CloseClientConnections() }

// Close stops the server, its world saved if it is kept. Calls that do not end,
// since the simulator lost a lock, are left behind. A second Close does nothing.
func (s *Server) Close() error {
	s.closing.Do(func() {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			s.server.CloseClientConnections()
			s.server.Close()
		}()
		select {
		case <-ended:
		case <-time.After(closeTimeout):
		}
		if s.stop != nil {
			s.stop()
			<-s.saved
		}
		s.model.Remove()
	})
	return nil
}
