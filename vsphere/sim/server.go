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
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// hostMemory is what each simulated host has, in bytes: enough for a room of a
// thousand VMs.
const hostMemory = 512 << 30

// Options say what kind of world a Server simulates.
type Options struct {
	ESX      bool   // a standalone ESXi instead of a vCenter
	User     string // "" accepts any user and password
	Password string
}

// Server is a simulated vSphere that listens on loopback.
type Server struct {
	// Service is the simulator itself, for fault rules and the like.
	Service *simulator.Service

	model  *simulator.Model
	server *simulator.Server

	mu    sync.Mutex
	calls map[string]int
}

// New starts a server in this process. It has hosts, a datastore and networks
// under vcsim's standard names (DC0, DC0_C0, LocalDS_0, DVS0), and no VM.
func New(_ context.Context, opts Options) (_ *Server, err error) {
	s := &Server{calls: map[string]int{}}
	s.model = simulator.VPX()
	if opts.ESX {
		s.model = simulator.ESX()
	}
	s.model.Machine, s.model.Autostart, s.model.Host = 0, false, 0
	if err := s.model.Create(); err != nil {
		return nil, errors.Join(fmt.Errorf("make the simulated world: %w", err), s.remove())
	}
	s.Service = s.model.Service
	s.furnish()
	s.Service.TLS = new(tls.Config)
	s.Service.Listen = &url.URL{Host: "127.0.0.1:0"}
	if opts.User != "" {
		s.Service.Listen.User = url.UserPassword(opts.User, opts.Password)
	}
	s.model.Map().Handler = s.handle
	s.server = s.Service.NewServer()
	return s, nil
}

// furnish makes the hosts and the cluster such as a lab would find them.
func (s *Server) furnish() {
	registry := s.model.Map()
	replaceNetworkSystems(registry)
	for _, entity := range registry.All("HostSystem") {
		host := entity.(*simulator.HostSystem)
		hardware, summary := *host.Hardware, *host.Summary.Hardware
		hardware.MemorySize, summary.MemorySize = hostMemory, hostMemory
		host.Hardware, host.Summary.Hardware = &hardware, &summary
	}
	for _, entity := range registry.All("ClusterComputeResource") {
		cluster := entity.(*simulator.ClusterComputeResource)
		if config, ok := cluster.ConfigurationEx.(*types.ClusterConfigInfoEx); ok {
			enabled := true
			config.DrsConfig.Enabled = &enabled
		}
	}
}

// handle counts every call.
func (s *Server) handle(_ *simulator.Context, method *simulator.Method) (mo.Reference, types.BaseMethodFault) {
	s.mu.Lock()
	s.calls[method.Name]++
	s.mu.Unlock()
	return nil, nil
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

// Close stops the server and forgets its world.
func (s *Server) Close() error {
	s.server.Close()
	return s.remove()
}

func (s *Server) remove() error {
	s.model.Remove()
	return nil
}
