package appliance_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/uclab/uclab/appliance"
	"github.com/uclab/uclab/appliance/appliancetest"
)

func TestDialChecksTheHostKey(t *testing.T) {
	server := appliancetest.Start(t, appliancetest.Options{})
	server.Dial(t, server.Config())

	unknown := server.Config()
	unknown.HostKeys.Files = nil
	if _, err := appliance.Dial(t.Context(), unknown); !errors.Is(err, appliance.ErrHostKeyUnknown) {
		t.Errorf("unknown host key: %v", err)
	}

	file := filepath.Join(t.TempDir(), "ssh", "known_hosts")
	asked := 0
	unknown.HostKeys = appliance.HostKeys{Files: []string{file}, AddTo: file,
		Accept: func(_ context.Context, key appliance.UnknownKey) (bool, error) {
			asked++
			return strings.HasPrefix(key.Fingerprint, "SHA256:") && strings.Contains(key.Host, "127.0.0.1"), nil
		}}
	for range 2 {
		server.Dial(t, unknown)
	}
	if asked != 1 {
		t.Errorf("asked %d times about one key", asked)
	}

	other := appliancetest.Start(t, appliancetest.Options{})
	changed := server.Config()
	changed.HostKeys.Files = []string{rewriteHost(t, other, server)}
	changed.HostKeys.Accept = unknown.HostKeys.Accept
	if _, err := appliance.Dial(t.Context(), changed); !errors.Is(err, appliance.ErrHostKeyChanged) {
		t.Errorf("changed host key: %v", err)
	}
	if asked != 1 {
		t.Error("asked whether to accept a changed key")
	}
}

