package iso

import (
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
// non-bootable ISO image bootable": the isolinux folder, file isolinux.bin).
var bootFileNames = []string{"/isolinux/isolinux.bin", "/boot/isolinux/isolinux.bin", "/syslinux/isolinux.bin", "/isolinux.bin"}

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
		report.Descriptors = append(report.Descriptors, d.describe(found))
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

// survey walks the primary tree and gives the files by the sector they start
// at.
func (d *Disc) survey(report *Report) (map[int64]Entry, error) {
	starts := map[int64]Entry{}
	var bios, efi []string
	err := d.Walk(&d.Trees[0], func(entry Entry) (bool, error) {
		for _, extent := range entry.Extents {
			report.Truncated = report.Truncated || extent.LBA*SectorSize+extent.Size > d.size
		}
		if entry.Dir {
			return true, nil
		}
		report.Files++
		if len(entry.Extents) > 1 {
			report.MultiExtent++
		}
		report.Level = max(report.Level, entry.level())
		if entry.Size > 0 {
			if _, taken := starts[entry.Extents[0].LBA]; !taken {
				starts[entry.Extents[0].LBA] = entry
			}
		}
		lower := strings.ToLower(entry.Path)
		switch {
		case path.Base(lower) == "isolinux.bin":
			bios = append(bios, entry.Path)
		case slices.Contains(efiImageNames, lower):
			efi = append(efi, entry.Path)
		}
		return true, nil
	})
	slices.SortStableFunc(bios, func(a, b string) int { return rank(bootFileNames, a) - rank(bootFileNames, b) })
	slices.SortStableFunc(efi, func(a, b string) int { return rank(efiImageNames, a) - rank(efiImageNames, b) })
	report.BootFiles = append(append(report.BootFiles, bios...), efi...)
	return starts, err
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
	bios := false
	for _, entry := range record.Entries {
		if !entry.Bootable {
			continue
		}
		image, err := d.bootImage(entry, starts)
		if err != nil {
			return err
		}
		if image.BootInfoTable == TableStale && entry.Platform == platformBIOS {
			report.Problems = append(report.Problems, fmt.Sprintf("the boot info table of the boot image at sector %d is not this disc's", image.LBA))
		}
		bios = true
		report.BootImages = append(report.BootImages, image)
	}
	report.Bootable = bios && len(report.Problems) == 0
	return nil
}

func (d *Disc) bootImage(entry BootEntry, starts map[int64]Entry) (BootImage, error) {
	image := BootImage{
		Platform: platformName(entry.Platform), Emulation: emulationName(entry.Media), LoadSectors: int(entry.LoadSectors),
		LBA: entry.LBA, SizeBytes: int64(entry.LoadSectors) * virtualSectorSize, BootInfoTable: TableAbsent,
	}
	if file, ok := starts[entry.LBA]; ok {
		image.Path, image.SizeBytes = file.Path, file.Size
	}
	if entry.LBA*SectorSize+offTableFirstSum > d.size {
		return image, nil
	}
	extent := Extent{entry.LBA, image.SizeBytes}
	if image.Path == "" {
		if length, ok := d.tableLength(entry.LBA); ok {
			extent.Size, image.SizeBytes = length, length
		}
	}
	if entry.Platform != platformBIOS {
		return image, nil
	}
	state, _, err := d.tableState(extent)
	if err != nil {
		return image, err
	}
	image.BootInfoTable = state
	if state == TableStale && !d.claimsTable(extent) {
		image.BootInfoTable = TableAbsent
	}
	return image, nil
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

// claimsTable says that the bytes at a boot info table's place are one: its
// reserved words are zero, and it names a length near the file's. Other boot
// images have code there.
func (d *Disc) claimsTable(file Extent) bool {
	head := make([]byte, offTableFirstSum)
	if _, err := d.r.ReadAt(head, file.LBA*SectorSize); err != nil {
		return false
	}
	for _, b := range head[offTable+16:] {
		if b != 0 {
			return false
		}
	}
	return true
}

func (d *Disc) describe(found descriptor) string {
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

// countSessions looks for later sessions, each with descriptors of its own 16
// sectors after its start, which growing in place leaves behind.
func (d *Disc) countSessions(report *Report) {
	for lba := int64(32); lba < min(256, d.size/SectorSize); lba += 16 {
		data, err := d.sector(lba)
		if err != nil {
			return
		}
		if data[offType] == typePrimary && string(data[offStandardID:offStandardID+5]) == standardID {
			report.Sessions++
		}
	}
}
