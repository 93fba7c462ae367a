package patches_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/uclab/uclab/appliance/appliancetest"
)

// The files of a CUCM 7, as far as the patches look at them (facts 2.2 and 3).
const (
	ackOld = "#!/bin/bash\n# boot checks\ncheck() {\n    hwmodel=$1\n    if [ \"$hwmodel\" = \"vmware\" ]; then\n\task_user\n    fi\n}\n"
	ackNew = "#!/bin/bash\r\nverify() {\r\n    if isHardwareUnsupported || isOriginalHardwareUnsupported ; then\r\n        ask_user\r\n    fi\r\n}\r\n"
	ifcfg  = "# Advanced Micro Devices [AMD]|79c970 [PCnet32 LANCE]\nDEVICE=eth0\nBOOTPROTO=none\nONBOOT=yes\nHWADDR=00:0C:29:3A:5B:7C\nNETMASK=255.255.255.0\nIPADDR=10.0.1.27\nTYPE=Ethernet\n"
	hwconf = "-\nclass: OTHER\nbus: PCI\ndetached: 0\ndesc: \"bridge\"\n-\nclass: NETWORK\nbus: PCI\ndetached: 0\ndevice: eth0\ndriver: pcnet32\ndesc: \"Advanced Micro Devices [AMD] 79c970 [PCnet32 LANCE]\"\nnetwork.hwaddr: 00:0c:29:3a:5b:7c\nvendorId: 1022\n-\nclass: NETWORK\nbus: PCI\ndevice: eth1\nnetwork.hwaddr: 00:0c:29:3a:5b:86\n"
	// Its surroundings are invented: no copy of the file is public.
	devices = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<!-- caf\xe9 -->\n<devices>\n  <family NAME=\"Switch\">\n    <member OID=\"1.3.6.1.4.1.9.1.1\" OIDNAME=\"x\" CAPTION=\"X\"/>\n  </family>\n  <family NAME=\"CcmHost\" KIND='host'>\n    <member OID=\"1.3.6.1.4.1.9.1.583\" OIDNAME=\"mcs\" CAPTION=\"MCS 7815\"/>\n    <member OID=\"1.3.6.1.4.1.9.1.746\"\n            OIDNAME=\"mcs2\" CAPTION=\"A &amp; B\"></member>\n  </family>\n</devices>\n"
)

// cucm fills a server's tree with the files of a CUCM 7, on both partitions.
func cucm(t testing.TB, server *appliancetest.Server) {
	t.Helper()
	for _, root := range []string{"", "partB/"} {
		server.Write(t, root+"usr/local/bin/base_scripts/ihardware.sh", ackOld, 0o755)
		server.Write(t, root+"usr/local/bin/base_scripts/other.sh", "#!/bin/sh\necho other\n", 0o755)
		server.Write(t, root+"usr/local/CER/etc/devices.xml", devices, 0o644)
		server.Write(t, root+"etc/sysconfig/network-scripts/ifcfg-eth0", ifcfg, 0o644)
		server.Write(t, root+"etc/sysconfig/networking/devices/.keep", "", 0o644)
		server.Write(t, root+"etc/sysconfig/hwconf", hwconf, 0o644)
		server.Write(t, root+"etc/rc.d/init.d/snmpd", "#!/bin/sh\n", 0o755)
		server.Write(t, root+"root/.bashrc", "", 0o644)
		link(t, server, root+"etc/sysconfig/network-scripts/ifcfg-eth0", root+"etc/sysconfig/networking/devices/ifcfg-eth0")
		for level := range 7 {
			dir := fmt.Sprintf("%setc/rc.d/rc%d.d", root, level)
			server.Write(t, dir+"/.keep", "", 0o644)
			name := "K50snmpd"
			if level == 3 || level == 5 {
				name = "S50snmpd"
			}
			if err := os.Symlink("../init.d/snmpd", filepath.Join(server.Root, dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func link(t testing.TB, server *appliancetest.Server, from, to string) {
	t.Helper()
	if err := os.Link(filepath.Join(server.Root, from), filepath.Join(server.Root, to)); err != nil {
		t.Fatal(err)
	}
}

// snapshot describes everything that a tree holds: names, modes, times, link
// counts and contents.
func snapshot(t testing.TB, root string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		top, _, _ := strings.Cut(rel, "/")
		if top == "bin" || top == "dev" || top == "tmp" {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %v", rel, info.Mode())
		switch {
		case info.Mode().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %d %s %q", links(info), info.ModTime().UTC().Format("15:04:05"), data)
		case info.Mode()&os.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " -> %s", target)
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
