package iso

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// Check is one claim about a disc, re-derived from its bytes.
type Check struct {
	Name   string `json:"name"` // e.g. "boot catalog"
	OK     bool   `json:"ok"`
	Detail string `json:"detail"` // what was found; what is wrong when not OK
}

// Verification is what Verify found.
type Verification struct {
	Format int     `json:"format"`
	Path   string  `json:"path"`
	OK     bool    `json:"ok"`
	Checks []Check `json:"checks"`
}

// Image is a disc to verify.
type Image struct {
	R    io.ReaderAt
	Size int64 // bytes
}

// Verify re-derives from a written disc everything that makes it boot and be
// read: descriptors, boot catalog, checksums, ranges, every directory record and
// path table, file extents. With a source it also makes sure that every name
// space holds the same names and contents, but for bytes 8 to 63 of the boot
// file. Its code shares nothing with what reads, plans and writes discs. The
// error is about reading; what is wrong with the disc is in the checks.
func Verify(ctx context.Context, disc Image, source *Image) (*Verification, error) {
	v := &verifier{ctx: ctx, image: disc, result: &Verification{Format: 1, OK: true}}
	v.descriptors()
	v.bootRecord()
	for i := range v.volumes {
		v.hierarchy(&v.volumes[i])
		v.pathTables(&v.volumes[i])
	}
	if source != nil {
		v.compare(*source)
	}
	if v.failure != nil {
		return nil, v.failure
	}
	return v.result, nil
}

// verifier derives claims about one image. It has a reader of its own, so that
// an error of the disc's reader cannot hide itself here.
type verifier struct {
	ctx     context.Context
	image   Image
	result  *Verification
	failure error // a read that failed

	sectors uint32 // volume space size, as the primary descriptor says
	volumes []verifiedVolume
	boot    [][]byte // boot record descriptors found, with their sectors below
	bootAt  []int64
	bootLBA uint32 // of the BIOS boot image; 0: none
}

// verifiedVolume is a descriptor with what its hierarchy holds.
type verifiedVolume struct {
	name    string
	data    []byte
	records map[string]verifiedRecord // by path of raw identifiers
	order   []string
	folders map[uint32]string // extent to path
}

type verifiedRecord struct {
	raw    []byte
	at     uint32
	length uint32
	folder bool
}

func (v *verifier) say(name string, problems []string, fine string, args ...any) {
	check := Check{Name: name, OK: len(problems) == 0, Detail: fmt.Sprintf(fine, args...)}
	if !check.OK {
		v.result.OK = false
		check.Detail = problems[0]
		if len(problems) > 1 {
			check.Detail += fmt.Sprintf(" (and %d more)", len(problems)-1)
		}
	}
	v.result.Checks = append(v.result.Checks, check)
}

// read gives n bytes at an offset, zeros beyond the end; nil after a read error.
func (v *verifier) read(offset int64, n int) []byte {
	if v.failure == nil {
		v.failure = v.ctx.Err()
	}
	if v.failure != nil {
		return make([]byte, n)
	}
	data := make([]byte, n)
	if got, err := v.image.R.ReadAt(data, offset); err != nil && !errors.Is(err, io.EOF) {
		v.failure = fmt.Errorf("read %d bytes at %d (got %d): %w", n, offset, got, err)
	}
	return data
}

