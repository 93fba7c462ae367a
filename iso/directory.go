package iso

import (
	"encoding/binary"
	"fmt"
	"path"
	"strings"
)

// Entry is a file or directory of a tree.
type Entry struct {
	Path    string // as the tree names it, "/isolinux/isolinux.bin"
	Dir     bool
	Extents []Extent // several when the file is in multiple extents (ECMA-119 6.5.1)
	Size    int64    // bytes, over all extents

	rawName []byte
	// records are the places of the directory records that make up the entry:
	// byte offsets in the image.
	records []int64
	// areas are the Rock Ridge continuation areas of its records.
	areas []Extent
	// dirSize is the size of a directory's own extent.
	parent  int64 // LBA of the directory that holds it
	symlink bool
}

// walkFunc is told of every entry of a tree, directories before what is in
// them. Returning false ends the walk without an error.
type walkFunc func(Entry) (bool, error)

// walker walks one tree.
type walker struct {
	disc    *Disc
	tree    *Tree
	visit   walkFunc
	seen    map[int64]string // directory extents already walked, by LBA
	records int
	stopped bool
}

// Walk visits every file and directory of a tree, the root first.
func (d *Disc) Walk(tree *Tree, visit func(Entry) (bool, error)) error {
	w := &walker{disc: d, tree: tree, visit: visit, seen: map[int64]string{}}
	root := Entry{Path: "/", Dir: true, Extents: []Extent{tree.Root}, Size: tree.Root.Size, parent: tree.Root.LBA}
	more, err := visit(root)
	if err != nil || !more {
		return err
	}
	return w.directory(root, 0)
}

func (w *walker) directory(dir Entry, depth int) error {
	extent := dir.Extents[0]
	if depth > maxDepth {
		return &FormatError{extent.LBA, "directory " + dir.Path, fmt.Sprintf("nested more than %d deep", maxDepth)}
	}
	if other, again := w.seen[extent.LBA]; again {
		return &FormatError{extent.LBA, "directory " + dir.Path, "is the same as " + other + ": the tree has a loop"}
	}
	w.seen[extent.LBA] = dir.Path
	entries, err := w.list(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		more, err := w.visit(entry)
		if err != nil {
			return err
		}
		if w.stopped = w.stopped || !more; w.stopped {
			return nil
		}
		if !entry.Dir {
			continue
		}
		if err := w.directory(entry, depth+1); err != nil || w.stopped {
			return err
		}
	}
	return nil
}

// list reads the records of one directory, "." and ".." left out.
func (w *walker) list(dir Entry) ([]Entry, error) {
	var entries []Entry
	extending := false
	err := w.disc.eachRecord(dir, func(offset int64, record []byte) error {
		if w.records++; w.records > maxRecords {
			return &FormatError{dir.Extents[0].LBA, "directory " + dir.Path, fmt.Sprintf("the tree has more than %d records", maxRecords)}
		}
		name := record[recName : recName+int(record[recNameLength])]
		if len(name) == 1 && name[0] <= 1 {
			return nil
		}
		part, err := w.entry(dir, name, record)
		if err != nil {
			return err
		}
		part.records = []int64{offset}
		if extending {
			last := &entries[len(entries)-1]
			last.Extents = append(last.Extents, part.Extents...)
			last.Size += part.Size
			last.records = append(last.records, offset)
			last.areas = append(last.areas, part.areas...)
		} else {
			entries = append(entries, part)
		}
		extending = record[recFlags]&flagMultiExtent != 0 && !part.Dir
		return nil
	})
	return entries, err
}

// eachRecord calls visit with every directory record of a directory, "." and
// ".." included, and its byte offset in the image. Records do not cross sectors
// (ECMA-119 6.8.1.1).
func (d *Disc) eachRecord(dir Entry, visit func(offset int64, record []byte) error) error {
	extent := dir.Extents[0]
	if extent.Size > maxDirectorySize {
		return &FormatError{extent.LBA, "directory " + dir.Path, fmt.Sprintf("absurd size of %d bytes", extent.Size)}
	}
	data, err := d.bytes(extent)
	if err != nil {
		return fmt.Errorf("directory %s: %w", dir.Path, err)
	}
	for at := 0; at < len(data); {
		length := int(data[at])
		room := min(SectorSize-at%SectorSize, len(data)-at)
		if length == 0 {
			at += room
			continue
		}
		if length > room || length < recMinimum || recName+int(data[at+recNameLength]) > length {
			return &FormatError{extent.LBA + int64(at/SectorSize), "directory " + dir.Path, fmt.Sprintf("record at byte %d is malformed", at)}
		}
		if err := visit(extent.LBA*SectorSize+int64(at), data[at:at+length]); err != nil {
			return err
		}
		at += length
	}
	return nil
}

func (w *walker) entry(dir Entry, name, record []byte) (Entry, error) {
	extent := recordExtent(record)
	entry := Entry{
		Dir:     record[recFlags]&flagDirectory != 0,
		Extents: []Extent{extent},
		Size:    extent.Size,
		rawName: append([]byte(nil), name...),
		parent:  dir.Extents[0].LBA,
	}
	text := w.tree.nameText(name)
	if w.tree.RockRidge {
		system, err := w.disc.systemUse(w.tree, record)
		if err != nil {
			return entry, fmt.Errorf("%s: %w", path.Join(dir.Path, text), err)
		}
		if system.name != "" {
			text = system.name
		}
		entry.areas, entry.symlink = system.areas, system.symlink
		if system.child != 0 {
			// A deep directory that was moved to the top (RRIP 4.1.5, CL): it is
			// walked where it lies now.
			entry.Dir, entry.Extents, entry.Size = false, nil, 0
		}
	}
	if strings.ContainsAny(text, "/\x00") || text == "" {
		return entry, &FormatError{dir.Extents[0].LBA, "directory " + dir.Path, fmt.Sprintf("impossible file name %q", text)}
	}
	entry.Path = path.Join(dir.Path, text)
	if text == "." || text == ".." {
		entry.Path = dir.Path + "/" + text
	}
	return entry, nil
}

// nameText gives a file identifier as people write it: without the version
// number ";1" and the dot of an empty extension (ECMA-119 7.5.1).
func (t *Tree) nameText(name []byte) string {
	text := string(name)
	if t.Kind == "joliet" {
		text = ucs2(name)
	}
	if base, version, ok := strings.Cut(text, ";"); ok && strings.Trim(version, "0123456789") == "" {
		text = base
	}
	if t.Kind != "joliet" {
		text = strings.TrimSuffix(text, ".")
	}
	return text
}

// Lookup finds a file or directory by its path in any letter case, with or
// without ";1", in the tree given.
func (d *Disc) Lookup(tree *Tree, name string) (*Entry, error) {
	want := canonical(name)
	var found *Entry
	err := d.Walk(tree, func(entry Entry) (bool, error) {
		if strings.EqualFold(entry.Path, want) {
			found = &entry
			return false, nil
		}
		return true, nil
	})
	return found, err
}

func canonical(name string) string {
	if base, version, ok := strings.Cut(name, ";"); ok && strings.Trim(version, "0123456789") == "" {
		name = base
	}
	return path.Clean("/" + strings.ReplaceAll(name, "\\", "/"))
}

// bothEndian32 reads the little-endian half of a both-endian number (ECMA-119
// 7.3.3).
func bothEndian32(data []byte) uint32 { return binary.LittleEndian.Uint32(data) }

// putBothEndian32 writes both halves.
func putBothEndian32(data []byte, value uint32) {
	binary.LittleEndian.PutUint32(data, value)
	binary.BigEndian.PutUint32(data[4:], value)
}
