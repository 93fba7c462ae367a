package main

import (
	"context"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/uclab/uclab/appliance"
	"github.com/uclab/uclab/appliance/appliancetest"
)

func big(b *testing.B, server *appliancetest.Server, size int) {
	b.Helper()
	data := make([]byte, size)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	server.Write(b, "big", string(data), 0o644)
}

func getBig(b *testing.B, session *appliance.Session) time.Duration {
	b.Helper()
	a := &app{out: io.Discard, err: io.Discard}
	t := &transfer{app: a, session: session}
	begun := time.Now()
	if err := t.get(b.Context(), "/big", filepath.Join(b.TempDir(), "big"), false); err != nil {
		b.Fatal(err)
	}
	return time.Since(begun)
}

// BenchmarkGet copies 200 MB over loopback with get and with OpenSSH's sftp, in
// turn.
func BenchmarkGet(b *testing.B) {
	sftp, err := exec.LookPath("sftp")
	if err != nil {
		b.Skip("sftp is not installed: sudo apt-get install openssh-client")
	}
	server := appliancetest.Start(b, appliancetest.Options{})
	big(b, server, 200<<20)
	var ours, theirs time.Duration
	for b.Loop() {
		begun := time.Now()
		cmd := exec.CommandContext(b.Context(), sftp, "-q", "-P", strconv.Itoa(server.Port), "-i", server.KeyFile,
			"-o", "UserKnownHostsFile="+server.KnownHosts, "root@127.0.0.1:/big", filepath.Join(b.TempDir(), "big"))
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("sftp: %v: %s", err, out)
		}
		theirs += time.Since(begun)
		begun = time.Now()
		session := server.Dial(b, server.Config()) // sftp logs in too
		getBig(b, session)
		ours += time.Since(begun)
	}
	b.SetBytes(200 << 20)
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "x-of-sftp")
}

// BenchmarkGetSlowLine copies 4 MB behind a round trip of 50 ms with get and with
// one request at a time.
func BenchmarkGetSlowLine(b *testing.B) {
	server := appliancetest.Start(b, appliancetest.Options{})
	big(b, server, 4<<20)
	proxy := appliancetest.NewProxy(b, server.Addr(), 25*time.Millisecond)
	session := server.Dial(b, server.Through(proxy))
	var ours, single time.Duration
	for b.Loop() {
		ours += getBig(b, session)
		single += oneAtATime(b, session)
	}
	b.ReportMetric(single.Seconds()/ours.Seconds(), "x-faster-than-one-request")
}

func oneAtATime(b *testing.B, session *appliance.Session) time.Duration {
	b.Helper()
	begun := time.Now()
	client, err := session.SFTP(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	f, err := client.Open("/big")
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	out, err := os.Create(filepath.Join(b.TempDir(), "single"))
	if err != nil {
		b.Fatal(err)
	}
	defer out.Close()
	// The bare methods keep io.Copy from reading many blocks at once.
	if _, err := io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{f}, make([]byte, 32<<10)); err != nil {
		b.Fatal(err)
	}
	return time.Since(begun)
}
