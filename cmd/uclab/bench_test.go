package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/uclab/uclab/vsphere/sim"
	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/mo"
)

// appliedLab is a lab of n machines on a simulated vCenter, applied.
type appliedLab struct {
	file   string
	server *sim.Server
	env    map[string]string
}

// newAppliedLab writes and applies a lab of ten machines a network, half of them cabled.
func newAppliedLab(b *testing.B, n int) *appliedLab {
	b.Helper()
	var text strings.Builder
	text.WriteString("format = 1\nlab \"room\" {\n  domain = \"lab.local\"\n}\ntarget \"vsphere\" {}\n")
	for group := range n / 10 {
		fmt.Fprintf(&text, "network \"net%d\" {\n  cidr = \"10.%d.%d.0/24\"\n  switch = \"vSwitch0\"\n  vlan = %d\n}\n", group, group/200, group%200, 100+group)
		for i := range 10 {
			product := "winxp"
			if i%4 == 1 {
				product = "asa"
			}
			fmt.Fprintf(&text, "node \"n%d-%d\" {\n  product = %q\n  memory = 512\n  network = \"net%d\"\n  ip = cidrhost(network.net%d.cidr, %d)\n}\n",
				group, i, product, group, group, 10+i)
		}
		fmt.Fprintf(&text, "serial_link \"console%d\" {\n  server = \"n%d-1\"\n  client = \"n%d-2\"\n}\n", group, group, group)
	}
	server, err := sim.New(b.Context(), sim.Options{User: "user", Password: "pass"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := server.Close(); err != nil {
			b.Error(err)
		}
	})
	home := b.TempDir()
	address := server.URL()
	address.User = nil
	r := &appliedLab{filepath.Join(home, "room.lab.hcl"), server, map[string]string{
		"HOME": home, "TMPDIR": home, "GOVC_URL": address.String(), "GOVC_USERNAME": "user", "GOVC_PASSWORD": "pass", "GOVC_INSECURE": "1",
	}}
	if err := os.WriteFile(r.file, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	if code := run(b.Context(), r.app(os.Stderr), []string{"apply", "--auto-approve", "--parallelism", "32", r.file}); code != 0 {
		b.Fatalf("apply ended with %d", code)
	}
	return r
}

// app is uclab in this process, in the lab's environment.
func (r *appliedLab) app(messages io.Writer) *app {
	return &app{
		in: strings.NewReader(""), out: io.Discard, err: messages, getwd: os.Getwd,
		lookupEnv: func(name string) (string, bool) { value, ok := r.env[name]; return value, ok },
	}
}

// BenchmarkLoadOfPlan2000 compares the loading of a lab of 2,000 nodes, expanded,
// defaulted and linted, with an empty plan of it.
func BenchmarkLoadOfPlan2000(b *testing.B) {
	r := newAppliedLab(b, 2000)
	a := r.app(io.Discard)
	var load, empty time.Duration
	for b.Loop() {
		began := time.Now()
		lab, err := a.load(b.Context(), labFlags{}, []string{r.file})
		if err != nil {
			b.Fatal(err)
		}
		load += time.Since(began)

		began = time.Now()
		s, err := a.openLab(b.Context(), lab)
		if err != nil {
			b.Fatal(err)
		}
		p, err := a.diff(s)
		if err != nil {
			b.Fatal(err)
		}
		s.close(b.Context(), &err)
		if err != nil {
			b.Fatal(err)
		}
		empty += time.Since(began)
		if !p.Empty() {
			b.Fatalf("not empty: %v", p.Changes[0])
		}
	}
	b.ReportMetric(load.Seconds()/empty.Seconds(), "x-of-plan")
	b.ReportMetric(load.Seconds()/float64(b.N), "s/load")
	b.ReportMetric(empty.Seconds()/float64(b.N), "s/plan")
}

// BenchmarkPlanCommand1000 compares the whole command, from the start of its
// process to its end, with a bare read of what it reads, for a lab of 1,000
// machines with nothing to do.
func BenchmarkPlanCommand1000(b *testing.B) {
	const n = 1000
	r := newAppliedLab(b, n)
	var whole, floor time.Duration
	for b.Loop() {
		began := time.Now()
		readMachines(b, r.server, n)
		floor += time.Since(began)

		began = time.Now()
		r.exec(b, "plan", "--detailed-exitcode", r.file)
		whole += time.Since(began)
	}
	b.ReportMetric(whole.Seconds()/floor.Seconds(), "x-of-read")
	b.ReportMetric(whole.Seconds()/float64(b.N), "s/plan")
}

// exec runs uclab as a process of its own, which must succeed.
func (r *appliedLab) exec(b *testing.B, args ...string) {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := &exec.Cmd{Path: self, Args: append([]string{"uclab"}, args...)}
	for name, value := range r.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if output, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("uclab %s: %v\n%s", args[0], err, output)
	}
}

// planned is what a plan needs of every machine.
var planned = []string{
	"name", "parent", "resourcePool", "runtime.powerState", "runtime.host", "snapshot.currentSnapshot",
	"config.template", "config.guestId", "config.firmware", "config.version", "config.annotation",
	"config.hardware.numCPU", "config.hardware.memoryMB", "config.hardware.device",
	"config.bootOptions", "config.extraConfig", "config.files.vmPathName",
}

// readMachines reads what a plan needs, as a plain program would.
func readMachines(b *testing.B, server *sim.Server, n int) {
	b.Helper()
	ctx := b.Context()
	client, err := govmomi.NewClient(ctx, server.URL(), true)
	if err != nil {
		b.Fatal(err)
	}
	machines, err := view.NewManager(client.Client).CreateContainerView(ctx, client.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
	if err != nil {
		b.Fatal(err)
	}
	var found []mo.VirtualMachine
	if err := machines.Retrieve(ctx, []string{"VirtualMachine"}, planned, &found); err != nil {
		b.Fatal(err)
	}
	if len(found) != n {
		b.Fatalf("%d machines, want %d", len(found), n)
	}
	if err := client.Logout(ctx); err != nil {
		b.Fatal(err)
	}
}
