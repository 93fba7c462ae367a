package labspec_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/templates"
)

func TestDerivedMACsDoNotDependOnOtherNodes(t *testing.T) {
	lab := func(nodes ...string) map[string]string {
		text := "format = 1\nlab \"macs\" {}\nnetwork \"hq\" {\n  switch = \"vSwitch0\"\n}\n"
		for _, node := range nodes {
			text += fmt.Sprintf("node %q {\n  product = \"winxp\"\n  network = \"hq\"\n}\n", node)
		}
		macs := map[string]string{}
		for _, n := range loadText(t, text, nil, labspec.Options{}).Nodes {
			macs[n.Address] = n.NICs[0].MAC
		}
		return macs
	}
	few, more := lab("a", "b"), lab("c", "b", "a")
	if few["a"] != more["a"] || few["b"] != more["b"] {
		t.Errorf("addresses moved: %v, then %v", few, more)
	}
}

func TestMACsOfALargeLabDiffer(t *testing.T) {
	// 2,000 of 4 million addresses: a collision is likely among 4,000 labs, so
	// pin that a fixed one has some, and that they are resolved.
	lab := loadText(t, "format = 1\nlab \"l\" {}\nnetwork \"hq\" {\n  switch = \"s\"\n vlan = pod.index\n}\npods {\n  count = 1000\n}\n"+
		"node \"a\" {\n  product = \"winxp\"\n  nic {\n    network = \"hq\"\n  }\n  nic {\n    network = \"hq\"\n  }\n  nic {\n    network = \"hq\"\n  }\n}\n", nil, labspec.Options{})
	seen := map[string]bool{}
	static := regexp.MustCompile(`^00:50:56:[0-3][0-9a-f]:[0-9a-f]{2}:[0-9a-f]{2}$`)
	for _, n := range lab.Nodes {
		for _, nic := range n.NICs {
			if seen[nic.MAC] || !static.MatchString(nic.MAC) {
				t.Errorf("%s: %s is taken or outside the static range", n.Address, nic.MAC)
			}
			seen[nic.MAC] = true
		}
	}
	if len(seen) != 3000 {
		t.Errorf("%d addresses, want 3000", len(seen))
	}
}

func TestFind(t *testing.T) {
	one, several, none := t.TempDir(), t.TempDir(), t.TempDir()
	for _, file := range []string{filepath.Join(one, "a.lab.hcl"), filepath.Join(one, "x.auto.vars.hcl"), filepath.Join(one, "notes.txt"), filepath.Join(several, "a.lab.hcl"), filepath.Join(several, "b.lab.json")} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ arg, getwd, want, wantErr string }{
		{"", one, "a.lab.hcl", ""},
		{"", several, "", "there are several lab files, name one of them: a.lab.hcl, b.lab.json"},
		{"", none, "", "the working directory: no lab file (*.lab.hcl or *.lab.json)"},
		{one, none, filepath.Join(one, "a.lab.hcl"), ""},
		{filepath.Base(one), filepath.Dir(one), filepath.Join(filepath.Base(one), "a.lab.hcl"), ""},
		{filepath.Join(several, "b.lab.json"), none, filepath.Join(several, "b.lab.json"), ""},
		{"absent", none, "", "lab file absent: file does not exist"},
		{"notes.txt", one, "", "notes.txt is not a lab file: its name does not end in .lab.hcl or .lab.json"},
	} {
		got, err := labspec.Find(test.arg, test.getwd)
		if got != test.want || (err == nil) != (test.wantErr == "") || err != nil && err.Error() != test.wantErr {
			t.Errorf("Find(%q, %q) = %q, %v; want %q, %q", test.arg, test.getwd, got, err, test.want, test.wantErr)
		}
	}
	if _, err := labspec.Find("", none); !errors.Is(err, labspec.ErrNoLabFile) {
		t.Errorf("not ErrNoLabFile: %v", err)
	}
}

