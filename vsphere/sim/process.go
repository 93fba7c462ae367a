package sim

import (
	"cmp"
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
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Names of the files in Config.Dir.
const (
	endpointFile = "endpoint.json" // 0600: where the process listens, and the password
	caFile       = "certificate.pem"
	startLock    = "start.lock" // held by who starts or removes the simulator
	serveLock    = "serve.lock" // held by the process, so that its end cannot be missed
	logFile      = "log"
	oldLogFile   = "log.old" // of the process before: a crash is told of there
	temporary    = "tmp"
	identity     = "uclab" // what the process answers who knows the password
)

const (
	startTimeout = 20 * time.Second
	probeTimeout = 2 * time.Second
	stopTimeout  = 15 * time.Second // for the process to end when asked, before it is killed
	// idleTimeout is how long the process stays when nobody calls it. Its world is
	// on disk, and the next command starts it again.
	idleTimeout  = 4 * time.Hour
	identityPath = "/uclab/identity"
	stopPath     = "/uclab/stop"
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
	var endpoint Endpoint
	err := exclusively(ctx, cfg.Dir, func() (err error) {
		endpoint, err = startUnlessRunning(ctx, cfg)
		return err
	})
	return endpoint, err
}

// exclusively does something that no other process may do to the simulator's
// directory at the same time.
func exclusively(ctx context.Context, dir string, do func() error) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the simulator's directory: %w", err)
	}
	lock := flock.New(filepath.Join(dir, startLock), flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, 10*time.Millisecond); err != nil {
		return fmt.Errorf("lock the simulator's directory: %w", err)
	}
	return errors.Join(do(), lock.Unlock())
}

// startUnlessRunning starts a process when none lives. One that lives and does
// not answer, since the machine is busy or it is just ending, is waited for: two
// processes would spoil one world.
func startUnlessRunning(ctx context.Context, cfg Config) (Endpoint, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout,
		fmt.Errorf("it did not answer within %s: see %s", startTimeout, filepath.Join(cfg.Dir, logFile)))
	defer cancel()
	var exited <-chan error
	for {
		endpoint, err := running(ctx, cfg.Dir)
		if err == nil {
			return endpoint, nil
		}
		if exited == nil {
			if exited, err = launchUnlessAlive(cfg); err != nil {
				return Endpoint{}, err
			}
		}
		select {
		case <-ctx.Done():
			return Endpoint{}, fmt.Errorf("wait for the simulator: %w", context.Cause(ctx))
		case err := <-exited:
			return Endpoint{}, fmt.Errorf("the simulator ended at once (%v): see %s", err, filepath.Join(cfg.Dir, logFile))
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// launchUnlessAlive gives nil when a process lives.
func launchUnlessAlive(cfg Config) (exited <-chan error, err error) {
	lives, err := alive(cfg.Dir)
	if err != nil || lives {
		return nil, err
	}
	if err := removeIfThere(filepath.Join(cfg.Dir, endpointFile)); err != nil {
		return nil, err
	}
	return launch(cfg)
}

// alive says that a simulator's process lives, whether or not it answers.
func alive(dir string) (bool, error) {
	lock := flock.New(filepath.Join(dir, serveLock), flock.SetPermissions(0o600))
	free, err := lock.TryRLock() // shared: who asks does not meet who asks
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // there is not even a directory
	}
	if err != nil {
		return false, fmt.Errorf("see whether the simulator lives: %w", err)
	}
	if !free {
		return true, nil
	}
	return false, lock.Unlock()
}

// launch starts the process with nothing of ours left open in it, so that
// whoever reads our output does not wait for it.
func launch(cfg Config) (exited <-chan error, err error) {
	path := filepath.Join(cfg.Dir, logFile)
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		if err := os.Rename(path, filepath.Join(cfg.Dir, oldLogFile)); err != nil {
			return nil, fmt.Errorf("keep the simulator's last log: %w", err)
		}
	}
	output, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the simulator's log: %w", err)
	}
	cmd := exec.Command(cfg.Executable, cfg.Args...)
	cmd.Dir = cfg.Dir
	cmd.Env = environment(os.Environ(), filepath.Join(cfg.Dir, temporary))
	cmd.Stdout, cmd.Stderr = output, output
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the simulator: %w", err), output.Close())
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	return done, output.Close()
}

// environment leaves out what a process that lives for hours should not know, and
// has its temporary files (TMPDIR; TMP and TEMP on Windows) where they are removed
// after a crash, too.
func environment(ours []string, temporary string) []string {
	var kept []string
	for _, assignment := range ours {
		name, _, _ := strings.Cut(assignment, "=")
		name = strings.ToUpper(name)
		if strings.HasPrefix(name, "GOVC_") || strings.HasPrefix(name, "VSPHERE_") || strings.HasPrefix(name, "UCLAB_VAR_") {
			continue
		}
		kept = append(kept, assignment)
	}
	return append(kept, "TMPDIR="+temporary, "TMP="+temporary, "TEMP="+temporary)
}

// ErrNotRunning says that no simulator runs in a directory.
var ErrNotRunning = errors.New("the simulator is not running")

