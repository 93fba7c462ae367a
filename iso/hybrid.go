package iso

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// The master boot record of a hybrid image, as syslinux's isohybrid lays it out.
const (
	lenHybridCode  = 432 // syslinux's isohdpfx.bin
	offHybridLBA   = 432 // of isolinux.bin, in sectors of 512 bytes
	offDiskID      = 440
	offPartition   = 446
	lenPartition   = 16
	offMBRKey      = 510
	hybridAlign    = 512 // sectors: 1 MiB, a cylinder of 64 heads and 32 sectors
	hybridHeads    = 64
	hybridSectors  = 32
	maxCylinders   = 1024
	partitionISO   = 0x17
	partitionEFI   = 0xEF
	offHybridEntry = 64 // of isolinux.bin: where the MBR code enters it
)

// hybridEntry is what isolinux.bin must have at byte 64 to be started by a
// master boot record: isolinux 3.72 and newer.
var hybridEntry = []byte{0xFB, 0xC0, 0x78, 0x70}

// HybridMBR checks a master boot record for hybrid images: syslinux's
// isohdpfx.bin, or the start of an image that is hybrid already. uclab ships
// none, because the code is syslinux's.
func HybridMBR(data []byte) ([]byte, error) {
	if len(data) < lenHybridCode || allZero(data[:lenHybridCode]) {
		return nil, fmt.Errorf("a hybrid boot record has %d bytes of code, this has %d bytes", lenHybridCode, len(data))
	}
	return bytes.Clone(data[:lenHybridCode]), nil
}

func allZero(data []byte) bool { return len(bytes.TrimLeft(data, "\x00")) == 0 }

// HybridError says why a disc cannot be made to boot from a USB stick.
type HybridError struct{ Why string }

// Error says why.
func (e *HybridError) Error() string { return "the disc cannot be made hybrid: " + e.Why }

// Hint says what works instead.
func (e *HybridError) Hint() string {
	return "inject without --hybrid: the disc will boot from CD, DVD and in virtual machines"
}

// hybrid writes the master boot record and its partitions, and rounds the size
// up to whole cylinders.
func (p *Injection) hybrid(code []byte, entries []BootEntry) error {
	if !p.BIOS {
		return &HybridError{"it has no BIOS boot file"}
	}
	area := make([]byte, systemAreaSectors*SectorSize)
	if _, err := p.source.ReadAt(area, 0); err != nil {
		return fmt.Errorf("read the system area: %w", err)
	}
	if !allZero(area) {
		return &HybridError{"its system area, sectors 0 to 15, holds something already"}
	}
	entry := make([]byte, len(hybridEntry))
	if _, err := p.readPlanned(entry, entries[0].LBA*SectorSize+offHybridEntry); err != nil {
		return err
	}
	if !bytes.Equal(entry, hybridEntry) {
		return &HybridError{"its boot file is no isolinux of 3.72 or newer"}
	}
	p.next = alignUp(p.next, hybridAlign)
	p.patch(0, hybridMBR(code, p.next, entries), "master boot record")
	return nil
}

// readPlanned reads from the result before the plan is complete.
func (p *Injection) readPlanned(to []byte, at int64) (int, error) {
	for _, write := range p.writes {
		if write.Offset <= at && at+int64(len(to)) <= write.Offset+int64(len(write.Data)) {
			return copy(to, write.Data[at-write.Offset:]), nil
		}
	}
	for _, move := range p.moves {
		if move.donor == nil && move.To <= at && at < move.To+move.Size {
			at += move.From - move.To
		}
	}
	n, err := p.source.ReadAt(to, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, fmt.Errorf("read the boot file: %w", err)
	}
	return n, nil
}

func alignUp(n, to int64) int64 { return (n + to - 1) / to * to }

func hybridMBR(code []byte, sectors int64, entries []BootEntry) []byte {
	mbr := make([]byte, virtualSectorSize)
	copy(mbr, code)
	binary.LittleEndian.PutUint32(mbr[offHybridLBA:], uint32(entries[0].LBA*4))
	partitions := mbr[offPartition:offMBRKey]
	cylinders := min(sectors/hybridAlign, maxCylinders)
	last := cylinders - 1
	first := partitions[:lenPartition]
	first[0] = 0x80                                                    // active
	first[1], first[2], first[3] = 0, 1, 0                             // head, sector and cylinder of the start
	first[4] = partitionISO                                            //
	first[5] = hybridHeads - 1                                         // of the end
	first[6], first[7] = byte(hybridSectors+last&0x300>>2), byte(last) // two high bits of the cylinder are with the sector
	binary.LittleEndian.PutUint32(first[12:], uint32(sectors*4))
	for _, entry := range entries[1:] {
		second := partitions[lenPartition : 2*lenPartition]
		copy(second[1:], []byte{0xFE, 0xFF, 0xFF, partitionEFI, 0xFE, 0xFF, 0xFF}) // no geometry: use the LBA
		binary.LittleEndian.PutUint32(second[8:], uint32(entry.LBA*4))
		binary.LittleEndian.PutUint32(second[12:], uint32(entry.LoadSectors))
	}
	binary.LittleEndian.PutUint32(mbr[offDiskID:], crc32.ChecksumIEEE(mbr))
	mbr[offMBRKey], mbr[offMBRKey+1] = 0x55, 0xAA
	return mbr
}
