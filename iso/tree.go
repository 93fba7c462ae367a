package iso

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path"
	"strings"
)

// Entry is a file or directory of a tree.
type Entry struct {
	Path    string // as people see it: Rock Ridge or Joliet names, no version number
	Dir     bool
	Extents []Extent // several when the file is in multiple extents (ECMA-119 6.5.1)
	Size    int64    // bytes, over all extents
	Mode    uint32   // POSIX file mode (RRIP 4.1.1); 0 without Rock Ridge
	symlink bool

	rawName []byte // as recorded
}

// encoding is how a field stores an LBA.
type encoding byte

const (
	bothOrders encoding = iota // ECMA-119 7.3.3
	littleEndian
	bigEndian
)

// reference is one use of an extent: which, and the field that says so.
type reference struct {
	target  int64 // LBA of the extent
	sectors int64 // its length; 0 when the field does not say
	at      int64 // byte offset in the image of the field that holds target
	enc     encoding
	kind    string // a use* constant
	name    string
	fixed   bool // it cannot be moved
}

func (r reference) String() string { return strings.TrimSpace(r.kind + " " + r.name) }

// record is one directory record (ECMA-119 9.1).
type record struct {
	at      int64 // byte offset in the image
	xar     int64 // sectors of the extended attribute record, before the data
	lba     int64
	size    int64 // bytes
	flags   byte
	unit    int64 // interleave: file unit size, 0 when not interleaved
	gap     int64
	name    []byte
	use     []byte // system use area
	useFrom int64  // its offset in the record
}

func parseRecord(raw []byte, at int64) (record, error) {
	length, lba := int(raw[recLength]), at/SectorSize
	if length < recMinimum || length > len(raw) {
		return record{}, &FormatError{lba, "directory record", fmt.Sprintf("at byte %d it has %d bytes", at%SectorSize, length)}
	}
	nameLength := int(raw[recNameLength])
	end := recName + nameLength
	if nameLength == 0 || end > length {
		return record{}, &FormatError{lba, "directory record", fmt.Sprintf("at byte %d it has a name of %d bytes", at%SectorSize, nameLength)}
	}
	useFrom := min(end+(nameLength+1)%2, length) // a pad byte follows an even length (9.1.12)
	return record{
		at: at, xar: int64(raw[recExtAttr]), lba: int64(binary.LittleEndian.Uint32(raw[recExtent:])),
		size: int64(binary.LittleEndian.Uint32(raw[recDataLength:])), flags: raw[recFlags],
		unit: int64(raw[recUnitSize]), gap: int64(raw[recGapSize]),
		name: raw[recName:end], use: raw[useFrom:length], useFrom: int64(useFrom),
	}, nil
}

func (r record) isDir() bool { return r.flags&flagDirectory != 0 }

func (r record) isSelf() bool { return len(r.name) == 1 && r.name[0] == 0 }

func (r record) isParent() bool { return len(r.name) == 1 && r.name[0] == 1 }

// span is the number of sectors that the record's extent covers.
func (r record) span() int64 {
	data := (r.size + SectorSize - 1) / SectorSize
	if r.unit > 0 {
		data = (data + r.unit - 1) / r.unit * (r.unit + r.gap)
	}
	return r.xar + data
}

// walker reads one tree: every entry goes to visit, every field that holds an
// address to refer. Either may be nil.
type walker struct {
	disc  *Disc
	tree  *Tree
	visit func(Entry) error
	refer func(reference) error

	seen   map[int64]bool // directory extents, by LBA
	budget int64          // directory bytes that may still be read
	queue  []branch
	moved  []branch // Rock Ridge's relocated directories: read under their real names first
}

// branch is a directory still to be read.
type branch struct {
	lba   int64 // of the data
	size  int64 // bytes
	path  string
	depth int
}

// Walk visits every file and directory of a tree, the root first and every
// directory before what is in it. It ends early, without an error, when visit
// returns false.
func (d *Disc) Walk(tree *Tree, visit func(Entry) (bool, error)) error {
	stop := errors.New("stop")
	w := &walker{disc: d, tree: tree, visit: func(entry Entry) error {
		more, err := visit(entry)
		if err == nil && !more {
			return stop
		}
		return err
	}}
	if err := w.walk(); err != nil && !errors.Is(err, stop) {
		return err
	}
	return nil
}

func (w *walker) walk() error {
	w.seen, w.budget = map[int64]bool{}, max(w.disc.size, SectorSize)
	root, err := w.root()
	if err != nil {
		return err
	}
	if err := w.report(Entry{Path: "/", Dir: true, Extents: []Extent{w.tree.Root}, Size: w.tree.Root.Size}); err != nil {
		return err
	}
	w.queue = []branch{root}
	for len(w.queue)+len(w.moved) > 0 {
		if len(w.queue) == 0 {
			w.queue, w.moved = w.moved, nil
		}
		next := w.queue[0]
		w.queue = w.queue[1:]
		if err := w.directory(next); err != nil {
			return fmt.Errorf("directory %s: %w", next.path, err)
		}
	}
	return nil
}

