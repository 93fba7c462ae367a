package iso

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
)

// MaxBuild is the most that Build puts on a disc, in bytes: it is for answer
// files and kits.
const MaxBuild = 256 << 20

// BuildFile is a file of a disc to build.
type BuildFile struct {
	Path    string // slash-separated: "kit/uccx.reg"
	Content []byte
}

// BuildOptions say what a built disc is like.
type BuildOptions struct {
	VolumeID string    // at most 16 characters, Joliet's limit
	Time     time.Time // of every file
}

// Build writes a small data disc with two name spaces: ISO 9660 level 1 (8.3,
// capitals), and Joliet with the names as given. The same files give the same
// bytes. Nothing is written when a name or a size cannot be.
func Build(w io.Writer, files []BuildFile, opts BuildOptions) error {
	b, err := newBuilder(files, opts)
	if err != nil {
		return err
	}
	b.place()
	_, err = w.Write(b.encode())
	return err
}

// builtNode is a directory or file of a disc being built.
type builtNode struct {
	name     string
	short    string // level 1
	content  []byte
	children []*builtNode // of a directory
	parent   *builtNode
	dir      bool
	lba      [2]int64 // by name space; a file has the same in both
	size     [2]int64
	number   [2]int // in the path table, from 1
}

// The name spaces of a built disc.
const (
	levelOne = iota
	joliet
)

type builder struct {
	opts   BuildOptions
	root   *builtNode
	files  []*builtNode
	dirs   [2][]*builtNode // in path table order
	tables [2][2]int64     // LBA by name space and byte order
	total  int64           // sectors
}

func newBuilder(files []BuildFile, opts BuildOptions) (*builder, error) {
	if opts.VolumeID == "" {
		opts.VolumeID = "UCLAB"
	}
	if len(opts.VolumeID) > 16 || strings.ContainsFunc(opts.VolumeID, func(r rune) bool { return r < ' ' || r > '~' }) {
		return nil, fmt.Errorf("volume name %q: at most 16 plain characters", opts.VolumeID)
	}
	b := &builder{opts: opts, root: &builtNode{dir: true}}
	b.root.parent = b.root
	total := 0
	for _, file := range files {
		if total += len(file.Content); total > MaxBuild {
			return nil, fmt.Errorf("the files are larger than %d MiB together: this is for small discs", MaxBuild>>20)
		}
		if err := b.add(file); err != nil {
			return nil, err
		}
	}
	return b, b.shorten(b.root)
}

func (b *builder) add(file BuildFile) error {
	clean := path.Clean("/" + file.Path)
	if clean == "/" || "/"+strings.Trim(file.Path, "/") != clean {
		return fmt.Errorf("file name %q: write it as dir/name", file.Path)
	}
	parts := strings.Split(clean[1:], "/")
	if len(parts) > 8 {
		return fmt.Errorf("file name %q: more than 8 levels deep (ECMA-119 6.8.2.1)", file.Path)
	}
	at := b.root
	for i, part := range parts {
		last := i == len(parts)-1
		if units := utf16.Encode([]rune(part)); len(units) > 64 || strings.ContainsAny(part, "*:;?\\") {
			return fmt.Errorf("file name %q: Joliet allows 64 characters and none of * : ; ? \\", part)
		}
		next := slices.IndexFunc(at.children, func(n *builtNode) bool { return strings.EqualFold(n.name, part) })
		switch {
		case next < 0:
			at.children = append(at.children, &builtNode{name: part, dir: !last, parent: at})
			at = at.children[len(at.children)-1]
		case last || !at.children[next].dir:
			return fmt.Errorf("file name %q is there twice", file.Path)
		default:
			at = at.children[next]
		}
	}
	at.content = file.Content
	b.files = append(b.files, at)
	return nil
}

