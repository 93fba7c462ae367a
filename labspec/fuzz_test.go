package labspec

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// fuzzProfiles are a few small profiles: the built-in ones would be most of
// the work of every run.
func fuzzProfiles() fstest.MapFS {
	return fstest.MapFS{"p.hcl": {Data: []byte(`
profile "cucm-7" {
  product = "cucm"
  versions = ">= 7.0, < 8.0"
  kind = "appliance"
  guest_id = "rhel4Guest"
  cpus = 1
  memory = 1024
  disk = 60
  scsi = "lsilogic"
  nic_type = "e1000"
  firmware = "bios"
  hardware_version = 7
  minimum { 
    memory = 1024 
  }
}
profile "winxp" {
  product = "winxp"
  guest_id = "winXPProGuest"
  cpus = 1
  memory = 512
  disk = 10
  scsi = "none"
  nic_type = "flexible"
  firmware = "bios"
  hardware_version = 7
}
`)}}
}

func addSeeds(f *testing.F, pattern string) {
	f.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
}

// fuzzLoad loads arbitrary text: it either gives a lab that keeps the language's
// promises, or findings.
func fuzzLoad(t *testing.T, name, dir string, src []byte) {
	lab, err := loadText(t.Context(), src, name, dir, Options{Profiles: fuzzProfiles()})
	if err != nil {
		var invalid *InvalidError
		if !errors.As(err, &invalid) || len(invalid.Findings) == 0 || invalid.Error() == "" {
			t.Fatalf("not an InvalidError with findings: %v", err)
		}
		return
	}
	macs := map[string]string{}
	for i := range lab.Nodes {
		n := &lab.Nodes[i]
		if n.CPUs < 1 || n.MemoryMB < minMemoryMB || n.GuestID == "" || n.VMName == "" || len(n.BootOrder) > 4 {
			t.Errorf("incomplete node: %+v", n)
		}
		for _, nic := range n.NICs {
			if macs[nic.MAC] != "" || nic.MAC == "" {
				t.Errorf("MAC %q of %s is empty or also %s's", nic.MAC, n.Address, macs[nic.MAC])
			}
			macs[nic.MAC] = n.Address
		}
	}
}

func FuzzLoad(f *testing.F) {
	addSeeds(f, "testdata/findings/*.lab.hcl")
	addSeeds(f, "../examples/*/*.lab.hcl")
	f.Add([]byte("lab \"x\" {}\npods {\n count = 3\n}\nnode \"a\" {\n product = \"winxp\"\n notes = pod.name\n}\n"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, src []byte) { fuzzLoad(t, "fuzz.lab.hcl", dir, src) })
}

func FuzzLoadJSON(f *testing.F) {
	addSeeds(f, "testdata/findings/*.lab.json")
	f.Add([]byte(`{"lab":{"x":{}},"locals":{"a":"${1+1}"},"node":{"a":[{"product":"winxp","memory":"1GiB"}]}}`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, src []byte) { fuzzLoad(t, "fuzz.lab.json", dir, src) })
}

func FuzzParseLicense(f *testing.F) {
	addSeeds(f, "testdata/findings/*.lic")
	f.Fuzz(func(t *testing.T, src []byte) {
		license, err := ParseLicense(bytes.NewReader(src))
		if err != nil {
			return
		}
		if len(license.HostID) != 12 || strings.ToLower(license.HostID) != license.HostID || len(license.Features) == 0 {
			t.Errorf("accepted %+v", license)
		}
		for _, feature := range license.Features {
			if feature.Count < 0 || feature.Count > maxLicenseCount {
				t.Errorf("accepted %+v", feature)
			}
		}
	})
}

func FuzzParseSize(f *testing.F) {
	for _, text := range []string{"1024", "2GiB", "1.5 G", "60GB", "1e9", "-1", "9999999999999999 TiB"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		mib, err := parseSize(text, 1)
		if err != nil {
			return
		}
		if size, err := memoryMB(mib); err == nil && (size < minMemoryMB || size > maxMemoryMB) {
			t.Errorf("%q is %d MiB", text, size)
		}
		if size, err := diskGB(mib); err == nil && (size < 1 || size > maxDiskGB) {
			t.Errorf("%q is %d GiB", text, size)
		}
	})
}

func FuzzParseVersion(f *testing.F) {
	for _, text := range []string{"7.1.5.34900-7", "7.1(5b)SU4", "10.1R1.8", "8.4(2)", "15"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if v, err := ParseVersion(text); err == nil && len(v.Segments()) == 0 {
			t.Errorf("%q has no segments", text)
		}
	})
}