// root reads the root's record in the descriptor (ECMA-119 8.4.18).
func (w *walker) root() (branch, error) {
	r, err := parseRecord(w.tree.data[offRootRecord:offRootRecord+lenRootRecord], w.tree.Descriptor*SectorSize+offRootRecord)
	if err != nil {
		return branch{}, err
	}
	return branch{lba: r.lba + r.xar, size: r.size, path: "/"}, w.referRecord(r, useDirectory, "/")
}

func (w *walker) report(entry Entry) error {
	if w.visit == nil {
		return nil
	}
	return w.visit(entry)
}

func (w *walker) referRecord(r record, kind, name string) error {
	if w.refer == nil || r.span() == 0 {
		return nil
	}
	return w.refer(reference{r.lba, r.span(), r.at + recExtent, bothOrders, kind, name, r.unit > 0})
}

func (w *walker) directory(b branch) error {
	if w.seen[b.lba] {
		return nil
	}
	w.seen[b.lba] = true
	if w.budget -= b.size; w.budget < 0 || b.depth > maxDepth {
		return &FormatError{b.lba, "directory " + b.path, "the tree has a loop, or is larger than the image"}
	}
	var open Entry // a multi-extent file whose last record is still to come
	for done := int64(0); done < b.size; done += SectorSize {
		at := b.lba + done/SectorSize
		sector, err := w.disc.sector(at)
		if err != nil {
			return err
		}
		sector = sector[:min(SectorSize, b.size-done)]
		// Records do not cross sectors (ECMA-119 6.8.1.1); zeros fill the rest.
		for pos := 0; pos < len(sector) && sector[pos] != 0; pos += int(sector[pos]) {
			r, err := parseRecord(sector[pos:], at*SectorSize+int64(pos))
			if err != nil {
				return err
			}
			if err := w.record(b, r, &open); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *walker) record(b branch, r record, open *Entry) error {
	system, err := w.systemUse(r)
	if err != nil {
		return err
	}
	if r.isSelf() || r.isParent() {
		return w.referRecord(r, useDirectory, b.path)
	}
	name := system.name
	if name == "" {
		name = w.tree.nameText(r.name)
	}
	if strings.ContainsAny(name, "/\x00") || name == "" {
		return &FormatError{r.at / SectorSize, "directory " + b.path, fmt.Sprintf("impossible file name %q", name)}
	}
	entry := Entry{
		Path: strings.TrimSuffix(b.path, "/") + "/" + name, Dir: r.isDir(), Mode: system.mode,
		symlink: system.symlink, rawName: append([]byte(nil), r.name...),
	}
	kind := useFile
	if entry.Dir {
		kind = useDirectory
	}
	if err := w.referRecord(r, kind, entry.Path); err != nil {
		return err
	}
	child := branch{r.lba + r.xar, r.size, entry.Path, b.depth + 1}
	switch {
	case system.child != 0: // a deep directory that lies elsewhere (RRIP 4.1.5.1, CL)
		return w.movedChild(child, system.child, entry)
	case system.relocated: // where it lies (RRIP 4.1.5.3, RE)
		w.moved = append(w.moved, child)
		return nil
	case entry.Dir:
		w.queue = append(w.queue, child)
		entry.Extents, entry.Size = []Extent{{child.lba, child.size}}, child.size
		return w.report(entry)
	case r.flags&flagAssociated != 0:
		return nil
	}
	return w.file(entry, r, open)
}

// file joins the records of a multi-extent file (ECMA-119 6.5.1).
func (w *walker) file(entry Entry, r record, open *Entry) error {
	if open.Path != entry.Path {
		*open = entry
	}
	if r.size > 0 || len(open.Extents) == 0 {
		open.Extents = append(open.Extents, Extent{r.lba + r.xar, r.size})
		open.Size += r.size
	}
	if r.flags&flagMultiExtent != 0 {
		return nil
	}
	whole := *open
	*open = Entry{}
	return w.report(whole)
}

// movedChild goes to a relocated directory under the name of its placeholder;
// its size stands in its own "." record only.
func (w *walker) movedChild(b branch, lba int64, entry Entry) error {
	raw, err := w.disc.sector(lba)
	if err != nil {
		return err
	}
	self, err := parseRecord(raw, lba*SectorSize)
	if err != nil {
		return err
	}
	b.lba, b.size = lba, self.size
	w.queue = append(w.queue, b)
	entry.Dir, entry.Extents, entry.Size = true, []Extent{{b.lba, b.size}}, b.size
	return w.report(entry)
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
	return printable(text)
}

// printable keeps the control characters of a hostile disc off terminals.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != 0 || r == 0x7f {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// Lookup finds a file or directory by its path in any letter case, with or
// without ";1", in the tree given; nil when there is none.
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

// put writes an LBA the way the field stores it.
func (e encoding) put(dst []byte, value uint32) {
	switch e {
	case littleEndian:
		binary.LittleEndian.PutUint32(dst, value)
	case bigEndian:
		binary.BigEndian.PutUint32(dst, value)
	default:
		putBothEndian32(dst, value)
	}
}

// width is the field's length in bytes.
func (e encoding) width() int {
	if e == bothOrders {
		return 8
	}
	return 4
}
