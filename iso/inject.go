package iso

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// InjectOptions say how to make a disc bootable. The zero value takes what the
// disc itself has.
type InjectOptions struct {
	// BootFile is a BIOS boot file (isolinux.bin, or a .bif saved from another
	// disc) to append; nil means the disc's own.
	BootFile []byte
	// BootPath names the boot file in the disc's tree; "" means the first of the
	// usual places.
	BootPath string
	// EFIImage is an EFI system partition image to append, of EFISize bytes; nil
	// means the disc's own if it has one.
	EFIImage io.ReaderAt
	EFISize  int64
	// Hybrid is the master boot record that makes the disc boot from a USB stick
	// as well (syslinux's isohdpfx.bin); nil means none. See [HybridMBR].
	Hybrid []byte
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
	// Warnings are what the user should know of the result.
	Warnings []string
	// BootFile is the path of the BIOS boot file in the tree, "" for one that is
	// appended.
	BootFile string
	// BIOS and EFI say which firmware the written catalog serves.
	BIOS, EFI bool
	// Implanted says that the disc has an implanted checksum, which Reimplant
	// computes anew; Apply and WriteCopy do so themselves.
	Implanted bool

	overlay
	disc        *Disc
	descriptors []*plannedDescriptor // from sector 16 on, UDF's recognition sequence included
	next        int64                // LBA of the next sector to append
	implanted   bool                 // the checksum is computed
}

// plannedDescriptor is a volume descriptor as it will be.
type plannedDescriptor struct {
	old    int64 // LBA at which the disc has it now; 0 for the new boot record
	data   []byte
	mended bool // it refers to something that moves
}

// PlanInjection decides how to make the disc in an image of size bytes
// bootable, and reads no more of it than its directories, path tables and boot
// file. What it does not understand it refuses: the errors are ErrNotISO,
// ErrNoBootFile, *FormatError, *TruncatedError and *OccupiedError.
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
	p.next = (size + SectorSize - 1) / SectorSize
	for i := range disc.Trees {
		p.next = max(p.next, disc.Trees[i].VolumeSize)
	}
	if err := p.plan(report, opts); err != nil {
		return nil, err
	}
	p.warn(report, opts)
	return p, nil
}

func (p *Injection) plan(report *Report, opts InjectOptions) error {
	if err := p.planDescriptors(); err != nil {
		return err
	}
	entries, err := p.bootEntries(report, opts)
	if err != nil {
		return err
	}
	catalog := p.append(encodeCatalog(entries), "boot catalog")
	p.descriptors[1].data = encodeBootRecord(catalog)
	align := int64(1)
	if opts.Hybrid != nil {
		align = hybridAlign
	}
	p.repeatUDFAnchor(align)
	if opts.Hybrid != nil {
		if err := p.hybrid(opts.Hybrid, entries); err != nil {
			return err
		}
	}
	if p.next > math.MaxUint32 {
		return fmt.Errorf("the disc would have %d sectors, more than ISO 9660 can count", p.next)
	}
	p.Implanted = p.disc.implanted().MD5 != "" && !opts.KeepChecksum
	p.writeDescriptors()
	p.total = p.next * SectorSize
	return p.sortWrites()
}

// append puts data at the end, in sectors of its own, and gives their LBA.
func (p *Injection) append(data []byte, what string) int64 {
	lba := p.next
	p.patch(lba*SectorSize, data, what)
	p.next += Extent{0, int64(len(data))}.sectors()
	return lba
}

// appendFrom is append for what is not to be held in memory.
func (p *Injection) appendFrom(r io.ReaderAt, size int64, what string) int64 {
	lba := p.next
	p.moves = append(p.moves, Move{To: lba * SectorSize, Size: size, What: what, donor: r})
	p.next += Extent{0, size}.sectors()
	return lba
}

func (p *Injection) patch(offset int64, data []byte, what string) {
	p.writes = append(p.writes, Write{Offset: offset, Data: data, What: what})
}

// planDescriptors gives the sectors from 16 on as they will be, with room for
// the boot record at 17, and makes sure that they fit: what is in the way is
// moved.
func (p *Injection) planDescriptors() error {
	p.descriptors = []*plannedDescriptor{nil, {}}
	var rest []*plannedDescriptor
	for _, found := range p.disc.descriptor {
		planned := &plannedDescriptor{old: found.lba, data: slices.Clone(found.data)}
		switch {
		case found.isBootRecord():
		case found.kind == typePrimary && p.descriptors[0] == nil:
			p.descriptors[0] = planned
		default:
			rest = append(rest, planned)
		}
	}
	p.descriptors = append(p.descriptors, withoutRepeats(rest)...)
	recognition, err := p.recognition()
	if err != nil {
		return err
	}
	taken := int(p.disc.lastDescriptor() - firstDescriptor + 1)
	for len(p.descriptors)+len(recognition) < taken { // of several boot records one remains
		p.descriptors = append(p.descriptors, &plannedDescriptor{data: slices.Clone(rest[len(rest)-1].data)})
	}
	p.descriptors = append(p.descriptors, recognition...)
	if len(p.descriptors) > taken {
		return p.freeSector(firstDescriptor + int64(len(p.descriptors)) - 1)
	}
	return nil
}

