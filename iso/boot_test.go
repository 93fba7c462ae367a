package iso

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// grubMarker is what GRUB says on the serial port.
const grubMarker = "UCLAB-GRUB"

// efiImage makes an EFI system partition image whose boot loader says the marker.
func efiImage(t testing.TB) []byte {
	t.Helper()
	need(t, "/usr/lib/grub/x86_64-efi/linux.mod", "grub-efi-amd64-bin")
	dir := t.TempDir()
	write(t, dir, "grub.cfg", []byte("serial --unit=0 --speed=115200\nterminal_output serial\necho "+grubMarker+"\nsleep 60\n"))
	loader, image := filepath.Join(dir, "BOOTX64.EFI"), filepath.Join(dir, "efiboot.img")
	run(t, need(t, "grub-mkimage", "grub-common"), "-O", "x86_64-efi", "-p", "/", "-c", filepath.Join(dir, "grub.cfg"), "-o", loader, "serial", "terminal", "echo", "sleep", "normal")
	run(t, need(t, "mkfs.vfat", "dosfstools"), "-C", image, "1440")
	run(t, need(t, "mmd", "mtools"), "-i", image, "::EFI", "::EFI/BOOT")
	run(t, need(t, "mcopy", "mtools"), "-i", image, loader, "::EFI/BOOT/BOOTX64.EFI")
	data, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func run(t testing.TB, tool string, args ...string) string {
	t.Helper()
	cmd := exec.Command(tool, args...)
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", tool, args, err, output)
	}
	return string(output)
}

// A disc with an EFI image of its own, and one that gets it from a donor, boot
// in both firmwares.
func TestBootDual(t *testing.T) {
	if testing.Short() {
		t.Skip("boots virtual machines: leave out -short to run it")
	}
	efi := efiImage(t)
	own := variant{"", "genisoimage", []string{"-quiet", "-J", "-R"}, func(t testing.TB, dir string) {
		standardTree(t, dir)
		write(t, dir, "images/efiboot.img", efi)
	}}.build(t)
	plain := variant{"", "xorriso", []string{"-as", "mkisofs", "-quiet", "-J", "-R"}, standardTree}.build(t)
	for _, c := range []struct {
		name  string
		image string
		opts  InjectOptions
	}{
		{"its own", own, InjectOptions{}},
		{"a donor's", plain, donor(t, own)},
	} {
		t.Run(c.name, func(t *testing.T) {
			bootable := inject(t, c.image, c.opts)
			report := inspect(t, bootable)
			if len(report.BootImages) != 2 || report.BootImages[1].Platform != "efi" || report.BootImages[1].SizeBytes != int64(len(efi)) {
				t.Errorf("boot images %+v", report.BootImages)
			}
			if result := verify(t, bootable, c.image); !result.OK {
				t.Errorf("verify fails at %s: %+v", failed(result), result.Checks)
			}
			boot(t, seaBIOS, "Loading "+isolinuxMarker, cdrom(bootable)...)
			boot(t, ovmf, grubMarker, cdrom(bootable)...)
		})
	}
}

// donor takes what another disc boots from.
func donor(t testing.TB, image string) InjectOptions {
	t.Helper()
	file, size := openFile(t, inject(t, image, InjectOptions{}))
	disc, err := Open(file, size)
	if err != nil {
		t.Fatal(err)
	}
	var opts InjectOptions
	if opts.BootFile, _, err = disc.BootFile(); err != nil {
		t.Fatal(err)
	}
	if len(opts.BootFile) != len(isolinux(t)) {
		t.Errorf("the donor's boot file has %d bytes, want the true length %d", len(opts.BootFile), len(isolinux(t)))
	}
	efi, err := disc.EFIImage()
	if err != nil {
		t.Fatal(err)
	}
	if efi != nil {
		opts.EFIImage, opts.EFISize = efi, efi.Size()
	}
	return opts
}

// A disc without a boot file of its own boots with a donor's, of which the
// donor's catalog names only 2,048 bytes.
func TestBootFromDonor(t *testing.T) {
	bare := variant{"", "genisoimage", []string{"-quiet", "-J", "-R"}, func(t testing.TB, dir string) {
		standardTree(t, dir)
		if err := os.Remove(filepath.Join(dir, "isolinux", "isolinux.bin")); err != nil {
			t.Fatal(err)
		}
	}}.build(t)
	file, size := openFile(t, bare)
	if _, err := PlanInjection(file, size, InjectOptions{}); err == nil {
		t.Fatal("a disc without a boot file was injected")
	}
	// The donor's boot file is in no tree: only its boot info table tells the length.
	opts := donor(t, variants()[0].build(t))
	hidden := inject(t, bare, opts)
	opts = donorOf(t, hidden)
	bootable := inject(t, bare, opts)
	if result := verify(t, bootable, bare); !result.OK {
		t.Errorf("verify fails at %s: %+v", failed(result), result.Checks)
	}
	if !testing.Short() {
		boot(t, seaBIOS, "Loading "+isolinuxMarker, cdrom(bootable)...)
	}
	if err := CheckBootFile(opts.BootFile[:2048]); err == nil {
		t.Error("2,048 bytes of isolinux were accepted as a boot file")
	}
}

