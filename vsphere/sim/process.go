package sim

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/gofrs/flock"
)

// Names of the files in Config.Dir.
const (
	endpointFile = "endpoint.json" // 0600: where the process listens, and the password
	caFile       = "certificate.pem"
	lockFile     = "start.lock"
	logFile      = "log"
)

const (
	startTimeout = 20 * time.Second
	probeTimeout = 2 * time.Second
	identityPath = "/uclab/identity"
	stopPath     = "/uclab/stop"
	identity     = "uclab" // what the process answers to who knows the password
)

// Config says where the simulator keeps its world and how to start its process.
type Config struct {
	Dir        string   // the simulator's own directory
	Executable string   // the program to start
	Args       []string // its arguments; they must lead to Serve(ctx, Dir)
}

// Endpoint says how to reach a running simulator.
type Endpoint struct {
	URL        string `json:"url"`
	User       string `json:"user"`
	Password   string `json:"password"`
	Thumbprint string `json:"thumbprint"` // SHA-256 of the certificate
	CAFile     string `json:"ca_file"`    // PEM file with the certificate, to be trusted for it
	PID        int    `json:"pid"`
}

// Ensure gives the endpoint of the running simulator, and starts one when none
// runs. However many call it at once, there is one process.
func Ensure(ctx context.Context, cfg Config) (Endpoint, error) {
	if endpoint, err := running(ctx, cfg.Dir); err == nil {
		return endpoint, nil
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return Endpoint{}, fmt.Errorf("make the simulator's directory: %w", err)
	}
	lock := flock.New(filepath.Join(cfg.Dir, lockFile))
	if _, err := lock.TryLockContext(ctx, 10*time.Millisecond); err != nil {
		return Endpoint{}, fmt.Errorf("lock the simulator's directory: %w", err)
	}
	endpoint, err := startUnlessRunning(ctx, cfg)
	return endpoint, errors.Join(err, lock.Unlock())
}

func startUnlessRunning(ctx context.Context, cfg Config) (Endpoint, error) {
	if endpoint, err := running(ctx, cfg.Dir); err == nil {
		return endpoint, nil
	}
	if err := removeIfThere(filepath.Join(cfg.Dir, endpointFile)); err != nil {
		return Endpoint{}, err
	}
	exited, err := launch(cfg)
	if err != nil {
		return Endpoint{}, err
	}
	deadline := time.After(startTimeout)
	for {
		if endpoint, err := running(ctx, cfg.Dir); err == nil {
			return endpoint, nil
		}
		select {
		case <-ctx.Done():
			return Endpoint{}, ctx.Err()
		case err := <-exited:
			return Endpoint{}, fmt.Errorf("the simulator ended at once (%v): see %s", err, filepath.Join(cfg.Dir, logFile))
		case <-deadline:
			return Endpoint{}, fmt.Errorf("the simulator did not answer within %s: see %s", startTimeout, filepath.Join(cfg.Dir, logFile))
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// launch starts the process with nothing of ours left open in it, so that
// whoever reads our output does not wait for it.
func launch(cfg Config) (exited <-chan error, err error) {
	output, err := os.OpenFile(filepath.Join(cfg.Dir, logFile), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the simulator's log: %w", err)
	}
	temporary := filepath.Join(cfg.Dir, "tmp")
	if err := os.MkdirAll(temporary, 0o700); err != nil {
		return nil, errors.Join(fmt.Errorf("make the simulator's temporary directory: %w", err), output.Close())
	}
	cmd := exec.Command(cfg.Executable, cfg.Args...)
	cmd.Dir = cfg.Dir
	cmd.Env = append(os.Environ(), "TMPDIR="+temporary)
	cmd.Stdout, cmd.Stderr = output, output
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the simulator: %w", err), output.Close())
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	return done, output.Close()
}

// ErrNotRunning says that no simulator runs in a directory.
var ErrNotRunning = errors.New("the simulator is not running")

// Status gives the endpoint of the running simulator, or ErrNotRunning.
func Status(ctx context.Context, cfg Config) (Endpoint, error) { return running(ctx, cfg.Dir) }

// running reads the endpoint file and makes sure that who answers there is the
// one that wrote it.
func running(ctx context.Context, dir string) (Endpoint, error) {
	text, err := os.ReadFile(filepath.Join(dir, endpointFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Endpoint{}, ErrNotRunning
	}
	if err != nil {
		return Endpoint{}, fmt.Errorf("read the simulator's endpoint: %w", err)
	}
	var endpoint Endpoint
	if err := json.Unmarshal(text, &endpoint); err != nil {
		return Endpoint{}, fmt.Errorf("%w: its endpoint file is damaged", ErrNotRunning)
	}
	if err := endpoint.call(ctx, http.MethodGet, identityPath); err != nil {
		return Endpoint{}, fmt.Errorf("%w: %w", ErrNotRunning, err)
	}
	return endpoint, nil
}

// call asks something of the process itself. The certificate is pinned, and the
// answer proves that the other side knows the password, too.
func (e Endpoint) call(ctx context.Context, method, path string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	address, err := url.Parse(e.URL)
	if err != nil {
		return err
	}
	address.Path = path
	request, err := http.NewRequestWithContext(ctx, method, address.String(), nil)
	if err != nil {
		return err
	}
	request.SetBasicAuth(e.User, e.Password)
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
		InsecureSkipVerify: true, // the certificate is pinned instead
		VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
			if len(raw) == 0 || thumbprint(raw[0]) != e.Thumbprint {
				return errors.New("somebody else answers at the simulator's address")
			}
			return nil
		},
	}}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 256))
	err = errors.Join(err, response.Body.Close())
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK || string(body) != identity {
		return fmt.Errorf("it answered %s", response.Status)
	}
	return nil
}

