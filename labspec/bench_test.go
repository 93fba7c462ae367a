package labspec_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/uclab/uclab/labspec"
)

// largeLab is a lab of n nodes, written out: clusters of ten on networks of
// their own, with addresses computed, and cables.
func largeLab(n int) string {
	var b strings.Builder
	b.WriteString("format = 1\nlab \"large\" {\n  domain = \"lab.local\"\n}\n")
	for c := range n / 10 {
		fmt.Fprintf(&b, "network \"net%d\" {\n  cidr = \"10.%d.%d.0/24\"\n  switch = \"vSwitch0\"\n  vlan = %d\n}\n", c, c/200, c%200, 100+c)
		fmt.Fprintf(&b, "cluster \"c%d\" {\n  product = \"cucm\"\n  version = \"8.5.1\"\n  network = \"net%d\"\n", c, c)
		for i := range 8 {
			role := "subscriber"
			if i == 0 {
				role = "publisher"
			}
			fmt.Fprintf(&b, "  node \"n%d-%d\" {\n    role = %q\n    ip = cidrhost(network.net%d.cidr, %d)\n  }\n", c, i, role, c, 10+i)
		}
		b.WriteString("}\n")
		fmt.Fprintf(&b, "node \"asa%d\" {\n  product = \"asa\"\n  network = \"net%d\"\n}\n", c, c)
		fmt.Fprintf(&b, "node \"xp%d\" {\n  product = \"winxp\"\n  network = \"net%d\"\n}\n", c, c)
		fmt.Fprintf(&b, "serial_link \"console%d\" {\n  server = \"asa%d\"\n  client = \"xp%d\"\n}\n", c, c, c)
	}
	return b.String()
}

func writeLab(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.lab.hcl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// BenchmarkLoad2000 loads 2,000 nodes that are written out. Its floor is the HCL
// library's bare parsing of the same text.
func BenchmarkLoad2000(b *testing.B) {
	text := largeLab(2000)
	path := writeLab(b, text)
	var bare, whole time.Duration
	for b.Loop() {
		start := time.Now()
		if _, diags := hclsyntax.ParseConfig([]byte(text), path, hcl.InitialPos); diags.HasErrors() {
			b.Fatal(diags)
		}
		bare += time.Since(start)
		start = time.Now()
		if lab := load(b, path, labspec.Options{}); len(lab.Nodes) != 2000 {
			b.Fatalf("%d nodes", len(lab.Nodes))
		}
		whole += time.Since(start)
	}
	b.ReportMetric(float64(whole)/float64(bare), "x-of-parse")
	b.ReportMetric(float64(whole.Milliseconds())/float64(b.N), "ms/load")
}

// BenchmarkLoadClassroom loads fifty pods of twenty nodes each.
func BenchmarkLoadClassroom(b *testing.B) {
	var text strings.Builder
	text.WriteString("format = 1\nlab \"class\" {}\npods {\n  count = 50\n}\nlocals {\n  who = \"student ${pod.index}\"\n}\n")
	text.WriteString("network \"hq\" {\n  cidr = \"10.1.0.0/24\"\n  switch = \"vSwitch0\"\n  vlan = 100 + pod.index\n}\n")
	for i := range 20 {
		fmt.Fprintf(&text, "node \"n%d\" {\n  product = \"winxp\"\n  network = \"hq\"\n  ip = cidrhost(network.hq.cidr, %d)\n  notes = local.who\n}\n", i, 10+i)
	}
	path := writeLab(b, text.String())
	for b.Loop() {
		if lab := load(b, path, labspec.Options{}); len(lab.Nodes) != 1000 {
			b.Fatalf("%d nodes", len(lab.Nodes))
		}
	}
}