// shorten gives every node a level 1 name that no sibling has (ECMA-119 10.1).
func (b *builder) shorten(dir *builtNode) error {
	taken := map[string]bool{}
	for _, node := range dir.children {
		base, extension := node.name, ""
		if dot := strings.LastIndex(node.name, "."); dot > 0 && !node.dir {
			base, extension = node.name[:dot], "."+dCharacters(node.name[dot+1:], 3)
		}
		base = dCharacters(base, 8)
		for n := 1; ; n++ {
			node.short = base + extension
			if n > 1 {
				tail := fmt.Sprint(n)
				node.short = base[:min(len(base), 8-len(tail))] + tail + extension
			}
			if !taken[node.short] {
				break
			}
			if n > 9999 {
				return fmt.Errorf("too many files like %q in one directory", node.name)
			}
		}
		taken[node.short] = true
		if !node.dir {
			if extension == "" {
				node.short += "."
			}
			node.short += ";1"
		} else if err := b.shorten(node); err != nil {
			return err
		}
	}
	return nil
}

// dCharacters keeps capitals, digits and underscores (ECMA-119 7.4.1).
func dCharacters(s string, limit int) string {
	mapped := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		default:
			return '_'
		}
	}, s)
	if mapped == "" {
		mapped = "_"
	}
	return mapped[:min(len(mapped), limit)]
}

// identifier is a node's name in a name space. Joliet's has no version number,
// as in mkisofs's discs: some readers would show it.
func (n *builtNode) identifier(space int) []byte {
	if space == levelOne {
		return []byte(n.short)
	}
	return ucs2Bytes(n.name)
}

func ucs2Bytes(s string) []byte {
	var out []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		out = binary.BigEndian.AppendUint16(out, unit)
	}
	return out
}

// place gives everything its sectors: descriptors, path tables, the directories
// of each name space, the files.
func (b *builder) place() {
	next := int64(firstDescriptor + 3)
	take := func(size int64) int64 {
		lba := next
		next += (size + SectorSize - 1) / SectorSize
		return lba
	}
	for space := range 2 {
		b.dirs[space] = b.breadthFirst(space)
		for order := range 2 {
			b.tables[space][order] = take(int64(len(b.pathTable(space, binary.LittleEndian))))
		}
	}
	for space := range 2 {
		for _, dir := range b.dirs[space] {
			dir.size[space] = int64(len(b.records(dir, space)))
			dir.lba[space] = take(dir.size[space])
		}
	}
	for _, file := range b.files {
		size := int64(len(file.content))
		lba := take(size)
		file.lba, file.size = [2]int64{lba, lba}, [2]int64{size, size}
	}
	b.total = next
}

// breadthFirst sorts the children and gives the directories in the path table's
// order (ECMA-119 6.9.1).
func (b *builder) breadthFirst(space int) []*builtNode {
	dirs := []*builtNode{b.root}
	for i := 0; i < len(dirs); i++ {
		dirs[i].number[space] = i + 1
		slices.SortFunc(dirs[i].children, func(x, y *builtNode) int {
			return cmp.Or(bytes.Compare(x.identifier(space), y.identifier(space)))
		})
		for _, child := range dirs[i].children {
			if child.dir {
				dirs = append(dirs, child)
			}
		}
	}
	return dirs
}

// pathTable encodes a path table (ECMA-119 9.4).
func (b *builder) pathTable(space int, order binary.AppendByteOrder) []byte {
	var table []byte
	for i, dir := range b.dirs[space] {
		name := []byte{0}
		if i > 0 {
			name = dir.identifier(space)
		}
		table = append(table, byte(len(name)), 0)
		table = order.AppendUint32(table, uint32(dir.lba[space]))
		table = order.AppendUint16(table, uint16(dir.parent.number[space]))
		table = append(table, name...)
		if len(name)%2 == 1 {
			table = append(table, 0)
		}
	}
	return table
}

// records encodes a directory (ECMA-119 9.1), in whole sectors.
func (b *builder) records(dir *builtNode, space int) []byte {
	slices.SortFunc(dir.children, func(x, y *builtNode) int {
		return bytes.Compare(x.identifier(space), y.identifier(space))
	})
	data := b.record(dir, space, []byte{0})
	data = append(data, b.record(dir.parent, space, []byte{1})...)
	for _, child := range dir.children {
		record := b.record(child, space, child.identifier(space))
		if room := SectorSize - len(data)%SectorSize; len(record) > room {
			data = append(data, make([]byte, room)...)
		}
		data = append(data, record...)
	}
	return append(data, make([]byte, (SectorSize-len(data)%SectorSize)%SectorSize)...)
}

