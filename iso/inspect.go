package iso

import (
	"encoding/binary"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Report is what Inspect found out about a disc.
type Report struct {
	Format     int         `json:"format"`
	Path       string      `json:"path"`
	SizeBytes  int64       `json:"size_bytes"`
	VolumeID   string      `json:"volume_id"`
	Joliet     bool        `json:"joliet"`
	RockRidge  bool        `json:"rock_ridge"`
	UDF        bool        `json:"udf"`
	Bootable   bool        `json:"bootable"`
	BootImages []BootImage `json:"boot_images"`
	BootFiles  []string    `json:"boot_files"` // candidates for a boot file in the tree

	Level         int           `json:"level"`          // interchange level 1 to 4 (ECMA-119 10; 4 is ISO 9660:1999)
	VolumeSectors int64         `json:"volume_sectors"` // of 2,048 bytes, as the primary descriptor says
	Files         int           `json:"files"`          // in the primary tree
	MultiExtent   int           `json:"multi_extent"`   // files in several extents
	Sessions      int           `json:"sessions"`       // at least 1
	ISOMD5        string        `json:"implanted_md5"`  // anaconda's implanted checksum, "" when there is none
	Truncated     bool          `json:"truncated"`      // something lies beyond the image's end
	TrailingBytes int64         `json:"trailing_bytes"` // after the volume's end
	Problems      []string      `json:"problems"`       // why it does not boot although it has a boot record
	Descriptors   []string      `json:"descriptors"`    // what each descriptor from sector 16 is
	Catalog       *CatalogEntry `json:"catalog,omitempty"`

	bios, efi  []Entry // candidates, the best first
	hasLdlinux bool
}

// CatalogEntry says where the boot record and its catalog are.
type CatalogEntry struct {
	BootRecordLBA int64 `json:"boot_record_lba"`
	CatalogLBA    int64 `json:"catalog_lba"`
}

// BootImage is an entry of the boot catalog.
type BootImage struct {
	Platform      string `json:"platform"` // "bios" or "efi"
	Emulation     string `json:"emulation"`
	LoadSectors   int    `json:"load_sectors"` // of 512 bytes
	LBA           int64  `json:"lba"`
	SizeBytes     int64  `json:"size_bytes"`
	BootInfoTable string `json:"boot_info_table"` // TablePresent, TableAbsent or TableStale
	Path          string `json:"path"`            // in the tree; "" when no file starts there
}

// bootFileNames are the usual places of isolinux, the best first ("Make a
// non-bootable ISO image bootable": the isolinux folder, file isolinux.bin), and
// of GRUB 2.
var bootFileNames = []string{"/isolinux/isolinux.bin", "/boot/isolinux/isolinux.bin", "/syslinux/isolinux.bin", "/isolinux.bin",
	"/boot/grub/i386-pc/eltorito.img", "/boot/grub/bios.img", "/boot/grub/eltorito.img"}

// efiImageNames are the usual places of an EFI system partition image.
var efiImageNames = []string{"/images/efiboot.img", "/isolinux/efiboot.img", "/boot/grub/efi.img", "/efi/boot/efiboot.img", "/efiboot.img", "/boot/efi.img"}

// Inspect reads a disc through and says what it is. It never changes anything.
func (d *Disc) Inspect() (*Report, error) {
	primary := &d.Trees[0]
	report := &Report{
		Format: 1, SizeBytes: d.size, VolumeID: primary.VolumeID, RockRidge: primary.RockRidge, UDF: d.udf.present,
		BootImages: []BootImage{}, BootFiles: []string{}, Problems: []string{}, Descriptors: []string{},
		Level: 1, VolumeSectors: primary.VolumeSize, Sessions: 1, ISOMD5: d.implanted().MD5,
		TrailingBytes: max(0, d.size-primary.VolumeSize*SectorSize),
	}
	for _, found := range d.descriptor {
		report.Descriptors = append(report.Descriptors, describe(found))
	}
	for i := range d.Trees {
		report.Joliet = report.Joliet || d.Trees[i].Kind == "joliet"
		if d.Trees[i].Kind == "enhanced" {
			report.Level = 4
		}
	}
	starts, err := d.survey(report)
	if err != nil {
		return nil, err
	}
	if err := d.inspectBoot(report, starts); err != nil {
		return nil, err
	}
	d.countSessions(report)
	return report, nil
}

// survey walks the primary tree, and the others for boot files that it does not
// have, and gives the files by the sector they start at.
func (d *Disc) survey(report *Report) (map[int64]Entry, error) {
	starts := map[int64]Entry{}
	for i := range d.Trees {
		if i > 0 && len(report.bios)+len(report.efi) > 0 {
			break
		}
		err := d.Walk(&d.Trees[i], func(entry Entry) (bool, error) {
			report.note(entry, d.size, i == 0)
			if !entry.Dir && entry.Size > 0 {
				// Of files that share an extent the longest is the boot file.
				if other, taken := starts[entry.Extents[0].LBA]; !taken || other.Size < entry.Size {
					starts[entry.Extents[0].LBA] = entry
				}
			}
			return true, nil
		})
		if err != nil {
			return nil, err
		}
	}
	byRank := func(names []string) func(a, b Entry) int {
		return func(a, b Entry) int { return rank(names, a.Path) - rank(names, b.Path) }
	}
	slices.SortStableFunc(report.bios, byRank(bootFileNames))
	slices.SortStableFunc(report.efi, byRank(efiImageNames))
	for _, entry := range slices.Concat(report.bios, report.efi) {
		report.BootFiles = append(report.BootFiles, entry.Path)
	}
	return starts, nil
}

// note counts an entry and keeps it if it is a candidate for booting.
func (report *Report) note(entry Entry, size int64, primary bool) {
	for _, extent := range entry.Extents {
		report.Truncated = report.Truncated || extent.Size > 0 && extent.LBA*SectorSize+extent.Size > size
	}
	if entry.Dir {
		return
	}
	if primary {
		report.Files++
		report.Level = max(report.Level, entry.level())
		if len(entry.Extents) > 1 {
			report.MultiExtent++
		}
	}
	lower := strings.ToLower(entry.Path)
	switch {
	case path.Base(lower) == "isolinux.bin", slices.Contains(bootFileNames, lower):
		report.bios = append(report.bios, entry)
	case slices.Contains(efiImageNames, lower):
		report.efi = append(report.efi, entry)
	case path.Base(lower) == "ldlinux.c32":
		report.hasLdlinux = true
	}
}

func rank(names []string, name string) int {
	if i := slices.Index(names, strings.ToLower(name)); i >= 0 {
		return i
	}
	return len(names)
}

// level is the lowest interchange level that allows the entry (ECMA-119 10):
// 8.3 names are level 1, longer ones level 2, several extents level 3.
func (e *Entry) level() int {
	if len(e.Extents) > 1 {
		return 3
	}
	name, _, _ := strings.Cut(string(e.rawName), ";")
	base, extension, _ := strings.Cut(name, ".")
	if len(base) > 8 || len(extension) > 3 {
		return 2
	}
	return 1
}

func (d *Disc) inspectBoot(report *Report, starts map[int64]Entry) error {
	record := d.BootRecord
	if record == nil {
		return nil
	}
	report.Catalog = &CatalogEntry{record.LBA, record.CatalogLBA}
	report.Problems = append(report.Problems, record.Problems...)
	for _, entry := range record.Entries {
		if !entry.Bootable {
			continue
		}
		image, err := d.bootImage(entry, starts)
		if err != nil {
			return err
		}
		report.BootImages = append(report.BootImages, image)
		if problem := d.imageProblem(image); problem != "" {
			report.Problems = append(report.Problems, problem)
		}
	}
	report.Bootable = len(report.BootImages) > 0 && len(report.Problems) == 0
	return nil
}

// imageProblem says why firmware would not boot an image, "" when it would.
func (d *Disc) imageProblem(image BootImage) string {
	switch {
	case image.Platform != "bios" || image.Emulation != "none":
		return ""
	case image.BootInfoTable == TableStale:
		return fmt.Sprintf("the boot info table of the boot image at sector %d is not this disc's", image.LBA)
	case image.LoadSectors == 0:
		return fmt.Sprintf("nothing of the boot image at sector %d is loaded", image.LBA)
	case image.BootInfoTable == TableAbsent:
		head := make([]byte, offTableFirstSum)
		if n, _ := d.r.ReadAt(head, image.LBA*SectorSize); n == len(head) && isISOLINUX(head) && !allZero(head[offTable:]) {
			return fmt.Sprintf("isolinux at sector %d lacks its boot info table", image.LBA)
		}
	}
	return ""
}

func (d *Disc) bootImage(entry BootEntry, starts map[int64]Entry) (BootImage, error) {
	image := BootImage{
		Platform: platformName(entry.Platform), Emulation: emulationName(entry.Media), LoadSectors: int(entry.LoadSectors),
		LBA: entry.LBA, SizeBytes: int64(entry.LoadSectors) * virtualSectorSize, BootInfoTable: TableAbsent,
	}
	file, inTree := starts[entry.LBA]
	if inTree {
		image.Path, image.SizeBytes = file.Path, file.Size
	}
	head := make([]byte, offTableFirstSum)
	if n, _ := d.r.ReadAt(head, entry.LBA*SectorSize); n < len(head) {
		return image, nil
	}
	if entry.Platform == platformEFI {
		if size := fatSize(head); !inTree && size > 0 && entry.LBA*SectorSize+size <= d.size {
			image.SizeBytes = size
		}
		return image, nil
	}
	if length, ok := d.tableLength(entry.LBA); !inTree && ok {
		image.SizeBytes = length
	}
	state, _, err := d.tableState(Extent{entry.LBA, image.SizeBytes})
	image.BootInfoTable = state
	return image, err
}

// fatSize is the size of a FAT file system by its own boot sector (ECMA-107
// 7.1), 0 when it is none.
func fatSize(head []byte) int64 {
	unit, short, long := binary.LittleEndian.Uint16(head[11:]), binary.LittleEndian.Uint16(head[19:]), binary.LittleEndian.Uint32(head[32:])
	if unit < 512 || unit > 4096 || unit&(unit-1) != 0 || head[0] != 0xEB && head[0] != 0xE9 {
		return 0
	}
	if short != 0 {
		return int64(short) * int64(unit)
	}
	return int64(long) * int64(unit)
}

// tableLength is a boot image's length by its own boot info table, when that
// agrees with where it is and with its checksum.
func (d *Disc) tableLength(lba int64) (int64, bool) {
	head := make([]byte, offTableFirstSum)
	if _, err := d.r.ReadAt(head, lba*SectorSize); err != nil {
		return 0, false
	}
	table := parseTable(head)
	if int64(table.file) != lba || table.length < offTableFirstSum || int64(table.length) > maxBootFile || lba*SectorSize+int64(table.length) > d.size {
		return 0, false
	}
	state, _, err := d.tableState(Extent{lba, int64(table.length)})
	return int64(table.length), err == nil && state == TablePresent
}

func describe(found descriptor) string {
	switch found.kind {
	case typePrimary:
		return fmt.Sprintf("%d primary volume descriptor", found.lba)
	case typeBootRecord:
		return fmt.Sprintf("%d boot record", found.lba)
	case typeSupplementary:
		if isJoliet(found.data) {
			return fmt.Sprintf("%d supplementary volume descriptor (Joliet)", found.lba)
		}
		return fmt.Sprintf("%d supplementary volume descriptor", found.lba)
	case typePartition:
		return fmt.Sprintf("%d partition descriptor", found.lba)
	case typeTerminator:
		return fmt.Sprintf("%d terminator", found.lba)
	default:
		return fmt.Sprintf("%d descriptor of unknown type %d", found.lba, found.kind)
	}
}

// maxSessions bounds the search for sessions.
const maxSessions = 64

// countSessions counts the sessions that growing left behind: each begins where
// the one before ends, rounded up to 32 sectors, with descriptors of its own 16
// sectors further on. xorriso, growing an image in place, keeps those of the
// first session at 48.
func (d *Disc) countSessions(report *Report) {
	start, end := int64(0), d.Trees[0].VolumeSize
	if size, ok := d.sessionAt(32); ok {
		start, end = 32, size
	}
	for start < end && report.Sessions < maxSessions {
		start = alignUp(end, 32)
		size, ok := d.sessionAt(start)
		if !ok {
			return
		}
		report.Sessions++
		end = max(start+1, size)
	}
}

// sessionAt gives the end of the session that starts at a sector.
func (d *Disc) sessionAt(start int64) (end int64, ok bool) {
	lba := start + firstDescriptor
	if (lba+1)*SectorSize > d.size {
		return 0, false
	}
	data, err := d.sector(lba)
	if err != nil || data[offType] != typePrimary || string(data[offStandardID:offStandardID+5]) != standardID {
		return 0, false
	}
	return int64(binary.LittleEndian.Uint32(data[offVolumeSpaceSize:])), true
}
