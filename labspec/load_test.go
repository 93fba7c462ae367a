package labspec_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/templates"
)

// load reads a lab file with the built-in profiles.
func load(t testing.TB, path string, opts labspec.Options) *labspec.Lab {
	t.Helper()
	opts.Profiles = templates.Profiles()
	lab, err := labspec.Load(t.Context(), path, opts)
	if err != nil {
		var invalid *labspec.InvalidError
		if errors.As(err, &invalid) {
			labspec.WriteFindings(os.Stderr, invalid.Findings, invalid.Sources, 100, false)
		}
		t.Fatalf("load %s: %v", path, err)
	}
	return lab
}

func TestExamplesAndStartersHaveNoFindings(t *testing.T) {
	var files []string
	for _, pattern := range []string{"../examples/*/*.lab.hcl", "../templates/labs/*.lab.hcl"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		lab := load(t, file, labspec.Options{})
		for _, finding := range lab.Findings {
			t.Errorf("%s: %s %s", file, finding.ID, finding.Message)
		}
	}
}
