package iso

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// ErrNoBootFile says that a disc holds no boot file that could be used.
var ErrNoBootFile = errors.New("the disc has no isolinux/isolinux.bin and no boot file was given")

// InjectOptions say how to make a disc bootable.
type InjectOptions struct {
	// BootFile is a BIOS boot file (isolinux.bin, or a .bif saved from another
	// disc) to append; nil means the disc's own.
	BootFile []byte
	// BootPath names the boot file in the disc's tree; "" means the first of the
	// usual places.
	BootPath string
	// EFIImage is an EFI system partition image to append; nil means the disc's
	// own if it has one.
	EFIImage []byte
	// Force replaces a boot record that is good already.
	Force bool
	// KeepChecksum leaves an implanted checksum as it is, though it will not
	// match any more.
	KeepChecksum bool
}

// Injection is a plan that makes a disc bootable: what to write where. It
// changes nothing by itself.
type Injection struct {
	// Already says that the disc is bootable and nothing needs to be written.
	Already bool
	// Repaired says what was wrong with a boot record that the disc has.
	Repaired []string
	// BootFile is the path of the boot file in the tree, "" for one that is
	// appended.
	BootFile string
	// EFI says that a UEFI section is written, too.
	EFI bool
	// Implanted says that the disc has an implanted checksum, which Reimplant
	// has to compute anew.
	Implanted bool

	overlay
	disc *Disc
	next int64 // LBA of the next sector to append
}

// PlanInjection decides how to make the disc in an image of size bytes
// bootable. What it does not understand it refuses.
func PlanInjection(r io.ReaderAt, size int64, opts InjectOptions) (*Injection, error) {
	disc, err := Open(r, size)
	if err != nil {
		return nil, err
	}
	p := &Injection{disc: disc, overlay: overlay{source: r, size: size, total: size}}
	if err := disc.checkWhole(); err != nil {
		return nil, err
	}
	report, err := disc.Inspect()
	if err != nil {
		return nil, err
	}
	if report.Bootable && !opts.Force {
		p.Already = true
		return p, nil
	}
	p.Repaired = report.Problems
	p.next = max((size+SectorSize-1)/SectorSize, disc.Trees[0].VolumeSize)
	for i := range disc.Trees {
		p.next = max(p.next, disc.Trees[i].VolumeSize)
	}
	if err := p.plan(report, opts); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Injection) plan(report *Report, opts InjectOptions) error {
	after, err := p.descriptorSet()
	if err != nil {
		return err
	}
	bios, err := p.biosImage(report, opts)
	if err != nil {
		return err
	}
	entries := []BootEntry{bios}
	efi, found, err := p.efiImage(report, opts)
	if err != nil {
		return err
	}
	if found {
		entries, p.EFI = append(entries, efi), true
	}
	catalog := p.append(encodeCatalog(entries), "boot catalog")
	if p.next > math.MaxUint32 {
		return fmt.Errorf("the disc would have %d sectors, more than ISO 9660 can count", p.next)
	}
	after[1] = encodeBootRecord(catalog)
	p.writeDescriptors(after)
	p.total = p.next * SectorSize
	p.Implanted = p.disc.implanted().MD5 != "" && !opts.KeepChecksum
	return p.sortWrites()
}

// append puts data at the end, in sectors of its own, and gives their LBA.
func (p *Injection) append(data []byte, what string) int64 {
	lba := p.next
	p.writes = append(p.writes, Write{Offset: lba * SectorSize, Data: data, What: what})
	p.next += (int64(len(data)) + SectorSize - 1) / SectorSize
	return lba
}

func (p *Injection) patch(offset int64, data []byte, what string) {
	p.writes = append(p.writes, Write{Offset: offset, Data: data, What: what})
}

// biosImage decides on the boot file and writes its boot info table.
func (p *Injection) biosImage(report *Report, opts InjectOptions) (BootEntry, error) {
	entry := BootEntry{Platform: platformBIOS, Bootable: true, Media: mediaNoEmulation, LoadSectors: defaultLoadSectors}
	if opts.BootFile != nil {
		if len(opts.BootFile) < offTableFirstSum || len(opts.BootFile) > maxBootFile {
			return entry, fmt.Errorf("a boot file of %d bytes cannot be one: isolinux.bin has some ten thousand", len(opts.BootFile))
		}
		entry.LBA = p.next
		data := slices.Clone(opts.BootFile)
		if err := addTable(data, entry.LBA); err != nil {
			return entry, err
		}
		p.append(data, "boot file")
		return entry, nil
	}
	file, err := p.treeBootFile(report, opts.BootPath)
	if err != nil {
		return entry, err
	}
	p.BootFile, entry.LBA = file.Path, p.place(file.Extents[0].LBA)
	sum, err := tableChecksum(io.NewSectionReader(p.source, file.Extents[0].LBA*SectorSize, file.Size))
	if err != nil {
		return entry, err
	}
	table := bootInfoTable{firstDescriptor, uint32(entry.LBA), uint32(file.Size), sum}
	p.patch(entry.LBA*SectorSize+offTable, table.encode(), "boot info table of "+file.Path)
	return entry, nil
}

// addTable writes the boot info table into a boot file that will lie at an LBA.
func addTable(file []byte, lba int64) error {
	sum, err := tableChecksum(bytes.NewReader(file))
	if err != nil {
		return err
	}
	table := bootInfoTable{firstDescriptor, uint32(lba), uint32(len(file)), sum}
	copy(file[offTable:], table.encode())
	return nil
}

