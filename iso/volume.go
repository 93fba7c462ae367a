package iso

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
)

// ErrNotISO says that an image has no ISO 9660 volume descriptor where one must
// be.
var ErrNotISO = errors.New("no ISO 9660 volume descriptor at sector 16")

// FormatError says what on a disc is not as the standards say, and where.
type FormatError struct {
	LBA  int64  // sector
	What string // the structure, e.g. "directory /BOOT"
	Why  string
}

// Error names the structure, its sector and what is wrong.
func (e *FormatError) Error() string {
	return fmt.Sprintf("%s at sector %d: %s", e.What, e.LBA, e.Why)
}

// Tree is one name space of a disc: a directory hierarchy with its volume
// descriptor.
type Tree struct {
	Kind       string // "iso9660", "joliet" or "enhanced" (ISO 9660:1999)
	Descriptor int64  // LBA of the volume descriptor
	VolumeID   string
	VolumeSize int64 // sectors
	Root       Extent
	PathTables []PathTable
	RockRidge  bool
	data       []byte // the descriptor

	suspSkip     int // bytes to skip in each system use area (SUSP 5.3)
	suspRootSkip int // the same for the root's own record
}

// PathTable is one of the up to four path tables of a tree (ECMA-119 6.9).
type PathTable struct {
	LBA       int64
	Size      int64 // bytes
	BigEndian bool  // type M
	Optional  bool
	pointer   int // offset in the descriptor of the field that points here
}

// Extent is a run of bytes that starts at a sector.
type Extent struct {
	LBA  int64
	Size int64 // bytes
}

// sectors is the number of sectors that the extent touches.
func (e Extent) sectors() int64 { return (e.Size + SectorSize - 1) / SectorSize }

// Disc is an image whose volume descriptors have been read.
type Disc struct {
	r    io.ReaderAt
	size int64 // bytes of the image

	Trees      []Tree
	descriptor []descriptor // in order, the terminator included
	udf        udfVolume
	BootRecord *BootRecord // nil: none
}

// descriptor is one volume descriptor as found.
type descriptor struct {
	lba  int64
	kind byte
	data []byte // one sector
}

// Open reads the volume descriptors of an image of size bytes. The error is
// ErrNotISO or a *FormatError when the image is not a disc that can be read.
func Open(r io.ReaderAt, size int64) (*Disc, error) {
	d := &Disc{r: r, size: size}
	if size < (firstDescriptor+2)*SectorSize {
		return nil, fmt.Errorf("%w: the image has only %d bytes", ErrNotISO, size)
	}
	if err := d.readDescriptors(); err != nil {
		return nil, err
	}
	if err := d.readTrees(); err != nil {
		return nil, err
	}
	if err := d.readUDF(); err != nil {
		return nil, err
	}
	if err := d.readBootRecord(); err != nil {
		return nil, err
	}
	return d, nil
}

// Size is the image's size in bytes.
func (d *Disc) Size() int64 { return d.size }

// sector reads one sector. What lies beyond a short last sector reads as zero.
func (d *Disc) sector(lba int64) ([]byte, error) {
	return d.bytes(Extent{lba, SectorSize})
}

// bytes reads an extent, whose size the caller has bounded.
func (d *Disc) bytes(e Extent) ([]byte, error) {
	if e.LBA < 0 || e.Size < 0 || e.LBA > d.size/SectorSize {
		return nil, &FormatError{e.LBA, "extent", fmt.Sprintf("lies beyond the image's end (%d sectors)", d.size/SectorSize)}
	}
	data := make([]byte, e.Size)
	n, err := d.r.ReadAt(data, e.LBA*SectorSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read sector %d: %w", e.LBA, err)
	}
	if int64(n) < e.Size && d.size-e.LBA*SectorSize < e.Size-(SectorSize-1) {
		return nil, &FormatError{e.LBA, "extent", fmt.Sprintf("its %d bytes reach beyond the image's end", e.Size)}
	}
	return data, nil
}

