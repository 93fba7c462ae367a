package templates_test

import (
	"flag"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/uclab/uclab/templates"
)

var update = flag.Bool("update", false, "write the starters that are copies of examples")

// TestStartersAreTheExamples keeps the starters that are also examples the
// same but for the paths in their heads.
func TestStartersAreTheExamples(t *testing.T) {
	for _, name := range []string{"ccie-voice", "mobility", "classroom"} {
		example, err := os.ReadFile("../examples/" + name + "/" + name + ".lab.hcl")
		if err != nil {
			t.Fatal(err)
		}
		want := strings.ReplaceAll(string(example), "uclab apply examples/"+name, "uclab apply "+name+".lab.hcl")
		path := "labs/" + name + ".lab.hcl"
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		have, err := fs.ReadFile(templates.Labs(), name+".lab.hcl")
		if err != nil {
			t.Fatal(err)
		}
		if string(have) != want {
			t.Errorf("%s differs from the example: run `go test ./templates -update`", path)
		}
	}
}

func TestEveryStarterSaysWhatItIs(t *testing.T) {
	names, err := fs.Glob(templates.Labs(), "*.lab.hcl")
	if err != nil || len(names) == 0 {
		t.Fatalf("starters %v: %v", names, err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(templates.Labs(), name)
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(string(text), "\n")
		if !strings.HasPrefix(first, "# ") || len(first) > 110 {
			t.Errorf("%s begins with %q, not with a comment that says what it is", name, first)
		}
	}
}