func TestParseLicense(t *testing.T) {
	license, err := labspec.ParseLicense(strings.NewReader(strings.ReplaceAll(realLicense, "\n", "\r\n") + "# a comment\nSERVER x\n" +
		"INCREMENT PHONE_UNIT cisco 7.0 31-dec-2010 uncounted VENDOR_STRING=<Count>1000</Count> HOSTID=\"00:0B:CD:4E:E5:9D\" OVERDRAFT=50 SIGN=\"1\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []labspec.LicenseFeature{
		{Name: "CCM_NODE", Version: "7.0", Expiry: "permanent", Count: 3},
		{Name: "PHONE_UNIT", Version: "7.0", Expiry: "31-dec-2010", Count: 1000},
	}
	if license.HostID != "000bcd4ee59d" || !slices.Equal(license.Features, want) {
		t.Errorf("licence %+v", license)
	}
	for _, test := range []struct{ name, text, want string }{
		{"empty", "", "licence has no INCREMENT line"},
		{"binary", "INCREMENT\x00", "licence is not text"},
		{"short", "INCREMENT CCM_NODE cisco 5.0", "line 1: an INCREMENT line has a feature, a vendor, a version, an expiry and a count"},
		{"no host", "\nINCREMENT A cisco 5.0 permanent uncounted SIGN=1", "line 2: feature \"A\" has no HOSTID"},
		{"any host", "INCREMENT A cisco 5.0 permanent uncounted HOSTID=ANY", "line 1: HOSTID \"ANY\" is not a MAC address"},
		{"two hosts", "INCREMENT A cisco 5.0 permanent 1 HOSTID=000bcd4ee59d\nINCREMENT B cisco 5.0 permanent 1 HOSTID=000bcd4ee59e",
			"line 2: HOSTID 000bcd4ee59e differs from the lines before, 000bcd4ee59d"},
		{"count", "INCREMENT A cisco 5.0 permanent -5 HOSTID=000bcd4ee59d", "line 1: count \"-5\" is not a number up to 100000000"},
		{"large", strings.Repeat("#", 2<<20), "licence has more than 1048576 bytes"},
	} {
		if _, err := labspec.ParseLicense(strings.NewReader(test.text)); err == nil || err.Error() != test.want {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
	}
}

func TestAbsurdSizesAreRefused(t *testing.T) {
	header := "format = 1\nlab \"absurd\" {}\n"
	for _, test := range []struct{ name, text, want string }{
		{"deep", header + "locals {\n  a = " + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "\n}\n", "nests deeper"},
		{"negations", header + "locals {\n  a = " + strings.Repeat("!", 1_000_000) + "true\n}\n", "nests deeper"},
		{"sums", header + "locals {\n  a = (\n" + strings.Repeat("1 +\n", 200_000) + "1)\n}\n", "nests deeper"},
		{"templates", header + "locals {\n  a = " + strings.Repeat(`"${`, 10_000) + "1" + strings.Repeat(`}"`, 10_000) + "\n}\n", "nests deeper"},
		{"steps", header + "locals {\n  a = b" + strings.Repeat("[b]", 100_000) + "\n}\n", "nests deeper"},
		{"number", header + "node \"x\" {\n  product = \"winxp\"\n  notes = 1e999999999\n}\n", "nests deeper"},
		{"pods", header + "pods {\n  count = 1000000\n}\n", "count is a whole number between 1 and 1000"},
		{"nodes", header + "pods {\n  count = 1000\n}\n" + strings.Repeat("node \"n%d\" {\n  product = \"winxp\"\n}\n", 21), "The lab has 21000 nodes; the limit is 20000"},
		{"file", header + strings.Repeat("# "+strings.Repeat("x", 1000)+"\n", 9000), "more than 8388608 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for i := 0; strings.Contains(test.text, "%d"); i++ {
				test.text = strings.Replace(test.text, "%d", fmt.Sprint(i), 1)
			}
			_, err := labspec.Load(t.Context(), writeLab(t, test.text), labspec.Options{Profiles: templates.Profiles()})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %.200v, want %q", err, test.want)
			}
		})
	}
}

// TestEveryLintIsShown keeps the golden files complete: a rule that none of
// them shows is not tested.
func TestEveryLintIsShown(t *testing.T) {
	files, err := filepath.Glob("testdata/findings/*.golden")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(content)
	}
	for _, rule := range labspec.Rules() {
		if !strings.Contains(all.String(), "["+rule.ID+"]") {
			t.Errorf("no golden file shows %s (%s)", rule.ID, rule.Summary)
		}
		if rule.Summary == "" || rule.Source == "" || rule.Fix == "" {
			t.Errorf("rule %s lacks a summary, a source or a fix", rule.ID)
		}
	}
}
