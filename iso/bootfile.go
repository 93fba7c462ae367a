package iso

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// ErrNoBootFile says that a disc holds no boot file that could be used.
var ErrNoBootFile = errors.New("the disc has no isolinux/isolinux.bin and no boot file was given")

// bootEntries decides on the boot images, BIOS first, and writes what has to be
// written into them.
func (p *Injection) bootEntries(report *Report, opts InjectOptions) ([]BootEntry, error) {
	var entries []BootEntry
	bios, err := p.biosImage(report, opts)
	noBIOS := errors.Is(err, ErrNoBootFile)
	if err != nil && !noBIOS {
		return nil, err
	}
	if !noBIOS {
		p.BIOS, entries = true, append(entries, bios)
	}
	efi, efiErr := p.efiImage(report, opts)
	if efiErr == nil {
		p.EFI, entries = true, append(entries, efi)
	} else if !errors.Is(efiErr, errNoFile) {
		return nil, efiErr
	}
	if len(entries) == 0 {
		return nil, err
	}
	return entries, nil
}

// biosImage decides on the BIOS boot file and writes its boot info table.
func (p *Injection) biosImage(report *Report, opts InjectOptions) (BootEntry, error) {
	entry := BootEntry{Platform: platformBIOS, Bootable: true, Media: mediaNoEmulation, LoadSectors: defaultLoadSectors}
	if opts.BootFile != nil {
		if err := CheckBootFile(opts.BootFile); err != nil {
			return entry, err
		}
		data := slices.Clone(opts.BootFile)
		entry.LBA = p.next
		patches, err := bootPatches(bytes.NewReader(data), int64(len(data)), entry.LBA)
		if err != nil {
			return entry, err
		}
		for _, patch := range patches {
			copy(data[patch.Offset:], patch.Data)
		}
		p.append(data, "boot file")
		p.warnBootFile(data, report)
		return entry, nil
	}
	file, err := p.treeBootFile(report, opts.BootPath)
	if err != nil {
		return entry, err
	}
	p.BootFile, entry.LBA = file.Path, p.place(file.Extents[0].LBA)
	content := io.NewSectionReader(p.source, file.Extents[0].LBA*SectorSize, file.Size)
	patches, err := bootPatches(content, file.Size, entry.LBA)
	if err != nil {
		return entry, err
	}
	for _, patch := range patches {
		p.patch(entry.LBA*SectorSize+patch.Offset, patch.Data, patch.What+" of "+file.Path)
	}
	head := make([]byte, min(file.Size, 64<<10))
	if _, err := content.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return entry, fmt.Errorf("read %s: %w", file.Path, err)
	}
	p.warnBootFile(head, report)
	return entry, nil
}

// bootPatches gives what has to be written into a boot file that will lie at an
// LBA: its boot info table, and GRUB 2's pointer to itself.
func bootPatches(file io.ReaderAt, size, lba int64) ([]Write, error) {
	sum, err := tableChecksum(io.NewSectionReader(file, 0, size))
	if err != nil {
		return nil, err
	}
	var patches []Write
	head := make([]byte, min(size, grub2Head))
	if _, err := file.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the boot file: %w", err)
	}
	if isGRUB2(head) {
		pointer := binary.LittleEndian.AppendUint64(nil, uint64(lba)*4+5)
		for i := 0; i < 8; i += 4 {
			sum += binary.LittleEndian.Uint32(pointer[i:]) - binary.LittleEndian.Uint32(head[offGrub2+i:])
		}
		patches = append(patches, Write{Offset: offGrub2, Data: pointer, What: "GRUB 2 boot pointer"})
	}
	table := bootInfoTable{firstDescriptor, uint32(lba), uint32(size), sum}
	return append(patches, Write{Offset: offTable, Data: table.encode(), What: "boot info table"}), nil
}

// CheckBootFile refuses what cannot be a BIOS boot file, or is only the start of
// one: of 2,048 bytes of isolinux, which some tools save, no disc boots.
func CheckBootFile(file []byte) error {
	if len(file) < offTableFirstSum || len(file) > maxBootFile {
		return fmt.Errorf("a boot file of %d bytes cannot be one: isolinux.bin has some ten thousand", len(file))
	}
	table := parseTable(file)
	cut := isISOLINUX(file) && (len(file) <= SectorSize || int64(table.length) > int64(len(file)) && table.length < maxBootFile)
	if cut {
		return &CutBootFileError{Have: len(file), Need: int(table.length)}
	}
	return nil
}

// CutBootFileError says that a boot file is only the first part of isolinux.
type CutBootFileError struct {
	Have, Need int // bytes; Need is what the file itself says
}

// Error says how much is there.
func (e *CutBootFileError) Error() string {
	return fmt.Sprintf("the boot file is only the first %d bytes of isolinux: no disc boots from that", e.Have)
}

// Hint says how to get the whole file.
func (e *CutBootFileError) Hint() string {
	return "take the whole boot file: uclab iso extract DISC -o boot.bif, or the file isolinux/isolinux.bin of any disc"
}

