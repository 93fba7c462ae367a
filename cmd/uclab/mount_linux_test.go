package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/uclab/uclab/appliance/appliancetest"
)

// mounted mounts a server's root on a directory.
func mounted(t testing.TB, server *appliancetest.Server, readWrite bool) string {
	t.Helper()
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip("no FUSE here: sudo apt-get install fuse3, and run where /dev/fuse is")
	}
	drive, err := newDrive(t.Context(), server.Dial(t, server.Config()), "/", readWrite)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	mount, err := mountFUSE(drive, dir)
	if err != nil {
		t.Skipf("FUSE is there but cannot be used: %v", err)
	}
	t.Cleanup(func() {
		if err := mount.Unmount(); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestMountedDirectory(t *testing.T) {
	server := appliancetest.Start(t, appliancetest.Options{NoPosixRename: true})
	server.Write(t, "var/log/a.log", "hello\n", 0o644)
	dir := mounted(t, server, true)
	entries, err := os.ReadDir(filepath.Join(dir, "var/log"))
	if err != nil || len(entries) != 1 || entries[0].Name() != "a.log" {
		t.Fatalf("%v, %v", entries, err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "var/log/a.log")); err != nil || string(data) != "hello\n" {
		t.Errorf("%q, %v", data, err)
	}
	// What is added shows soon: no stale size cuts it off.
	server.Write(t, "var/log/a.log", "hello\nagain\n", 0o644)
	time.Sleep(2*listingAge + 100*time.Millisecond)
	if data, err := os.ReadFile(filepath.Join(dir, "var/log/a.log")); err != nil || string(data) != "hello\nagain\n" {
		t.Errorf("%q, %v", data, err)
	}
	b := filepath.Join(dir, "var/log/b.log")
	if err := errors.Join(os.WriteFile(b, []byte("new\n"), 0o600), os.Rename(b, filepath.Join(dir, "var/log/a.log"))); err != nil {
		t.Error(err)
	}
	if got := server.Read(t, "var/log/a.log"); got != "new\n" {
		t.Errorf("after writing and renaming: %q", got)
	}
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "var/d"), 0o755), os.Remove(filepath.Join(dir, "var/d")), os.Remove(filepath.Join(dir, "var/log/a.log"))); err != nil {
		t.Error(err)
	}

	readOnly := mounted(t, server, false)
	if err := os.WriteFile(filepath.Join(readOnly, "x"), nil, 0o644); !errors.Is(err, syscall.EROFS) {
		t.Errorf("write on a read-only mount: %v", err)
	}
}

// BenchmarkMountSmallFiles reads 1,000 small log files through the mount and
// through sshfs, in turn, over the same server.
func BenchmarkMountSmallFiles(b *testing.B) {
	sshfs, err := exec.LookPath("sshfs")
	if err != nil {
		b.Skip("sshfs is not installed: sudo apt-get install sshfs")
	}
	server := appliancetest.Start(b, appliancetest.Options{})
	for i := range 1000 {
		server.Write(b, fmt.Sprintf("var/log/%04d.log", i), fmt.Sprintf("line of %d\n", i), 0o644)
	}
	ours := mounted(b, server, false)
	theirs := b.TempDir()
	cmd := exec.Command(sshfs, "root@127.0.0.1:/", theirs, "-p", fmt.Sprint(server.Port), "-o", "ro,IdentityFile="+server.KeyFile+",UserKnownHostsFile="+server.KnownHosts)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Skipf("sshfs: %v: %s", err, out)
	}
	b.Cleanup(func() {
		if out, err := exec.Command("fusermount3", "-u", theirs).CombinedOutput(); err != nil {
			b.Errorf("unmount sshfs: %v: %s", err, out)
		}
	})
	var oursTook, theirsTook time.Duration
	for b.Loop() {
		theirsTook += readAll(b, filepath.Join(theirs, "var/log"))
		oursTook += readAll(b, filepath.Join(ours, "var/log"))
		time.Sleep(2 * listingAge) // nothing is remembered for the next round
	}
	b.ReportMetric(theirsTook.Seconds()/oursTook.Seconds(), "x-of-sshfs")
}

func readAll(b *testing.B, dir string) time.Duration {
	b.Helper()
	begun := time.Now()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1000 {
		b.Fatalf("%d entries, %v", len(entries), err)
	}
	for _, entry := range entries {
		if _, err := os.ReadFile(filepath.Join(dir, entry.Name())); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(begun)
}
