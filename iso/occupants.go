package iso

import "fmt"

// The kinds of use that a sector can have.
const (
	useDirectory    = "directory"
	useFile         = "file"
	usePathTable    = "path table"
	useContinuation = "Rock Ridge continuation area"
	useUDF          = "UDF structure"
	useBoot         = "boot catalog or image"
)

// use is one thing that a disc keeps in an extent.
type use struct {
	kind   string
	name   string // path, or the name of a table
	extent Extent
	tree   *Tree
	table  PathTable
}

// covers says that the extent of a use touches a sector.
func (u use) covers(lba int64) bool {
	return lba >= u.extent.LBA && lba < u.extent.LBA+u.extent.sectors()
}

// eachUse visits everything that is known to take sectors: the directories,
// files and continuation areas of all trees, the path tables, UDF, and the boot
// record's catalog and images.
func (d *Disc) eachUse(visit func(use) error) error {
	for i := range d.Trees {
		tree := &d.Trees[i]
		for _, table := range tree.PathTables {
			if err := visit(use{usePathTable, tree.Kind, Extent{table.LBA, table.Size}, tree, table}); err != nil {
				return err
			}
		}
		if err := d.eachTreeUse(tree, visit); err != nil {
			return err
		}
	}
	for _, extent := range d.udf.used {
		if err := visit(use{kind: useUDF, extent: extent}); err != nil {
			return err
		}
	}
	return d.eachBootUse(visit)
}

func (d *Disc) eachTreeUse(tree *Tree, visit func(use) error) error {
	return d.Walk(tree, func(entry Entry) (bool, error) {
		kind := useFile
		if entry.Dir {
			kind = useDirectory
		}
		for _, extent := range entry.Extents {
			if extent.Size == 0 {
				continue
			}
			if err := visit(use{kind, entry.Path, extent, tree, PathTable{}}); err != nil {
				return false, err
			}
		}
		for _, area := range entry.areas {
			if err := visit(use{useContinuation, entry.Path, area, tree, PathTable{}}); err != nil {
				return false, err
			}
		}
		return true, nil
	})
}

func (d *Disc) eachBootUse(visit func(use) error) error {
	if d.BootRecord == nil {
		return nil
	}
	if lba := d.BootRecord.CatalogLBA; lba > systemAreaSectors {
		if err := visit(use{kind: useBoot, name: "catalog", extent: Extent{lba, SectorSize}}); err != nil {
			return err
		}
	}
	for _, entry := range d.BootRecord.Entries {
		extent := Extent{entry.LBA, int64(entry.LoadSectors) * virtualSectorSize}
		if err := visit(use{kind: useBoot, name: "image", extent: extent}); err != nil {
			return err
		}
	}
	return nil
}

// occupants gives everything that takes a sector.
func (d *Disc) occupants(lba int64) ([]use, error) {
	var found []use
	err := d.eachUse(func(u use) error {
		if u.covers(lba) {
			found = append(found, u)
		}
		return nil
	})
	return found, err
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

// checkWhole refuses an image that ends before its contents.
func (d *Disc) checkWhole() error {
	err := d.eachUse(func(u use) error {
		end := u.extent.LBA*SectorSize + u.extent.Size
		if u.kind == useUDF || u.kind == useBoot || end <= d.size {
			return nil
		}
		return &TruncatedError{u.kind + " " + u.name, d.size, end}
	})
	if err != nil {
		return err
	}
	if need := (d.Trees[0].VolumeSize - maxMissingPadding) * SectorSize; d.size < need {
		return &TruncatedError{"the volume", d.size, d.Trees[0].VolumeSize * SectorSize}
	}
	return nil
}