func donorOf(t testing.TB, image string) InjectOptions {
	t.Helper()
	file, size := openFile(t, image)
	disc, err := Open(file, size)
	if err != nil {
		t.Fatal(err)
	}
	data, from, err := disc.BootFile()
	if err != nil || from != "the boot catalog" || len(data) != len(isolinux(t)) {
		t.Fatalf("boot file of %d bytes from %q: %v", len(data), from, err)
	}
	return InjectOptions{BootFile: data}
}

// A hybrid image boots as a disc and as a hard disk or stick.
func TestBootHybrid(t *testing.T) {
	code, err := os.ReadFile(need(t, "/usr/lib/ISOLINUX/isohdpfx.bin", "isolinux"))
	if err != nil {
		t.Fatal(err)
	}
	mbr, err := HybridMBR(code)
	if err != nil {
		t.Fatal(err)
	}
	image := variants()[0].build(t)
	bootable := inject(t, image, InjectOptions{Hybrid: mbr})
	if output := run(t, need(t, "file", "file"), bootable); !strings.Contains(output, "bootable") {
		t.Errorf("file says %s", output)
	}
	if result := verify(t, bootable, image); !result.OK {
		t.Errorf("verify fails at %s: %+v", failed(result), result.Checks)
	}
	if !testing.Short() {
		boot(t, seaBIOS, "Loading "+isolinuxMarker, cdrom(bootable)...)
		boot(t, seaBIOS, "Loading "+isolinuxMarker, "-drive", "format=raw,if=ide,file="+bootable)
	}
	taken, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	copy(taken, "something in the system area")
	if _, err := PlanInjection(bytes.NewReader(taken), int64(len(taken)), InjectOptions{Hybrid: mbr}); err == nil {
		t.Error("a used system area was overwritten")
	}
}

// isoinfo and file(1) see a bootable disc with the same names as before.
func TestSecondOpinions(t *testing.T) {
	for _, v := range variants() {
		t.Run(v.name, func(t *testing.T) {
			image := v.build(t)
			bootable := inject(t, image, InjectOptions{})
			if info := isoinfo(t, bootable, "-d"); !strings.Contains(info, "El Torito VD version 1 found") || !strings.Contains(info, "Bootid 88 (bootable)") {
				t.Errorf("isoinfo says\n%s", info)
			}
			if says := run(t, need(t, "file", "file"), bootable); !strings.Contains(says, "(bootable)") {
				t.Errorf("file says %s", says)
			}
			names := [][]string{{"-f"}}
			report := inspect(t, image)
			if report.RockRidge {
				names = append(names, []string{"-R", "-f"})
			}
			if report.Joliet {
				names = append(names, []string{"-J", "-f"})
			}
			for _, args := range names {
				if before, after := isoinfo(t, image, args...), isoinfo(t, bootable, args...); before != after || before == "" {
					t.Errorf("isoinfo %v lists\n%s\nwas\n%s", args, after, before)
				}
			}
		})
	}
}

// sparse is a disc with a gap: what lies beyond a sector is moved up, so that
// addresses beyond 4 GiB can be had without writing 4 GiB.
type sparse struct {
	*bytes.Reader
	from, gap int64 // bytes
}

func (s sparse) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) <= s.from {
		return s.Reader.ReadAt(p, off)
	}
	for i := range p {
		at := off + int64(i)
		switch {
		case at < s.from:
			if _, err := s.Reader.ReadAt(p[i:i+1], at); err != nil {
				return i, err
			}
		case at < s.from+s.gap:
			p[i] = 0
		default:
			if _, err := s.Reader.ReadAt(p[i:i+1], at-s.gap); err != nil {
				return i, err
			}
		}
	}
	return len(p), nil
}

// Discs of more than 4 GiB: offsets need more than 32 bits, and the boot file
// may lie beyond.
func TestBeyond4GiB(t *testing.T) {
	image := bytes.Clone(fixture(t, "joliet"))
	disc, err := Open(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	const gap = 5 << 30
	split := int64(1 << 40)
	err = disc.eachReference(func(r reference) error {
		if r.kind == useFile && r.sectors > 0 {
			split = min(split, r.target)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = disc.eachReference(func(r reference) error {
		if r.kind == useFile && r.target >= split {
			r.enc.put(image[r.at:], uint32(r.target+gap/SectorSize))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range disc.Trees {
		at := disc.Trees[i].Descriptor*SectorSize + offVolumeSpaceSize
		putBothEndian32(image[at:], uint32((int64(len(image))+gap)/SectorSize))
	}
	source := sparse{bytes.NewReader(image), split * SectorSize, gap}
	size := int64(len(image)) + gap
	plan, err := PlanInjection(source, size, InjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	result, err := Verify(t.Context(), Image{plan.Reader(), plan.Size()}, &Image{source, size})
	if err != nil || !result.OK {
		t.Errorf("verify fails at %s: %v", failed(result), err)
	}
	injected, err := Open(plan.Reader(), plan.Size())
	if err != nil {
		t.Fatal(err)
	}
	report, err := injected.Inspect()
	if err != nil || !report.Bootable || report.BootImages[0].LBA*SectorSize < gap {
		t.Errorf("%v, %+v", err, report)
	}
	content, _, err := injected.File("/README")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(content); err != nil || string(text) != "read me\n" {
		t.Errorf("README reads %q, %v", text, err)
	}
}
