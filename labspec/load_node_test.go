package labspec_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hashicorp/hcl/v2"

	"github.com/uclab/uclab/labspec"
)

const realLicense = `INCREMENT CCM_NODE cisco 7.0 permanent uncounted \
  VENDOR_STRING=<Count>3</Count><OrigMacId>000BCD4EE59D</OrigMacId><LicFileVersion>1.0</LicFileVersion> \
  HOSTID=000bcd4ee59d \
  NOTICE="<LicFileID>20050826140539162</LicFileID><LicLineID>1</LicLineID> \
  <PAK></PAK>" SIGN="19B3 4C6C FFF2"
`

// loadText writes a lab file, with other files beside it, and loads it.
func loadText(t *testing.T, text string, files map[string]string, opts labspec.Options) *labspec.Lab {
	t.Helper()
	path := writeLab(t, text)
	for name, content := range files {
		file := filepath.Join(filepath.Dir(path), name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return load(t, path, opts)
}

const everything = `
format = 1
lab "demo" {
  domain  = "lab.local"
  owner   = "ann"
  expires = "2026-12-24T18:00:00Z"
  message = "https://${node["cucm-pub"].ip} ${node.asa.fqdn} ${network.hq.port_group}"
}
network "hq" {
  cidr   = "10.10.210.0/24"
  switch = "vSwitch0"
  vlan   = 210
}
network "outside" {
  port_group = "VM Network"
}
media "cucm" {
  source   = "cucm.iso"
  bootable = true
}
media "answers" {
  source = "[ds] floppies/ucm.flp"
}
cluster "hq" {
  product = "cucm"
  version = "7.1.5"
  network = "hq"
  media   = "cucm"
  host    = "esx1"
  ssh {
    user   = "root"
    legacy = true
  }
  node "cucm-pub" {
    role    = "publisher"
    ip      = cidrhost(network.hq.cidr, 10)
    license = "licenses/ccm_node.lic"
    floppy  = "answers"
    ignore  = "LIC010"
    ssh {
      port = 2222
    }
  }
  node "cucm-sub" {
    role   = "subscriber"
    memory = "2GiB"
    disks  = [60, "1TiB"]
    power  = "off"
    media  = []
    notes  = "mine"
  }
}
node "asa" {
  product = "asa"
  network = "hq"
  nic {
    ip = "10.10.210.2"
  }
  nic {
    network = "outside"
    type    = "flexible"
    mac     = "0050.560a.0b0c"
  }
  serial {
    uri   = "telnet://:2001"
    proxy = "telnets://vspc:13370"
  }
  extra_config = { "isolation.tools.copy.disable" = true }
}
node "xp-term" {
  product = "winxp"
  network = "hq"
}
serial_link "asa-console" {
  server = "asa"
  client = "xp-term"
}
`

func TestLoadFillsInEverything(t *testing.T) {
	lab := loadText(t, everything, map[string]string{"cucm.iso": "disc", "licenses/ccm_node.lic": realLicense}, labspec.Options{})
	if want := "https://10.10.210.10 asa.lab.local demo-hq"; lab.Message != want {
		t.Errorf("message %q, want %q", lab.Message, want)
	}
	if !lab.Target.Simulator || lab.Owner != "ann" || lab.Expires.Year() != 2026 {
		t.Errorf("lab: %+v", lab)
	}
	dir := lab.Dir
	license := lab.Nodes[0].Licenses[0]
	want := []labspec.Node{
		{
			Address: "cucm-pub", Name: "cucm-pub", Cluster: "hq", VMName: "demo-cucm-pub",
			Product: "cucm", Version: "7.1.5", Role: "publisher", Hostname: "cucm-pub", Profile: "cucm-7",
			GuestID: "rhel4Guest", CPUs: 1, MemoryMB: 1024, SCSI: "lsilogic", Firmware: "bios", HardwareVersion: "vmx-07",
			Disks: []labspec.Disk{{SizeGB: 60}},
			NICs: []labspec.NIC{{Network: "hq", Type: "e1000", MAC: "00:50:56:32:9d:dc", GuestMAC: "00:0b:cd:4e:e5:9d", Derived: true,
				IP: netip.MustParseAddr("10.10.210.10"), CheckMAC: true}},
			CDROMs: []string{"cucm"}, Floppies: []string{"answers"}, BootOrder: []string{"cdrom", "disk"}, Power: "on", Host: "esx1",
			Notes:    "Cisco Unified Communications Manager 7.1.5, publisher. Node cucm-pub of lab demo, made by uclab.",
			Licenses: []labspec.License{license}, Patches: []string{"vmware-ack", "snmp-off"},
			SSH: labspec.SSH{Port: 2222, User: "root", Legacy: true},
		},
		{
			Address: "cucm-sub", Name: "cucm-sub", Cluster: "hq", VMName: "demo-cucm-sub",
			Product: "cucm", Version: "7.1.5", Role: "subscriber", Hostname: "cucm-sub", Profile: "cucm-7",
			GuestID: "rhel4Guest", CPUs: 1, MemoryMB: 2048, SCSI: "lsilogic", Firmware: "bios", HardwareVersion: "vmx-07",
			Disks:     []labspec.Disk{{SizeGB: 60}, {SizeGB: 1024}},
			NICs:      []labspec.NIC{{Network: "hq", Type: "e1000", MAC: "00:50:56:0c:1d:b6", Derived: true, CheckMAC: true}},
			BootOrder: []string{"cdrom", "disk"}, Power: "off", Host: "esx1", Notes: "mine",
			Patches: []string{"vmware-ack", "snmp-off"}, SSH: labspec.SSH{Port: 22, User: "root", Legacy: true},
		},
		{
			Address: "asa", Name: "asa", VMName: "demo-asa", Product: "asa", Hostname: "asa", Profile: "asa",
			GuestID: "other26xLinuxGuest", CPUs: 1, MemoryMB: 1024, SCSI: "none", Firmware: "bios", HardwareVersion: "vmx-07",
			Disks: []labspec.Disk{{SizeGB: 1}},
			NICs: []labspec.NIC{
				{Network: "hq", Type: "e1000", MAC: "00:50:56:3a:bd:97", Derived: true, IP: netip.MustParseAddr("10.10.210.2"), CheckMAC: true},
				{Network: "outside", Type: "pcnet32", MAC: "00:50:56:0a:0b:0c", CheckMAC: true},
			},
			Serial: []labspec.SerialPort{
				{Backing: "network", Endpoint: "server", URI: "telnet://:2001", Proxy: "telnets://vspc:13370"},
				{Backing: "pipe", Name: "asa-console", Endpoint: "server", Link: "asa-console"},
			},
			BootOrder: []string{"cdrom", "disk"}, Power: "on", SSH: labspec.SSH{Port: 22},
			ExtraConfig: map[string]string{"isolation.tools.copy.disable": "true"},
			Notes:       "Cisco Adaptive Security Appliance. Node asa of lab demo, made by uclab.",
		},
		{
			Address: "xp-term", Name: "xp-term", VMName: "demo-xp-term", Product: "winxp", Hostname: "xp-term", Profile: "winxp",
			GuestID: "winXPProGuest", CPUs: 1, MemoryMB: 512, SCSI: "none", Firmware: "bios", HardwareVersion: "vmx-07",
			Disks:     []labspec.Disk{{SizeGB: 10}},
			NICs:      []labspec.NIC{{Network: "hq", Type: "pcnet32", MAC: "00:50:56:0e:6c:68", Derived: true, CheckMAC: true}},
			Serial:    []labspec.SerialPort{{Backing: "pipe", Name: "asa-console", Endpoint: "client", Link: "asa-console"}},
			BootOrder: []string{"cdrom", "disk"}, Power: "on", SSH: labspec.SSH{Port: 22},
			Notes: "Windows XP client. Node xp-term of lab demo, made by uclab.",
		},
	}
	opts := cmp.Options{cmpopts.IgnoreTypes(hcl.Range{}), cmpopts.EquateEmpty(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })}
	if diff := cmp.Diff(want, lab.Nodes, opts); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
	wantLinks := []labspec.SerialLink{{Name: "asa-console", Address: "asa-console", Pipe: "asa-console", Server: "asa", Client: "xp-term"}}
	if diff := cmp.Diff(wantLinks, lab.SerialLinks, opts); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
	wantMedia := []labspec.Media{
		{Name: "cucm", Kind: "iso", Source: filepath.Join(dir, "cucm.iso"), Bootable: true},
		{Name: "answers", Kind: "floppy", Source: "[ds] floppies/ucm.flp"},
	}
	if diff := cmp.Diff(wantMedia, lab.Media, opts); diff != "" {
		t.Errorf("media (-want +got):\n%s", diff)
	}
	if license.HostID != "000bcd4ee59d" || license.Path != filepath.Join(dir, "licenses", "ccm_node.lic") {
		t.Errorf("licence %+v", license)
	}
}

func TestJSONIsTheSameLanguage(t *testing.T) {
	native := loadText(t, `
format = 1
lab "json" {}
variable "base" { 
  default = "10.1.0.0/24" 
}
network "hq" {
  cidr   = var.base
  switch = "vSwitch0"
}
node "xp" {
  product = "winxp"
  network = "hq"
  ip      = cidrhost(network.hq.cidr, 5)
}
`, nil, labspec.Options{})
	path := filepath.Join(t.TempDir(), "test.lab.json")
	if err := os.WriteFile(path, []byte(`{
  "//": "a comment",
  "format": 1,
  "lab": {"json": {}},
  "variable": {"base": {"default": "10.1.0.0/24"}},
  "network": {"hq": {"cidr": "${var.base}", "switch": "vSwitch0"}},
  "node": {"xp": {"product": "winxp", "network": "hq", "ip": "${cidrhost(network.hq.cidr, 5)}"}}
}`), 0o600); err != nil {
		t.Fatal(err)
	}
	opts := cmp.Options{cmpopts.IgnoreTypes(hcl.Range{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })}
	if diff := cmp.Diff(native.Nodes, load(t, path, labspec.Options{}).Nodes, opts); diff != "" {
		t.Errorf("JSON differs from native (-native +json):\n%s", diff)
	}
}

func TestProfileBlocks(t *testing.T) {
	lab := loadText(t, `
format = 1
lab "profiles" {}
profile "cucm-7" {
  memory = "2GiB"
}
profile "router" {
  product          = "csr"
  guest_id         = "otherLinux64Guest"
  cpus             = 2
  memory           = 4096
  disk             = 8
  scsi             = "lsilogic"
  nic_type         = "vmxnet3"
  firmware         = "efi"
  hardware_version = 10
}
profile "our-xp" {
  product          = "winxp"
  guest_id         = "winXPPro64Guest"
  cpus             = 2
  memory           = 1024
  disk             = 20
  scsi             = "buslogic"
  firmware         = "bios"
  hardware_version = 8
}
node "cucm" {
  product = "cucm"
  version = "7.1(5b)SU4"
}
node "old" {
  product = "cucm"
  version = "6.1.3.2000-1"
}
node "router" {
  product = "csr"
}
node "xp" {
  product = "winxp"
  version = "5.1"
}
`, nil, labspec.Options{})
	type figures struct {
		Profile, GuestID string
		MemoryMB, CPUs   int
	}
	var got []figures
	for _, n := range lab.Nodes {
		got = append(got, figures{n.Profile, n.GuestID, n.MemoryMB, n.CPUs})
	}
	want := []figures{
		{"cucm-7", "rhel4Guest", 2048, 1},
		{"cucm-6", "rhel4Guest", 1024, 1},
		{"router", "otherLinux64Guest", 4096, 2},
		{"our-xp", "winXPPro64Guest", 1024, 2},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}
}

func TestVariablePrecedence(t *testing.T) {
	lab := `
format = 1
lab "vars" { 
  description = join(" ", [var.a, var.b, var.c, var.d, var.e, var.list[1], var.typed + 1])
}
variable "a" { default = "default" }
variable "b" { default = "default" }
variable "c" { default = "default" }
variable "d" { default = "default" }
variable "e" { default = "default" }
variable "list" { default = ["x", "y"] }
variable "typed" { type = number }
`
	files := map[string]string{
		"10.auto.vars.hcl":  "c = \"auto\"\nd = \"auto\"\ne = \"auto\"\nunknown = 1\n",
		"20.auto.vars.json": `{"typed": 40}`,
		"named.hcl":         "d = \"file\"\ne = \"file\"\n",
	}
	path := writeLab(t, lab)
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	environment := map[string]string{"UCLAB_VAR_b": "env", "UCLAB_VAR_c": "env", "UCLAB_VAR_list": `["p", "q"]`, "UCLAB_VAR_typed": "7", "UCLAB_VAR_other": "x"}
	got := load(t, path, labspec.Options{
		VarFiles:  []string{filepath.Join(filepath.Dir(path), "named.hcl")},
		Vars:      []labspec.Assignment{{Name: "e", Value: "first"}, {Name: "e", Value: "last"}},
		LookupEnv: func(name string) (string, bool) { value, ok := environment[name]; return value, ok },
	})
	if want := "default env auto file last q 41"; got.Description != want {
		t.Errorf("description %q, want %q", got.Description, want)
	}
}

func TestVariableMistakes(t *testing.T) {
	lab := "format = 1\nlab \"vars\" {\n}\nvariable \"isos\" {}\nvariable \"n\" {\n  type = number\n  default = 1\n}\nvariable \"secret\" {\n  type = number\n  sensitive = true\n  default = 1\n}\n"
	for _, test := range []struct {
		name string
		opts labspec.Options
		want string
	}{
		{"no value", labspec.Options{}, `Variable "isos" has no value: use -var isos=`},
		{"unknown", labspec.Options{Vars: []labspec.Assignment{{Name: "iso", Value: "x"}}}, `Did you mean "isos"?`},
		{"wrong type", labspec.Options{Vars: []labspec.Assignment{{Name: "n", Value: "many"}}}, "Variable \"n\" is a number, but -var n does not fit"},
		{"missing file", labspec.Options{VarFiles: []string{"/no/such/file"}}, "The variables file cannot be read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text, usable := findings(t, writeLab(t, lab), test.opts)
			if usable || !strings.Contains(text, test.want) {
				t.Errorf("findings lack %q:\n%s", test.want, text)
			}
		})
	}
	text, _ := findings(t, writeLab(t, lab), labspec.Options{Vars: []labspec.Assignment{{Name: "secret", Value: "hunter2"}}})
	if strings.Contains(text, "hunter2") {
		t.Errorf("a sensitive value is shown:\n%s", text)
	}
}

