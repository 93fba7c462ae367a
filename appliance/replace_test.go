package appliance_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/uclab/uclab/appliance"
	"github.com/uclab/uclab/appliance/appliancetest"
)

// recipes are the servers that need each way of swapping a file.
var recipes = map[string]struct {
	options appliancetest.Options
	want    appliance.Recipe
}{
	"posix-rename": {appliancetest.Options{}, appliance.RecipePosixRename},
	"shell":        {appliancetest.Options{NoPosixRename: true}, appliance.RecipeShell},
	"one-write":    {appliancetest.Options{NoPosixRename: true, NoShell: true}, appliance.RecipeOneWrite},
}

func TestReplaceKeepsEverythingElse(t *testing.T) {
	for name, recipe := range recipes {
		t.Run(name, func(t *testing.T) {
			server := appliancetest.Start(t, recipe.options)
			server.Write(t, "opt/it's a file", "old", 0o750)
			path := filepath.Join(server.Root, "opt/it's a file")
			then := time.Date(2009, 7, 15, 12, 0, 0, 0, time.UTC)
			if err := errors.Join(os.Chown(path, 12, 34), os.Chmod(path, fs.ModeSetuid|0o750), os.Chtimes(path, then, then)); err != nil {
				t.Fatal(err)
			}
			session := server.Dial(t, server.Config())
			info, err := session.Stat(t.Context(), "/opt/it's a file")
			if err != nil {
				t.Fatal(err)
			}
			got, err := session.Replace(t.Context(), appliance.Replacement{Path: "/opt/it's a file",
				Old: []byte("old"), New: []byte("new"), Attributes: info.Attributes(), Scratch: "t"})
			if err != nil {
				t.Fatal(err)
			}
			if got != recipe.want {
				t.Errorf("recipe %s, want %s", got, recipe.want)
			}
			after, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			stat := after.Sys().(*syscall.Stat_t)
			if after.Mode() != 0o750|fs.ModeSetuid || stat.Uid != 12 || stat.Gid != 34 || !after.ModTime().Equal(then) {
				t.Errorf("mode %v, owner %d:%d, modified %v", after.Mode(), stat.Uid, stat.Gid, after.ModTime())
			}
			if content := server.Read(t, "opt/it's a file"); content != "new" {
				t.Errorf("content %q", content)
			}
			onlyFile(t, filepath.Join(server.Root, "opt"))
		})
	}
}

func onlyFile(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("left beside the file: %v", entries)
	}
}

func TestReplaceRefusesAFileThatChanged(t *testing.T) {
	for name, recipe := range recipes {
		t.Run(name, func(t *testing.T) {
			server := appliancetest.Start(t, recipe.options)
			server.Write(t, "opt/file", "changed", 0o644)
			session := server.Dial(t, server.Config())
			_, err := session.Replace(t.Context(), appliance.Replacement{Path: "/opt/file",
				Old: []byte("old"), New: []byte("new"), Attributes: appliance.Attributes{Mode: 0o644}, Scratch: "t"})
			if !errors.Is(err, appliance.ErrChanged) {
				t.Errorf("error %v", err)
			}
			_, err = session.Replace(t.Context(), appliance.Replacement{Path: "/opt/file", Create: true,
				New: []byte("new"), Attributes: appliance.Attributes{Mode: 0o644}, Scratch: "t"})
			if !errors.Is(err, appliance.ErrChanged) {
				t.Errorf("create over a file: %v", err)
			}
			if content := server.Read(t, "opt/file"); content != "changed" {
				t.Errorf("content %q", content)
			}
			onlyFile(t, filepath.Join(server.Root, "opt"))
		})
	}
}

