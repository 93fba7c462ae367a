package iso

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Bounds of what is verified; hostile images have more.
const (
	verifyMaxRecords = 2_000_000
	verifyMaxFolder  = 64 << 20
)

// hierarchy walks one name space from its root record (ECMA-119 9.1): both
// halves of every number agree, "." and ".." lead where they should, every
// extent is inside the volume, no directory is met twice.
func (v *verifier) hierarchy(volume *verifiedVolume) {
	root := volume.data[156:190]
	volume.records, volume.folders = map[string]verifiedRecord{}, map[uint32]string{}
	problems := []string{}
	complain := func(format string, args ...any) {
		if len(problems) < 100 {
			problems = append(problems, fmt.Sprintf(format, args...))
		}
	}
	type folder struct {
		path               string
		at, length, parent uint32
	}
	queue := []folder{{"", le32(root[2:]), le32(root[10:]), le32(root[2:])}}
	volume.folders[le32(root[2:])] = ""
	for len(queue) > 0 && v.failure == nil && len(volume.records) < verifyMaxRecords {
		dir := queue[0]
		queue = queue[1:]
		if !v.inside(dir.at, dir.length) || dir.length > verifyMaxFolder {
			complain("the directory at sector %d with %d bytes is not inside the volume", dir.at, dir.length)
			continue
		}
		data := v.read(int64(dir.at)*2048, int(dir.length))
		number := 0
		for at := 0; at < len(data); {
			size := int(data[at])
			if size == 0 {
				at = (at/2048 + 1) * 2048
				continue
			}
			if size < 34 || at%2048+size > 2048 || at+size > len(data) || 33+int(data[at+32]) > size {
				complain("a record at sector %d is malformed", int(dir.at)+at/2048)
				break
			}
			record := data[at : at+size]
			at += size
			number++
			if le32(record[2:]) != be32(record[6:]) || le32(record[10:]) != be32(record[14:]) {
				complain("a record in the directory at sector %d differs in its two byte orders", dir.at)
			}
			extent, length := le32(record[2:]), le32(record[10:])
			identifier := record[33 : 33+int(record[32])]
			switch {
			case number == 1 && extent != dir.at:
				complain("\".\" of the directory at sector %d points to %d", dir.at, extent)
			case number == 2 && extent != dir.parent && extent != dir.at: // some writers of Joliet point to the directory itself
				complain("\"..\" of the directory at sector %d points to %d, its parent is at %d", dir.at, extent, dir.parent)
			}
			if number <= 2 {
				continue
			}
			path := dir.path + "/" + string(identifier)
			for n := 2; volume.records[path].raw != nil; n++ { // further extents of one file
				path = fmt.Sprintf("%s/%s\x00%d", dir.path, identifier, n)
			}
			isFolder := record[25]&2 != 0
			if length > 0 && !v.inside(extent, length) {
				complain("%q with %d bytes at sector %d is not inside the volume", path, length, extent)
			}
			volume.records[path] = verifiedRecord{bytes.Clone(record), extent, length, isFolder}
			volume.order = append(volume.order, path)
			if !isFolder {
				continue
			}
			if _, again := volume.folders[extent]; again {
				complain("the directory at sector %d is met twice", extent)
				continue
			}
			volume.folders[extent] = path
			queue = append(queue, folder{path, extent, length, dir.at})
		}
	}
	v.say("directories ("+volume.name+")", problems, "%d records in %d directories", len(volume.records), len(volume.folders))
}

// inside says that an extent is inside the volume and the image.
func (v *verifier) inside(at, length uint32) bool {
	end := int64(at)*2048 + int64(length)
	return at > 16 && end <= (int64(v.sectors)+300)*2048 && end <= v.image.Size
}

// pathTables compares each path table with the directories (ECMA-119 9.4).
func (v *verifier) pathTables(volume *verifiedVolume) {
	var problems []string
	length := le32(volume.data[132:])
	tables := 0
	for _, field := range []struct {
		at  int
		big bool
	}{{140, false}, {144, false}, {148, true}, {152, true}} {
		pointer := le32(volume.data[field.at:])
		if field.big {
			pointer = be32(volume.data[field.at:])
		}
		if pointer == 0 {
			continue
		}
		tables++
		if !v.inside(pointer, length) || length > 32<<20 {
			problems = append(problems, fmt.Sprintf("a path table of %d bytes at sector %d is not inside the volume", length, pointer))
			continue
		}
		problems = append(problems, volume.tableProblems(v.read(int64(pointer)*2048, int(length)), field.big)...)
	}
	v.say("path tables ("+volume.name+")", problems, "%d tables of %d bytes", tables, length)
}