func le16(b []byte) uint16 { return uint16(b[0]) | uint16(b[1])<<8 }
func le32(b []byte) uint32 { return uint32(le16(b)) | uint32(le16(b[2:]))<<16 }
func be32(b []byte) uint32 {
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

// descriptors checks the set from sector 16 to its terminator (ECMA-119 6.7.1).
func (v *verifier) descriptors() {
	var problems []string
	terminated := false
	for at := int64(16); at < 80 && !terminated; at++ {
		data := v.read(at*2048, 2048)
		if string(data[1:6]) != "CD001" {
			problems = append(problems, fmt.Sprintf("sector %d is no volume descriptor and no terminator came before it", at))
			break
		}
		switch data[0] {
		case 0:
			v.boot, v.bootAt = append(v.boot, data), append(v.bootAt, at)
		case 1, 2:
			name := map[bool]string{true: "primary", false: "supplementary"}[data[0] == 1]
			if data[0] == 2 && data[88] == '%' && data[89] == '/' {
				name = "Joliet"
			}
			v.volumes = append(v.volumes, verifiedVolume{name: name, data: data})
			if little, big := le32(data[80:]), be32(data[84:]); little != big {
				problems = append(problems, fmt.Sprintf("the %s descriptor's volume size is %d in one byte order and %d in the other", name, little, big))
			}
		case 255:
			terminated = true
		}
	}
	if len(v.volumes) == 0 || v.volumes[0].data[0] != 1 {
		problems = append(problems, "sector 16 holds no primary volume descriptor")
	} else {
		v.sectors = le32(v.volumes[0].data[80:])
		problems = append(problems, v.volumeSizes()...)
	}
	v.say("volume descriptors", problems, "%d name spaces, %d sectors", len(v.volumes), v.sectors)
}

func (v *verifier) volumeSizes() []string {
	var problems []string
	for _, volume := range v.volumes {
		if size := le32(volume.data[80:]); size != v.sectors {
			problems = append(problems, fmt.Sprintf("the %s descriptor says %d sectors, the primary one %d", volume.name, size, v.sectors))
		}
	}
	// Padding at the end may be missing (mkisofs pads with 150 sectors).
	if have := (v.image.Size + 2047) / 2048; have+300 < int64(v.sectors) {
		problems = append(problems, fmt.Sprintf("the image has %d sectors, the volume %d", have, v.sectors))
	}
	return problems
}

// bootRecord checks the boot record, the catalog and the images that it names
// (El Torito 1.0 sections 2.0 to 2.4).
func (v *verifier) bootRecord() {
	if len(v.boot) == 0 {
		v.say("boot record", []string{"the disc has none"}, "")
		return
	}
	var problems []string
	want := append([]byte("EL TORITO SPECIFICATION"), make([]byte, 9)...)
	if !bytes.Equal(v.boot[0][7:39], want) {
		problems = append(problems, "its system identifier is not EL TORITO SPECIFICATION padded with zeros")
	}
	if v.bootAt[0] != 17 {
		problems = append(problems, fmt.Sprintf("it is at sector %d, firmware looks at 17", v.bootAt[0]))
	}
	at := le32(v.boot[0][71:])
	if at <= 17 || int64(at)*2048+2048 > v.image.Size {
		v.say("boot record", append(problems, fmt.Sprintf("it points to sector %d, which is not on the disc", at)), "")
		return
	}
	v.say("boot record", problems, "at sector %d, catalog at %d", v.bootAt[0], at)
	v.catalog(v.read(int64(at)*2048, 2048))
}

func (v *verifier) catalog(data []byte) {
	var problems []string
	sum := uint16(0)
	for i := 0; i < 32; i += 2 {
		sum += le16(data[i:])
	}
	if data[0] != 1 || data[30] != 0x55 || data[31] != 0xAA || sum != 0 {
		problems = append(problems, fmt.Sprintf("the validation entry is wrong: id %d, key %02x %02x, sum %d", data[0], data[30], data[31], sum))
	}
	problems = append(problems, v.bootImage(data[32:64], data[1])...)
	images := 1
	for at := 64; at+64 <= len(data) && (data[at] == 0x90 || data[at] == 0x91); {
		last, platform, count := data[at] == 0x91, data[at+1], int(le16(data[at+2:]))
		at += 32
		for ; count > 0 && at+32 <= len(data); count-- {
			problems = append(problems, v.bootImage(data[at:at+32], platform)...)
			images++
			at += 32
		}
		if last {
			break
		}
	}
	v.say("boot catalog", problems, "%d boot images", images)
	if v.bootLBA != 0 {
		v.bootInfoTable()
	}
}

func (v *verifier) bootImage(entry []byte, platform byte) []string {
	at := le32(entry[8:])
	switch {
	case entry[0] != 0x88:
		return []string{fmt.Sprintf("an entry is not marked bootable (%02x)", entry[0])}
	case int64(at)*2048 >= v.image.Size || at <= 17:
		return []string{fmt.Sprintf("a boot image's sector %d is not on the disc", at)}
	case platform == 0xEF:
		return nil
	case entry[1]&15 == 0 && le16(entry[6:]) == 0:
		return []string{"the BIOS entry loads no sector"}
	}
	if entry[1]&15 == 0 && v.bootLBA == 0 {
		v.bootLBA = at
	}
	return nil
}

// bootInfoTable checks the table of the BIOS boot image, if it has one.
func (v *verifier) bootInfoTable() {
	head := v.read(int64(v.bootLBA)*2048, 64)
	pvd, file, length, want := le32(head[8:]), le32(head[12:]), le32(head[16:]), le32(head[20:])
	var problems []string
	switch {
	case file != v.bootLBA:
		problems = append(problems, fmt.Sprintf("it says that the boot file is at sector %d, the catalog says %d", file, v.bootLBA))
	case pvd != 16 && pvd != 48:
		problems = append(problems, fmt.Sprintf("it says that the primary descriptor is at sector %d", pvd))
	case length < 64 || length > 64<<20 || int64(v.bootLBA)*2048+int64(length) > v.image.Size:
		problems = append(problems, fmt.Sprintf("it says that the boot file has %d bytes", length))
	default:
		data := v.read(int64(v.bootLBA)*2048, int(length+3)&^3)
		clear(data[length:])
		sum := uint32(0)
		for i := 64; i < len(data); i += 4 {
			sum += le32(data[i:])
		}
		if sum != want {
			problems = append(problems, fmt.Sprintf("its checksum is %08x, the file's %08x", want, sum))
		}
	}
	v.say("boot info table", problems, "boot file of %d bytes at sector %d, checksum %08x", length, file, want)
}