func (d *Disc) readDescriptors() error {
	for lba := int64(firstDescriptor); lba < firstDescriptor+maxDescriptors; lba++ {
		if (lba+1)*SectorSize > d.size {
			return &FormatError{lba, "volume descriptors", "the image ends before their terminator"}
		}
		data, err := d.sector(lba)
		if err != nil {
			return err
		}
		if string(data[offStandardID:offStandardID+5]) != standardID {
			if lba == firstDescriptor {
				return ErrNotISO
			}
			return &FormatError{lba, "volume descriptors", "no terminator ends them"}
		}
		d.descriptor = append(d.descriptor, descriptor{lba, data[offType], data})
		if data[offType] == typeTerminator {
			return nil
		}
	}
	return &FormatError{firstDescriptor, "volume descriptors", fmt.Sprintf("more than %d", maxDescriptors)}
}

func (d *Disc) readTrees() error {
	for _, found := range d.descriptor {
		var kind string
		switch {
		case found.kind == typePrimary:
			kind = "iso9660"
		case found.kind == typeSupplementary && isJoliet(found.data):
			kind = "joliet"
		case found.kind == typeSupplementary && found.data[offVersion] == 2:
			kind = "enhanced"
		case found.kind == typeSupplementary:
			kind = "supplementary"
		default:
			continue
		}
		tree, err := readTree(found, kind)
		if err != nil {
			return err
		}
		d.Trees = append(d.Trees, tree)
	}
	if len(d.Trees) == 0 || d.Trees[0].Kind != "iso9660" {
		return &FormatError{firstDescriptor, "volume descriptors", "no primary volume descriptor"}
	}
	return d.detectRockRidge(&d.Trees[0])
}

// isJoliet recognizes the escape sequences of UCS-2 levels 1 to 3 (Joliet
// specification, "Escape Sequences").
func isJoliet(data []byte) bool {
	escapes := string(data[offEscapes : offEscapes+3])
	return escapes == "%/@" || escapes == "%/C" || escapes == "%/E"
}

func readTree(found descriptor, kind string) (Tree, error) {
	data := found.data
	tree := Tree{
		Kind:       kind,
		Descriptor: found.lba,
		data:       data,
		VolumeSize: int64(binary.LittleEndian.Uint32(data[offVolumeSpaceSize:])),
		Root:       recordExtent(data[offRootRecord : offRootRecord+lenRootRecord]),
	}
	if kind == "joliet" {
		tree.VolumeID = printable(strings.TrimRight(ucs2(data[offVolumeID:offVolumeID+32]), " \x00"))
	} else {
		tree.VolumeID = printable(strings.TrimRight(string(data[offVolumeID:offVolumeID+32]), " \x00"))
	}
	if size := binary.LittleEndian.Uint16(data[offBlockSize:]); size != SectorSize {
		return tree, &FormatError{found.lba, "volume descriptor", fmt.Sprintf("logical blocks of %d bytes: only 2048 are understood", size)}
	}
	return tree, tree.readPathTables(data)
}

func (t *Tree) readPathTables(data []byte) error {
	size := int64(binary.LittleEndian.Uint32(data[offPathTableSize:]))
	if size > maxPathTable {
		return &FormatError{t.Descriptor, "path table", fmt.Sprintf("absurd size of %d bytes", size)}
	}
	for _, field := range []PathTable{
		{pointer: offPathTableL}, {pointer: offPathTableOptL, Optional: true},
		{pointer: offPathTableM, BigEndian: true}, {pointer: offPathTableOptM, BigEndian: true, Optional: true},
	} {
		field.Size = size
		if field.BigEndian {
			field.LBA = int64(binary.BigEndian.Uint32(data[field.pointer:]))
		} else {
			field.LBA = int64(binary.LittleEndian.Uint32(data[field.pointer:]))
		}
		if field.LBA != 0 {
			t.PathTables = append(t.PathTables, field)
		}
	}
	return nil
}

// recordExtent reads the place and size that a directory record gives.
func recordExtent(record []byte) Extent {
	return Extent{
		LBA:  int64(binary.LittleEndian.Uint32(record[recExtent:])) + int64(record[recExtAttr]),
		Size: int64(binary.LittleEndian.Uint32(record[recDataLength:])),
	}
}

// ucs2 reads big-endian UCS-2 text (Joliet specification, "UCS-2 Byte Ordering").
func ucs2(data []byte) string {
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = binary.BigEndian.Uint16(data[2*i:])
	}
	return string(utf16.Decode(units))
}