// rewriteHost gives a known_hosts file that holds one server's key under the
// name of another.
func rewriteHost(t *testing.T, key, name *appliancetest.Server) string {
	t.Helper()
	line, err := os.ReadFile(key.KnownHosts)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(line), " ")
	host := "[" + name.Host + "]:" + name.Addr()[strings.LastIndex(name.Addr(), ":")+1:]
	file := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(file, []byte(host+" "+rest), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestOldAlgorithmsAreOptIn(t *testing.T) {
	server := appliancetest.Start(t, appliancetest.Options{Old: true})
	_, err := appliance.Dial(t.Context(), server.Config())
	var hint interface{ Hint() string }
	if !errors.Is(err, appliance.ErrLegacy) || !errors.As(err, &hint) || !strings.Contains(hint.Hint(), "ssh { legacy = true }") {
		t.Errorf("old server without the opt-in: %v", err)
	}
	config := server.Config()
	config.Legacy = true
	session := server.Dial(t, config)
	if _, err := session.ReadDir(t.Context(), "/"); err != nil {
		t.Error(err)
	}
}

func TestAuthentication(t *testing.T) {
	for name, interactive := range map[string]bool{"password": false, "keyboard-interactive": true} {
		t.Run(name, func(t *testing.T) {
			platform := &appliancetest.Platform{Password: "s3cret", KeyboardInteractive: interactive}
			platform.Start(t)
			session, err := appliance.Dial(t.Context(), platform.Config())
			if err != nil {
				t.Fatal(err)
			}
			if err := session.Close(); err != nil {
				t.Error(err)
			}
			wrong := platform.Config()
			wrong.Password = func(context.Context) (string, error) { return "wr0ng", nil }
			_, err = appliance.Dial(t.Context(), wrong)
			if !errors.Is(err, appliance.ErrAuthentication) {
				t.Errorf("wrong password: %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "wr0ng") {
				t.Errorf("the error holds the password: %v", err)
			}
		})
	}
}

func TestDialSaysWhatFailed(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	port := silent.Addr().(*net.TCPAddr).Port
	config := appliance.Config{Host: "127.0.0.1", Port: port, User: "root", Timeout: 200 * time.Millisecond}
	if _, err := appliance.Dial(t.Context(), config); err == nil || !strings.Contains(err.Error(), "no answer within") {
		t.Errorf("silent server: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := appliance.Dial(ctx, config); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := appliance.Dial(t.Context(), appliance.Config{Host: "127.0.0.1"}); err == nil || !strings.Contains(err.Error(), "no user") {
		t.Errorf("no user: %v", err)
	}
}

func TestJumpHost(t *testing.T) {
	jump := appliancetest.Start(t, appliancetest.Options{})
	server := appliancetest.Start(t, appliancetest.Options{})
	config := server.Config()
	through := jump.Config()
	config.Jump = &through
	session := server.Dial(t, config)
	if _, err := session.Stat(t.Context(), "/bin/busybox"); err != nil {
		t.Error(err)
	}
}

func TestReconnectsOnceWhereSafe(t *testing.T) {
	server := appliancetest.Start(t, appliancetest.Options{})
	server.Write(t, "etc/motd", "hello\n", 0o644)
	proxy := appliancetest.NewCutter(t, server.Addr())
	session := server.Dial(t, server.Through(proxy))
	if _, err := session.ReadFile(t.Context(), "/etc/motd", 1<<20); err != nil {
		t.Fatal(err)
	}
	proxy.Cut(1, true)
	file, err := session.ReadFile(t.Context(), "/etc/motd", 1<<20)
	if err != nil || string(file.Data) != "hello\n" {
		t.Errorf("after a cut: %v", err)
	}
	proxy.Cut(1, true)
	if err := session.Rename(t.Context(), "/etc/motd", "/etc/motd2"); !errors.Is(err, appliance.ErrConnectionLost) {
		t.Errorf("a rename is not repeated: %v", err)
	}
	proxy.Cut(0, false)
	if _, err := session.ReadFile(t.Context(), "/etc/motd", 1<<20); err == nil {
		t.Error("read without a connection")
	}
}

func TestRun(t *testing.T) {
	server := appliancetest.Start(t, appliancetest.Options{})
	session := server.Dial(t, server.Config())
	result, err := session.Run(t.Context(), "echo out; echo err >&2; exit 3", false)
	if err != nil || result != (appliance.Result{Stdout: "out\n", Stderr: "err\n", Code: 3}) {
		t.Errorf("%+v, %v", result, err)
	}
	word := `it's "a" $word; * \`
	result, err = session.Run(t.Context(), "printf %s "+appliance.Quote(word), true)
	if err != nil || result.Stdout != word {
		t.Errorf("%q, %v", result.Stdout, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := session.Run(ctx, "sleep 30", false); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("cancelled command: %v", err)
	}

	confined := appliancetest.Start(t, appliancetest.Options{NoShell: true})
	_, err = confined.Dial(t, confined.Config()).Run(t.Context(), "true", false)
	if !errors.Is(err, appliance.ErrNoShell) {
		t.Errorf("account without a shell: %v", err)
	}
}

func TestPlatformCommandLine(t *testing.T) {
	platform := &appliancetest.Platform{Password: "s3cret", Answers: map[string]string{
		"show hardware": "\nHW Platform       : VMware Virtual Machine\n--more--\nProcessors        : 2\nObject ID         : 1.3.6.1.4.1.9.1.1348\n\nOS Version        : UCOS 6.0.0.0-2.i386\n",
		"show status":   "\nHost Name     : cucm-pub\nProduct Ver   : 8.6.2.20000-2\nLicense MAC   : 6a1f3c9b02de\n",
		"utils restart": "Do you really want to restart\nContinue (y/n)?",
	}}
	platform.Start(t)
	session, err := appliance.Dial(t.Context(), platform.Config())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	cli, err := session.CLI(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer cli.Close()
	hardware, err := cli.ShowHardware(t.Context())
	if err != nil || hardware.ObjectID != "1.3.6.1.4.1.9.1.1348" || hardware.Platform != "VMware Virtual Machine" {
		t.Errorf("%+v, %v", hardware, err)
	}
	status, err := cli.ShowStatus(t.Context())
	if err != nil || status.LicenseMAC != "6a1f3c9b02de" || status.Host != "cucm-pub" {
		t.Errorf("%+v, %v", status, err)
	}
	if shell, err := session.Shell(t.Context()); shell || err != nil {
		t.Errorf("a root shell on the platform command line: %v, %v", shell, err)
	}
	if _, err := cli.Run(t.Context(), "utils restart"); err == nil || !strings.Contains(err.Error(), "confirmation") {
		t.Errorf("command that asks: %v", err)
	}
}

func TestClosedSession(t *testing.T) {
	server := appliancetest.Start(t, appliancetest.Options{})
	session := server.Dial(t, server.Config())
	if err := session.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := session.Stat(t.Context(), "/"); err == nil {
		t.Error("a closed session answers")
	}
}

func FuzzPlatformOutput(f *testing.F) {
	f.Add("HW Platform : VMware\nObject ID : 1.3.6.1.4.1.9.1.1348\n")
	f.Add("License MAC   : 6a1f3c9b02de\nHost Name:\n:\n")
	f.Fuzz(func(t *testing.T, text string) {
		hardware, status := appliance.ParseHardware(text), appliance.ParseStatus(text)
		if strings.Trim(hardware.ObjectID, "0123456789.") != "" {
			t.Errorf("object id %q", hardware.ObjectID)
		}
		if len(status.LicenseMAC) != 0 && len(status.LicenseMAC) != 12 {
			t.Errorf("licence MAC %q", status.LicenseMAC)
		}
	})
}
