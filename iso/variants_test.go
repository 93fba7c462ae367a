package iso

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// isolinuxBin is Debian's isolinux, package isolinux.
const isolinuxBin = "/usr/lib/ISOLINUX/isolinux.bin"

// need gives the path of a real tool, or ends the test: with a skip that names
// the package, but in CI as a failure.
func need(t testing.TB, tool, debianPackage string) string {
	t.Helper()
	found, err := exec.LookPath(tool)
	if err == nil {
		return found
	}
	if _, err := os.Stat(tool); err == nil {
		return tool
	}
	message := fmt.Sprintf("%s is not installed; to let this test run: sudo apt-get install %s", tool, debianPackage)
	if os.Getenv("CI") == "true" {
		t.Fatal(message)
	}
	t.Skip(message)
	return ""
}

// variant is a kind of non-bootable disc.
type variant struct {
	name string
	tool string // genisoimage or xorriso
	args []string
	tree func(t testing.TB, dir string)
}

func variants() []variant {
	genisoimage := func(args ...string) []string { return append([]string{"-quiet"}, args...) }
	xorriso := func(args ...string) []string { return append([]string{"-as", "mkisofs", "-quiet"}, args...) }
	return []variant{
		{"genisoimage joliet rock", "genisoimage", genisoimage("-J", "-R"), standardTree},
		{"genisoimage plain level 1", "genisoimage", genisoimage("-iso-level", "1"), standardTree},
		{"genisoimage rock only", "genisoimage", genisoimage("-R"), standardTree},
		{"genisoimage joliet only", "genisoimage", genisoimage("-J"), standardTree},
		{"genisoimage udf", "genisoimage", genisoimage("-J", "-R", "-udf"), standardTree},
		{"genisoimage level 4", "genisoimage", genisoimage("-iso-level", "4", "-R"), standardTree},
		{"genisoimage no padding", "genisoimage", genisoimage("-J", "-R", "-no-pad"), standardTree},
		{"genisoimage long names", "genisoimage", genisoimage("-J", "-R", "-l"), manyFilesTree},
		{"xorriso joliet rock", "xorriso", xorriso("-J", "-R"), standardTree},
		{"xorriso rock only", "xorriso", xorriso("-R"), standardTree},
		{"xorriso no padding", "xorriso", xorriso("-J", "-R", "-no-pad"), standardTree},
		{"xorriso many files", "xorriso", xorriso("-J", "-R"), manyFilesTree},
		{"capital names", "genisoimage", genisoimage("-J"), capitalTree},
		{"boot directory", "genisoimage", genisoimage("-J", "-R"), bootDirectoryTree},
	}
}

// standardTree looks like an installer's disc.
func standardTree(t testing.TB, dir string) {
	write(t, dir, "isolinux/isolinux.bin", isolinux(t))
	write(t, dir, "isolinux/ldlinux.c32", ldlinux(t))
	write(t, dir, "isolinux/isolinux.cfg", []byte("SERIAL 0 115200\nDEFAULT "+isolinuxMarker+"\n"))
	write(t, dir, "Cisco/base_scripts/ihardware.sh", []byte("#!/bin/bash\n"))
	write(t, dir, ".discinfo", []byte("1092145123.04\nFinal\ni386\n"))
	write(t, dir, "RedHat/RPMS/a package with a long name-1.0.0-1.i386.rpm", randomBytes(100_000))
	write(t, dir, "empty", nil)
}

func manyFilesTree(t testing.TB, dir string) {
	standardTree(t, dir)
	for i := range 300 {
		write(t, dir, fmt.Sprintf("RedHat/RPMS/%03d-%s.rpm", i, strings.Repeat("x", i%90)), randomBytes(i))
	}
	write(t, dir, "a/b/c/d/e/f/g/h/i/j/deep.txt", []byte("deep\n"))
}

func capitalTree(t testing.TB, dir string) {
	write(t, dir, "ISOLINUX/ISOLINUX.BIN", isolinux(t))
	write(t, dir, "ISOLINUX/LDLINUX.C32", ldlinux(t))
	write(t, dir, "ISOLINUX/ISOLINUX.CFG", []byte("SERIAL 0 115200\nDEFAULT "+isolinuxMarker+"\n"))
	write(t, dir, "README.TXT", []byte("read me\r\n"))
}

func bootDirectoryTree(t testing.TB, dir string) {
	write(t, dir, "boot/isolinux/isolinux.bin", isolinux(t))
	write(t, dir, "boot/isolinux/ldlinux.c32", ldlinux(t))
	write(t, dir, "boot/isolinux/isolinux.cfg", []byte("SERIAL 0 115200\nDEFAULT "+isolinuxMarker+"\n"))
	write(t, dir, "other/data.bin", randomBytes(5000))
}

func isolinux(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile(need(t, isolinuxBin, "isolinux"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// isolinuxMarker is what isolinux tries to start, and says so on the serial port,
// once it has read its configuration from the disc.
const isolinuxMarker = "UCLAB-ISOLINUX"

// ldlinux is the part of isolinux 5 and later that it loads from the disc.
func ldlinux(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile(need(t, "/usr/lib/syslinux/modules/bios/ldlinux.c32", "syslinux-common"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func randomBytes(n int) []byte {
	random := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)})
	data := make([]byte, n)
	_, _ = random.Read(data) // never fails
	return data
}

func write(t testing.TB, dir, name string, data []byte) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// build makes the disc and gives its path.
func (v variant) build(t testing.TB) string {
	t.Helper()
	image, _ := v.buildFrom(t)
	return image
}

// buildFrom gives the directory that the disc was made of as well.
func (v variant) buildFrom(t testing.TB) (image, tree string) {
	t.Helper()
	tool := need(t, v.tool, v.tool)
	tree, image = t.TempDir(), filepath.Join(t.TempDir(), "disc.iso")
	v.tree(t, tree)
	args := append(append([]string{}, v.args...), "-V", "UCLAB", "-o", image, tree)
	if output, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", tool, args, err, output)
	}
	return image, tree
}

func openFile(t testing.TB, path string) (*os.File, int64) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return file, info.Size()
}

// inject makes a bootable copy and gives its path.
func inject(t testing.TB, image string, opts InjectOptions) string {
	t.Helper()
	file, size := openFile(t, image)
	plan, err := PlanInjection(file, size, opts)
	if err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(t.TempDir(), "Bootable_disc.iso")
	if err := plan.WriteCopy(t.Context(), file, target, CopyOptions{NoSync: true}); err != nil {
		t.Fatal(err)
	}
	streamed := new(bytes.Buffer)
	if _, err := streamed.ReadFrom(plan.Reader()); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(target)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(streamed.Bytes(), written) {
		t.Fatal("the image streamed differs from the image written")
	}
	return target
}

func inspect(t testing.TB, image string) *Report {
	t.Helper()
	file, size := openFile(t, image)
	disc, err := Open(file, size)
	if err != nil {
		t.Fatal(err)
	}
	report, err := disc.Inspect()
	if err != nil {
		t.Fatal(err)
	}
	return report
}
