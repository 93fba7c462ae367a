package iso

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// benchSize is the size of the disc that benchmarks inject, in MiB.
// UCLAB_BENCH_MIB sets another; the promises are for 3,500.
func benchSize(b *testing.B) int {
	text := os.Getenv("UCLAB_BENCH_MIB")
	if text == "" {
		return 512
	}
	size, err := strconv.Atoi(text)
	if err != nil || size < 1 {
		b.Fatalf("UCLAB_BENCH_MIB=%q is no number of MiB", text)
	}
	return size
}

// benchDisc makes a non-bootable disc of a thousand files.
func benchDisc(b *testing.B, mib int) string {
	b.Helper()
	const files = 1000
	return variant{"", "genisoimage", []string{"-quiet", "-J", "-joliet-long", "-R", "-iso-level", "3"}, func(t testing.TB, dir string) {
		standardTree(t, dir)
		data := randomBytes(mib << 20 / files)
		for i := range files {
			write(t, dir, fmt.Sprintf("RPMS/dir%02d/package-%04d.rpm", i%40, i), data)
		}
	}}.build(b)
}

// ratio is how much longer ours takes than theirs: the shortest of five runs of
// each, in turn, so that noise falls on both.
func ratio(ours, theirs func()) float64 {
	best := [2]time.Duration{1 << 62, 1 << 62}
	for range 5 {
		for i, f := range []func(){theirs, ours} {
			begun := time.Now()
			f()
			best[i] = min(best[i], time.Since(begun))
		}
	}
	return best[1].Seconds() / best[0].Seconds()
}

func command(b *testing.B, name string, args ...string) {
	b.Helper()
	if output, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		b.Fatalf("%s: %v\n%s", name, err, output)
	}
}

// syncFile does for a peer's file what WriteCopy does for its own.
func syncFile(b *testing.B, path string) {
	b.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		b.Fatal(err)
	}
	if err := file.Sync(); err != nil {
		b.Fatal(err)
	}
	if err := file.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkInjectCopy compares a bootable copy with a mere copy by
// `cp --reflink=auto`, without and with fsync on both sides, and with xorriso.
func BenchmarkInjectCopy(b *testing.B) {
	image := benchDisc(b, benchSize(b))
	dir := b.TempDir()
	target, copied := filepath.Join(dir, "Bootable.iso"), filepath.Join(dir, "cp.iso")
	ours := func(sync bool) func() {
		return func() {
			file, size := openFile(b, image)
			plan, err := PlanInjection(file, size, InjectOptions{})
			if err != nil {
				b.Fatal(err)
			}
			_ = os.Remove(target)
			if err := plan.WriteCopy(context.Background(), file, target, CopyOptions{NoSync: !sync}); err != nil {
				b.Fatal(err)
			}
		}
	}
	theirs := func(sync bool) func() {
		return func() {
			_ = os.Remove(copied)
			command(b, "cp", "--reflink=auto", image, copied)
			if sync {
				syncFile(b, copied)
			}
		}
	}
	for b.Loop() {
		theirs(false)() // warms the cache
		b.ReportMetric(ratio(ours(false), theirs(false)), "x-of-cp")
		b.ReportMetric(ratio(ours(true), theirs(true)), "x-of-cp-fsync")
		if xorriso, err := exec.LookPath("xorriso"); err == nil {
			b.ReportMetric(ratio(func() {
				_ = os.Remove(copied)
				command(b, xorriso, "-indev", image, "-outdev", copied, "-joliet", "on", "-boot_image", "isolinux", "dir=/isolinux", "-changes_pending", "yes")
			}, theirs(false)), "xorriso-x-of-cp")
		}
	}
}

// BenchmarkInjectInPlace gives the time of an injection in place, fsync
// included, on discs of one and of ten times the size: the files' sizes must not
// matter.
func BenchmarkInjectInPlace(b *testing.B) {
	small, large := benchDisc(b, max(benchSize(b)/10, 1)), benchDisc(b, benchSize(b))
	inPlace := func(image string) float64 {
		original, size := openFile(b, image)
		best := time.Duration(1 << 62)
		for range 3 {
			work := filepath.Join(b.TempDir(), "work.iso")
			command(b, "cp", "--reflink=auto", image, work)
			syncFile(b, work)
			file, err := os.OpenFile(work, os.O_RDWR, 0)
			if err != nil {
				b.Fatal(err)
			}
			begun := time.Now()
			plan, err := PlanInjection(file, size, InjectOptions{})
			if err != nil {
				b.Fatal(err)
			}
			if err := plan.Apply(context.Background(), file, true); err != nil {
				b.Fatal(err)
			}
			best = min(best, time.Since(begun))
			if err := file.Close(); err != nil {
				b.Fatal(err)
			}
		}
		_ = original.Close()
		return float64(best.Microseconds()) / 1000
	}
	for b.Loop() {
		one, ten := inPlace(small), inPlace(large)
		b.ReportMetric(ten, "ms")
		b.ReportMetric(ten/one, "x-of-a-tenth-the-size")
	}
}
