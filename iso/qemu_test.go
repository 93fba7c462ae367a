package iso

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// bootLimit is how long a disc may take to say its marker; without hardware
// virtualization, on a busy machine, a kernel takes half a minute.
const bootLimit = 4 * time.Minute

// The firmware that QEMU can be given.
const (
	seaBIOS = ""
	ovmf    = "/usr/share/ovmf/OVMF.fd"
)

// boot starts a machine from a disc and gives what it said on its serial port
// until the marker, or until it switched itself off. Then it is ended.
func boot(t testing.TB, firmware, marker string, disc ...string) string {
	t.Helper()
	qemu := need(t, "qemu-system-x86_64", "qemu-system-x86")
	ctx, cancel := context.WithTimeout(t.Context(), bootLimit)
	defer cancel()
	args := []string{"-m", "512", "-display", "none", "-nic", "none", "-serial", "stdio", "-monitor", "none", "-no-reboot"}
	if firmware != seaBIOS {
		args = append(args, "-bios", need(t, firmware, "ovmf"))
	}
	cmd := exec.CommandContext(ctx, qemu, append(args, disc...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cancel() // ends it
		_ = cmd.Wait()
	}()
	var said strings.Builder
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		said.WriteString(line)
		if strings.Contains(line, marker) {
			return said.String()
		}
		if err != nil {
			if ctx.Err() != nil || err != io.EOF {
				t.Fatalf("no %q on the serial port within %v: %v\n%s%s", marker, bootLimit, err, said.String(), stderr.String())
			}
			t.Fatalf("the machine stopped without saying %q:\n%s%s", marker, said.String(), stderr.String())
		}
	}
}

func cdrom(image string) []string { return []string{"-boot", "d", "-cdrom", image} }

// kernelDir has the kernel and modules that .ci/tools takes out of Debian's
// package.
func kernelDir(t testing.TB) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "uclab-test", "kernel")
	if _, err := os.Stat(filepath.Join(dir, "vmlinuz")); err == nil {
		return dir
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("no kernel in %s: run .ci/tools", dir)
	}
	t.Skipf("no kernel in %s; to let this test run: .ci/tools", dir)
	return ""
}

// modules in the order in which they need each other.
var modules = []string{"cdrom", "scsi_common", "scsi_mod", "sr_mod", "libata", "ata_piix", "isofs", "crc-itu-t", "udf", "nls_utf8", "nls_ascii"}

// initScript mounts the disc through each name space and prints the checksum of
// every file.
const initScript = `#!/bin/busybox sh
/bin/busybox mkdir -p /proc /dev /mnt
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
for m in MODULES; do [ -e /$m.ko ] && /bin/busybox insmod /$m.ko; done
n=0
while [ ! -e /dev/sr0 ] && [ $n -lt 50 ]; do /bin/busybox sleep 0.2; n=$((n+1)); done
list() {
	name=$1; shift
	if /bin/busybox mount "$@" /dev/sr0 /mnt 2>/dev/null; then
		echo "UCLAB-BEGIN $name"
		cd /mnt && /bin/busybox find . -type f -exec /bin/busybox md5sum '{}' +
		cd / && /bin/busybox umount /mnt
		echo "UCLAB-END $name"
	fi
}
list rock -t iso9660 -o ro,iocharset=utf8
list joliet -t iso9660 -o ro,norock,iocharset=utf8
list plain -t iso9660 -o ro,norock,nojoliet
list udf -t udf -o ro,iocharset=utf8
echo UCLAB-DONE
/bin/busybox poweroff -f
`

