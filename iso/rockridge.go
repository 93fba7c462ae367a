package iso

import (
	"fmt"
	"strings"
)

// Bounds on what a hostile disc can make the parser do.
const (
	maxContinuations = 64
	maxRockRidgeName = 4096 // bytes
)

// systemUse is what the system use area of a record says (SUSP and RRIP 1.12).
type systemUse struct {
	name      string
	mode      uint32
	symlink   bool
	child     int64 // CL: LBA of the directory that the record stands for
	relocated bool  // RE: the directory has its real place elsewhere
}

// detectRockRidge looks for the SP entry that the root's own record must begin
// with (SUSP 5.3); on CD-XA discs it comes after 14 bytes.
func (d *Disc) detectRockRidge(tree *Tree) error {
	sector, err := d.sector(tree.Root.LBA)
	if err != nil {
		return fmt.Errorf("root directory: %w", err)
	}
	self, err := parseRecord(sector, tree.Root.LBA*SectorSize)
	if err != nil {
		return fmt.Errorf("root directory: %w", err)
	}
	for _, skip := range []int{0, 14} {
		if len(self.use) < skip+7 {
			continue
		}
		if area := self.use[skip:]; string(area[:2]) == "SP" && area[4] == 0xBE && area[5] == 0xEF {
			tree.RockRidge, tree.suspSkip, tree.suspRootSkip = true, int(area[6]), skip
			return nil
		}
	}
	return nil
}

// systemUse reads a record's system use entries (SUSP 4) with their continuation
// areas, and reports the addresses that they hold.
func (w *walker) systemUse(r record) (systemUse, error) {
	var use systemUse
	if !w.tree.RockRidge {
		return use, nil
	}
	skip := w.tree.suspSkip
	if r.isSelf() && r.at/SectorSize == w.tree.Root.LBA {
		skip = w.tree.suspRootSkip
	}
	skip = min(skip, len(r.use))
	area, at := r.use[skip:], r.at+r.useFrom+int64(skip)
	var name strings.Builder
	for range maxContinuations {
		next, err := w.entries(area, at, &use, &name)
		if err != nil {
			return use, err
		}
		if next == nil {
			use.name = printable(name.String())
			return use, nil
		}
		sector, err := w.disc.sector(next.lba)
		if err != nil {
			return use, fmt.Errorf("continuation area of Rock Ridge: %w", err)
		}
		if next.offset+next.size > SectorSize {
			return use, &FormatError{next.lba, useContinuation, "it crosses its sector"}
		}
		area, at = sector[next.offset:next.offset+next.size], next.lba*SectorSize+next.offset
	}
	return use, &FormatError{r.at / SectorSize, useContinuation, "a chain without an end"}
}

// continuation is a CE entry (SUSP 5.1).
type continuation struct{ lba, offset, size int64 }

// entries reads the system use entries of one area, which begins at a byte of
// the image.
func (w *walker) entries(area []byte, at int64, use *systemUse, name *strings.Builder) (*continuation, error) {
	var next *continuation
	for len(area) >= 4 {
		signature, length := string(area[:2]), int(area[2])
		if length < 4 || length > len(area) {
			break // what pads the area is not an entry
		}
		entry := area[:length]
		field := reference{at: at + 4, enc: bothOrders}
		switch {
		case signature == "CE" && length >= 28:
			next = &continuation{int64(bothEndian32(entry[4:])), int64(bothEndian32(entry[12:])), int64(bothEndian32(entry[20:]))}
			field.target, field.sectors, field.kind = next.lba, 1, useContinuation
		case (signature == "CL" || signature == "PL") && length >= 12: // RRIP 4.1.5
			field.target, field.kind = int64(bothEndian32(entry[4:])), useDirectory
			if signature == "CL" {
				use.child = field.target
			}
		case signature == "ST":
			return next, nil
		default:
			use.read(signature, entry, name)
		}
		if field.kind != "" && w.refer != nil {
			if err := w.refer(field); err != nil {
				return nil, err
			}
		}
		area, at = area[length:], at+int64(length)
	}
	return next, nil
}

// read takes an entry that holds no address.
func (u *systemUse) read(signature string, entry []byte, name *strings.Builder) {
	switch {
	case signature == "NM" && len(entry) > 5 && name.Len() < maxRockRidgeName: // RRIP 4.1.4
		name.Write(entry[5:])
	case signature == "PX" && len(entry) >= 12: // RRIP 4.1.1
		u.mode = bothEndian32(entry[4:])
	case signature == "SL":
		u.symlink = true
	case signature == "RE":
		u.relocated = true
	}
}