// Stop ends the running simulator, its world saved, and waits until it is gone.
// It is no error when none runs.
func Stop(ctx context.Context, cfg Config) error {
	endpoint, err := running(ctx, cfg.Dir)
	if errors.Is(err, ErrNotRunning) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := endpoint.call(ctx, http.MethodPost, stopPath); err != nil {
		if _, now := running(ctx, cfg.Dir); !errors.Is(now, ErrNotRunning) {
			return fmt.Errorf("stop the simulator: %w", err)
		}
	}
	for {
		if _, err := os.Stat(filepath.Join(cfg.Dir, endpointFile)); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the simulator to end: %w", ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Serve runs the simulator in this process until the context ends or Stop asks.
func Serve(ctx context.Context, dir string) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	endpoint := Endpoint{User: "uclab", Password: rand.Text(), PID: os.Getpid()}
	server, err := New(ctx, Options{
		User: endpoint.User, Password: endpoint.Password, Dir: dir,
		Report: func(err error) {
			if err != nil {
				log.Print(err)
			}
		},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }() // on errors; a second Close does nothing
	server.answer(endpoint, identityPath, func() {})
	server.answer(endpoint, stopPath, cancel)
	address := server.URL()
	address.User = nil
	endpoint.URL, endpoint.Thumbprint = address.String(), server.Thumbprint()
	endpoint.CAFile = filepath.Join(dir, caFile)
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.server.Certificate().Raw})
	if err := writeFile(endpoint.CAFile, certificate); err != nil {
		return err
	}
	text, err := json.Marshal(endpoint)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, endpointFile)
	if err := writeFile(path, text); err != nil {
		return err
	}
	// Whoever finds the endpoint gone takes the simulator for ended, so the world
	// is saved before.
	defer func() { err = errors.Join(err, removeIfThere(path)) }()
	<-ctx.Done()
	return server.Close()
}

// writeFile replaces a file in one step.
func writeFile(path string, content []byte) error {
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		return fmt.Errorf("write the simulator's %s: %w", filepath.Base(path), err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write the simulator's %s: %w", filepath.Base(path), err)
	}
	return nil
}

// Reset ends the simulator and removes its world. Only what is the simulator's
// own goes; the directory goes with it when nothing else is in it.
func Reset(ctx context.Context, cfg Config) error {
	if err := Stop(ctx, cfg); err != nil {
		return err
	}
	for _, name := range []string{endpointFile, caFile, lockFile, logFile, "tmp", "datastores", "objects-" + worldVersion} {
		if err := os.RemoveAll(filepath.Join(cfg.Dir, name)); err != nil {
			return fmt.Errorf("remove the simulator's world: %w", err)
		}
	}
	if err := os.Remove(cfg.Dir); err != nil && !errors.Is(err, fs.ErrNotExist) && !isNotEmpty(cfg.Dir) {
		return fmt.Errorf("remove the simulator's directory: %w", err)
	}
	return nil
}

func isNotEmpty(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && len(entries) > 0
}

// answer serves one of the process's own paths to who knows the password.
func (s *Server) answer(endpoint Endpoint, path string, act func()) {
	want := sha256.Sum256([]byte(endpoint.Password))
	s.Service.ServeMux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		got := sha256.Sum256([]byte(password))
		if subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
		// The whole answer is on its way before the server may end.
		w.Header().Set("Content-Length", strconv.Itoa(len(identity)))
		_, _ = io.WriteString(w, identity) // a client that left does not matter
		_ = http.NewResponseController(w).Flush()
		act()
	})
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
