package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/uclab/uclab/plan"
	"github.com/uclab/uclab/vsphere/sim"
	"github.com/vmware/govmomi/simulator"
)

// killer stands between uclab and its target, counts the calls, and kills the
// client at one of them, before the server has seen it or after it has acted.
type killer struct {
	*httptest.Server
	forward *httputil.ReverseProxy

	mu     sync.Mutex
	calls  int
	at     int  // the call to kill at; 0 kills at none
	after  bool // after the server acted, before the client hears of it
	client *os.Process
	killed bool
}

func newKiller(t *testing.T, target *url.URL) *killer {
	t.Helper()
	k := &killer{forward: httputil.NewSingleHostReverseProxy(&url.URL{Scheme: target.Scheme, Host: target.Host})}
	k.forward.Transport = insecureTransport()
	k.forward.ErrorLog = nil
	k.Server = httptest.NewUnstartedServer(k)
	k.Server.Config.ErrorLog = discardLog()
	k.StartTLS()
	t.Cleanup(k.Close)
	return k
}

func (k *killer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	k.calls++
	doomed := k.at > 0 && k.calls == k.at
	k.mu.Unlock()
	if !doomed {
		k.forward.ServeHTTP(w, r)
		return
	}
	if k.after {
		k.forward.ServeHTTP(&swallowed{header: http.Header{}}, r)
	} else {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	k.kill()
	panic(http.ErrAbortHandler)
}

// swallowed is a response that the client never gets.
type swallowed struct{ header http.Header }

func (s *swallowed) Header() http.Header         { return s.header }
func (s *swallowed) Write(p []byte) (int, error) { return len(p), nil }
func (s *swallowed) WriteHeader(int)             {}

func (k *killer) kill() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.client != nil {
		k.killed = k.client.Kill() == nil
	}
}

// run runs one uclab command through the proxy, to be killed at call at.
func (k *killer) run(t *testing.T, at int, after bool, args ...string) (output string, err error) {
	t.Helper()
	var out, messages bytes.Buffer
	cmd := uclabCommand(t, args...)
	cmd.Env = append(cmd.Env, "GOVC_URL="+k.URL+"/sdk", "GOVC_USERNAME=user", "GOVC_PASSWORD=pass", "GOVC_INSECURE=1")
	cmd.Stdout, cmd.Stderr = &out, &messages
	k.mu.Lock()
	k.calls, k.at, k.after, k.killed, k.client = 0, at, after, false, nil
	if err := cmd.Start(); err != nil {
		k.mu.Unlock()
		t.Fatal(err)
	}
	k.client = cmd.Process
	k.mu.Unlock()
	err = cmd.Wait()
	k.mu.Lock() // whoever killed it says so before letting go of this
	defer k.mu.Unlock()
	if err != nil {
		return out.String() + messages.String(), err
	}
	return out.String(), nil
}

// uclabCommand is uclab as a process of its own, with a home of its own.
func uclabCommand(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	return &exec.Cmd{
		Path: self, Args: append([]string{"uclab"}, args...),
		Env: []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + home},
	}
}

// tenNodes is a lab with all that a lab can have: discs, a port group, a cable.
const tenNodes = `
format = 1
lab "ten" {}
target "vsphere" {}
network "hq" {
  cidr   = "10.0.0.0/24"
  switch = "vSwitch0"
  vlan   = 210
}
media "cucm" { source = "disc.iso" }
cluster "hq" {
  product = "cucm"
  version = "7.1.5"
  network = "hq"
  media   = "cucm"
  ignore  = ["LIC001", "CLU002"]
%s}
node "asa" {
  product = "asa"
  network = "hq"
}
node "xp" {
  product = "winxp"
  network = "hq"
}
serial_link "console" {
  server = "asa"
  client = "xp"
}
`

