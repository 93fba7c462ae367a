package iso

import (
	"bytes"
	"fmt"
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
// what begins in it moves to the end and every reference to it is mended.
func (p *Injection) freeSector(lba int64) error {
	var found []reference
	var sectors int64
	err := p.disc.eachReference(func(r reference) error {
		switch {
		case r.sectors > 0 && r.target <= lba && lba < r.target+r.sectors && (r.fixed || r.target != lba):
			return &OccupiedError{lba, r.String()}
		case r.target == lba:
			found = append(found, r)
			sectors = max(sectors, r.sectors)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if sectors == 0 {
		return p.checkSpare(lba)
	}
	for _, r := range found {
		if r.kind == useFile && p.disc.udf.present {
			return &OccupiedError{lba, r.String() + ", which UDF refers to as well"}
		}
	}
	p.relocate(lba, sectors, found)
	return nil
}

// checkSpare makes sure that a sector which nothing refers to holds nothing:
// zeros, the version text that cdrtools leaves there ("MKI ..."), or what an
// injection in place that was interrupted has left behind.
func (p *Injection) checkSpare(lba int64) error {
	if (lba+1)*SectorSize > p.size {
		return &OccupiedError{lba, "nothing: the image ends before it"}
	}
	data, err := p.disc.sector(lba)
	if err != nil {
		return err
	}
	terminator := p.disc.descriptor[len(p.disc.descriptor)-1].data
	if bytes.HasPrefix(data, []byte("MKI ")) || allZero(data) || bytes.Equal(data, terminator) {
		return nil
	}
	moved, err := p.hasMoved(lba, data)
	if err != nil || moved {
		return err
	}
	return &OccupiedError{lba, fmt.Sprintf("bytes that nothing on the disc refers to (%q ...)", data[:16])}
}

// hasMoved says that the disc uses a copy of a sector: the same but for the
// addresses of itself that a directory holds.
func (p *Injection) hasMoved(lba int64, data []byte) (bool, error) {
	itself, there := make([]byte, 8), make([]byte, 8)
	putBothEndian32(itself, uint32(lba))
	found := false
	err := p.disc.eachReference(func(r reference) error {
		if found || r.sectors == 0 || r.target < lba {
			return nil
		}
		copied, err := p.disc.sector(r.target)
		if err != nil {
			return err
		}
		putBothEndian32(there, uint32(r.target))
		found = bytes.Equal(bytes.ReplaceAll(data, itself, there), bytes.ReplaceAll(copied, itself, there))
		return nil
	})
	return found, err
}

// relocate moves an extent to the end and mends the fields that hold its LBA:
// directory records (the children's ".." and the moved directory's own records
// included), path tables, Rock Ridge entries, and the descriptors.
func (p *Injection) relocate(from, sectors int64, references []reference) {
	to := p.next
	p.next += sectors
	p.moves = append(p.moves, Move{From: from * SectorSize, To: to * SectorSize, Size: sectors * SectorSize, What: references[0].String()})
	mended := map[int64]bool{} // trees can share directories: ISO 9660:1999 does
	for _, r := range references {
		if mended[r.at] || r.kind == useFile && r.sectors == 0 {
			continue
		}
		mended[r.at] = true
		if set := p.descriptorAt(r.at / SectorSize); set != nil {
			r.enc.put(set.data[r.at%SectorSize:], uint32(to))
			set.mended = true
			continue
		}
		at := r.at
		if lba := at / SectorSize; lba >= from && lba < from+sectors {
			at += (to - from) * SectorSize // the field moves, too
		}
		field := make([]byte, r.enc.width())
		r.enc.put(field, uint32(to))
		p.patch(at, field, "reference to the "+r.kind+" that moves")
	}
}