func TestFunctions(t *testing.T) {
	lab := loadText(t, `
format = 1
lab "functions" {
  message = join("|", [
    cidrhost("10.1.0.0/24", -2), cidrsubnet("10.1.0.0/16", 8, 3), cidrnetmask("10.1.0.0/20"),
    upper("a"), format("%02d", 7), env("HOME"), env("ABSENT", "none"), trimspace(file("note.txt")),
    templatefile("t.tmpl", { who = "ann" }), fileexists("absent") ? "yes" : "no", try(tonumber("x"), 5),
    length(range(3)), basename("a/b.iso"), startswith("abc", "a"), lab.name,
  ])
}
`, map[string]string{"note.txt": "hello\n", "t.tmpl": "hi ${upper(who)}"}, labspec.Options{
		LookupEnv: func(name string) (string, bool) { return "/home/ann", name == "HOME" },
	})
	if want := "10.1.0.254|10.1.3.0/24|255.255.240.0|A|07|/home/ann|none|hello|hi ANN|no|5|3|b.iso|true|functions"; lab.Message != want {
		t.Errorf("message\n%s, want\n%s", lab.Message, want)
	}
}

func TestMissingFilesAreErrorsUnlessLenientOrOptional(t *testing.T) {
	lab := `
format = 1
lab "missing" {}
network "hq" {
  switch = "vSwitch0"
}
media "disc" {
  source   = "no-such.iso"
  optional = %s
}
node "cucm" {
  product = "cucm"
  version = "7.1.5"
  network = "hq"
  media   = "disc"
  license = "no-such.lic"
}
`
	path := writeLab(t, strings.ReplaceAll(lab, "%s", "false"))
	text, usable := findings(t, path, labspec.Options{})
	if usable || !strings.Contains(text, "[MED001]") || !strings.Contains(text, "[LIC011]") {
		t.Errorf("missing files are no errors:\n%s", text)
	}
	text, usable = findings(t, path, labspec.Options{Lenient: true})
	if !usable || !strings.Contains(text, "Warning: Disc or floppy image not found [MED001]") {
		t.Errorf("lenient: usable %v\n%s", usable, text)
	}
	path = writeLab(t, strings.ReplaceAll(strings.ReplaceAll(lab, "%s", "true"), "  license = \"no-such.lic\"\n", ""))
	got := load(t, path, labspec.Options{})
	if !got.Media[0].Missing || len(got.Nodes[0].CDROMs) != 1 || got.Findings[0].ID != "MED002" {
		t.Errorf("optional: %+v %+v %+v", got.Media[0], got.Nodes[0].CDROMs, got.Findings)
	}
}
