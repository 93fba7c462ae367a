package iso

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// BootRecord is a disc's El Torito boot record with its catalog.
type BootRecord struct {
	LBA        int64 // of the boot record volume descriptor
	CatalogLBA int64
	Entries    []BootEntry
	// Problems say why firmware would not boot it; empty when all is well.
	Problems []string
}

// BootEntry is an initial or section entry of the boot catalog.
type BootEntry struct {
	Platform    byte // platformBIOS or platformEFI
	Bootable    bool
	Media       byte
	LoadSegment uint16
	SystemType  byte
	LoadSectors uint16 // virtual sectors of 512 bytes
	LBA         int64
	section     bool // a section entry, not the initial one
}

// readBootRecord finds a boot record among the descriptors and reads its
// catalog. A catalog that cannot be read is a problem of the boot record, not an
// error: such discs occur and can be repaired.
func (d *Disc) readBootRecord() error {
	for _, found := range d.descriptor {
		if !found.isBootRecord() {
			continue
		}
		record := &BootRecord{LBA: found.lba, CatalogLBA: int64(binary.LittleEndian.Uint32(found.data[offCatalogLBA:]))}
		d.BootRecord = record
		if found.lba != bootRecordLBA {
			record.problem("the boot record is at sector %d, not at %d", found.lba, bootRecordLBA)
		}
		if len(bytes.Trim(found.data[7+len(bootSystemID):39], "\x00")) > 0 {
			record.problem("the boot system identifier is not padded with zeros")
		}
		d.readCatalog(record)
		return nil
	}
	return nil
}

// isBootRecord recognizes an El Torito boot record, a badly padded one included.
func (f descriptor) isBootRecord() bool {
	return f.kind == typeBootRecord && bytes.HasPrefix(f.data[7:39], []byte(bootSystemID))
}

func (b *BootRecord) problem(format string, args ...any) {
	b.Problems = append(b.Problems, fmt.Sprintf(format, args...))
}

func (d *Disc) readCatalog(record *BootRecord) {
	available := d.size - record.CatalogLBA*SectorSize
	if record.CatalogLBA <= systemAreaSectors || available < 2*catalogEntry {
		record.problem("the boot catalog's sector %d is not on the disc", record.CatalogLBA)
		return
	}
	catalog, err := d.bytes(Extent{record.CatalogLBA, min(available, maxCatalogSectors*SectorSize)})
	if err != nil {
		record.problem("the boot catalog cannot be read: %v", err)
		return
	}
	record.parse(catalog)
	for _, entry := range record.Entries {
		if entry.Bootable && (entry.LBA <= systemAreaSectors || entry.LBA*SectorSize >= d.size) {
			record.problem("the %s boot image's sector %d is not on the disc", platformName(entry.Platform), entry.LBA)
		}
	}
}

// parse reads the entries of a catalog (El Torito 2.1 to 2.5).
func (b *BootRecord) parse(catalog []byte) {
	validation := catalog[:catalogEntry]
	if validation[0] != headerValidation {
		b.problem("the catalog's validation entry has id %#x", validation[0])
		return
	}
	if validation[offValidationKey] != validationKey55 || validation[offValidationKey+1] != validationKeyAA {
		b.problem("the catalog's validation entry lacks the key 55 AA")
	}
	if wordSum(validation) != 0 {
		b.problem("the catalog's validation entry has a wrong checksum")
	}
	initial := parseBootEntry(catalog[catalogEntry:2*catalogEntry], validation[1])
	if !initial.Bootable {
		b.problem("the catalog's initial entry is not bootable")
	}
	b.Entries = append(b.Entries, initial)
	b.parseSections(catalog[2*catalogEntry:])
}

