package iso

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// occupy moves the first extent of a kind to the sector that the descriptors
// will need, so that an injection has to move it again.
func occupy(t *testing.T, image []byte, kind string) []byte {
	t.Helper()
	disc, err := Open(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	var all []reference
	if err := disc.eachReference(func(r reference) error { all = append(all, r); return nil }); err != nil {
		t.Fatal(err)
	}
	spare := int64(firstDescriptor + len(disc.descriptor))
	for _, chosen := range all {
		if chosen.kind != kind || chosen.sectors != 1 {
			continue
		}
		out := bytes.Clone(image)
		copy(out[spare*SectorSize:], image[chosen.target*SectorSize:(chosen.target+1)*SectorSize])
		for _, r := range all {
			if r.target != chosen.target {
				continue
			}
			at := r.at
			if at/SectorSize == chosen.target {
				at += (spare - chosen.target) * SectorSize
			}
			r.enc.put(out[at:], uint32(spare))
		}
		clear(out[chosen.target*SectorSize : (chosen.target+1)*SectorSize])
		return out
	}
	t.Fatalf("the disc has no %s of one sector", kind)
	return nil
}

// Whatever holds the sector that the descriptors need moves to the end, and
// everything still reads the same, by isoinfo too.
func TestOccupiedSector(t *testing.T) {
	v := variant{"", "genisoimage", []string{"-quiet", "-J", "-joliet-long", "-R"}, func(t testing.TB, dir string) {
		standardTree(t, dir)
		write(t, dir, strings.Repeat("long name ", 20), []byte("long"))
	}}
	plain, err := os.ReadFile(v.build(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{useDirectory, useFile, usePathTable, useContinuation} {
		t.Run(kind, func(t *testing.T) {
			image := filepath.Join(t.TempDir(), "occupied.iso")
			if err := os.WriteFile(image, occupy(t, plain, kind), 0o644); err != nil {
				t.Fatal(err)
			}
			bootable := inject(t, image, InjectOptions{})
			if result := verify(t, bootable, image); !result.OK {
				t.Errorf("verify fails at %s: %+v", failed(result), result.Checks)
			}
			for _, names := range []string{"-R", "-J"} {
				before, after := isoinfo(t, image, names, "-f"), isoinfo(t, bootable, names, "-f")
				if before != after || len(before) == 0 {
					t.Errorf("isoinfo %s lists\n%s\nwas\n%s", names, after, before)
				}
			}
		})
	}
}

func isoinfo(t testing.TB, image string, args ...string) string {
	t.Helper()
	output, err := exec.Command(need(t, "isoinfo", "genisoimage"), append(args, "-i", image)...).CombinedOutput()
	if err != nil {
		t.Fatalf("isoinfo %v: %v\n%s", args, err, output)
	}
	return string(output)
}

// A sector that holds something nothing refers to is refused, with its place.
func TestUnknownSector(t *testing.T) {
	image := bytes.Clone(fixture(t, "joliet"))
	disc, err := Open(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	spare := firstDescriptor + len(disc.descriptor)
	copy(image[spare*SectorSize:], "hidden data of an unknown kind")
	_, err = PlanInjection(bytes.NewReader(image), int64(len(image)), InjectOptions{})
	var occupied *OccupiedError
	if !errors.As(err, &occupied) || occupied.LBA != int64(spare) || !strings.Contains(occupied.What, "hidden data") {
		t.Errorf("error %v, want sector %d refused", err, spare)
	}
	copy(image[spare*SectorSize:], "MKI Mon Jan  1 00:00:00 2024 cdrtools, which counts as free")
	if _, err := PlanInjection(bytes.NewReader(image), int64(len(image)), InjectOptions{}); err != nil {
		t.Errorf("cdrtools' version sector: %v", err)
	}
}

// fixture is one of the committed discs.
func fixture(t testing.TB, name string) []byte {
	t.Helper()
	entries, err := discs.ReadDir("testdata/discs")
	if err != nil {
		t.Fatal(err)
	}
	for i, entry := range entries {
		if entry.Name() == name+".iso.gz" {
			return loadDiscs(t)[i]
		}
	}
	t.Fatalf("no disc %s", name)
	return nil
}

// Boot records that firmware would not boot are recognized and repaired.
func TestRepair(t *testing.T) {
	good := fixture(t, "bootable")
	catalog := int(le32(good[17*2048+71:])) * 2048
	boot := int(le32(good[catalog+32+8:])) * 2048
	tests := []struct {
		name   string
		damage func([]byte)
		want   string
	}{
		{"validation checksum", func(b []byte) { b[catalog+28]++ }, "checksum"},
		{"validation key", func(b []byte) { b[catalog+31] = 0 }, "55 AA"},
		{"catalog off the disc", func(b []byte) { b[17*2048+74] = 0x7f }, "not on the disc"},
		{"boot record at 18", func(b []byte) {
			for i := range 2048 {
				b[17*2048+i], b[18*2048+i] = b[18*2048+i], b[17*2048+i]
			}
		}, "sector 18"},
		{"padded with spaces", func(b []byte) { copy(b[17*2048+7+23:17*2048+39], "         ") }, "padded"},
		{"stale table", func(b []byte) { b[boot+12]++ }, "boot info table"},
		{"load size 0", func(b []byte) { b[catalog+32+6] = 0 }, "nothing"},
		{"not bootable", func(b []byte) { b[catalog+32] = 0 }, "not bootable"},
	}
	if plan, err := PlanInjection(bytes.NewReader(good), int64(len(good)), InjectOptions{}); err != nil || !plan.Already || len(plan.Writes()) != 0 {
		t.Fatalf("the good disc: %v, %+v", err, plan)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			image := bytes.Clone(good)
			test.damage(image)
			plan, err := PlanInjection(bytes.NewReader(image), int64(len(image)), InjectOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if plan.Already || !strings.Contains(strings.Join(plan.Repaired, "; "), test.want) {
				t.Errorf("repaired %q, want %q", plan.Repaired, test.want)
			}
			result, err := Verify(t.Context(), Image{plan.Reader(), plan.Size()}, nil)
			if err != nil || !result.OK {
				t.Errorf("still broken at %s: %v", failed(result), err)
			}
			if disc, err := Open(plan.Reader(), plan.Size()); err != nil || len(disc.BootRecord.Problems) != 0 {
				t.Errorf("reads as %v, %v", disc, err)
			}
		})
	}
}

// A truncated image is refused with what is missing.
func TestTruncated(t *testing.T) {
	image := fixture(t, "joliet")
	for _, size := range []int{20 * 2048, len(image) / 2, len(image) - 4*2048} {
		_, err := PlanInjection(bytes.NewReader(image[:size]), int64(size), InjectOptions{})
		var cut *TruncatedError
		var format *FormatError
		if !errors.As(err, &cut) && !errors.As(err, &format) {
			t.Errorf("%d of %d bytes: error %v", size, len(image), err)
		}
	}
}

// failing is a disc in memory whose writes stop working after so many.
type failing struct {
	data []byte
	left int
}

var errKilled = errors.New("killed")

func (f *failing) ReadAt(p []byte, off int64) (int, error) {
	return bytes.NewReader(f.data).ReadAt(p, off)
}

func (f *failing) WriteAt(p []byte, off int64) (int, error) {
	if f.left--; f.left < 0 {
		return 0, errKilled
	}
	if need := int(off) + len(p); need > len(f.data) {
		f.data = append(f.data, make([]byte, need-len(f.data))...)
	}
	return copy(f.data[off:], p), nil
}

func (f *failing) Sync() error { return nil }

// Killed at any write, an injection in place leaves a disc that reads as before;
// run again, it ends well.
func TestKilledInPlace(t *testing.T) {
	for _, name := range []string{"joliet", "udf", "xorriso", "xorrisorr", "level4"} {
		t.Run(name, func(t *testing.T) {
			image := fixture(t, name)
			before := contents(t, image)
			for kill := 0; ; kill++ {
				plan, err := PlanInjection(bytes.NewReader(image), int64(len(image)), InjectOptions{})
				if err != nil {
					t.Fatal(err)
				}
				file := &failing{data: bytes.Clone(image), left: kill}
				err = plan.Apply(t.Context(), file, true)
				if now := contents(t, file.data); now != before {
					t.Fatalf("killed after %d writes it reads\n%s\nbefore\n%s", kill, now, before)
				}
				if err == nil {
					break
				}
				if !errors.Is(err, errKilled) {
					t.Fatal(err)
				}
				again(t, file.data)
			}
		})
	}
}

// again completes what was killed.
func again(t *testing.T, image []byte) {
	t.Helper()
	plan, err := PlanInjection(bytes.NewReader(image), int64(len(image)), InjectOptions{})
	if err != nil {
		t.Fatalf("run again: %v", err)
	}
	file := &failing{data: image, left: 1000}
	if err := plan.Apply(t.Context(), file, true); err != nil {
		t.Fatalf("run again: %v", err)
	}
	disc, err := Open(file, int64(len(file.data)))
	if err != nil {
		t.Fatal(err)
	}
	if report, err := disc.Inspect(); err != nil || !report.Bootable {
		t.Fatalf("run again, the disc is not bootable: %v %+v", err, report)
	}
}

// contents gives the names and checksums of all trees, but for the boot info
// table.
func contents(t *testing.T, image []byte) string {
	t.Helper()
	disc, err := Open(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	seen := map[string]bool{}
	for i := range disc.Trees {
		tree := &disc.Trees[i]
		if seen[tree.Kind] {
			continue // while the descriptors are being shifted one is there twice
		}
		seen[tree.Kind] = true
		err := disc.Walk(tree, func(entry Entry) (bool, error) {
			if entry.Dir {
				return true, nil
			}
			content, _, err := disc.File(entry.Path)
			if err != nil {
				return false, err
			}
			data, err := io.ReadAll(content)
			if err != nil {
				return false, err
			}
			if strings.HasPrefix(strings.ToLower(filepath.Base(entry.Path)), "isolinux.b") {
				clear(data[offTable:offTableFirstSum])
			}
			fmt.Fprintf(&all, "%s %s %x\n", tree.Kind, entry.Path, sha256.Sum256(data))
			return true, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}

// The implanted checksum of an injected disc satisfies the installer's own
// check.
func TestImplantedChecksum(t *testing.T) {
	implant, check := need(t, "implantisomd5", "isomd5sum"), need(t, "checkisomd5", "isomd5sum")
	image := variant{"", "genisoimage", []string{"-quiet", "-J", "-R"}, func(t testing.TB, dir string) {
		standardTree(t, dir)
		write(t, dir, "big", randomBytes(3_000_000))
	}}.build(t)
	if output, err := exec.Command(implant, "--force", image).CombinedOutput(); err != nil {
		t.Fatalf("implantisomd5: %v\n%s", err, output)
	}
	for _, keep := range []bool{false, true} {
		bootable := inject(t, image, InjectOptions{KeepChecksum: keep})
		output, err := exec.Command(check, bootable).CombinedOutput()
		if good := err == nil; good == keep {
			t.Errorf("keep %t: checkisomd5: %v\n%s", keep, err, output)
		}
	}
}
