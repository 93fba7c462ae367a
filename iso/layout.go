// Package iso reads, and makes bootable, disc images in the ISO 9660 format
// (ECMA-119) with their extensions: El Torito boot catalogs, Joliet, Rock Ridge
// and UDF bridges. It works on io.ReaderAt, streams, and never holds an image in
// memory.
//
// "Sector" is the logical sector of 2,048 bytes (ECMA-119 6.1.2); where El Torito
// counts in virtual sectors of 512 bytes, the comments say so. LBA is the number
// of a sector from the start of the image.
package iso

// SectorSize is the size of a logical sector in bytes (ECMA-119 6.1.2).
const SectorSize = 2048

// virtualSectorSize is what El Torito 1.0 counts loads in (section 1.5, Sector
// Count).
const virtualSectorSize = 512

const (
	// systemAreaSectors come before the volume descriptors (ECMA-119 6.2.1).
	systemAreaSectors = 16
	// firstDescriptor is the LBA of the first volume descriptor, the primary one
	// (ECMA-119 6.7.1).
	firstDescriptor = 16
	// bootRecordLBA is where a boot record must be for firmware to find it (El
	// Torito 1.0 section 2.0, figure 7).
	bootRecordLBA = 17
	// maxDescriptors bounds the search for the terminator. Discs have three to
	// six descriptors.
	maxDescriptors = 64
)

// Volume descriptor types (ECMA-119 8.1.1).
const (
	typeBootRecord    = 0
	typePrimary       = 1
	typeSupplementary = 2
	typePartition     = 3
	typeTerminator    = 255
)

// standardID is in bytes 1 to 5 of every volume descriptor (ECMA-119 8.1.2).
const standardID = "CD001"

// Offsets in a volume descriptor (ECMA-119 8.4 and 8.5, which count from 1).
const (
	offType            = 0
	offStandardID      = 1
	offVersion         = 6
	offVolumeFlags     = 7   // supplementary: 8.5.3
	offSystemID        = 8   // 32 bytes
	offVolumeID        = 40  // 32 bytes
	offVolumeSpaceSize = 80  // both-endian, 8.4.8
	offEscapes         = 88  // 32 bytes, 8.5.6
	offBlockSize       = 128 // both-endian 16 bit, 8.4.12
	offPathTableSize   = 132 // both-endian, 8.4.13
	offPathTableL      = 140 // 8.4.14
	offPathTableOptL   = 144 // 8.4.15
	offPathTableM      = 148 // 8.4.16
	offPathTableOptM   = 152 // 8.4.17
	offRootRecord      = 156 // 34 bytes, 8.4.18
	offApplicationUse  = 883 // 512 bytes, 8.4.32
	lenApplicationUse  = 512
	lenRootRecord      = 34
)

// Offsets in a directory record (ECMA-119 9.1).
const (
	recLength     = 0
	recExtAttr    = 1 // extended attribute record length, 9.1.2
	recExtent     = 2 // both-endian, 9.1.3
	recDataLength = 10
	recFlags      = 25 // 9.1.6
	recUnitSize   = 26
	recGapSize    = 27
	recNameLength = 32 // 9.1.10
	recName       = 33 // 9.1.11
	recMinimum    = 34 // a record with a one-byte name
)

// File flags (ECMA-119 9.1.6).
const (
	flagDirectory   = 1 << 1
	flagAssociated  = 1 << 2
	flagMultiExtent = 1 << 7
)

// El Torito (Bootable CD-ROM Format Specification 1.0).
const (
	// bootSystemID is in bytes 7 to 38 of the boot record, padded with NUL
	// (section 2.0, figure 7).
	bootSystemID = "EL TORITO SPECIFICATION"
	// offCatalogLBA holds the absolute pointer to the boot catalog (figure 7).
	offCatalogLBA = 71
	catalogEntry  = 32 // size of each entry (section 2.0)

	headerValidation    = 0x01 // validation entry (2.1)
	entryBootable       = 0x88 // initial or section entry (2.2, 2.4)
	entryNotBootable    = 0x00
	headerMoreSections  = 0x90 // section header, more follow (2.3)
	headerFinalSection  = 0x91 // section header, the last (2.3)
	entryExtension      = 0x44 // section entry extension (2.5)
	platformBIOS        = 0x00 // 80x86 (2.1)
	platformEFI         = 0xEF // UEFI 2.x section 13.3.2.1
	mediaNoEmulation    = 0    // boot media type (2.2)
	defaultLoadSectors  = 4    // virtual sectors that mkisofs and isolinux use
	maxCatalogSectors   = 8    // bounds reading a catalog: 8 sectors hold 512 entries
	offValidationSum    = 28   // checksum word (2.1)
	offValidationKey    = 30   // 55 AA (2.1)
	validationKey55     = 0x55
	validationKeyAA     = 0xAA
	offEntryMedia       = 1
	offEntryLoadSegment = 2
	offEntrySystemType  = 4
	offEntrySectorCount = 6
	offEntryLBA         = 8
)

// Boot info table (mkisofs's -boot-info-table, read by isolinux; mkisofs manual,
// "EL TORITO BOOT INFORMATION TABLE").
const (
	offTable         = 8
	lenTable         = 56 // 16 bytes of fields and 40 of zeros
	offTableFirstSum = 64 // the checksum covers the file from here
	// offGrub2 holds a 64-bit pointer in GRUB 2's El Torito images.
	offGrub2 = 2548
)

// Limits against absurd sizes in damaged or hostile images.
const (
	maxDepth     = 256      // ECMA-119 allows 8, Rock Ridge and Joliet more
	maxPathTable = 32 << 20 // bytes
	maxBootFile  = 64 << 20 // bytes of a boot file that is read for its checksum
)
