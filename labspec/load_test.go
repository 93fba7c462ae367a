package labspec_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2/hclwrite"

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

// The first example of the language's reference has to work as it stands.
func TestReferenceExampleLoads(t *testing.T) {
	content, err := os.ReadFile("../docs/language.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(content), "```hcl\n")
	example, _, _ := strings.Cut(rest, "```")
	lab := load(t, writeLab(t, example), labspec.Options{})
	if len(lab.Nodes) != 2 || len(lab.Findings) != 0 {
		t.Errorf("%d nodes, findings %v", len(lab.Nodes), lab.Findings)
	}
}

func TestShippedFilesAreFormatted(t *testing.T) {
	for _, pattern := range []string{"../examples/*/*.hcl", "../templates/*/*.hcl"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(content), string(hclwrite.Format(content))); diff != "" {
				t.Errorf("%s is not in HCL's format (-have +want):\n%s", file, diff)
			}
		}
	}
}
