package iso

import (
	"fmt"
	"io"
)

// File opens a file of the disc by its path, in any letter case, with or without
// ";1". The trees are searched in the order of their descriptors; it is nil
// without an error when none has the file.
func (d *Disc) File(name string) (io.Reader, *Entry, error) {
	for i := range d.Trees {
		entry, err := d.Lookup(&d.Trees[i], name)
		if err != nil {
			return nil, nil, err
		}
		if entry == nil {
			continue
		}
		if entry.Dir {
			return nil, nil, fmt.Errorf("%s is a directory", entry.Path)
		}
		parts := make([]io.Reader, 0, len(entry.Extents))
		for _, extent := range entry.Extents {
			if extent.LBA*SectorSize+extent.Size > d.size {
				return nil, nil, &TruncatedError{What: "the file " + entry.Path, Have: d.size, Need: extent.LBA*SectorSize + extent.Size}
			}
			parts = append(parts, io.NewSectionReader(d.r, extent.LBA*SectorSize, extent.Size))
		}
		return io.MultiReader(parts...), entry, nil
	}
	return nil, nil, nil
}
