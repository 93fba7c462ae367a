// Package appliancetest gives tests a real OpenSSH server whose file system is
// shaped like an appliance's, a platform command line, and a proxy that slows
// and cuts connections. All of it listens on loopback and ends with the test.
package appliancetest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/uclab/uclab/appliance"
)

// Options shape the server. The zero value is today's OpenSSH with its defaults
// and a root shell.
type Options struct {
	// Old restricts the server to what a client must opt in to: group1, CBC,
	// ssh-rsa host keys.
	Old bool
	// NoPosixRename takes the extension away, as in RHEL 4 and 5 appliances.
	NoPosixRename bool
	// NoShell allows SFTP and nothing else.
	NoShell bool
}

// Server is a running sshd whose root user is confined to Root.
type Server struct {
	Root       string // the appliance's file tree
	Host       string
	Port       int
	KeyFile    string // private key that root may log in with
	KnownHosts string // file that holds the server's host key

	signer ssh.Signer
}

// Start starts a server, or skips the test with the command that would let it
// run (in CI it fails instead).
func Start(t testing.TB, options Options) *Server {
	t.Helper()
	sshd := need(t, "/usr/sbin/sshd", "openssh-server")
	busybox := need(t, "busybox", "busybox-static")
	if os.Geteuid() != 0 {
		missing(t, "a server confined to a directory needs root: sudo go test ./...")
	}
	s := &Server{Root: makeRoot(t, busybox), Host: "127.0.0.1", Port: freePort(t)}
	dir := t.TempDir()
	s.makeKeys(t, dir, options.Old)
	config := filepath.Join(dir, "sshd_config")
	write(t, config, s.config(dir, options), 0o600)
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		t.Fatal(err)
	}
	s.run(t, sshd, config)
	return s
}

func need(t testing.TB, program, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		missing(t, fmt.Sprintf("%s is not installed: sudo apt-get install %s", program, pkg))
	}
	return path
}

func missing(t testing.TB, message string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(message)
	}
	t.Skip(message)
}

// makeRoot makes the tree that the server shows as its whole file system. It
// cannot be below /tmp: sshd wants every directory on the way to be writable by
// root alone.
func makeRoot(t testing.TB, busybox string) string {
	t.Helper()
	root, err := os.MkdirTemp("/var/lib", "uclab-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(root); err != nil {
			t.Error(err)
		}
	})
	for _, dir := range []string{"bin", "sbin", "usr/sbin", "root", "tmp", "dev", "etc"} {
		makeDir(t, filepath.Join(root, dir))
	}
	program, err := os.ReadFile(busybox)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "bin/busybox"), string(program), 0o755)
	for _, name := range []string{"sh", "id", "mv", "ln", "find", "stat", "cat", "ls", "rm", "sync", "sleep", "true", "grep"} {
		if err := os.Symlink("busybox", filepath.Join(root, "bin", name)); err != nil {
			t.Fatal(err)
		}
	}
	// sshd runs commands with the login shell that the machine's own root has.
	shell := filepath.Join(root, loginShell(t))
	makeDir(t, filepath.Dir(shell))
	if _, err := os.Lstat(shell); err != nil {
		write(t, shell, "#!/bin/sh\nexec /bin/sh \"$@\"\n", 0o755)
	}
	write(t, filepath.Join(root, "sbin/chkconfig"), chkconfig, 0o755)
	write(t, filepath.Join(root, "dev/null"), "", 0o666)
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	return root
}

func loginShell(t testing.TB) string {
	t.Helper()
	users, err := os.ReadFile("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(users)) {
		if fields := strings.Split(strings.TrimSpace(line), ":"); fields[0] == "root" && len(fields) == 7 {
			return fields[6]
		}
	}
	return "/bin/sh"
}

// chkconfig does to the links what the real one does to snmpd's: S50 and K50.
const chkconfig = `#!/bin/sh
levels=2345
if [ "$1" = --level ]; then levels=$2; shift 2; fi
for level in 0 1 2 3 4 5 6; do
	case $levels in *$level*) ;; *) continue ;; esac
	dir=/etc/rc.d/rc$level.d
	[ -d $dir ] || continue
	if [ "$2" = off ]; then
		for f in $dir/S??$1; do [ -L $f ] && mv -f $f $dir/K50$1; done
	else
		for f in $dir/K??$1; do [ -L $f ] && mv -f $f $dir/S50$1; done
	fi
done
exit 0
`

