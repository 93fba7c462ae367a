package patches

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReplaceLine(t *testing.T) {
	a := replaceLine{from: `if [ "$hwmodel" = "vmware" ];`, to: []string{`if [ "$hwmodel" = "foobar" ];`}, tail: "then"}
	b := replaceLine{from: "if isHardwareUnsupported || isOriginalHardwareUnsupported ; then", to: []string{"if 0 ; then"}, keepComment: true}
	for _, c := range []struct {
		name string
		edit replaceLine
		in   string
		want string
	}{
		{"as in the post", a, "x\nif [ \"$hwmodel\" = \"vmware\" ];\nthen\n", "x\nif [ \"$hwmodel\" = \"foobar\" ];\nthen\n"},
		{"then on the line, tabs, blanks at the end", a, "\t\tif [ \"$hwmodel\" = \"vmware\" ];  then  \n", "\t\tif [ \"$hwmodel\" = \"foobar\" ];  then  \n"},
		{"last line without an ending", a, "x\r\n if [ \"$hwmodel\" = \"vmware\" ]; then", "x\r\n if [ \"$hwmodel\" = \"foobar\" ]; then"},
		{"commented out as in the post", b, "    if isHardwareUnsupported || isOriginalHardwareUnsupported ; then\n\tx\n", "   #if isHardwareUnsupported || isOriginalHardwareUnsupported ; then\n    if 0 ; then\n\tx\n"},
		{"commented out without indentation", b, "if isHardwareUnsupported || isOriginalHardwareUnsupported ; then\r\n", "#if isHardwareUnsupported || isOriginalHardwareUnsupported ; then\r\nif 0 ; then\r\n"},
		{"commented out in the last line", b, "x\n\tif isHardwareUnsupported || isOriginalHardwareUnsupported ; then", "x\n#if isHardwareUnsupported || isOriginalHardwareUnsupported ; then\n\tif 0 ; then"},
	} {
		t.Run(c.name, func(t *testing.T) { changesOnce(t, c.edit, c.in, c.want) })
	}
	for name, in := range map[string]string{
		"other words after it":    "if [ \"$hwmodel\" = \"vmware\" ]; then exit\n",
		"already commented":       "# if [ \"$hwmodel\" = \"vmware\" ]; then\n",
		"inside another line":     "x; if [ \"$hwmodel\" = \"vmware\" ]; then\n",
		"empty":                   "",
		"other spacing inside it": "if [  \"$hwmodel\" = \"vmware\" ]; then\n",
	} {
		if got := a.apply([]byte(in)); got.verdict != absent {
			t.Errorf("%s: verdict %d", name, got.verdict)
		}
	}
}

// changesOnce checks that an edit makes the wanted change, and then nothing
// more.
func changesOnce(t *testing.T, e edit, in, want string) {
	t.Helper()
	first := e.apply([]byte(in))
	if first.verdict != needed {
		t.Fatalf("verdict %d: %s", first.verdict, first.reason)
	}
	if diff := cmp.Diff(want, string(first.content)); diff != "" {
		t.Error(diff)
	}
	if second := e.apply(first.content); second.verdict != applied {
		t.Errorf("second time: verdict %d: %s", second.verdict, second.reason)
	}
}

func TestSetKey(t *testing.T) {
	mac := setKey{key: "MACADDR", value: "00:16:35:aa:bb:cc", insteadOf: "HWADDR", asFound: true}
	for _, c := range []struct{ name, in, want string }{
		{"takes the place of the rival", "DEVICE=eth0\nHWADDR=00:0C:29:3A:5B:7C\nTYPE=Ethernet\n", "DEVICE=eth0\nMACADDR=00:16:35:AA:BB:CC\nTYPE=Ethernet\n"},
		{"changes its own, keeps quotes and comment", "MACADDR=\"00:0c:29:3a:5b:7c\"  # mine\r\nDEVICE=eth0\r\n", "MACADDR=\"00:16:35:aa:bb:cc\"  # mine\r\nDEVICE=eth0\r\n"},
		{"has own and rival", "MACADDR=00:0C:29:00:00:00\nHWADDR=00:0C:29:3A:5B:7C\n", "MACADDR=00:16:35:AA:BB:CC\n"},
		{"added to the end", "DEVICE=eth0\n", "DEVICE=eth0\nMACADDR=00:16:35:AA:BB:CC\n"},
		{"added to an unfinished line", "DEVICE=eth0", "DEVICE=eth0\nMACADDR=00:16:35:AA:BB:CC"},
		{"leaves comments and others alone", "#HWADDR=1\n export X='a b'\n\nHWADDR=\n", "#HWADDR=1\n export X='a b'\n\nMACADDR=00:16:35:AA:BB:CC\n"},
		{"empty file", "", "MACADDR=00:16:35:AA:BB:CC\n"},
	} {
		t.Run(c.name, func(t *testing.T) { changesOnce(t, mac, c.in, c.want) })
	}
	if got := mac.apply([]byte("MACADDR=1\nMACADDR=2\n")); got.verdict != unclear || !strings.Contains(got.reason, "lines 1 and 2") {
		t.Errorf("set twice: %+v", got)
	}
}

