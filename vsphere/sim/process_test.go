package sim

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// background is a simulator in the test binary's own program, stopped at the end
// of the test.
func background(t *testing.T) Config {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "sim")
	cfg := Config{Dir: dir, Executable: os.Args[0], Args: []string{serveArg, dir}}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := Stop(ctx, cfg); err != nil {
			t.Error(err)
		}
	})
	return cfg
}

func ensure(t *testing.T, cfg Config) Endpoint {
	t.Helper()
	endpoint, err := Ensure(t.Context(), cfg)
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(cfg.Dir, logFile))
		t.Fatalf("%v\n%s", err, log)
	}
	return endpoint
}

func enter(t *testing.T, endpoint Endpoint) *world {
	t.Helper()
	address, err := url.Parse(endpoint.URL)
	if err != nil {
		t.Fatal(err)
	}
	address.User = url.UserPassword(endpoint.User, endpoint.Password)
	return login(t, address)
}

func kill(t *testing.T, endpoint Endpoint) {
	t.Helper()
	process, err := os.FindProcess(endpoint.PID)
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	// It is our child, and reaped by Ensure's goroutine: gone when signals fail.
	for deadline := time.Now().Add(10 * time.Second); endpoint.call(t.Context(), "GET", identityPath) == nil; {
		if time.Now().After(deadline) {
			t.Fatal("the simulator answers though killed")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestOneProcessHoweverManyAsk(t *testing.T) {
	cfg := background(t)
	const callers = 8
	endpoints, failures := make([]Endpoint, callers), make([]error, callers)
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() { endpoints[i], failures[i] = Ensure(t.Context(), cfg) })
	}
	group.Wait()
	if err := errors.Join(failures...); err != nil {
		t.Fatal(err)
	}
	for _, endpoint := range endpoints {
		if endpoint != endpoints[0] {
			t.Errorf("two simulators: %d and %d", endpoints[0].PID, endpoint.PID)
		}
	}
	status, err := Status(t.Context(), cfg)
	if err != nil || status != endpoints[0] {
		t.Errorf("status says %v, %v", status.PID, err)
	}
}

func TestEndpointFileIsPrivate(t *testing.T) {
	cfg := background(t)
	ensure(t, cfg)
	info, err := os.Stat(filepath.Join(cfg.Dir, endpointFile))
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("the endpoint file has mode %o", mode)
	}
}

// A world outlives the end of its process, whether it was asked to end or killed.
func TestWorldOutlivesItsProcess(t *testing.T) {
	for _, end := range []string{"stop", "kill"} {
		t.Run(end, func(t *testing.T) {
			cfg := background(t)
			endpoint := ensure(t, cfg)
			w := enter(t, endpoint)
			for _, name := range []string{"one", "two", "three"} {
				w.mustCreate(w.vmSpec(name))
			}
			if end == "kill" {
				time.Sleep(1 * time.Second) // what a task did is on disk by then
				kill(t, endpoint)
			} else if err := Stop(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
			if _, err := Status(t.Context(), cfg); !errors.Is(err, ErrNotRunning) {
				t.Fatalf("status after the end: %v", err)
			}
			again := ensure(t, cfg)
			if again.PID == endpoint.PID || again.Password == endpoint.Password {
				t.Error("the new process has the old one's identity")
			}
			w = enter(t, again)
			vms, err := w.finder.VirtualMachineList(w.ctx, "*")
			if err != nil || len(vms) != 3 {
				t.Errorf("found %d of 3 VMs: %v", len(vms), err)
			}
		})
	}
}

// What another process left at the place of the endpoint is not taken for ours,
// and what answers there without the password is left alone.
func TestStaleEndpoint(t *testing.T) {
	for _, text := range []string{"", "{", `{"url":"https://127.0.0.1:1/sdk","pid":1}`, `{"url":"::","pid":-5}`} {
		cfg := background(t)
		if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(cfg.Dir, endpointFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Status(t.Context(), cfg); !errors.Is(err, ErrNotRunning) {
			t.Errorf("%q: status says %v", text, err)
		}
		if err := Stop(t.Context(), cfg); err != nil {
			t.Errorf("%q: stop says %v", text, err)
		}
		ensure(t, cfg)
	}
}

func TestStopAsksWithThePassword(t *testing.T) {
	cfg := background(t)
	endpoint := ensure(t, cfg)
	stranger := endpoint
	stranger.Password = "guess"
	if err := stranger.call(t.Context(), "POST", stopPath); err == nil {
		t.Error("it stopped without the password")
	}
	impostor := endpoint
	impostor.Thumbprint = "AB:CD"
	if err := impostor.call(t.Context(), "GET", identityPath); err == nil {
		t.Error("another certificate passed for the simulator's")
	}
	if _, err := Status(t.Context(), cfg); err != nil {
		t.Error(err)
	}
}

func TestResetRemovesOnlyItsOwn(t *testing.T) {
	cfg := background(t)
	w := enter(t, ensure(t, cfg))
	w.mustCreate(w.vmSpec("one"))
	foreign := filepath.Join(cfg.Dir, "thesis.txt")
	if err := os.WriteFile(foreign, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Reset(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(cfg.Dir)
	if err != nil || len(left) != 1 || left[0].Name() != "thesis.txt" {
		t.Errorf("left: %v, %v", left, err)
	}
	w = enter(t, ensure(t, cfg))
	if vms, _ := w.finder.VirtualMachineList(w.ctx, "*"); len(vms) != 0 {
		t.Errorf("%d VMs after a reset", len(vms))
	}
	if err := os.Remove(foreign); err != nil {
		t.Fatal(err)
	}
	if err := Reset(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(cfg.Dir); !os.IsNotExist(err) {
		t.Errorf("an empty directory is left: %v", err)
	}
}

// A script that reads a command's output must see its end while the simulator,
// which the command started, lives on.
func TestProcessHoldsNoOutputOpen(t *testing.T) {
	cfg := background(t)
	command := exec.Command(os.Args[0], "-test.run=^TestStarter$", "-test.v")
	command.Env = append(os.Environ(), "UCLAB_SIM_TEST_DIR="+cfg.Dir)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	command.Stdout, command.Stderr = writer, writer
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	_ = writer.Close()
	ended := make(chan []byte, 1)
	go func() {
		text, _ := io.ReadAll(reader)
		ended <- text
	}()
	select {
	case text := <-ended:
		if !bytes.Contains(text, []byte("PASS")) {
			t.Errorf("%s", text)
		}
	case <-time.After(30 * time.Second):
		t.Error("the output stays open")
	}
	if err := command.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := Status(t.Context(), cfg); err != nil {
		t.Errorf("the simulator ended with the command: %v", err)
	}
}

// TestStarter is the command of TestProcessHoldsNoOutputOpen.
func TestStarter(t *testing.T) {
	dir := os.Getenv("UCLAB_SIM_TEST_DIR")
	if dir == "" {
		t.Skip("run by TestProcessHoldsNoOutputOpen")
	}
	ensure(t, Config{Dir: dir, Executable: os.Args[0], Args: []string{serveArg, dir}})
}

func TestProgramThatEndsAtOnce(t *testing.T) {
	cfg := background(t)
	cfg.Args = []string{"-test.run=^$", "-test.badflag"}
	begin := time.Now()
	if _, err := Ensure(t.Context(), cfg); err == nil {
		t.Fatal("no error")
	}
	if time.Since(begin) > startTimeout/2 {
		t.Error("it waited for a process that had ended")
	}
}
