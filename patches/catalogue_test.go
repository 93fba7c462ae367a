package patches_test

import (
	"net"
	"strings"
	"testing"

	"github.com/uclab/uclab/patches"
)

func TestBuiltinCatalogue(t *testing.T) {
	catalogue, err := patches.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, patch := range catalogue.Patches {
		ids = append(ids, patch.ID)
		if patch.Title == "" || patch.Source == "" || patch.About == "" || len(patch.Fits) == 0 {
			t.Errorf("%s does not say what it is, where it is from and what it fits", patch.ID)
		}
	}
	want := "cer-devices mac snmp-off uccx-kit vmware-ack"
	if got := strings.Join(ids, " "); got != want {
		t.Errorf("catalogue %q, want %q", got, want)
	}
	if _, err := catalogue.Find("mac", "nonsense"); err == nil || !strings.Contains(err.Error(), "vmware-ack") {
		t.Errorf("an unknown id does not list the known ones: %v", err)
	}
}

func TestOwnPatches(t *testing.T) {
	own := `lab "x" {}
node "a" { product = "cucm" }
patch "banner" {
  title  = "Banner"
  source = "our own"
  param "text" { default = "lab" }
  file {
    path = "/etc/issue"
    create { content = "${param.text}\n" }
  }
}`
	catalogue := &patches.Catalogue{}
	if err := catalogue.Add([]byte(own), "x.lab.hcl"); err != nil || len(catalogue.Patches) != 1 {
		t.Fatalf("%d patches, %v", len(catalogue.Patches), err)
	}
	for name, c := range map[string]struct{ src, want string }{
		"no way to do it":   {`patch "x" { title = "t", source = "s" }`, "x.hcl:1"},
		"nothing to edit":   {"patch \"x\" {\n title = \"t\"\n source = \"s\"\n file { path = \"/etc/x\" }\n}", "nothing to edit"},
		"relative path":     {"patch \"x\" {\n title = \"t\"\n source = \"s\"\n file {\n path = \"etc/x\"\n create { content = \"\" }\n }\n}", "must be absolute"},
		"leads out":         {"patch \"x\" {\n title = \"t\"\n source = \"s\"\n file {\n path = \"/etc/../root/x\"\n create { content = \"\" }\n }\n}", "without . or .."},
		"unknown param":     {"patch \"x\" {\n title = \"t\"\n source = \"s\"\n file {\n path = \"/etc/${param.y}\"\n create { content = \"\" }\n }\n}", "y"},
		"unknown attribute": {"patch \"x\" {\n title = \"t\"\n source = \"s\"\n nonsense = 1\n}", "nonsense"},
		"bad constraint":    {"patch \"x\" {\n title = \"t\"\n source = \"s\"\n fits \"cucm\" { versions = \"new\" }\n file {\n path = \"/x\"\n create { content = \"\" }\n }\n}", "versions"},
		"bad id":            {"patch \"../x\" {\n title = \"t\"\n source = \"s\"\n file {\n path = \"/x\"\n create { content = \"\" }\n }\n}", "the id must be"},
		"twice":             {strings.Repeat("patch \"x\" {\n title = \"t\"\n source = \"s\"\n file {\n path = \"/x\"\n create { content = \"\" }\n }\n}\n", 2), "declared twice"},
	} {
		if err := (&patches.Catalogue{}).Add([]byte(c.src), "x.hcl"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUCCXKit(t *testing.T) {
	kit := builtin(t, "uccx-kit")[0]
	files, err := kit.KitFiles(map[string]string{"cisco_os": "2003.1.2"})
	if err != nil {
		t.Fatal(err)
	}
	content := map[string]string{}
	for _, f := range files {
		content[f.Name] = string(f.Data)
		if strings.Contains(strings.ReplaceAll(string(f.Data), "\r\n", ""), "\n") {
			t.Errorf("%s has lines that Windows does not end so", f.Name)
		}
	}
	want := "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Cisco Systems, Inc.\\System Info\\OS Image]\r\n\"Version\"=\"2003.1.2\"\r\n"
	if content["UCCX.REG"] != want {
		t.Errorf("registry file %q", content["UCCX.REG"])
	}
	if ini, there := content["CRSTEST.INI"]; !there || ini != "" {
		t.Errorf("crstest.ini %q", ini)
	}
	if !strings.Contains(content["README.TXT"], "not supported by the vendor") {
		t.Error("the kit does not say that it is unsupported")
	}
}

func TestDecideMAC(t *testing.T) {
	for text, want := range map[string]patches.MACPlace{
		"00:50:56:00:00:00": patches.MACOnAdapter,
		"00:50:56:3f:ff:ff": patches.MACOnAdapter,
		"00:50:56:40:00:00": patches.MACRefused,
		"00:0c:29:3a:5b:7c": patches.MACRefused,
		"00:16:35:aa:bb:cc": patches.MACInGuest,
		"000bcd4ee59d":      patches.MACInGuest,
		"01:00:5e:00:00:01": patches.MACRefused,
		"00-00-00-00-00-00": patches.MACRefused,
	} {
		address, err := patches.ParseMAC(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := patches.DecideMAC(address, false); got.Place != want || got.Reason == "" {
			t.Errorf("%s: %+v, want %s", text, got, want)
		}
	}
	reserved := net.HardwareAddr{0x00, 0x0c, 0x29, 1, 2, 3}
	if got := patches.DecideMAC(reserved, true); got.Place != patches.MACOnAdapter {
		t.Errorf("unchecked: %+v", got)
	}
	for _, text := range []string{"", "00:16:35:aa:bb", "00:16:35:aa:bb:cg", "00:16:35:aa:bb:cc:dd", strings.Repeat(":", 40) + "001635aabbcc"} {
		if address, err := patches.ParseMAC(text); err == nil {
			t.Errorf("%q is taken as %s", text, address)
		}
	}
}