// isISOLINUX recognizes isolinux's start: cli, then a far jump over the boot
// info table to 0000:7Cxx.
func isISOLINUX(head []byte) bool {
	return len(head) >= offTableFirstSum && head[0] == 0xFA && head[1] == 0xEA && head[3] == 0x7C && head[4] == 0 && head[5] == 0
}

// grub2Head is how much of a file tells whether it is GRUB 2's.
const grub2Head = offGrub2 + 12

// isGRUB2 recognizes GRUB 2's second sector, whose disk loader carries its error
// messages.
func isGRUB2(head []byte) bool {
	return len(head) >= grub2Head && bytes.Contains(head[SectorSize:offGrub2], []byte("Geom\x00Read\x00 Error"))
}

// warnBootFile says what may keep a boot file from working on this disc.
func (p *Injection) warnBootFile(head []byte, report *Report) {
	if !isISOLINUX(head) && !isGRUB2(head) {
		p.Warnings = append(p.Warnings, "the boot file is neither isolinux nor GRUB 2: whether it can work with a boot info table is not known")
		return
	}
	_, version, found := bytes.Cut(head, []byte("ISOLINUX "))
	if found && len(version) > 1 && version[0] >= '5' && version[0] <= '9' && version[1] == '.' && !report.hasLdlinux {
		p.Warnings = append(p.Warnings, fmt.Sprintf("this isolinux (%.4s) needs ldlinux.c32 on the disc, which has none: take the boot file of an older disc", version))
	}
}

// treeBootFile finds the boot file in the disc's own trees.
func (p *Injection) treeBootFile(report *Report, name string) (*Entry, error) {
	if name == "" {
		if len(report.bios) == 0 {
			return nil, ErrNoBootFile
		}
		return usableBootFile(&report.bios[0])
	}
	for i := range p.disc.Trees {
		file, err := p.disc.Lookup(&p.disc.Trees[i], name)
		if err != nil {
			return nil, err
		}
		if file != nil && !file.Dir {
			return usableBootFile(file)
		}
	}
	return nil, fmt.Errorf("the disc has no file %s", name)
}

func usableBootFile(file *Entry) (*Entry, error) {
	if len(file.Extents) != 1 || file.Size < offTableFirstSum || file.Size > maxBootFile {
		return nil, fmt.Errorf("%s has %d bytes in %d extents: that is no boot file", file.Path, file.Size, len(file.Extents))
	}
	return file, nil
}

// efiImage decides on the EFI system partition image; errNoFile when there is
// none. The section's sector count is the true size: firmware reads no more than
// it says, and takes 0 for "to the end of the disc".
func (p *Injection) efiImage(report *Report, opts InjectOptions) (BootEntry, error) {
	entry := BootEntry{Platform: platformEFI, Bootable: true, Media: mediaNoEmulation}
	size := opts.EFISize
	switch {
	case opts.EFIImage != nil:
		entry.LBA = p.appendFrom(opts.EFIImage, size, "EFI image")
	case len(report.efi) > 0 && len(report.efi[0].Extents) == 1 && report.efi[0].Size > 0:
		entry.LBA, size = p.place(report.efi[0].Extents[0].LBA), report.efi[0].Size
	default:
		return entry, errNoFile
	}
	if sectors := (size + virtualSectorSize - 1) / virtualSectorSize; sectors <= math.MaxUint16 {
		entry.LoadSectors = uint16(sectors)
	}
	return entry, nil
}

// BootFile takes a BIOS boot file from a disc: the boot catalog's image with its
// true length, or else the file in the tree. from says which. The error is
// ErrNoBootFile when the disc has neither.
func (d *Disc) BootFile() (data []byte, from string, err error) {
	report, err := d.Inspect()
	if err != nil {
		return nil, "", err
	}
	extent := Extent{}
	for _, image := range report.BootImages {
		if image.Platform == "bios" {
			extent, from = Extent{image.LBA, image.SizeBytes}, "the boot catalog"
			break
		}
	}
	if from == "" && len(report.bios) > 0 && len(report.bios[0].Extents) == 1 {
		extent, from = report.bios[0].Extents[0], report.bios[0].Path
	}
	if from == "" {
		return nil, "", ErrNoBootFile
	}
	if extent.Size > maxBootFile || extent.LBA*SectorSize+extent.Size > d.size {
		return nil, "", &FormatError{extent.LBA, "boot file", fmt.Sprintf("%d bytes are not a boot file's size, or not on the disc", extent.Size)}
	}
	data, err = d.bytes(extent)
	return data, from, err
}

// EFIImage gives a disc's EFI system partition image, from the boot catalog or
// the tree; nil when it has none.
func (d *Disc) EFIImage() (*io.SectionReader, error) {
	report, err := d.Inspect()
	if err != nil {
		return nil, err
	}
	extent := Extent{}
	for _, image := range report.BootImages {
		if image.Platform == "efi" {
			extent = Extent{image.LBA, image.SizeBytes}
			break
		}
	}
	if extent.Size == 0 && len(report.efi) > 0 && len(report.efi[0].Extents) == 1 {
		extent = report.efi[0].Extents[0]
	}
	if extent.Size == 0 || extent.LBA*SectorSize+extent.Size > d.size {
		return nil, nil
	}
	return io.NewSectionReader(d.r, extent.LBA*SectorSize, extent.Size), nil
}