func writeTenNodes(t *testing.T) string {
	t.Helper()
	var nodes strings.Builder
	for i := range 8 {
		fmt.Fprintf(&nodes, "  node \"cucm%d\" {\n    ip = cidrhost(network.hq.cidr, %d)\n  }\n", i+1, i+11)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "ten.lab.hcl")
	if err := os.WriteFile(path, fmt.Appendf(nil, tenNodes, nodes.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "disc.iso"), bytes.Repeat([]byte("uclab"), 20_000), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestKilledApply kills an apply at every call, before it reaches the server
// and after the server has acted on it. The next apply must finish the work.
func TestKilledApply(t *testing.T) {
	lab := writeTenNodes(t)
	calls := callsOf(t, lab, nil, "apply", "--auto-approve", lab)
	walkKillPoints(t, calls, func(t *testing.T, at int, after bool) {
		world := newWorld(t)
		output, err := world.run(t, at, after, "apply", "--auto-approve", lab)
		world.mustHaveDied(t, output, err)
		if output, err := world.run(t, 0, false, "apply", "--auto-approve", lab); err != nil {
			t.Fatalf("the next apply failed: %v\n%s", err, output)
		}
		world.mustBeComplete(t, lab)
	})
}

// TestKilledDestroy does the same to a destroy. The next one must leave nothing.
func TestKilledDestroy(t *testing.T) {
	lab := writeTenNodes(t)
	apply := []string{"apply", "--auto-approve", lab}
	calls := callsOf(t, lab, apply, "destroy", "--auto-approve", lab)
	walkKillPoints(t, calls, func(t *testing.T, at int, after bool) {
		world := newWorld(t)
		if output, err := world.run(t, 0, false, apply...); err != nil {
			t.Fatalf("apply failed: %v\n%s", err, output)
		}
		output, err := world.run(t, at, after, "destroy", "--auto-approve", lab)
		world.mustHaveDied(t, output, err)
		if output, err := world.run(t, 0, false, "destroy", "--auto-approve", lab); err != nil {
			t.Fatalf("the next destroy failed: %v\n%s", err, output)
		}
		world.mustBeEmpty(t)
	})
}

// callsOf counts the calls of a command that nobody kills.
func callsOf(t *testing.T, lab string, before []string, args ...string) int {
	t.Helper()
	world := newWorld(t)
	if before != nil {
		if output, err := world.run(t, 0, false, before...); err != nil {
			t.Fatalf("%v failed: %v\n%s", before, err, output)
		}
	}
	if output, err := world.run(t, 0, false, args...); err != nil {
		t.Fatalf("%v failed: %v\n%s", args, err, output)
	}
	if before == nil {
		world.mustBeComplete(t, lab)
	} else {
		world.mustBeEmpty(t)
	}
	t.Logf("%s makes %d calls", args[0], world.calls)
	return world.calls
}

func walkKillPoints(t *testing.T, calls int, walk func(t *testing.T, at int, after bool)) {
	t.Helper()
	for at := 1; at <= calls; at++ {
		for _, after := range []bool{false, true} {
			when := "before"
			if after {
				when = "after"
			}
			t.Run(fmt.Sprintf("%s_call_%d", when, at), func(t *testing.T) {
				t.Parallel()
				walk(t, at, after)
			})
		}
	}
}

// mustHaveDied checks that the command was killed. How many calls it takes to
// wait for tasks differs from run to run, so it may have ended before.
func (k *killer) mustHaveDied(t *testing.T, output string, err error) {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case k.killed && errors.As(err, &exit) && exit.ExitCode() == -1:
	case !k.killed && err == nil:
		t.Logf("ended before the call to be killed at")
	default:
		t.Fatalf("ended with %v, killed: %t\n%s", err, k.killed, output)
	}
}

// mustBeComplete checks through uclab's own eyes and through the server's.
func (w *world) mustBeComplete(t *testing.T, lab string) {
	t.Helper()
	calls := w.calls
	defer func() { w.calls = calls }()
	if output, err := w.run(t, 0, false, "plan", "--detailed-exitcode", lab); err != nil {
		t.Fatalf("plan is not empty: %v\n%s", err, output)
	}
	output, err := w.run(t, 0, false, "status", "--json", lab)
	if err != nil {
		t.Fatalf("status failed: %v\n%s", err, output)
	}
	var status plan.Status
	if err := json.Unmarshal([]byte(output), &status); err != nil {
		t.Fatalf("status wrote no JSON: %v\n%s", err, output)
	}
	for _, node := range status.Nodes {
		if node.State != plan.StateRunning || len(node.Drift) > 0 {
			t.Errorf("%s is %s, drift %q", node.Address, node.State, node.Drift)
		}
	}
	if vms := w.vmNames(t); len(vms) != 10 {
		t.Errorf("the server has %d VMs, want 10: %v", len(vms), vms)
	}
	if files := w.mediaFiles(t); len(files) != 1 || strings.HasSuffix(files[0], ".part") {
		t.Errorf("the datastore holds %v, want one disc", files)
	}
}

func (w *world) mustBeEmpty(t *testing.T) {
	t.Helper()
	if vms := w.vmNames(t); len(vms) != 0 {
		t.Errorf("the server still has VMs: %v", vms)
	}
	if files := w.mediaFiles(t); len(files) != 0 {
		t.Errorf("the datastore still holds %v", files)
	}
	if groups := w.portGroups(t); len(groups) != 0 {
		t.Errorf("the server still has the lab's port groups: %v", groups)
	}
}

// world is a simulated vCenter with a killer in front of it.
type world struct {
	*killer
	server *sim.Server
}

func newWorld(t *testing.T) *world {
	t.Helper()
	server, err := sim.New(t.Context(), sim.Options{User: "user", Password: "pass"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return &world{newKiller(t, server.URL()), server}
}

func insecureTransport() *http.Transport {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // the simulator's own, on loopback
	return transport
}

func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }

// vmNames, portGroups and mediaFiles ask the server itself, past uclab.
func (w *world) vmNames(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, entity := range w.server.Service.Context.Map.All("VirtualMachine") {
		names = append(names, entity.Entity().Name)
	}
	return names
}

func (w *world) portGroups(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, entity := range w.server.Service.Context.Map.All("Network") {
		if name := entity.Entity().Name; strings.HasPrefix(name, "ten-") {
			names = append(names, name)
		}
	}
	return names
}

func (w *world) mediaFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, entity := range w.server.Service.Context.Map.All("Datastore") {
		datastore, ok := entity.(*simulator.Datastore)
		if !ok {
			continue
		}
		found, err := filepath.Glob(filepath.Join(datastore.Info.GetDatastoreInfo().Url, "uclab", "*"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	return files
}

// TestTwoAppliesAtOnce lets two users, who share no lock, apply one lab at the
// same moment: both end well or one says why not, and there is no duplicate.
func TestTwoAppliesAtOnce(t *testing.T) {
	lab := writeTenNodes(t)
	for round := range 3 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			world := newWorld(t)
			other := newKiller(t, world.server.URL())
			type ending struct {
				output string
				err    error
			}
			endings := make(chan ending)
			for _, k := range []*killer{world.killer, other} {
				go func() {
					output, err := k.run(t, 0, false, "apply", "--auto-approve", lab)
					endings <- ending{output, err}
				}()
			}
			well := 0
			for range 2 {
				end := <-endings
				switch {
				case end.err == nil:
					well++
				case !strings.Contains(end.output, "error: ") || !strings.Contains(end.output, "hint: "):
					t.Errorf("ended with %v and no sentence:\n%s", end.err, end.output)
				}
			}
			if well == 0 {
				t.Error("neither apply ended well")
			}
			if output, err := world.run(t, 0, false, "apply", "--auto-approve", lab); err != nil {
				t.Fatalf("an apply afterwards failed: %v\n%s", err, output)
			}
			world.mustBeComplete(t, lab)
		})
	}
}

// TestOneUserAppliesOnce lets one user apply a lab twice at the same moment: the
// second is told that the lab is being changed.
func TestOneUserAppliesOnce(t *testing.T) {
	lab := writeTenNodes(t)
	world := newWorld(t)
	home := t.TempDir()
	start := func() (*exec.Cmd, *bytes.Buffer) {
		var messages bytes.Buffer
		cmd := uclabCommand(t, "apply", "--auto-approve", lab)
		cmd.Env = []string{"HOME=" + home, "TMPDIR=" + home, "GOVC_URL=" + world.URL + "/sdk", "GOVC_USERNAME=user", "GOVC_PASSWORD=pass", "GOVC_INSECURE=1"}
		cmd.Stderr = &messages
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd, &messages
	}
	first, firstMessages := start()
	second, secondMessages := start()
	errs := []error{first.Wait(), second.Wait()}
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Fatalf("endings %v and %v, want one good\n%s\n%s", errs[0], errs[1], firstMessages, secondMessages)
	}
	if all := firstMessages.String() + secondMessages.String(); !strings.Contains(all, "is being changed by another uclab") {
		t.Errorf("nobody says that the lab is being changed:\n%s", all)
	}
	world.mustBeComplete(t, lab)
}