// treeBootFile finds the boot file in the disc's own trees.
func (p *Injection) treeBootFile(report *Report, name string) (*Entry, error) {
	if name == "" {
		for _, candidate := range report.BootFiles {
			if strings.HasSuffix(strings.ToLower(candidate), "isolinux.bin") {
				name = candidate
				break
			}
		}
	}
	if name == "" {
		return nil, ErrNoBootFile
	}
	for i := range p.disc.Trees {
		file, err := p.disc.Lookup(&p.disc.Trees[i], name)
		if err != nil {
			return nil, err
		}
		if file == nil || file.Dir {
			continue
		}
		if len(file.Extents) != 1 || file.Size < offTableFirstSum || file.Size > maxBootFile {
			return nil, fmt.Errorf("%s has %d bytes in %d extents: that is no boot file", file.Path, file.Size, len(file.Extents))
		}
		return file, nil
	}
	return nil, fmt.Errorf("the disc has no file %s", name)
}

// efiImage decides on the EFI system partition image, if there is one. The
// section's sector count is the true size: firmware reads no more than it says,
// and takes 0 for "to the end of the disc".
func (p *Injection) efiImage(report *Report, opts InjectOptions) (BootEntry, bool, error) {
	entry := BootEntry{Platform: platformEFI, Bootable: true, Media: mediaNoEmulation}
	size := int64(len(opts.EFIImage))
	if opts.EFIImage != nil {
		entry.LBA = p.append(opts.EFIImage, "EFI image")
	} else {
		image, err := p.treeEFIImage(report)
		if err != nil || image == nil {
			return entry, false, err
		}
		entry.LBA, size = p.place(image.Extents[0].LBA), image.Size
	}
	if sectors := (size + virtualSectorSize - 1) / virtualSectorSize; sectors <= math.MaxUint16 {
		entry.LoadSectors = uint16(sectors)
	}
	return entry, true, nil
}

func (p *Injection) treeEFIImage(report *Report) (*Entry, error) {
	for _, candidate := range report.BootFiles {
		if !slices.Contains(efiImageNames, strings.ToLower(candidate)) {
			continue
		}
		image, err := p.disc.Lookup(&p.disc.Trees[0], candidate)
		if err != nil {
			return nil, err
		}
		if image != nil && !image.Dir && len(image.Extents) == 1 && image.Size > 0 {
			return image, nil
		}
	}
	return nil, nil
}

// descriptorSet gives the sectors from 16 on as they will be, with room for the
// boot record at 17, and makes sure that they fit: what is in the way is moved.
func (p *Injection) descriptorSet() ([][]byte, error) {
	set := p.disc.descriptor
	after := make([][]byte, 0, len(set)+len(p.disc.udf.recognition)+1)
	after = append(after, slices.Clone(set[0].data), make([]byte, SectorSize))
	for _, found := range set[1:] {
		if p.disc.BootRecord != nil && found.lba == p.disc.BootRecord.LBA {
			continue
		}
		after = append(after, slices.Clone(found.data))
	}
	for _, lba := range p.disc.udf.recognition {
		data, err := p.disc.sector(lba)
		if err != nil {
			return nil, err
		}
		after = append(after, data)
	}
	if len(after) > len(set)+len(p.disc.udf.recognition) {
		if err := p.freeSector(firstDescriptor+int64(len(after))-1, after); err != nil {
			return nil, err
		}
	}
	return after, nil
}

// writeDescriptors plans the descriptors with the volume's new size in each
// that has one.
func (p *Injection) writeDescriptors(after [][]byte) {
	for i, data := range after {
		if data[offType] == typePrimary || data[offType] == typeSupplementary {
			putBothEndian32(data[offVolumeSpaceSize:], uint32(p.next))
		}
		lba := firstDescriptor + int64(i)
		p.writes = append(p.writes, Write{Offset: lba * SectorSize, Data: data, What: p.disc.describe(descriptor{lba, data[0], data}), last: true})
	}
}

// place gives the sector at which an extent will begin: another if it moves.
func (p *Injection) place(lba int64) int64 {
	for _, move := range p.moves {
		if move.From == lba*SectorSize {
			return move.To / SectorSize
		}
	}
	return lba
}

// sortWrites puts the writes in order and makes sure that no two overlap.
func (p *Injection) sortWrites() error {
	slices.SortStableFunc(p.writes, func(a, b Write) int { return cmp.Compare(a.Offset, b.Offset) })
	for i := 1; i < len(p.writes); i++ {
		before := p.writes[i-1]
		if before.Offset+int64(len(before.Data)) > p.writes[i].Offset {
			return fmt.Errorf("%s and %s overlap on this disc: it is too damaged to change", before.What, p.writes[i].What)
		}
	}
	return nil
}

// Size is the size in bytes of the image that results.
func (p *Injection) Size() int64 { return p.total }

// Reader reads the image that results, from its start. Each call gives a new
// one.
func (p *Injection) Reader() *io.SectionReader { return io.NewSectionReader(&p.overlay, 0, p.total) }

// Writes lists what would be written, by place.
func (p *Injection) Writes() []Write { return slices.Clone(p.writes) }

// Moves lists what would be copied elsewhere on the disc first.
func (p *Injection) Moves() []Move { return slices.Clone(p.moves) }
