package main

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/uclab/uclab/appliance/appliancetest"
)

// TestApplianceTranscripts runs the commands on running appliances against a
// real sshd whose tree is shaped like a CUCM's. $ROOT is that tree, $SSH the
// flags that log in to it.
func TestApplianceTranscripts(t *testing.T) {
	for name, options := range map[string]appliancetest.Options{
		"modern": {}, "old": {Old: true, NoPosixRename: true},
	} {
		t.Run(name, func(t *testing.T) {
			testscript.Run(t, testscript.Params{
				Dir:           "testdata/appliance",
				UpdateScripts: *update,
				Cmds:          map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "envsubst": envsubst},
				Condition:     func(cond string) (bool, error) { return cond == name, nil },
				Setup: func(env *testscript.Env) error {
					server := appliancetest.Start(t, options)
					home := filepath.Join(env.WorkDir, ".home")
					if err := os.MkdirAll(filepath.Join(home, ".ssh"), 0o700); err != nil {
						return err
					}
					for from, to := range map[string]string{server.KeyFile: "id_ed25519", server.KnownHosts: "known_hosts"} {
						data, err := os.ReadFile(from)
						if err != nil {
							return err
						}
						if err := os.WriteFile(filepath.Join(home, ".ssh", to), data, 0o600); err != nil {
							return err
						}
					}
					env.Setenv("HOME", home)
					env.Setenv("XDG_STATE_HOME", filepath.Join(home, "state"))
					env.Setenv("SSH_AUTH_SOCK", "")
					env.Setenv("UCLAB_SSH_PASSWORD", "s3cret-of-nobody")
					env.Setenv("ROOT", server.Root)
					env.Setenv("PORT", strconv.Itoa(server.Port))
					legacy := "false"
					if options.Old {
						legacy = "true"
					}
					env.Setenv("LEGACY", legacy)
					plant(t, server)
					return nil
				},
			})
		})
	}
}

// plant gives a server the files that the patches look for (facts 2.2, 3).
func plant(t *testing.T, server *appliancetest.Server) {
	t.Helper()
	server.Write(t, "usr/local/bin/base_scripts/ihardware.sh", "#!/bin/bash\n    if [ \"$hwmodel\" = \"vmware\" ]; then\n        ask\n    fi\n", 0o755)
	server.Write(t, "etc/sysconfig/network-scripts/ifcfg-eth0", "DEVICE=eth0\nHWADDR=00:0C:29:3A:5B:7C\nONBOOT=yes\n", 0o644)
	server.Write(t, "etc/sysconfig/hwconf", "-\nclass: NETWORK\ndevice: eth0\nnetwork.hwaddr: 00:0C:29:3A:5B:7C\n", 0o644)
	server.Write(t, "etc/rc.d/init.d/snmpd", "#!/bin/sh\n", 0o755)
	for _, level := range []string{"2", "3", "4", "5"} {
		server.Write(t, "etc/rc.d/rc"+level+".d/.keep", "", 0o644)
		if err := os.Symlink("../init.d/snmpd", filepath.Join(server.Root, "etc/rc.d/rc"+level+".d/S50snmpd")); err != nil {
			t.Fatal(err)
		}
	}
	server.Write(t, "var/log/trace/a.log", "one\ntwo owa\nthree\n", 0o644)
	server.Write(t, "var/log/trace/deep/b.log", "owa again\n", 0o644)
}

// envsubst puts the values of ${PORT} and the like into files.
func envsubst(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: envsubst FILE...")
	}
	for _, name := range args {
		text := os.Expand(ts.ReadFile(name), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o644))
	}
}