func (volume *verifiedVolume) tableProblems(data []byte, big bool) []string {
	seen := map[uint32]bool{}
	for at := 0; at+8 <= len(data) && data[at] > 0; at += 8 + (int(data[at])+1)/2*2 {
		extent := le32(data[at+2:])
		if big {
			extent = be32(data[at+2:])
		}
		if _, known := volume.folders[extent]; !known {
			return []string{fmt.Sprintf("a path table names a directory at sector %d, where there is none", extent)}
		}
		seen[extent] = true
	}
	if len(seen) != len(volume.folders) {
		return []string{fmt.Sprintf("a path table names %d directories, there are %d", len(seen), len(volume.folders))}
	}
	return nil
}

// compare makes sure that every name space of the source is here with the same
// records, but for where things are, and with the same contents.
func (v *verifier) compare(source Image) {
	original := &verifier{ctx: v.ctx, image: source, result: &Verification{}}
	original.descriptors()
	for i := range original.volumes {
		original.hierarchy(&original.volumes[i])
	}
	if v.failure = errors.Join(v.failure, original.failure); v.failure != nil {
		return
	}
	if len(original.volumes) != len(v.volumes) {
		v.say("name spaces", []string{fmt.Sprintf("the source has %d, this disc %d", len(original.volumes), len(v.volumes))}, "")
		return
	}
	for i := range v.volumes {
		v.say("names ("+v.volumes[i].name+")", sameNames(&v.volumes[i], &original.volumes[i]), "all %d as on the source", len(v.volumes[i].records))
	}
	v.contents(original)
}

func sameNames(here, there *verifiedVolume) []string {
	var problems []string
	if len(here.records) != len(there.records) {
		problems = append(problems, fmt.Sprintf("the source has %d records, this disc %d", len(there.records), len(here.records)))
	}
	for _, path := range there.order {
		want, got := there.records[path], here.records[path]
		switch {
		case got.raw == nil:
			problems = append(problems, fmt.Sprintf("%q is missing", path))
		case !bytes.Equal(want.raw[10:], got.raw[10:]):
			// From byte 10 on a record says everything but where the extent is.
			problems = append(problems, fmt.Sprintf("the record of %q differs", path))
		}
	}
	return problems
}

// contents compares every file of every name space; extents that several share
// are read once.
func (v *verifier) contents(original *verifier) {
	var problems []string
	type pair struct{ here, there, length uint32 }
	done := map[pair]bool{}
	var total int64
	for i := range v.volumes {
		for _, path := range original.volumes[i].order {
			want, got := original.volumes[i].records[path], v.volumes[i].records[path]
			p := pair{got.at, want.at, want.length}
			if want.folder || got.raw == nil || want.length == 0 || done[p] {
				continue
			}
			done[p] = true
			total += int64(want.length)
			if !v.sameBytes(original, want, got) {
				problems = append(problems, fmt.Sprintf("the content of %q differs", path))
			}
			if v.failure != nil {
				return
			}
		}
	}
	v.say("contents", problems, "%d files, %d bytes, as on the source but for the boot info table", len(done), total)
}

func (v *verifier) sameBytes(original *verifier, want, got verifiedRecord) bool {
	const step = 128 << 10
	a, b := make([]byte, step), make([]byte, step)
	for at := int64(0); at < int64(want.length); at += step {
		n := min(step, int64(want.length)-at)
		if v.failure = v.ctx.Err(); v.failure != nil {
			return false
		}
		_, errA := v.image.R.ReadAt(a[:n], int64(got.at)*2048+at)
		_, errB := original.image.R.ReadAt(b[:n], int64(want.at)*2048+at)
		for _, err := range []error{errA, errB} {
			if err != nil && !errors.Is(err, io.EOF) {
				v.failure = fmt.Errorf("compare contents: %w", err)
				return false
			}
		}
		if at == 0 && got.at == v.bootLBA && n >= 64 {
			copy(a[8:64], b[8:64])
			v.maskGRUB2(a[:n], b[:n])
		}
		if !bytes.Equal(a[:n], b[:n]) {
			return false
		}
	}
	return true
}

// maskGRUB2 lets GRUB 2's pointer to itself differ: eight bytes at 2,548 that
// hold the boot file's sector in units of 512 bytes, plus 5.
func (v *verifier) maskGRUB2(here, there []byte) {
	if len(here) >= 2556 && le32(here[2548:]) == v.bootLBA*4+5 {
		copy(here[2548:2556], there[2548:2556])
	}
}
