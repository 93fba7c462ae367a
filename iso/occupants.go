package iso

import (
	"encoding/binary"
	"fmt"
)

// The kinds of use that a sector can have.
const (
	useDirectory    = "directory"
	useFile         = "file"
	usePathTable    = "path table"
	useContinuation = "Rock Ridge continuation area"
	useUDF          = "UDF structure"
	useBoot         = "boot catalog or image"
)

// eachReference visits everything that is known to take sectors, with the field
// that says so: the directories, files and continuation areas of all trees, the
// path tables and their entries, UDF, and the boot record's catalog and images.
func (d *Disc) eachReference(visit func(reference) error) error {
	for i := range d.Trees {
		tree := &d.Trees[i]
		if err := d.eachPathTable(tree, visit); err != nil {
			return err
		}
		w := &walker{disc: d, tree: tree, refer: visit}
		if err := w.walk(); err != nil {
			return err
		}
	}
	for _, extent := range d.udf.used {
		if err := visit(reference{target: extent.LBA, sectors: extent.sectors(), kind: useUDF, fixed: true}); err != nil {
			return err
		}
	}
	return d.eachBootReference(visit)
}

// eachPathTable visits a tree's path tables, the optional copies included, and
// every entry of each (ECMA-119 9.4).
func (d *Disc) eachPathTable(tree *Tree, visit func(reference) error) error {
	for _, table := range tree.PathTables {
		order, enc := binary.ByteOrder(binary.LittleEndian), littleEndian
		if table.BigEndian {
			order, enc = binary.BigEndian, bigEndian
		}
		extent := Extent{table.LBA, table.Size}
		if err := visit(reference{extent.LBA, extent.sectors(), tree.Descriptor*SectorSize + int64(table.pointer), enc, usePathTable, "of the " + tree.Kind + " tree", false}); err != nil {
			return err
		}
		data, err := d.bytes(extent)
		if err != nil {
			return fmt.Errorf("path table: %w", err)
		}
		for at := 0; at+8 <= len(data) && data[at] > 0; at += 8 + (int(data[at])+1)&^1 {
			entry := reference{target: int64(order.Uint32(data[at+2:])), at: extent.LBA*SectorSize + int64(at) + 2, enc: enc, kind: useDirectory}
			if err := visit(entry); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Disc) eachBootReference(visit func(reference) error) error {
	if d.BootRecord == nil {
		return nil
	}
	if lba := d.BootRecord.CatalogLBA; lba > systemAreaSectors {
		if err := visit(reference{target: lba, sectors: 1, kind: useBoot, name: "(catalog)", fixed: true}); err != nil {
			return err
		}
	}
	for _, entry := range d.BootRecord.Entries {
		extent := Extent{entry.LBA, int64(entry.LoadSectors) * virtualSectorSize}
		if err := visit(reference{target: extent.LBA, sectors: extent.sectors(), kind: useBoot, name: "(image)", fixed: true}); err != nil {
			return err
		}
	}
	return nil
}

// maxMissingPadding is how many sectors a volume may be longer than its image
// when only padding is missing: mkisofs pads with 150.
const maxMissingPadding = 300

// TruncatedError says that an image ends before what its directories list.
type TruncatedError struct {
	What string // the file or structure that is cut off
	Have int64  // bytes of the image
	Need int64  // bytes that it would take
}

// Error says what is missing.
func (e *TruncatedError) Error() string {
	return fmt.Sprintf("the image is cut short: it has %d bytes, %s ends at %d", e.Have, e.What, e.Need)
}

// Hint says what to do about it.
func (e *TruncatedError) Hint() string {
	return "the download did not end, or is one part of a split file: fetch it again, or join the parts"
}

// checkWhole refuses an image that ends before its contents, or whose contents
// lie over its descriptors. A short last sector is no loss.
func (d *Disc) checkWhole() error {
	err := d.eachReference(func(r reference) error {
		end := r.target + r.sectors
		if r.sectors > 0 && r.kind != useBoot && end > firstDescriptor && r.target <= d.lastDescriptor() {
			return &FormatError{r.target, r.String(), "it lies over the volume descriptors"}
		}
		if r.kind == useUDF || r.kind == useBoot || r.sectors == 0 || end <= (d.size+SectorSize-1)/SectorSize {
			return nil
		}
		return &TruncatedError{r.String(), d.size, end * SectorSize}
	})
	if err != nil {
		return err
	}
	if need := (d.Trees[0].VolumeSize - maxMissingPadding) * SectorSize; d.size < need {
		return &TruncatedError{"the volume", d.size, d.Trees[0].VolumeSize * SectorSize}
	}
	return nil
}
