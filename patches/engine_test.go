package patches_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/uclab/uclab/appliance"
	"github.com/uclab/uclab/appliance/appliancetest"
	"github.com/uclab/uclab/patches"
)

func links(info os.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Nlink) }

// servers are the kinds of appliance that the engine has to cope with.
var servers = map[string]appliancetest.Options{
	"modern":         {},
	"old":            {Old: true, NoPosixRename: true},
	"old, SFTP only": {NoPosixRename: true, NoShell: true},
}

func connect(t testing.TB, server *appliancetest.Server, options appliancetest.Options) *appliance.Session {
	t.Helper()
	config := server.Config()
	config.Legacy = options.Old
	return server.Dial(t, config)
}

var testOptions = patches.Options{By: "tester@here", Lease: 200 * time.Millisecond}

func builtin(t testing.TB, ids ...string) []*patches.Patch {
	t.Helper()
	catalogue, err := patches.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	found, err := catalogue.Find(ids...)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var pub = patches.Node{Address: "cucm-pub", Product: "cucm", Version: "7.1.5.34900-7", Params: map[string]string{"mac": "00:16:35:aa:bb:cc"}}

func plan(t testing.TB, session *appliance.Session, node patches.Node, partition patches.Partition, ids ...string) *patches.Plan {
	t.Helper()
	made, err := patches.MakePlan(t.Context(), session, node, partition, builtin(t, ids...))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func states(p *patches.Plan) map[string]patches.State {
	found := map[string]patches.State{}
	for _, planned := range p.Patches {
		found[planned.Patch.ID] = planned.State
	}
	return found
}

var cucmPatches = []string{"snmp-off", "vmware-ack", "mac"}

func TestApplyTwiceAndRevert(t *testing.T) {
	for name, options := range servers {
		for _, partition := range []patches.Partition{patches.PartitionActive, patches.PartitionInactive} {
			t.Run(name+" "+string(partition), func(t *testing.T) {
				t.Parallel()
				server := appliancetest.Start(t, options)
				cucm(t, server)
				if options.NoShell { // hard links cannot be seen there
					unlink(t, server)
				}
				session := connect(t, server, options)
				before := snapshot(t, server.Root)

				first := plan(t, session, pub, partition, cucmPatches...)
				want := map[string]patches.State{"snmp-off": "needed", "vmware-ack": "needed", "mac": "needed"}
				if diff := cmp.Diff(want, states(first)); diff != "" {
					t.Fatalf("states: %s", diff)
				}
				if diff := cmp.Diff(before, snapshot(t, server.Root)); diff != "" {
					t.Fatalf("a plan changed something: %s", diff)
				}
				done, err := patches.Apply(t.Context(), session, first, testOptions)
				if err != nil || len(done) != 3 {
					t.Fatalf("applied %d: %v", len(done), err)
				}
				checkPatched(t, server, partition.Root())
				applied := snapshot(t, server.Root)

				second := plan(t, session, pub, partition, cucmPatches...)
				if second.Needed() != 0 || second.Conflicts() != 0 {
					t.Errorf("second plan: %v", states(second))
				}
				if _, err := patches.Apply(t.Context(), session, second, testOptions); err != nil {
					t.Error(err)
				}
				if diff := cmp.Diff(applied, snapshot(t, server.Root)); diff != "" {
					t.Errorf("applying twice changed something: %s", diff)
				}

				if _, err := patches.Revert(t.Context(), session, partition, []string{"mac", "vmware-ack", "snmp-off"}, testOptions); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(before, snapshot(t, server.Root)); diff != "" {
					t.Errorf("after revert: %s", diff)
				}
			})
		}
	}
}

func unlink(t *testing.T, server *appliancetest.Server) {
	t.Helper()
	for _, root := range []string{"", "partB/"} {
		name := root + "etc/sysconfig/networking/devices/ifcfg-eth0"
		if err := os.Remove(filepath.Join(server.Root, name)); err != nil {
			t.Fatal(err)
		}
		server.Write(t, name, ifcfg, 0o644)
	}
}

func checkPatched(t *testing.T, server *appliancetest.Server, root string) {
	t.Helper()
	want := strings.Replace(ackOld, "vmware", "foobar", 1)
	if got := server.Read(t, root+"/usr/local/bin/base_scripts/ihardware.sh"); got != want {
		t.Errorf("script: %s", cmp.Diff(want, got))
	}
	want = strings.Replace(ifcfg, "HWADDR=00:0C:29:3A:5B:7C", "MACADDR=00:16:35:AA:BB:CC", 1)
	for _, name := range []string{"network-scripts", "networking/devices"} {
		if got := server.Read(t, root+"/etc/sysconfig/"+name+"/ifcfg-eth0"); got != want {
			t.Errorf("ifcfg: %s", cmp.Diff(want, got))
		}
	}
	want = strings.Replace(hwconf, "00:0c:29:3a:5b:7c", "00:16:35:aa:bb:cc", 1)
	if got := server.Read(t, root+"/etc/sysconfig/hwconf"); got != want {
		t.Errorf("hwconf: %s", cmp.Diff(want, got))
	}
	for _, level := range []string{"3", "5"} {
		if _, err := os.Lstat(filepath.Join(server.Root, root, "etc/rc.d/rc"+level+".d/K50snmpd")); err != nil {
			t.Error(err)
		}
	}
}

func TestApplyKeepsHardLinks(t *testing.T) {
	server := appliancetest.Start(t, appliancetest.Options{})
	cucm(t, server)
	session := connect(t, server, appliancetest.Options{})
	if _, err := patches.Apply(t.Context(), session, plan(t, session, pub, patches.PartitionActive, "mac"), testOptions); err != nil {
		t.Fatal(err)
	}
	a, errA := os.Stat(filepath.Join(server.Root, "etc/sysconfig/network-scripts/ifcfg-eth0"))
	b, errB := os.Stat(filepath.Join(server.Root, "etc/sysconfig/networking/devices/ifcfg-eth0"))
	if err := errors.Join(errA, errB); err != nil || !os.SameFile(a, b) {
		t.Errorf("the names are no longer one file: %v", err)
	}
}

func TestVariants(t *testing.T) {
	server := appliancetest.Start(t, appliancetest.Options{})
	session := connect(t, server, appliancetest.Options{})
	script := "usr/local/bin/base_scripts/ihardware.sh"
	ack := func(params map[string]string) *patches.Planned {
		node := pub
		node.Params = params
		return plan(t, session, node, patches.PartitionActive, "vmware-ack").Patches[0]
	}
	cases := []struct {
		name, content string
		params        map[string]string
		state         patches.State
		variant       string
		reason        string
	}{
		{"a", ackOld, nil, patches.StateNeeded, "a", ""},
		{"b", ackNew, nil, patches.StateNeeded, "b", ""},
		{"both", ackOld + strings.ReplaceAll(ackNew, "\r", ""), nil, patches.StateConflict, "", "--param variant=a"},
		{"both, chosen", ackOld + strings.ReplaceAll(ackNew, "\r", ""), map[string]string{"variant": "b"}, patches.StateNeeded, "b", ""},
		{"unknown variant", ackOld, map[string]string{"variant": "z"}, patches.StateConflict, "", `no variant "z"`},
		{"twice in one file", ackOld + ackOld, nil, patches.StateConflict, "", "lines 5 and 13"},
		{"nearly", strings.Replace(ackOld, `"vmware" ]`, `"VMware" ]`, 1), nil, patches.StateConflict, "", "line 5 comes near"},
		{"not at all", "#!/bin/sh\n", nil, patches.StateConflict, "", "no line reads"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server.Write(t, script, c.content, 0o755)
			got := ack(c.params)
			if got.State != c.state || got.Variant != c.variant || !strings.Contains(got.Reason, c.reason) {
				t.Errorf("%s, variant %q, reason %q", got.State, got.Variant, got.Reason)
			}
		})
	}
	t.Run("in two files", func(t *testing.T) {
		server.Write(t, script, ackOld, 0o755)
		server.Write(t, "usr/local/bin/base_scripts/second.sh", ackOld, 0o755)
		if got := ack(nil); got.State != patches.StateConflict || !strings.Contains(got.Reason, "second.sh") {
			t.Errorf("%s: %q", got.State, got.Reason)
		}
		if got := ack(map[string]string{"scripts": "/usr/local/bin/base_scripts/second.sh"}); got.State != patches.StateNeeded {
			t.Errorf("path overridden: %s: %q", got.State, got.Reason)
		}
	})
}

func TestWhatDoesNotFit(t *testing.T) {
	server := appliancetest.Start(t, appliancetest.Options{})
	cucm(t, server)
	session := connect(t, server, appliancetest.Options{})
	for _, c := range []struct {
		product, version string
		want             map[string]patches.State
	}{
		{"cucm", "6.1.4", map[string]patches.State{"vmware-ack": "not-applicable", "mac": "needed", "snmp-off": "needed", "cer-devices": "not-applicable"}},
		{"cucm", "8.6.2.20000-2", map[string]patches.State{"vmware-ack": "needed", "mac": "not-applicable", "snmp-off": "needed", "cer-devices": "not-applicable"}},
		{"cer", "7.1", map[string]patches.State{"vmware-ack": "needed", "mac": "needed", "snmp-off": "needed", "cer-devices": "needed"}},
		{"asa", "8.4", map[string]patches.State{"vmware-ack": "not-applicable", "mac": "not-applicable", "snmp-off": "not-applicable", "cer-devices": "not-applicable"}},
		{"", "", map[string]patches.State{"vmware-ack": "needed", "mac": "needed", "snmp-off": "needed", "cer-devices": "needed"}},
	} {
		node := patches.Node{Address: "n", Product: c.product, Version: c.version, Params: pub.Params}
		got := plan(t, session, node, patches.PartitionActive, "vmware-ack", "mac", "snmp-off", "cer-devices")
		if diff := cmp.Diff(c.want, states(got)); diff != "" {
			t.Errorf("%s %s: %s", c.product, c.version, diff)
		}
		for _, planned := range got.Patches {
			if planned.State == patches.StateNotApplicable && planned.Reason == "" {
				t.Errorf("%s does not say why it does not apply", planned.Patch.ID)
			}
		}
	}
}

func TestFileChangedBetween(t *testing.T) {
	server := appliancetest.Start(t, appliancetest.Options{})
	cucm(t, server)
	session := connect(t, server, appliancetest.Options{})
	made := plan(t, session, pub, patches.PartitionActive, "vmware-ack")
	server.Write(t, "usr/local/bin/base_scripts/ihardware.sh", ackOld+"# mine\n", 0o755)
	before := snapshot(t, server.Root)
	if _, err := patches.Apply(t.Context(), session, made, testOptions); !errors.Is(err, appliance.ErrChanged) {
		t.Errorf("changed between plan and apply: %v", err)
	}
	if diff := cmp.Diff(before, snapshot(t, server.Root)); diff != "" {
		t.Errorf("something was changed: %s", diff)
	}

	made = plan(t, session, pub, patches.PartitionActive, "vmware-ack", "mac")
	if _, err := patches.Apply(t.Context(), session, made, testOptions); err != nil {
		t.Fatal(err)
	}
	server.Write(t, "etc/sysconfig/hwconf", "-\n", 0o644)
	before = snapshot(t, server.Root)
	if _, err := patches.Revert(t.Context(), session, patches.PartitionActive, []string{"mac"}, testOptions); !errors.Is(err, appliance.ErrChanged) {
		t.Errorf("changed since apply: %v", err)
	}
	if diff := cmp.Diff(before, snapshot(t, server.Root)); diff != "" {
		t.Errorf("something was changed: %s", diff)
	}
	if _, err := patches.Revert(t.Context(), session, patches.PartitionActive, []string{"cer-devices"}, testOptions); !errors.Is(err, patches.ErrNotInLedger) {
		t.Errorf("revert of what was not applied: %v", err)
	}
}

func TestPatchesOfOneFileRevertInOrder(t *testing.T) {
	server := appliancetest.Start(t, appliancetest.Options{})
	server.Write(t, "etc/x.conf", "a\nb\n", 0o644)
	session := connect(t, server, appliancetest.Options{})
	catalogue := &patches.Catalogue{}
	for id, lines := range map[string][2]string{"first": {"a", "A"}, "second": {"b", "B"}} {
		src := `patch "` + id + `" {
			title = "t"
			source = "s"
			file {
				path = "/etc/x.conf"
				replace_line {
					from = "` + lines[0] + `"
					to = ["` + lines[1] + `"]
				}
			}
		}`
		if err := catalogue.Add([]byte(src), "own.hcl"); err != nil {
			t.Fatal(err)
		}
	}
	both, err := catalogue.Find("first", "second")
	if err != nil {
		t.Fatal(err)
	}
	made, err := patches.MakePlan(t.Context(), session, patches.Node{}, patches.PartitionActive, both)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := patches.Apply(t.Context(), session, made, testOptions); err != nil {
		t.Fatal(err)
	}
	if got := server.Read(t, "etc/x.conf"); got != "A\nB\n" {
		t.Errorf("applied: %q", got)
	}
	_, err = patches.Revert(t.Context(), session, patches.PartitionActive, []string{"first"}, testOptions)
	if err == nil || !strings.Contains(err.Error(), "second: revert that first") {
		t.Errorf("revert out of order: %v", err)
	}
	if _, err := patches.Revert(t.Context(), session, patches.PartitionActive, []string{"second", "first"}, testOptions); err != nil {
		t.Error(err)
	}
	if got := server.Read(t, "etc/x.conf"); got != "a\nb\n" {
		t.Errorf("reverted: %q", got)
	}
}

func TestTwoAppliesAtOnce(t *testing.T) {
	server := appliancetest.Start(t, appliancetest.Options{NoPosixRename: true})
	cucm(t, server)
	before := snapshot(t, server.Root)
	var sessions []*appliance.Session
	var plans []*patches.Plan
	for range 3 {
		session := connect(t, server, appliancetest.Options{})
		sessions = append(sessions, session)
		plans = append(plans, plan(t, session, pub, patches.PartitionActive, cucmPatches...))
	}
	var wg sync.WaitGroup
	errs := make([]error, len(plans))
	for i := range plans {
		wg.Go(func() { _, errs[i] = patches.Apply(t.Context(), sessions[i], plans[i], testOptions) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	checkPatched(t, server, "")
	for i := range sessions {
		wg.Go(func() {
			_, errs[i] = patches.Revert(t.Context(), sessions[i], patches.PartitionActive, []string{"mac", "vmware-ack", "snmp-off"}, testOptions)
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil && !errors.Is(err, patches.ErrNotInLedger) {
			t.Error(err)
		}
	}
	if diff := cmp.Diff(before, snapshot(t, server.Root)); diff != "" {
		t.Errorf("after reverts: %s", diff)
	}
}

// TestStaleLock takes over the lock of a change that was cut off.
func TestStaleLock(t *testing.T) {
	server := appliancetest.Start(t, appliancetest.Options{})
	cucm(t, server)
	server.Write(t, "root/.uclab/lock", "SOMETOKEN somebody@elsewhere\n", 0o600)
	session := connect(t, server, appliancetest.Options{})
	var notes []string
	options := testOptions
	options.Notify = func(note string) { notes = append(notes, note) }
	if _, err := patches.Apply(t.Context(), session, plan(t, session, pub, patches.PartitionActive, "vmware-ack"), options); err != nil {
		t.Fatal(err)
	}
	if len(notes) == 0 || !strings.Contains(notes[0], "somebody@elsewhere") {
		t.Errorf("notes %q", notes)
	}
}

func TestFullDiskAndReadOnly(t *testing.T) {
	for name, options := range map[string]string{"disk full": "size=64k", "read-only": "size=64k,ro"} {
		t.Run(name, func(t *testing.T) {
			server := appliancetest.Start(t, appliancetest.Options{NoPosixRename: true})
			cucm(t, server)
			dir := filepath.Join(server.Root, "usr/local/bin/base_scripts")
			mountTmpfs(t, dir, strings.TrimSuffix(options, ",ro"))
			server.Write(t, "usr/local/bin/base_scripts/ihardware.sh", ackOld, 0o755)
			if strings.HasSuffix(options, ",ro") {
				command(t, "mount", "-o", "remount,ro", dir)
			} else {
				fill(t, filepath.Join(dir, "ballast"))
			}
			before := snapshot(t, server.Root)
			session := connect(t, server, appliancetest.Options{})
			_, err := patches.Apply(t.Context(), session, plan(t, session, pub, patches.PartitionActive, "vmware-ack"), testOptions)
			var hint interface{ Hint() string }
			if err == nil || !errors.As(err, &hint) || !strings.Contains(hint.Hint(), "full disk") {
				t.Errorf("error without its likely cause: %v", err)
			}
			if diff := cmp.Diff(before, snapshot(t, server.Root)); diff != "" {
				t.Errorf("left behind: %s", diff)
			}
		})
	}
}

func mountTmpfs(t *testing.T, dir, options string) {
	t.Helper()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", options, "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("a small file system cannot be mounted here: %s", out)
	}
	t.Cleanup(func() { command(t, "umount", dir) })
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
}

// fill writes a file until the disk has no room, down to the last byte.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 4096; size > 0; size /= 2 {
		for {
			if _, err := f.Write(make([]byte, size)); err != nil {
				break
			}
		}
	}
}

// TestCutAnywhere cuts the connection after packets of an apply: each file is
// wholly old or wholly new, a second apply ends well, and so does a revert. An
// apply is long: it is cut after every so many packets, and appliance's own test
// cuts each way of swapping a file after every single one.
func TestCutAnywhere(t *testing.T) {
	for name, c := range map[string]struct {
		options appliancetest.Options
		ids     []string
		stride  int
	}{
		"SFTP only":    {appliancetest.Options{NoPosixRename: true, NoShell: true}, cucmPatches, 41},
		"shell":        {appliancetest.Options{NoPosixRename: true}, cucmPatches, 41},
		"posix-rename": {appliancetest.Options{}, cucmPatches, 41},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := appliancetest.Start(t, c.options)
			cucm(t, server)
			if c.options.NoShell {
				unlink(t, server)
			}
			proxy := appliancetest.NewCutter(t, server.Addr())
			before := snapshot(t, server.Root)
			n := 1
			for ; cutApply(t, server, proxy, n, c.ids, before); n += c.stride {
			}
			t.Logf("an apply is %d packets long", n)
		})
	}
}

// cutApply cuts an apply after n packets and tells whether it was that long.
func cutApply(t *testing.T, server *appliancetest.Server, proxy *appliancetest.Proxy, n int, ids []string, before string) bool {
	t.Helper()
	proxy.Mend()
	cut := server.Dial(t, server.Through(proxy))
	defer cut.Close()
	made := plan(t, cut, pub, patches.PartitionActive, ids...)
	proxy.Cut(n, false)
	_, cutErr := patches.Apply(t.Context(), cut, made, testOptions)
	wasCut := proxy.Mend() >= n
	wholly(t, n, server.Read(t, "usr/local/bin/base_scripts/ihardware.sh"), ackOld, strings.Replace(ackOld, "vmware", "foobar", 1))
	wholly(t, n, server.Read(t, "etc/sysconfig/network-scripts/ifcfg-eth0"), ifcfg, strings.Replace(ifcfg, "HWADDR=00:0C:29:3A:5B:7C", "MACADDR=00:16:35:AA:BB:CC", 1))
	wholly(t, n, server.Read(t, "etc/sysconfig/hwconf"), hwconf, strings.Replace(hwconf, "00:0c:29:3a:5b:7c", "00:16:35:aa:bb:cc", 1))

	session := server.Dial(t, server.Config())
	defer session.Close()
	known, err := patches.ReadLedger(t.Context(), session, patches.PartitionActive)
	if err != nil {
		t.Fatal(err)
	}
	if n%2 == 0 || cutErr == nil || len(known) == 0 {
		again := plan(t, session, pub, patches.PartitionActive, ids...)
		if _, err := patches.Apply(t.Context(), session, again, testOptions); err != nil {
			t.Fatalf("cut after packet %d (%v), second apply: %v", n, cutErr, err)
		}
		if left := plan(t, session, pub, patches.PartitionActive, ids...); left.Needed() > 0 {
			t.Fatalf("cut after packet %d, after the second apply: %v", n, states(left))
		}
	}
	revertAll(t, session, n)
	if diff := cmp.Diff(before, snapshot(t, server.Root)); diff != "" {
		t.Fatalf("cut after packet %d (%v), after the revert: %s", n, cutErr, diff)
	}
	return wasCut
}

func wholly(t *testing.T, n int, content, old, wanted string) {
	t.Helper()
	if content != old && content != wanted {
		t.Fatalf("cut after packet %d: neither old nor new: %q", n, content)
	}
}

// revertAll reverts whatever the ledger knows, the last one first.
func revertAll(t *testing.T, session *appliance.Session, n int) {
	t.Helper()
	for {
		known, err := patches.ReadLedger(t.Context(), session, patches.PartitionActive)
		if err != nil {
			t.Fatal(err)
		}
		if len(known) == 0 {
			return
		}
		ids := make([]string, 0, len(known))
		for _, a := range known {
			ids = append(ids, a.ID)
		}
		if _, err := patches.Revert(t.Context(), session, patches.PartitionActive, ids, testOptions); err != nil {
			t.Fatalf("cut after packet %d, revert: %v", n, err)
		}
	}
}

// TestInterruptStopsBetweenPatches lets a cancelled apply finish the patch that
// it is at, and leaves no lock.
func TestInterruptStopsBetweenPatches(t *testing.T) {
	server := appliancetest.Start(t, appliancetest.Options{})
	cucm(t, server)
	session := connect(t, server, appliancetest.Options{})
	made := plan(t, session, pub, patches.PartitionActive, cucmPatches...)
	ctx, cancel := context.WithCancel(t.Context())
	options := testOptions
	options.Notify = func(string) { cancel() }
	done, err := patches.Apply(ctx, session, made, options)
	if !errors.Is(err, context.Canceled) || len(done) != 1 {
		t.Errorf("applied %d, error %v", len(done), err)
	}
	if _, err := os.Stat(filepath.Join(server.Root, "root/.uclab/lock")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the lock is left: %v", err)
	}
}

// TestSymlinkOutOfThePartition refuses to edit the running system through a
// link of the other one.
func TestSymlinkOutOfThePartition(t *testing.T) {
	server := appliancetest.Start(t, appliancetest.Options{})
	cucm(t, server)
	name := filepath.Join(server.Root, "partB/etc/sysconfig/hwconf")
	if err := errors.Join(os.Remove(name), os.Symlink("/etc/sysconfig/hwconf", name)); err != nil {
		t.Fatal(err)
	}
	session := connect(t, server, appliancetest.Options{})
	got := plan(t, session, pub, patches.PartitionInactive, "mac").Patches[0]
	if got.State != patches.StateConflict || !strings.Contains(got.Reason, "out of its partition") {
		t.Errorf("%s: %s", got.State, got.Reason)
	}
}