func (b *BootRecord) parseSections(catalog []byte) {
	for len(catalog) >= catalogEntry {
		header := catalog[:catalogEntry]
		if header[0] != headerMoreSections && header[0] != headerFinalSection {
			return
		}
		count := int(binary.LittleEndian.Uint16(header[2:]))
		catalog = catalog[catalogEntry:]
		for ; count > 0 && len(catalog) >= catalogEntry; catalog = catalog[catalogEntry:] {
			if catalog[0] == entryExtension {
				continue
			}
			entry := parseBootEntry(catalog[:catalogEntry], header[1])
			entry.section = true
			b.Entries = append(b.Entries, entry)
			count--
		}
		if header[0] == headerFinalSection {
			return
		}
	}
}

func parseBootEntry(entry []byte, platform byte) BootEntry {
	return BootEntry{
		Platform:    platform,
		Bootable:    entry[0] == entryBootable,
		Media:       entry[offEntryMedia] & 0x0F,
		LoadSegment: binary.LittleEndian.Uint16(entry[offEntryLoadSegment:]),
		SystemType:  entry[offEntrySystemType],
		LoadSectors: binary.LittleEndian.Uint16(entry[offEntrySectorCount:]),
		LBA:         int64(binary.LittleEndian.Uint32(entry[offEntryLBA:])),
	}
}

// wordSum adds the little-endian 16-bit words of a catalog entry; a validation
// entry's are to come to 0 (El Torito 2.1).
func wordSum(entry []byte) uint16 {
	var sum uint16
	for i := 0; i+1 < len(entry); i += 2 {
		sum += binary.LittleEndian.Uint16(entry[i:])
	}
	return sum
}

// encodeCatalog writes a catalog of one sector for entries, the first of which
// is the initial entry.
func encodeCatalog(entries []BootEntry) []byte {
	catalog := make([]byte, SectorSize)
	catalog[0] = headerValidation
	catalog[1] = entries[0].Platform
	copy(catalog[4:28], "UCLAB")
	catalog[offValidationKey], catalog[offValidationKey+1] = validationKey55, validationKeyAA
	binary.LittleEndian.PutUint16(catalog[offValidationSum:], -wordSum(catalog[:catalogEntry]))
	encodeBootEntry(catalog[catalogEntry:], entries[0])
	at := 2 * catalogEntry
	for i, entry := range entries[1:] {
		header := catalog[at:]
		header[0] = headerMoreSections
		if i == len(entries)-2 {
			header[0] = headerFinalSection
		}
		header[1] = entry.Platform
		binary.LittleEndian.PutUint16(header[2:], 1)
		encodeBootEntry(catalog[at+catalogEntry:], entry)
		at += 2 * catalogEntry
	}
	return catalog
}

func encodeBootEntry(to []byte, entry BootEntry) {
	to[0] = entryNotBootable
	if entry.Bootable {
		to[0] = entryBootable
	}
	to[offEntryMedia] = entry.Media
	binary.LittleEndian.PutUint16(to[offEntryLoadSegment:], entry.LoadSegment)
	to[offEntrySystemType] = entry.SystemType
	binary.LittleEndian.PutUint16(to[offEntrySectorCount:], entry.LoadSectors)
	binary.LittleEndian.PutUint32(to[offEntryLBA:], uint32(entry.LBA))
}

// encodeBootRecord writes the boot record volume descriptor that points to a
// catalog (El Torito 2.0, figure 7).
func encodeBootRecord(catalogLBA int64) []byte {
	record := make([]byte, SectorSize)
	record[offType] = typeBootRecord
	copy(record[offStandardID:], standardID)
	record[offVersion] = 1
	copy(record[7:], bootSystemID)
	binary.LittleEndian.PutUint32(record[offCatalogLBA:], uint32(catalogLBA))
	return record
}

func platformName(platform byte) string {
	if platform == platformEFI {
		return "efi"
	}
	return "bios"
}

func emulationName(media byte) string {
	switch media {
	case mediaNoEmulation:
		return "none"
	case 1:
		return "floppy-1.2"
	case 2:
		return "floppy-1.44"
	case 3:
		return "floppy-2.88"
	case 4:
		return "hard-disk"
	default:
		return fmt.Sprintf("unknown-%d", media)
	}
}