// recognition gives UDF's volume recognition sequence, which moves along with
// the descriptors: it holds no addresses.
func (p *Injection) recognition() ([]*plannedDescriptor, error) {
	var sequence []*plannedDescriptor
	for _, lba := range p.disc.udf.recognition {
		data, err := p.disc.sector(lba)
		if err != nil {
			return nil, err
		}
		sequence = append(sequence, &plannedDescriptor{old: lba, data: data})
	}
	return withoutRepeats(sequence), nil
}

// withoutRepeats leaves out descriptors that an interrupted injection in place
// has doubled: the same but for the volume's size.
func withoutRepeats(set []*plannedDescriptor) []*plannedDescriptor {
	sizeless := func(d *plannedDescriptor) string {
		data := slices.Clone(d.data)
		clear(data[offVolumeSpaceSize : offVolumeSpaceSize+8])
		return string(data)
	}
	return slices.CompactFunc(set, func(a, b *plannedDescriptor) bool { return sizeless(a) == sizeless(b) })
}

// descriptorAt is the planned form of the descriptor that the disc has at a
// sector now.
func (p *Injection) descriptorAt(lba int64) *plannedDescriptor {
	for _, planned := range p.descriptors {
		if planned.old == lba && lba != 0 {
			return planned
		}
	}
	return nil
}

// writeDescriptors plans the descriptors with the volume's new size in each
// that has one.
func (p *Injection) writeDescriptors() {
	for i, planned := range p.descriptors {
		kind := planned.data[offType]
		isVolume := kind == typePrimary || kind == typeSupplementary
		if isVolume && string(planned.data[offStandardID:offStandardID+5]) == standardID {
			putBothEndian32(planned.data[offVolumeSpaceSize:], uint32(p.next))
		}
		lba := firstDescriptor + int64(i)
		what := describe(descriptor{lba, kind, planned.data})
		p.writes = append(p.writes, Write{Offset: lba * SectorSize, Data: planned.data, What: what, last: true})
		if planned.mended && planned.old != lba {
			p.interim = append(p.interim, Write{Offset: planned.old * SectorSize, Data: planned.data, What: what})
		}
	}
}

// place gives the sector at which an extent will begin: another if it moves.
func (p *Injection) place(lba int64) int64 {
	for _, move := range p.moves {
		if move.donor == nil && move.From == lba*SectorSize {
			return move.To / SectorSize
		}
	}
	return lba
}

// sortWrites puts the writes in order and makes sure that no two overlap.
func (p *Injection) sortWrites() error {
	slices.SortStableFunc(p.writes, func(a, b Write) int { return cmp.Compare(a.Offset, b.Offset) })
	for i := 1; i < len(p.writes); i++ {
		before, next := p.writes[i-1], p.writes[i]
		if before.Offset+int64(len(before.Data)) > next.Offset {
			return &FormatError{next.Offset / SectorSize, next.What, "it overlaps with the " + before.What + ": the disc is too damaged to change"}
		}
	}
	return nil
}

// warn collects what the user should know.
func (p *Injection) warn(report *Report, opts InjectOptions) {
	add := func(format string, args ...any) { p.Warnings = append(p.Warnings, fmt.Sprintf(format, args...)) }
	if !p.BIOS {
		add("the disc has no BIOS boot file: it will boot with UEFI only")
	}
	if report.Sessions > 1 {
		add("the image holds %d sessions: the newest, at sector 16, is made bootable", report.Sessions)
	}
	if missing := p.disc.Trees[0].VolumeSize - (p.size+SectorSize-1)/SectorSize; missing > 0 {
		add("the image lacks the volume's last %d sectors, which no file uses: they are filled with zeros", missing)
	}
	if report.ISOMD5 != "" && opts.KeepChecksum {
		add("the implanted checksum no longer matches: the installer's media check will fail; skip it")
	}
}

// Size is the size in bytes of the image that results.
func (p *Injection) Size() int64 { return p.total }

// Reader reads the image that results, from its start, without a copy. Each
// call gives a new one. If Implanted, call Reimplant first.
func (p *Injection) Reader() *io.SectionReader { return io.NewSectionReader(&p.overlay, 0, p.total) }

// Writes lists what would be written, by place.
func (p *Injection) Writes() []Write { return slices.Clone(p.writes) }

// Moves lists what would be copied elsewhere on the disc, or from another disc,
// first.
func (p *Injection) Moves() []Move { return slices.Clone(p.moves) }

// errNoFile is how a lookup says that there is nothing to use.
var errNoFile = errors.New("no such file")
