package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/uclab/uclab/vsphere/sim"
)

var update = flag.Bool("update", false, "rewrite the golden files and transcripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"uclab": main})
}

// TestTranscripts runs every command as a user would. Each transcript has a
// home of its own, so that its simulator and caches are its own too.
func TestTranscripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: *update,
		Cmds:          map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "govcenv": govcenv, "serves": serves, "concentrates": concentrates},
		Setup: func(env *testscript.Env) error {
			home := filepath.Join(env.WorkDir, ".home")
			if err := os.MkdirAll(home, 0o755); err != nil {
				return err
			}
			repository, err := filepath.Abs("../..")
			if err != nil {
				return err
			}
			env.Setenv("HOME", home)
			env.Setenv("XDG_STATE_HOME", filepath.Join(home, "state"))
			env.Setenv("XDG_CACHE_HOME", filepath.Join(home, "cache"))
			env.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "config"))
			env.Setenv("REPOSITORY", repository)
			env.Defer(func() {
				if err := sim.Stop(context.Background(), sim.Config{Dir: filepath.Join(home, "state", "uclab", "sim")}); err != nil {
					t.Error(err)
				}
			})
			return nil
		},
	})
}

// exits runs a command that must end with the given exit code:
// `exits 2 uclab frobnicate`. Its output can be checked as after exec.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARGUMENT...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// govcenv starts the embedded simulator and sets GOVC_URL and its like, so that
// a lab with a target finds it as it would a vCenter.
func govcenv(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: govcenv")
	}
	ts.Check(ts.Exec("uclab", "sim", "env"))
	for line := range strings.SplitSeq(strings.TrimSpace(ts.ReadFile("stdout")), "\n") {
		name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		if !ok {
			ts.Fatalf("uclab sim env wrote %q", line)
		}
		ts.Setenv(name, strings.Trim(value, "'"))
	}
}
