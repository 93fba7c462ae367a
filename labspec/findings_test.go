package labspec_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/templates"
)

var update = flag.Bool("update", false, "write the golden files and the generated documents")

// golden compares with a file, or writes it.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); run the tests with -update and read the change:\n%s", path, diff)
	}
}

// findings reads a lab file and gives what uclab says about it, and whether it
// can be used.
func findings(t *testing.T, path string, opts labspec.Options) (text string, usable bool) {
	t.Helper()
	opts.Profiles = templates.Profiles()
	lab, err := labspec.Load(t.Context(), path, opts)
	var list []labspec.Finding
	var sources map[string][]byte
	var invalid *labspec.InvalidError
	switch {
	case err == nil:
		list, sources = lab.Findings, lab.Sources
	case errors.As(err, &invalid):
		list, sources = invalid.Findings, invalid.Sources
	default:
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := labspec.WriteFindings(&out, list, sources, 0, false); err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	shown := strings.ReplaceAll(out.String(), dir+string(filepath.Separator), "")
	return strings.ReplaceAll(shown, filepath.Dir(path)+string(filepath.Separator), ""), invalid == nil
}

func TestFindings(t *testing.T) {
	files, err := filepath.Glob("testdata/findings/*.lab.*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no lab files: %v", err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, ".golden") {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, _ := findings(t, file, labspec.Options{})
			golden(t, file+".golden", []byte(text))
		})
	}
}