func (b *builder) record(node *builtNode, space int, name []byte) []byte {
	record := make([]byte, recName, recName+len(name)+1)
	putBothEndian32(record[recExtent:], uint32(node.lba[space]))
	putBothEndian32(record[recDataLength:], uint32(node.size[space]))
	t := b.opts.Time.UTC()
	if year := t.Year(); year >= 1900 && year <= 2155 {
		copy(record[18:], []byte{byte(year - 1900), byte(t.Month()), byte(t.Day()), byte(t.Hour()), byte(t.Minute()), byte(t.Second()), 0})
	}
	if node.dir {
		record[recFlags] = flagDirectory
	}
	putBothEndian16(record[28:], 1) // volume sequence number, 9.1.9
	record[recNameLength] = byte(len(name))
	record = append(record, name...)
	if len(record)%2 == 1 {
		record = append(record, 0)
	}
	record[recLength] = byte(len(record))
	return record
}

func putBothEndian16(data []byte, value uint16) {
	binary.LittleEndian.PutUint16(data, value)
	binary.BigEndian.PutUint16(data[2:], value)
}

func (b *builder) encode() []byte {
	image := make([]byte, b.total*SectorSize)
	put := func(lba int64, data []byte) { copy(image[lba*SectorSize:], data) }
	put(firstDescriptor, b.volumeDescriptor(levelOne))
	put(firstDescriptor+1, b.volumeDescriptor(joliet))
	put(firstDescriptor+2, append([]byte{typeTerminator}, standardID+"\x01"...))
	for space := range 2 {
		put(b.tables[space][0], b.pathTable(space, binary.LittleEndian))
		put(b.tables[space][1], b.pathTable(space, binary.BigEndian))
		for _, dir := range b.dirs[space] {
			put(dir.lba[space], b.records(dir, space))
		}
	}
	for _, file := range b.files {
		put(file.lba[levelOne], file.content)
	}
	return image
}

// volumeDescriptor encodes the primary descriptor, or Joliet's supplementary one
// with UCS-2 level 3 (ECMA-119 8.4 and 8.5; Joliet, "Escape Sequences").
func (b *builder) volumeDescriptor(space int) []byte {
	data := make([]byte, SectorSize)
	data[offType] = typePrimary
	text := func(at, length int, s string) {
		field := data[at : at+length]
		if space == levelOne {
			copy(field, s+strings.Repeat(" ", length))
			return
		}
		copy(field, ucs2Bytes(s+strings.Repeat(" ", length/2)))
	}
	if space == joliet {
		data[offType] = typeSupplementary
		copy(data[offEscapes:], "%/E")
	}
	copy(data[offStandardID:], standardID)
	data[offVersion] = 1
	text(offSystemID, 32, "")
	text(offVolumeID, 32, b.opts.VolumeID)
	putBothEndian32(data[offVolumeSpaceSize:], uint32(b.total))
	putBothEndian16(data[120:], 1) // volume set size, 8.4.10
	putBothEndian16(data[124:], 1) // volume sequence number, 8.4.11
	putBothEndian16(data[offBlockSize:], SectorSize)
	putBothEndian32(data[offPathTableSize:], uint32(len(b.pathTable(space, binary.LittleEndian))))
	binary.LittleEndian.PutUint32(data[offPathTableL:], uint32(b.tables[space][0]))
	binary.BigEndian.PutUint32(data[offPathTableM:], uint32(b.tables[space][1]))
	copy(data[offRootRecord:], b.record(b.root, space, []byte{0}))
	for _, field := range [][2]int{{190, 128}, {318, 128}, {446, 128}, {574, 128}, {702, 37}, {739, 37}, {776, 37}} {
		text(field[0], field[1], "") // 8.4.20 to 8.4.26
	}
	for _, at := range []int{813, 830, 847, 864} { // dates, 8.4.27 to 8.4.30: not given
		copy(data[at:], "0000000000000000")
	}
	data[881] = 1 // file structure version, 8.4.31
	return data
}
