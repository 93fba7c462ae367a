package iso

import (
	"bytes"
	"compress/gzip"
	"context"
	"embed"
	"encoding/binary"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// discs are small images of every layout, gzipped; `go test -update` makes them
// anew with the real tools.
//
//go:embed testdata/discs/*.iso.gz
var discs embed.FS

// loadDiscs unpacks them, in the order of their names.
func loadDiscs(t testing.TB) [][]byte {
	t.Helper()
	entries, err := discs.ReadDir("testdata/discs")
	if err != nil {
		t.Fatal(err)
	}
	var images [][]byte
	for _, entry := range entries {
		packed, err := discs.Open("testdata/discs/" + entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		reader, err := gzip.NewReader(packed)
		if err != nil {
			t.Fatal(err)
		}
		image, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, image)
	}
	return images
}

// mutate changes an image as an input of the fuzzer says: a size, then changes
// of an offset (24 bits), a length (3 bits of a byte) and so many bytes. That
// reaches a structure sooner than changing a whole image blindly.
func mutate(image, changes []byte) []byte {
	image = bytes.Clone(image)
	if len(changes) < 3 {
		return image
	}
	if size := int(changes[0]) | int(changes[1])<<8 | int(changes[2])<<16; size > 0 && size < len(image) {
		image = image[:size]
	}
	for changes = changes[3:]; len(changes) > 4; {
		at := int(changes[0]) | int(changes[1])<<8 | int(changes[2])<<16
		length := min(int(changes[3]&7)+1, len(changes)-4)
		if at < len(image) {
			copy(image[at:], changes[4:4+length])
		}
		changes = changes[4+length:]
	}
	return image
}

var update = flag.Bool("update", false, "make the committed discs anew")

// longName makes Rock Ridge entries overflow into continuation areas.
var longName = strings.Repeat("long ", 20)

// change is one change in the form that mutate reads.
func change(at int, data ...byte) []byte {
	return append([]byte{byte(at), byte(at >> 8), byte(at >> 16), byte(len(data) - 1)}, data...)
}

// seed gives a fuzzer every disc as it is and with the changes that matter most:
// of each descriptor's addresses, of the root's records, of the boot record.
func seed(f *testing.F) {
	for i, image := range loadDiscs(f) {
		f.Add(uint8(i), []byte{0, 0, 0})
		root := int(binary.LittleEndian.Uint32(image[16*2048+158:])) * 2048
		for _, at := range []int{16*2048 + 80, 16*2048 + 132, 16*2048 + 140, 16*2048 + 158, 17*2048 + 71, 17 * 2048, 18 * 2048, root, root + 2, root + 10, root + 34 + 2} {
			f.Add(uint8(i), append([]byte{0, 0, 0}, change(at, 0xff, 0xff, 0xff, 0xff)...))
			f.Add(uint8(i), append([]byte{0, 0, 0}, change(at, 0x13, 0, 0, 0)...))
		}
		f.Add(uint8(i), []byte{0, 0x90, 0})
	}
}

func FuzzInspect(f *testing.F) {
	images := loadDiscs(f)
	seed(f)
	f.Fuzz(func(t *testing.T, disc uint8, changes []byte) {
		image := mutate(images[int(disc)%len(images)], changes)
		d, err := Open(bytes.NewReader(image), int64(len(image)))
		if err != nil {
			return
		}
		report, err := d.Inspect()
		if err == nil && report.Bootable && len(report.BootImages) == 0 {
			t.Error("bootable without a boot image")
		}
		if data, _, err := d.BootFile(); err == nil && len(data) == 0 {
			t.Error("an empty boot file")
		}
	})
}

// FuzzInject makes sure that what is injected into a damaged disc is either
// refused or reads no worse than before.
func FuzzInject(f *testing.F) {
	images := loadDiscs(f)
	seed(f)
	f.Fuzz(func(t *testing.T, disc uint8, changes []byte) {
		image := mutate(images[int(disc)%len(images)], changes)
		source := bytes.NewReader(image)
		plan, err := PlanInjection(source, int64(len(image)), InjectOptions{Force: true})
		if err != nil {
			return
		}
		if err := plan.Reimplant(t.Context(), nil); err != nil {
			return
		}
		result, err := Open(plan.Reader(), plan.Size())
		if err != nil {
			t.Fatalf("the injected disc cannot be opened: %v", err)
		}
		before, after := listing(t, source, int64(len(image))), listing(t, plan.Reader(), plan.Size())
		if before != after {
			t.Errorf("the directories changed:\n%s\nnow:\n%s", before, after)
		}
		if report, err := result.Inspect(); err != nil || plan.BIOS && !report.Bootable {
			t.Errorf("the injected disc does not boot: %v %+v", err, report)
		}
	})
}

// listing gives the names and sizes of a disc's trees.
func listing(t *testing.T, r io.ReaderAt, size int64) string {
	t.Helper()
	d, err := Open(r, size)
	if err != nil {
		t.Fatal(err)
	}
	var names bytes.Buffer
	for i := range d.Trees {
		err := d.Walk(&d.Trees[i], func(entry Entry) (bool, error) {
			names.WriteString(entry.Path)
			names.Write(binary.LittleEndian.AppendUint64(nil, uint64(entry.Size)))
			return true, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return names.String()
}

func FuzzVerify(f *testing.F) {
	images := loadDiscs(f)
	seed(f)
	f.Fuzz(func(t *testing.T, disc uint8, changes []byte) {
		original := images[int(disc)%len(images)]
		image := mutate(original, changes)
		_, err := Verify(context.Background(), Image{bytes.NewReader(image), int64(len(image))}, &Image{bytes.NewReader(original), int64(len(original))})
		if err != nil {
			t.Errorf("reading from memory cannot fail: %v", err)
		}
	})
}

// TestUpdateDiscs makes the fixtures of the fuzz targets with -update.
func TestUpdateDiscs(t *testing.T) {
	if !*update {
		t.Skip("the committed discs are kept; make them anew with -update")
	}
	tree := func(t testing.TB, dir string) {
		write(t, dir, "isolinux/isolinux.bin", append(isolinux(t)[:3000:3000], 1, 2, 3))
		write(t, dir, "README", []byte("read me\n"))
		write(t, dir, "a name that needs Rock Ridge or Joliet "+longName, []byte("x"))
		write(t, dir, "a/b/c/d/e/f/g/h/i/deep", []byte("deep\n"))
		write(t, dir, "empty", nil)
	}
	genisoimage := []string{"-quiet", "-no-pad"}
	for name, v := range map[string]variant{
		"plain":      {tool: "genisoimage", args: append(genisoimage, "-D")},
		"joliet":     {tool: "genisoimage", args: append(genisoimage, "-J", "-joliet-long", "-R")},
		"level4":     {tool: "genisoimage", args: append(genisoimage, "-R", "-iso-level", "4")},
		"udf":        {tool: "genisoimage", args: append(genisoimage, "-J", "-joliet-long", "-R", "-udf")},
		"bootable":   {tool: "genisoimage", args: append(genisoimage, "-J", "-joliet-long", "-R", "-b", "isolinux/isolinux.bin", "-c", "boot.cat", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table")},
		"xorriso":    {tool: "xorriso", args: []string{"-as", "mkisofs", "-quiet", "-no-pad", "-J", "-joliet-long", "-R"}},
		"xorrisorr":  {tool: "xorriso", args: []string{"-as", "mkisofs", "-quiet", "-no-pad", "-R"}},
		"xorrisoefi": {tool: "xorriso", args: []string{"-as", "mkisofs", "-quiet", "-no-pad", "-R", "-b", "isolinux/isolinux.bin", "-no-emul-boot", "-boot-info-table", "-eltorito-alt-boot", "-e", "README", "-no-emul-boot"}},
	} {
		v.tree = tree
		image, err := os.ReadFile(v.build(t))
		if err != nil {
			t.Fatal(err)
		}
		var packed bytes.Buffer
		writer, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression) // the level is valid
		if _, err := writer.Write(image); err != nil {
			t.Fatal(err)
		}
		if err := writer.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join("testdata", "discs", name+".iso.gz"), packed.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