// Status gives the endpoint of the running simulator, or ErrNotRunning.
func Status(ctx context.Context, cfg Config) (Endpoint, error) {
	endpoint, err := running(ctx, cfg.Dir)
	if !errors.Is(err, ErrNotRunning) {
		return endpoint, err
	}
	// One that was just killed closes its door before it is gone.
	ended, lockErr := waitForEnd(ctx, cfg.Dir, probeTimeout/4)
	if lockErr != nil || ended {
		return Endpoint{}, errors.Join(err, lockErr)
	}
	return Endpoint{}, errors.New("the simulator's process lives, but does not answer")
}

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
		if ctx.Err() != nil {
			return Endpoint{}, fmt.Errorf("ask the simulator: %w", ctx.Err())
		}
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
// One that does not end when asked is killed. It is no error when none runs.
func Stop(ctx context.Context, cfg Config) error {
	if lives, err := alive(cfg.Dir); err != nil || !lives {
		return err
	}
	endpoint, asked := running(ctx, cfg.Dir)
	if asked == nil {
		asked = endpoint.call(ctx, http.MethodPost, stopPath)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("stop the simulator: %w", ctx.Err())
	}
	if ended, err := waitForEnd(ctx, cfg.Dir, stopTimeout); err != nil || ended {
		return err
	}
	if err := killProcess(cfg.Dir); err != nil {
		return errors.Join(fmt.Errorf("stop the simulator: %w", err), asked)
	}
	if ended, err := waitForEnd(ctx, cfg.Dir, stopTimeout); err != nil || ended {
		return err
	}
	return errors.Join(errors.New("stop the simulator: its process does not end"), asked)
}

// waitForEnd waits until the process is gone, or for a time.
func waitForEnd(ctx context.Context, dir string, limit time.Duration) (ended bool, err error) {
	deadline := time.After(limit)
	for {
		if lives, err := alive(dir); err != nil || !lives {
			return err == nil, err
		}
		select {
		case <-ctx.Done():
			return false, fmt.Errorf("wait for the simulator to end: %w", ctx.Err())
		case <-deadline:
			return false, nil
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// killProcess kills the process that wrote the endpoint file. The caller knows
// that it lives: the file goes with its process, or at the start of the next.
func killProcess(dir string) error {
	var endpoint Endpoint
	text, err := os.ReadFile(filepath.Join(dir, endpointFile))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &endpoint); err != nil {
		return fmt.Errorf("its endpoint file is damaged: %w", err)
	}
	if endpoint.PID <= 1 {
		return fmt.Errorf("its endpoint file names process %d", endpoint.PID)
	}
	process, err := os.FindProcess(endpoint.PID)
	if err != nil {
		return err
	}
	return process.Kill()
}

// Serve runs the simulator in this process until the context ends, Stop asks, or
// nobody calls it for hours. There is one process for a directory: another fails.
func Serve(ctx context.Context, dir string) (err error) {
	lock := flock.New(filepath.Join(dir, serveLock), flock.SetPermissions(0o600))
	// Whoever asks whether it lives holds the lock for a moment.
	waiting, cancelWaiting := context.WithTimeoutCause(ctx, probeTimeout, errors.New("another simulator runs here"))
	defer cancelWaiting()
	if _, err := lock.TryLockContext(waiting, 5*time.Millisecond); err != nil {
		return fmt.Errorf("lock the simulator's world: %w", cmp.Or(context.Cause(waiting), err))
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	if err := emptyTemporary(filepath.Join(dir, temporary)); err != nil {
		return err
	}
	path := filepath.Join(dir, endpointFile)
	if err := removeIfThere(path); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	endpoint := Endpoint{User: "uclab", Password: rand.Text(), PID: os.Getpid(), CAFile: filepath.Join(dir, caFile)}
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
	server.answer(endpoint, identityPath, func() {})
	server.answer(endpoint, stopPath, cancel)
	if err := server.announce(&endpoint, path); err != nil {
		return errors.Join(err, server.Close())
	}
	server.endWhenIdle(ctx, cancel)
	<-ctx.Done()
	// Whoever finds the endpoint gone takes the simulator for ended, so the world
	// is saved before.
	return errors.Join(server.Close(), removeIfThere(path), os.RemoveAll(filepath.Join(dir, temporary)))
}

// emptyTemporary removes what a simulator that crashed left.
func emptyTemporary(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("empty the simulator's temporary directory: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the simulator's temporary directory: %w", err)
	}
	return nil
}

// announce writes where the server listens, and its certificate.
func (s *Server) announce(endpoint *Endpoint, path string) error {
	address := s.URL()
	address.User = nil
	endpoint.URL, endpoint.Thumbprint = address.String(), s.Thumbprint()
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.server.Certificate().Raw})
	if err := writeFile(endpoint.CAFile, certificate); err != nil {
		return err
	}
	text, err := json.Marshal(endpoint)
	if err != nil {
		return err
	}
	return writeFile(path, text)
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
	if _, err := os.Stat(cfg.Dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	err := exclusively(ctx, cfg.Dir, func() error {
		if err := Stop(ctx, cfg); err != nil {
			return err
		}
		return removeWorld(cfg.Dir)
	})
	if err != nil {
		return err
	}
	if err := removeIfThere(filepath.Join(cfg.Dir, startLock)); err != nil {
		return fmt.Errorf("remove the simulator's lock: %w", err)
	}
	if err := os.Remove(cfg.Dir); err != nil && !errors.Is(err, fs.ErrNotExist) && !isNotEmpty(cfg.Dir) {
		return fmt.Errorf("remove the simulator's directory: %w", err)
	}
	return nil
}

// removeWorld removes the world, of whatever version, and all that belongs to it.
func removeWorld(dir string) error {
	worlds, err := filepath.Glob(filepath.Join(dir, "objects-*"))
	if err != nil {
		return err
	}
	for _, name := range []string{endpointFile, endpointFile + ".new", caFile, caFile + ".new", serveLock, logFile, oldLogFile, temporary, "datastores"} {
		worlds = append(worlds, filepath.Join(dir, name))
	}
	for _, path := range worlds {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("remove the simulator's world: %w", err)
		}
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
