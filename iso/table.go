package iso

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The states of a boot info table.
const (
	TablePresent = "present" // right for this disc
	TableAbsent  = "absent"  // all zeros, or no room for one
	TableStale   = "stale"   // there, but wrong for this disc
)

// bootInfoTable is what mkisofs writes into a boot file at byte 8, so that
// isolinux finds itself.
type bootInfoTable struct {
	pvd      uint32 // LBA of the primary volume descriptor
	file     uint32 // LBA of the boot file
	length   uint32 // bytes
	checksum uint32 // sum of its little-endian words from byte 64
}

func parseTable(head []byte) bootInfoTable {
	return bootInfoTable{
		pvd:      binary.LittleEndian.Uint32(head[offTable:]),
		file:     binary.LittleEndian.Uint32(head[offTable+4:]),
		length:   binary.LittleEndian.Uint32(head[offTable+8:]),
		checksum: binary.LittleEndian.Uint32(head[offTable+12:]),
	}
}

// encode gives the 56 bytes that go to byte 8 of the boot file.
func (t bootInfoTable) encode() []byte {
	data := make([]byte, lenTable)
	binary.LittleEndian.PutUint32(data[0:], t.pvd)
	binary.LittleEndian.PutUint32(data[4:], t.file)
	binary.LittleEndian.PutUint32(data[8:], t.length)
	binary.LittleEndian.PutUint32(data[12:], t.checksum)
	return data
}

// tableChecksum adds the little-endian 32-bit words of a boot file from byte 64
// to its end, the last padded with zeros.
func tableChecksum(r io.Reader) (uint32, error) {
	buffer := make([]byte, 64<<10)
	var sum uint32
	for first := true; ; first = false {
		n, err := io.ReadFull(r, buffer)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return 0, fmt.Errorf("read the boot file: %w", err)
		}
		clear(buffer[n:min(len(buffer), (n+3)&^3)])
		start := 0
		if first {
			start = offTableFirstSum
		}
		for i := start; i < n; i += 4 {
			sum += binary.LittleEndian.Uint32(buffer[i:])
		}
		if n < len(buffer) {
			return sum, nil
		}
	}
}

// tableState compares the boot info table of a boot file on the disc with what
// it has to be. xorriso writes its own system area's end, 48, as the primary
// descriptor's sector when told so; such tables boot too.
func (d *Disc) tableState(file Extent) (state string, table bootInfoTable, err error) {
	if file.Size < offTableFirstSum {
		return TableAbsent, table, nil
	}
	head := make([]byte, offTableFirstSum)
	if _, err := d.r.ReadAt(head, file.LBA*SectorSize); err != nil {
		return TableAbsent, table, fmt.Errorf("read the boot file at sector %d: %w", file.LBA, err)
	}
	table = parseTable(head)
	if !looksLikeTable(head) {
		return TableAbsent, table, nil
	}
	if file.Size > maxBootFile || int64(table.file) != file.LBA || int64(table.length) != file.Size || table.pvd != firstDescriptor && table.pvd != 48 {
		return TableStale, table, nil
	}
	sum, err := tableChecksum(io.NewSectionReader(d.r, file.LBA*SectorSize, file.Size))
	if err != nil {
		return TableStale, table, err
	}
	if sum != table.checksum {
		return TableStale, table, nil
	}
	return TablePresent, table, nil
}

// looksLikeTable says that the bytes at a boot info table's place are one: not
// all zero, but the reserved ones are. Other boot files have code there, and an
// isolinux.bin that no disc was made with has a filler.
func looksLikeTable(head []byte) bool {
	return !allZero(head[offTable:offTable+16]) && allZero(head[offTable+16:offTableFirstSum])
}
