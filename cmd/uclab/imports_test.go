package main

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/uclab/uclab"

// mayImport says which of our packages each package may import: DESIGN's house.
var mayImport = map[string][]string{
	"cmd/uclab":               {"appliance", "iso", "labspec", "patches", "plan", "templates", "vsphere", "vsphere/sim"},
	"appliance":               {},
	"appliance/appliancetest": {"appliance"}, // servers for tests
	"iso":                     {},
	"labspec":                 {},
	"patches":                 {"appliance"},
	"plan":                    {"labspec"},
	"templates":               {},
	"vsphere":                 {"labspec", "plan"},
	"vsphere/sim":             {},
}

// mayImportGovmomi lists the packages that may know govmomi.
var mayImportGovmomi = []string{"vsphere", "vsphere/sim"}

func TestImports(t *testing.T) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for decoder.More() {
		var pkg struct {
			ImportPath string
			Imports    []string
		}
		if err := decoder.Decode(&pkg); err != nil {
			t.Fatal(err)
		}
		checkImports(t, strings.TrimPrefix(pkg.ImportPath, module+"/"), pkg.Imports)
	}
}

func checkImports(t *testing.T, name string, imports []string) {
	t.Helper()
	allowed, known := mayImport[name]
	if !known {
		t.Errorf("package %s is not part of the house (DESIGN.md)", name)
	}
	for _, path := range imports {
		if strings.HasPrefix(path, "github.com/vmware/govmomi") && !slices.Contains(mayImportGovmomi, name) {
			t.Errorf("%s imports %s: only %v may", name, path, mayImportGovmomi)
		}
		ours, isOurs := strings.CutPrefix(path, module+"/")
		if isOurs && !slices.Contains(allowed, ours) {
			t.Errorf("%s imports %s: it may only import %v", name, ours, allowed)
		}
	}
}
