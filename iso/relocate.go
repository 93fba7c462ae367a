package iso

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
)

// OccupiedError says that the sector which the descriptors need is taken by
// something that cannot be moved.
type OccupiedError struct {
	LBA  int64
	What string
}

// Error says what is where.
func (e *OccupiedError) Error() string {
	return fmt.Sprintf("sector %d, which the volume descriptors need, holds %s", e.LBA, e.What)
}

// Hint says how to go on.
func (e *OccupiedError) Hint() string {
	return "this layout is not understood, so nothing was changed; xorriso can rewrite such a disc: xorriso -indev IN -outdev OUT -boot_image any next"
}

// freeSector makes room for one more descriptor: the sector is free already, or
// what is in it moves to the end.
func (p *Injection) freeSector(lba int64, descriptors [][]byte) error {
	taken, err := p.disc.occupants(lba)
	if err != nil {
		return err
	}
	if len(taken) == 0 {
		return p.checkSpare(lba)
	}
	first := taken[0]
	for _, other := range taken[1:] {
		if other.kind != first.kind || other.extent != first.extent {
			return &OccupiedError{lba, fmt.Sprintf("both %s %s and %s %s", first.kind, first.name, other.kind, other.name)}
		}
	}
	switch {
	case first.kind == useFile && p.disc.udf.present:
		return &OccupiedError{lba, fmt.Sprintf("the file %s, which UDF refers to as well", first.name)}
	case first.kind == useFile, first.kind == useDirectory:
		return p.relocate(first, descriptors)
	case first.kind == usePathTable:
		return p.relocateTable(first, descriptors)
	default:
		return &OccupiedError{lba, first.kind + " " + first.name}
	}
}

// checkSpare makes sure that a sector which nothing refers to holds nothing:
// zeros, or the version text that cdrtools leaves there ("MKI ...").
func (p *Injection) checkSpare(lba int64) error {
	if (lba+1)*SectorSize > p.size {
		return &OccupiedError{lba, "nothing: the image ends before it"}
	}
	data, err := p.disc.sector(lba)
	if err != nil {
		return err
	}
	if bytes.HasPrefix(data, []byte("MKI ")) || !slices.ContainsFunc(data, func(b byte) bool { return b != 0 }) {
		return nil
	}
	return &OccupiedError{lba, fmt.Sprintf("bytes that nothing on the disc refers to (%q ...)", data[:16])}
}

// relocate moves a directory or the data of a file to the end, and mends every
// reference to it: in the records of all trees, in the path tables, and in the
// descriptors.
func (p *Injection) relocate(u use, descriptors [][]byte) error {
	from, to := u.extent.LBA, p.next
	p.next += u.extent.sectors()
	p.moves = append(p.moves, Move{
		From: from * SectorSize, To: to * SectorSize, Size: u.extent.sectors() * SectorSize,
		What: fmt.Sprintf("%s %s", u.kind, u.name),
	})
	m := &mender{Injection: p, from: from, to: to, end: from + u.extent.sectors(), patched: map[int64]bool{}}
	for i := range p.disc.Trees {
		if err := m.records(&p.disc.Trees[i]); err != nil {
			return err
		}
		if u.kind == useDirectory {
			if err := m.pathTables(&p.disc.Trees[i]); err != nil {
				return err
			}
		}
	}
	for _, data := range descriptors {
		if data[offType] != typePrimary && data[offType] != typeSupplementary {
			continue
		}
		if root := data[offRootRecord:]; int64(bothEndian32(root[recExtent:])) == from {
			putBothEndian32(root[recExtent:], uint32(to))
		}
	}
	return nil
}

// mender mends the references to an extent that moves.
type mender struct {
	*Injection
	from, to, end int64
	patched       map[int64]bool // byte offsets, so that shared directories are mended once
}

// moved gives the place in the result of a byte of the source, which is another
// if it lies in what moves.
func (m *mender) moved(offset int64) int64 {
	if lba := offset / SectorSize; lba >= m.from && lba < m.end {
		return offset + (m.to-m.from)*SectorSize
	}
	return offset
}

// records mends the extents that directory records of a tree give, those of "."
// and ".." included.
func (m *mender) records(tree *Tree) error {
	return m.disc.Walk(tree, func(dir Entry) (bool, error) {
		if !dir.Dir {
			return true, nil
		}
		return true, m.disc.eachRecord(dir, func(offset int64, record []byte) error {
			lba := int64(bothEndian32(record[recExtent:]))
			size := int64(bothEndian32(record[recDataLength:]))
			if lba > m.from && lba < m.end && size > 0 {
				return &OccupiedError{m.from, fmt.Sprintf("an extent that a record of %s shares in part", dir.Path)}
			}
			if tree.RockRidge {
				if err := m.checkRockRidge(tree, dir, record); err != nil {
					return err
				}
			}
			if lba != m.from || m.patched[offset] || size == 0 && record[recFlags]&flagDirectory == 0 {
				return nil
			}
			m.patched[offset] = true
			field := make([]byte, 8)
			putBothEndian32(field, uint32(m.to))
			m.patch(m.moved(offset+recExtent), field, "record in "+dir.Path)
			return nil
		})
	})
}

// checkRockRidge refuses what would need more mending: a deep directory's child
// link to what moves (RRIP 4.1.5).
func (m *mender) checkRockRidge(tree *Tree, dir Entry, record []byte) error {
	system, err := m.disc.systemUse(tree, record)
	if err != nil {
		return err
	}
	if int64(system.child) == m.from || int64(system.parent) == m.from {
		return &OccupiedError{m.from, "a directory that a Rock Ridge link in " + dir.Path + " refers to"}
	}
	return nil
}

// pathTables mends the entries of a tree's path tables (ECMA-119 9.4).
func (m *mender) pathTables(tree *Tree) error {
	for _, table := range tree.PathTables {
		data, err := m.disc.bytes(Extent{table.LBA, table.Size})
		if err != nil {
			return fmt.Errorf("path table: %w", err)
		}
		order := binary.ByteOrder(binary.LittleEndian)
		if table.BigEndian {
			order = binary.BigEndian
		}
		for at := 0; at+8 <= len(data) && data[at] > 0; {
			length := 8 + (int(data[at])+1)&^1
			offset := table.LBA*SectorSize + int64(at) + 2
			if int64(order.Uint32(data[at+2:])) == m.from && !m.patched[offset] {
				m.patched[offset] = true
				field := make([]byte, 4)
				order.PutUint32(field, uint32(m.to))
				m.patch(offset, field, "path table entry")
			}
			at += length
		}
	}
	return nil
}

// relocateTable moves a path table to the end.
func (p *Injection) relocateTable(u use, descriptors [][]byte) error {
	to := p.next
	p.next += u.extent.sectors()
	p.moves = append(p.moves, Move{
		From: u.extent.LBA * SectorSize, To: to * SectorSize, Size: u.extent.sectors() * SectorSize, What: "path table",
	})
	for _, data := range descriptors {
		if data[offType] != typePrimary && data[offType] != typeSupplementary {
			continue
		}
		for _, pointer := range []int{offPathTableL, offPathTableOptL, offPathTableM, offPathTableOptM} {
			order := binary.ByteOrder(binary.LittleEndian)
			if pointer == offPathTableM || pointer == offPathTableOptM {
				order = binary.BigEndian
			}
			if int64(order.Uint32(data[pointer:])) == u.extent.LBA {
				order.PutUint32(data[pointer:], uint32(to))
			}
		}
	}
	return nil
}
