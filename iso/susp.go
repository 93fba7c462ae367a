package iso

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// maxContinuations bounds the chain of continuation areas of one record.
const maxContinuations = 64

// systemUse is what the system use area of a record says (SUSP and RRIP 1.12).
type systemUse struct {
	name    string
	symlink bool
	child   uint32   // CL: where a moved directory lies
	parent  uint32   // PL: where a moved directory would lie
	areas   []Extent // CE: continuation areas
}

// detectRockRidge looks for the SP entry that the root's own record must begin
// with (SUSP 5.3).
func (d *Disc) detectRockRidge(tree *Tree) error {
	root := Entry{Path: "/", Extents: []Extent{{tree.Root.LBA, min(tree.Root.Size, SectorSize)}}}
	first := true
	return d.eachRecord(root, func(_ int64, record []byte) error {
		if !first {
			return nil
		}
		first = false
		area := systemUseArea(record, 0)
		if len(area) >= 7 && string(area[:2]) == "SP" && area[4] == 0xBE && area[5] == 0xEF {
			tree.RockRidge, tree.suspSkip = true, int(area[6])
		}
		return nil
	})
}

// systemUseArea is what follows the name and its padding in a record (ECMA-119
// 9.1.13).
func systemUseArea(record []byte, skip int) []byte {
	at := recName + int(record[recNameLength])
	at += (int(record[recNameLength]) + 1) % 2
	at += skip
	if at >= len(record) {
		return nil
	}
	return record[at:]
}

func (d *Disc) systemUse(tree *Tree, record []byte) (systemUse, error) {
	var use systemUse
	var name strings.Builder
	area := systemUseArea(record, tree.suspSkip)
	for range maxContinuations {
		next, err := use.entries(area, &name)
		if err != nil {
			return use, err
		}
		if next == nil {
			use.name = name.String()
			return use, nil
		}
		block, err := d.bytes(Extent{next.LBA, SectorSize})
		if err != nil {
			return use, fmt.Errorf("Rock Ridge continuation: %w", err)
		}
		from, size := next.offset, next.size
		if from+size > SectorSize {
			return use, &FormatError{next.LBA, "Rock Ridge continuation", "crosses its sector"}
		}
		use.areas = append(use.areas, Extent{next.LBA, int64(from + size)})
		area = block[from : from+size]
	}
	return use, &FormatError{0, "Rock Ridge continuation", "chain without an end"}
}

// continuation is a CE entry (SUSP 5.1).
type continuation struct {
	LBA          int64
	offset, size int
}

// entries reads the system use entries of one area (SUSP 4).
func (u *systemUse) entries(area []byte, name *strings.Builder) (*continuation, error) {
	var next *continuation
	for len(area) >= 4 {
		signature, length := string(area[:2]), int(area[2])
		if length < 4 || length > len(area) {
			break // what pads the area is not an entry
		}
		entry := area[:length]
		area = area[length:]
		switch {
		case signature == "NM" && length >= 5:
			name.Write(entry[5:])
		case signature == "SL":
			u.symlink = true
		case signature == "CL" && length >= 12:
			u.child = bothEndian32(entry[4:])
		case signature == "PL" && length >= 12:
			u.parent = bothEndian32(entry[4:])
		case signature == "CE" && length >= 28:
			offset, size := bothEndian32(entry[12:]), bothEndian32(entry[20:])
			if offset > SectorSize || size > SectorSize {
				return nil, &FormatError{int64(bothEndian32(entry[4:])), "Rock Ridge continuation", "absurd size"}
			}
			next = &continuation{int64(binary.LittleEndian.Uint32(entry[4:])), int(offset), int(size)}
		case signature == "ST":
			return next, nil
		}
	}
	return next, nil
}