const fuzzHwconf = "-\nclass: NETWORK\nbus: PCI\ndevice: eth0\nnetwork.hwaddr: 00:0c:29:3a:5b:7c\nvendorId: 1022\n-\nclass: NETWORK\ndevice: eth1\nnetwork.hwaddr: 00:0c:29:3a:5b:86\n"

func TestSetRecord(t *testing.T) {
	mac := setRecord{match: map[string]string{"class": "NETWORK", "device": "eth0"}, key: "network.hwaddr", value: "00:16:35:AA:BB:CC", asFound: true}
	t.Run("lower case as the file", func(t *testing.T) {
		changesOnce(t, mac, fuzzHwconf, strings.Replace(fuzzHwconf, "00:0c:29:3a:5b:7c", "00:16:35:aa:bb:cc", 1))
	})
	t.Run("upper case as the file, one space", func(t *testing.T) {
		in := "-\nclass: NETWORK\ndevice: eth0\nnetwork.hwaddr:   00:0C:29:3A:5B:7C"
		changesOnce(t, mac, in, "-\nclass: NETWORK\ndevice: eth0\nnetwork.hwaddr: 00:16:35:AA:BB:CC")
	})
	for name, c := range map[string]struct {
		in   string
		want verdict
	}{
		"no such record":        {"-\nclass: NETWORK\ndevice: eth7\nnetwork.hwaddr: 00:0c:29:3a:5b:7c\n", absent},
		"record without it":     {"-\nclass: NETWORK\ndevice: eth0\n", absent},
		"two such records":      {"-\nclass: NETWORK\ndevice: eth0\nnetwork.hwaddr: 1\n-\nclass: NETWORK\ndevice: eth0\nnetwork.hwaddr: 2\n", unclear},
		"twice in one record":   {"-\nclass: NETWORK\ndevice: eth0\nnetwork.hwaddr: 1\nnetwork.hwaddr: 2\n", unclear},
		"keys of other records": {"-\nclass: NETWORK\n-\ndevice: eth0\nnetwork.hwaddr: 1\n", absent},
		"empty":                 {"", absent},
	} {
		if got := mac.apply([]byte(c.in)); got.verdict != c.want || got.reason == "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

var cerMember = insertMember{family: "CcmHost", element: "member", key: "OID",
	attributes: [][]string{{"OID", "1.3.6.1.4.1.9.1.1348"}, {"OIDNAME", "vm-ware"}, {"CAPTION", "VMWare"}}}

const cerElement = `<member OID="1.3.6.1.4.1.9.1.1348" OIDNAME="vm-ware" CAPTION="VMWare"/>`

func TestInsertMember(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"family by attribute, indentation of its siblings",
			"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<d>\r\n\t<family name='CcmHost'>\r\n\t\t<member OID=\"1\"/>\r\n\t</family>\r\n</d>\r\n<!-- \xe9 -->",
			"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<d>\r\n\t<family name='CcmHost'>\r\n\t\t<member OID=\"1\"/>\r\n\t\t" + cerElement + "\r\n\t</family>\r\n</d>\r\n<!-- \xe9 -->"},
		{"family by name, all on one line", "<d><CcmHost><member OID='1'></member></CcmHost></d>", "<d><CcmHost><member OID='1'></member>" + cerElement + "</CcmHost></d>"},
		{"members of other families", "<d><f n='A'><member OID='1.3.6.1.4.1.9.1.1348'/></f><f n='CcmHost'><x/><member OID='1'/><y/></f></d>", "<d><f n='A'><member OID='1.3.6.1.4.1.9.1.1348'/></f><f n='CcmHost'><x/><member OID='1'/>" + cerElement + "<y/></f></d>"},
		{"mentions without members", "<d><use family='CcmHost'/><f n='CcmHost'><member OID='1'/></f></d>", "<d><use family='CcmHost'/><f n='CcmHost'><member OID='1'/>" + cerElement + "</f></d>"},
		{"byte order mark", "\xef\xbb\xbf<d><f n='CcmHost'><member OID='1'/></f></d>", "\xef\xbb\xbf<d><f n='CcmHost'><member OID='1'/>" + cerElement + "</f></d>"},
	} {
		t.Run(c.name, func(t *testing.T) { changesOnce(t, cerMember, c.in, c.want) })
	}
	for name, c := range map[string]struct {
		in   string
		want verdict
	}{
		"other case":       {"<d><f n='ccmhost'><member OID='1'/></f></d>", absent},
		"two families":     {"<d><f n='CcmHost'><member OID='1'/></f><f n='CcmHost'><member OID='1'/></f></d>", unclear},
		"no members":       {"<d><f n='CcmHost'></f></d>", unclear},
		"not well-formed":  {"<d><f n='CcmHost'><member OID='1'></f></d>", unclear},
		"in a comment":     {"<d><!-- <f n='CcmHost'><member OID='1'/></f> --></d>", absent},
		"there, other way": {"<d><f n='CcmHost'><member CAPTION='x' OID='1.3.6.1.4.1.9.1.1348'/></f></d>", applied},
	} {
		if got := cerMember.apply([]byte(c.in)); got.verdict != c.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestSetRegistry(t *testing.T) {
	e := setRegistry{key: `HKEY_LOCAL_MACHINE\SOFTWARE\Cisco Systems, Inc.\System Info\OS Image`, name: "Version", value: "2003.1.4"}
	head := registryHeader + "\r\n"
	section := "\r\n[" + e.key + "]\r\n"
	for _, c := range []struct{ name, in, want string }{
		{"new key", head, head + section + "\"Version\"=\"2003.1.4\"\r\n"},
		{"value changed, others kept", head + section + "; mine\r\n\"A\"=dword:1\r\n\"version\"=\"1\"\r\n[HKEY_USERS\\x]\r\n", head + section + "; mine\r\n\"A\"=dword:1\r\n\"Version\"=\"2003.1.4\"\r\n[HKEY_USERS\\x]\r\n"},
		{"value added", head + section + "\"A\"=\"\"\r\n", head + section + "\"Version\"=\"2003.1.4\"\r\n\"A\"=\"\"\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) { changesOnce(t, e, c.in, c.want) })
	}
	if got := e.apply([]byte("REGEDIT4\r\n")); got.verdict != unclear {
		t.Errorf("other header: %+v", got)
	}
	if got := registryString(`C:\a "b"`); got != `"C:\\a \"b\""` {
		t.Errorf("quoting: %s", got)
	}
}

// keepsTheRest checks that an edit changes one stretch of a file only: what the
// result has before and after it is what the file had.
func keepsTheRest(t *testing.T, e edit, in []byte, longest int) {
	t.Helper()
	original := bytes.Clone(in)
	got := e.apply(in)
	if !bytes.Equal(in, original) {
		t.Fatal("the edit changed its input")
	}
	if got.verdict != needed {
		return
	}
	if again := e.apply(got.content); again.verdict != applied {
		t.Errorf("applied twice to %q: verdict %d: %s", in, again.verdict, again.reason)
	}
	prefix := 0
	for prefix < len(in) && prefix < len(got.content) && in[prefix] == got.content[prefix] {
		prefix++
	}
	a, b := in[prefix:], got.content[prefix:]
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	if len(b) > longest+len(a) {
		t.Errorf("%d bytes became %d", len(a), len(b))
	}
}

func FuzzReplaceLine(f *testing.F) {
	f.Add([]byte("    if isHardwareUnsupported || isOriginalHardwareUnsupported ; then\r\n"), true)
	f.Add([]byte("x\nif [ \"$hwmodel\" = \"vmware\" ]; then"), false)
	f.Fuzz(func(t *testing.T, in []byte, keep bool) {
		if keep {
			keepsTheRest(t, replaceLine{from: "if isHardwareUnsupported || isOriginalHardwareUnsupported ; then", to: []string{"if 0 ; then"}, keepComment: true}, in, 100+len(in))
			return
		}
		keepsTheRest(t, replaceLine{from: `if [ "$hwmodel" = "vmware" ];`, to: []string{`if [ "$hwmodel" = "foobar" ];`}, tail: "then"}, in, 100)
	})
}

func FuzzSetKey(f *testing.F) {
	f.Add([]byte("DEVICE=eth0\nHWADDR=00:0C:29:3A:5B:7C\nTYPE=Ethernet\n"))
	f.Add([]byte("export MACADDR='00:0c'  # x\r\nHWADDR=\"\"\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		e := setKey{key: "MACADDR", value: "00:16:35:aa:bb:cc", insteadOf: "HWADDR", asFound: true}
		keepsTheRest(t, e, in, 64)
		if got := e.apply(in); got.verdict == needed {
			kept := func(content []byte) []line {
				lines := splitLines(content)
				return without(lines, append(e.find(lines, "MACADDR"), e.find(lines, "HWADDR")...))
			}
			before, after := kept(in), kept(got.content)
			for i := range min(len(before), len(after)) {
				if strings.TrimRight(before[i].text, "\r") != strings.TrimRight(after[i].text, "\r") { // an unfinished line's \r may join its new ending
					t.Fatalf("line %q became %q", before[i].text, after[i].text)
				}
			}
			if len(before) != len(after) {
				t.Fatalf("%d other lines became %d", len(before), len(after))
			}
		}
	})
}

func FuzzHwconf(f *testing.F) {
	f.Add([]byte(fuzzHwconf))
	f.Add([]byte("-\r\nclass: NETWORK\r\ndevice: eth0\r\nnetwork.hwaddr:\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		keepsTheRest(t, setRecord{match: map[string]string{"class": "NETWORK", "device": "eth0"}, key: "network.hwaddr", value: "00:16:35:aa:bb:cc", asFound: true}, in, 64)
	})
}

func FuzzDevicesXML(f *testing.F) {
	f.Add([]byte("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<d>\r\n\t<family name='CcmHost'>\r\n\t\t<member OID=\"1\"/>\r\n\t</family>\r\n</d>"))
	f.Add([]byte("<d><CcmHost><member OID='1'><member/></member></CcmHost></d>"))
	f.Add([]byte("<!DOCTYPE d [<!ENTITY a 'b'>]><d><f n='CcmHost'><x><member/></x><member OID='&a;'/></f></d>"))
	f.Fuzz(func(t *testing.T, in []byte) {
		keepsTheRest(t, cerMember, in, len(in)+len(cerElement))
		if got := cerMember.apply(in); got.verdict == needed && !bytes.Contains(got.content, []byte(cerElement)) {
			t.Error("the element is not in one piece")
		}
	})
}

func FuzzRegistry(f *testing.F) {
	f.Add([]byte(registryHeader+"\r\n\r\n[HKEY_USERS\\x]\r\n\"Version\"=\"1\"\r\n"), "Version", "2003.1.4")
	f.Fuzz(func(t *testing.T, in []byte, name, value string) {
		e := setRegistry{key: `HKEY_USERS\x`, name: name, value: value}
		if e.check() != nil {
			return
		}
		keepsTheRest(t, e, in, 64+4*len(name)+4*len(value))
	})
}

func FuzzLedgerEntry(f *testing.F) {
	f.Add([]byte(`{"format":1,"id":"mac","state":"applied","files":[{"path":"/etc/x","before":"` + strings.Repeat("a", 64) + `","after":"` + strings.Repeat("b", 64) + `"}]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		e, err := parseEntry(in)
		if err != nil {
			return
		}
		for _, file := range e.Files {
			if !strings.HasPrefix(file.Path, "/") || strings.Contains(file.Path, "/../") {
				t.Errorf("path %q", file.Path)
			}
		}
	})
}

func FuzzCatalogue(f *testing.F) {
	catalogue, err := embedded.ReadFile("catalogue/mac.hcl")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(catalogue)
	f.Fuzz(func(_ *testing.T, in []byte) {
		_ = (&Catalogue{}).Add(in, "fuzz.hcl") // an error or not, never a panic
	})
}