// initrd packs busybox, the modules and the script (cpio "newc").
func initrd(t testing.TB) []byte {
	t.Helper()
	dir := kernelDir(t)
	var packed bytes.Buffer
	compressed := gzip.NewWriter(&packed)
	number := 1
	add := func(name string, mode int, data []byte) {
		_, _ = fmt.Fprintf(compressed, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00%s",
			number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0, name, pad(110+len(name)+1))
		_, _ = fmt.Fprintf(compressed, "%s%s", data, pad(len(data)))
		number++
	}
	busybox, err := os.ReadFile(need(t, "busybox", "busybox-static"))
	if err != nil {
		t.Fatal(err)
	}
	add("bin", 0o40755, nil)
	add("bin/busybox", 0o100755, busybox)
	add("init", 0o100755, []byte(strings.Replace(initScript, "MODULES", strings.Join(modules, " "), 1)))
	for _, module := range modules {
		if data, err := os.ReadFile(filepath.Join(dir, module+".ko")); err == nil {
			add(module+".ko", 0o100644, data)
		}
	}
	add("TRAILER!!!", 0, nil)
	if err := compressed.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

func pad(n int) string { return strings.Repeat("\x00", (4-n%4)%4) }

// linuxTree is a disc that boots a kernel and checks itself.
func linuxTree(t testing.TB, dir string) {
	standardTree(t, dir)
	kernel, err := os.ReadFile(filepath.Join(kernelDir(t), "vmlinuz"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "isolinux/vmlinuz", kernel)
	write(t, dir, "isolinux/initrd.img", initrd(t))
	write(t, dir, "isolinux/isolinux.cfg", []byte("SERIAL 0 115200\nDEFAULT linux\nPROMPT 0\nLABEL linux\n"+
		"  KERNEL vmlinuz\n  APPEND initrd=initrd.img console=ttyS0 quiet panic=1\n"))
}

// sums reads what the booted system said about the files of one name space: the
// paths by checksum.
func sums(t testing.TB, said, name string) map[string]string {
	t.Helper()
	_, rest, begins := strings.Cut(said, "UCLAB-BEGIN "+name)
	block, _, ends := strings.Cut(rest, "UCLAB-END "+name)
	if !begins || !ends {
		t.Fatalf("the system could not read the disc's %s names:\n%s", name, said)
	}
	found := map[string]string{}
	for line := range strings.Lines(block) {
		if sum, path, ok := strings.Cut(strings.TrimSpace(line), "  "); ok {
			found[strings.TrimPrefix(path, ".")] = sum
		}
	}
	return found
}

// treeSums gives the same for the directory that a disc was made of; the boot
// file is as the plan says that it is on the disc.
func treeSums(t testing.TB, dir string, bootable string) map[string]string {
	t.Helper()
	want := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if filepath.Base(path) == "isolinux.bin" {
			image := inspect(t, bootable).BootImages[0]
			patched, err := os.ReadFile(bootable)
			if err != nil {
				return err
			}
			copy(data[offTable:offTableFirstSum], patched[image.LBA*SectorSize+offTable:])
		}
		sum := md5.Sum(data)
		want["/"+filepath.ToSlash(relative)] = hex.EncodeToString(sum[:])
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return want
}

// TestBootToKernel boots injected discs of every kind of layout and lets the
// booted system checksum every file through every name space.
func TestBootToKernel(t *testing.T) {
	if testing.Short() {
		t.Skip("boots virtual machines: leave out -short to run it")
	}
	for _, c := range []struct {
		name   string
		tool   string
		args   []string
		spaces []string // whose names are compared in full
	}{
		{"genisoimage joliet rock udf", "genisoimage", []string{"-quiet", "-J", "-joliet-long", "-R", "-udf"}, []string{"rock", "joliet", "udf"}},
		{"xorriso joliet rock", "xorriso", []string{"-as", "mkisofs", "-quiet", "-J", "-joliet-long", "-R"}, []string{"rock", "joliet"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := variant{c.name, c.tool, c.args, linuxTree}
			image, tree := v.buildFrom(t)
			bootable := inject(t, image, InjectOptions{})
			said := boot(t, seaBIOS, "UCLAB-DONE", cdrom(bootable)...)
			want := treeSums(t, tree, bootable)
			for _, space := range c.spaces {
				compareSums(t, space, sums(t, said, space), want)
			}
			compareContents(t, sums(t, said, "plain"), want)
		})
	}
}

func compareSums(t *testing.T, space string, got, want map[string]string) {
	t.Helper()
	for path, sum := range want {
		if got[path] != sum {
			t.Errorf("%s: %s has checksum %q, want %s", space, path, got[path], sum)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d files, want %d", space, len(got), len(want))
	}
}

// compareContents compares without the names, which ISO 9660 shortens.
func compareContents(t *testing.T, got, want map[string]string) {
	t.Helper()
	count := map[string]int{}
	for _, sum := range got {
		count[sum]++
	}
	for path, sum := range want {
		if count[sum]--; count[sum] < 0 {
			t.Errorf("plain: no file with the contents of %s", path)
		}
	}
	if len(got) != len(want) {
		t.Errorf("plain: %d files, want %d", len(got), len(want))
	}
}