func TestReplaceKeepsHardLinks(t *testing.T) {
	server := appliancetest.Start(t, appliancetest.Options{NoPosixRename: true})
	server.Write(t, "etc/sysconfig/a", "old", 0o644)
	server.Write(t, "etc/other/x", "", 0o644)
	link := filepath.Join(server.Root, "etc/other/b")
	if err := os.Link(filepath.Join(server.Root, "etc/sysconfig/a"), link); err != nil {
		t.Fatal(err)
	}
	session := server.Dial(t, server.Config())
	if _, err := session.HardLinks(t.Context(), "/etc/sysconfig/a", "/etc/sysconfig"); err == nil {
		t.Error("a link outside the tree is not missed")
	}
	links, err := session.HardLinks(t.Context(), "/etc/sysconfig/a", "/etc")
	if err != nil || len(links) != 1 || links[0] != "/etc/other/b" {
		t.Fatalf("links %v, %v", links, err)
	}
	if _, err := session.Replace(t.Context(), appliance.Replacement{Path: "/etc/sysconfig/a", Old: []byte("old"), New: []byte("new"),
		Attributes: appliance.Attributes{Mode: 0o644}, Scratch: "t", Links: links}); err != nil {
		t.Fatal(err)
	}
	a, errA := os.Stat(filepath.Join(server.Root, "etc/sysconfig/a"))
	b, errB := os.Stat(link)
	if err := errors.Join(errA, errB); err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(a, b) || server.Read(t, "etc/other/b") != "new" {
		t.Error("the names are no longer one file")
	}
}

// TestReplaceCutAnywhere cuts the connection after every packet of a replacement
// (where a single rename or a shell does it, every other one): the file is wholly old or wholly new, and a second try ends well.
func TestReplaceCutAnywhere(t *testing.T) {
	for name, recipe := range recipes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := appliancetest.Start(t, recipe.options)
			proxy := appliancetest.NewCutter(t, server.Addr())
			old, replaced := strings.Repeat("old\n", 1000), strings.Repeat("new\n", 1000)
			step := 2
			if recipe.want == appliance.RecipeOneWrite {
				step = 1
			}
			for n := 1; ; n += step {
				server.Write(t, "opt/file", old, 0o755)
				replacement := appliance.Replacement{Path: "/opt/file", Old: []byte(old), New: []byte(replaced),
					Attributes: appliance.Attributes{Mode: 0o755}, Scratch: "t"}
				proxy.Mend()
				session := server.Dial(t, server.Through(proxy))
				proxy.Cut(n, false)
				_, err := session.Replace(t.Context(), replacement)
				proxy.Mend()
				if err == nil {
					return
				}
				if content := server.Read(t, "opt/file"); content != old && content != replaced {
					t.Fatalf("cut after packet %d: the file is neither old nor new: %d bytes", n, len(content))
				}
				// A command that the server was still running may finish meanwhile.
				if _, err := session.Replace(t.Context(), replacement); err != nil && !errors.Is(err, appliance.ErrChanged) {
					t.Fatalf("after a cut at packet %d: %v", n, err)
				}
				if content := server.Read(t, "opt/file"); content != replaced {
					t.Fatalf("after a cut at packet %d and a second try: %d bytes", n, len(content))
				}
				_ = session.Close()
			}
		})
	}
}

// TestReplaceRidesOverACut lets the session reconnect: the replacement succeeds
// wherever the one cut is.
func TestReplaceRidesOverACut(t *testing.T) {
	server := appliancetest.Start(t, appliancetest.Options{NoPosixRename: true})
	proxy := appliancetest.NewCutter(t, server.Addr())
	for n := 1; n < 60; n++ {
		server.Write(t, "opt/file", "old", 0o755)
		session := server.Dial(t, server.Through(proxy))
		proxy.Cut(n, true)
		_, err := session.Replace(t.Context(), appliance.Replacement{Path: "/opt/file", Old: []byte("old"), New: []byte("new"),
			Attributes: appliance.Attributes{Mode: 0o755}, Scratch: "t"})
		cut := proxy.Mend() >= n
		if err != nil {
			t.Fatalf("cut after packet %d: %v", n, err)
		}
		if content := server.Read(t, "opt/file"); content != "new" {
			t.Fatalf("cut after packet %d: content %q", n, content)
		}
		onlyFile(t, filepath.Join(server.Root, "opt"))
		_ = session.Close()
		if !cut {
			return
		}
	}
	t.Error("the replacement never ended before the cut")
}