func (s *Server) makeKeys(t testing.TB, dir string, old bool) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if s.signer, err = ssh.NewSignerFromKey(private); err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "test")
	if err != nil {
		t.Fatal(err)
	}
	s.KeyFile = filepath.Join(dir, "id_ed25519")
	write(t, s.KeyFile, string(pem.EncodeToMemory(block)), 0o600)
	write(t, filepath.Join(dir, "authorized_keys"), string(ssh.MarshalAuthorizedKey(s.signer.PublicKey())), 0o600)
	kind := []string{"-t", "ed25519"}
	if old {
		kind = []string{"-t", "rsa", "-b", "2048"}
	}
	hostKey := filepath.Join(dir, "host_key")
	out, err := exec.Command("ssh-keygen", append(kind, "-q", "-N", "", "-f", hostKey)...).CombinedOutput()
	if err != nil {
		t.Fatalf("ssh-keygen: %v: %s", err, out)
	}
	public, err := os.ReadFile(hostKey + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	s.KnownHosts = filepath.Join(dir, "known_hosts")
	write(t, s.KnownHosts, fmt.Sprintf("[%s]:%d %s", s.Host, s.Port, public), 0o600)
}

func (s *Server) config(dir string, options Options) string {
	subsystem := "internal-sftp"
	if options.NoPosixRename {
		subsystem += " -P posix-rename"
	}
	lines := []string{
		"ListenAddress " + s.Host, "Port " + strconv.Itoa(s.Port), "PidFile none",
		"HostKey " + filepath.Join(dir, "host_key"),
		"AuthorizedKeysFile " + filepath.Join(dir, "authorized_keys"),
		"StrictModes no", "UsePAM no", "PermitRootLogin prohibit-password", "PasswordAuthentication no",
		"KbdInteractiveAuthentication no", "MaxStartups 100:30:200", "LogLevel ERROR",
		"PrintMotd no", "PrintLastLog no", "UseDNS no",
		"ChrootDirectory " + s.Root,
		"Subsystem sftp " + subsystem,
	}
	if options.NoShell {
		lines = append(lines, "ForceCommand "+subsystem)
	}
	if options.Old {
		lines = append(lines, "KexAlgorithms diffie-hellman-group1-sha1", "Ciphers aes128-cbc,3des-cbc",
			"MACs hmac-sha1", "HostKeyAlgorithms ssh-rsa")
	}
	return strings.Join(lines, "\n") + "\n"
}

func (s *Server) run(t testing.TB, sshd, config string) {
	t.Helper()
	var log bytes.Buffer
	cmd := exec.Command(sshd, "-D", "-e", "-f", config)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("sshd: %s", log.String())
		}
	})
	waitForPort(t, s.Addr())
}

func waitForPort(t testing.TB, address string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("no server at %s: %v", address, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Addr is the server's host:port.
func (s *Server) Addr() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// Config reaches the server as root.
func (s *Server) Config() appliance.Config {
	return appliance.Config{
		Name: "test", Host: s.Host, Port: s.Port, User: "root",
		Signers:  func(context.Context) ([]ssh.Signer, error) { return []ssh.Signer{s.signer}, nil },
		HostKeys: appliance.HostKeys{Files: []string{s.KnownHosts}},
		Timeout:  20 * time.Second,
	}
}

// Through reaches the server as root through a proxy.
func (s *Server) Through(p *Proxy) appliance.Config {
	config := s.Config()
	config.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(s.Host, strconv.Itoa(p.Port())))
	}
	return config
}

// Dial opens a session that ends with the test.
func (s *Server) Dial(t testing.TB, config appliance.Config) *appliance.Session {
	t.Helper()
	session, err := appliance.Dial(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	return session
}

// Write puts a file into the tree.
func (s *Server) Write(t testing.TB, name, contents string, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(s.Root, name)
	makeDir(t, filepath.Dir(path))
	write(t, path, contents, mode)
}

// Read gives a file of the tree.
func (s *Server) Read(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.Root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func makeDir(t testing.TB, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, path, contents string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(contents), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func freePort(t testing.TB) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}
