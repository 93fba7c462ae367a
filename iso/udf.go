package iso

import "encoding/binary"

// UDF structures (ECMA-167): only as much as tells which sectors they take.
const (
	udfAnchorLBA        = 256 // ECMA-167 3/8.4.2.1
	udfTagAnchor        = 2   // ECMA-167 3/7.2.1
	udfTagPartition     = 5
	udfTagLogicalVolume = 6
	udfTagTerminator    = 8
	maxUDFSequence      = 1024 // sectors
	maxRecognition      = 16   // sectors of a volume recognition sequence
)

// udfVolume is the UDF side of a bridge disc.
type udfVolume struct {
	present     bool
	recognition []int64 // LBAs of BEA01, NSR0x and TEA01
	used        []Extent
}

// readUDF looks for the volume recognition sequence that follows the ISO 9660
// terminator (ECMA-167 2/8.3) and for what the anchor points to.
func (d *Disc) readUDF() error {
	after := d.descriptor[len(d.descriptor)-1].lba + 1
	for lba := after; lba < after+maxRecognition && (lba+1)*SectorSize <= d.size; lba++ {
		data, err := d.sector(lba)
		if err != nil {
			return err
		}
		id := string(data[1:6])
		if id != "BEA01" && id != "NSR02" && id != "NSR03" && id != "TEA01" && id != "BOOT2" {
			break
		}
		d.udf.recognition = append(d.udf.recognition, lba)
		d.udf.present = d.udf.present || id == "NSR02" || id == "NSR03"
	}
	if !d.udf.present || (udfAnchorLBA+1)*SectorSize > d.size {
		return nil
	}
	return d.readUDFAnchor()
}

func (d *Disc) readUDFAnchor() error {
	anchor, err := d.sector(udfAnchorLBA)
	if err != nil {
		return err
	}
	if binary.LittleEndian.Uint16(anchor) != udfTagAnchor {
		return nil
	}
	d.udf.used = append(d.udf.used, Extent{udfAnchorLBA, SectorSize})
	for _, at := range []int{16, 24} { // main and reserve sequences, 3/10.2
		sequence := Extent{int64(binary.LittleEndian.Uint32(anchor[at+4:])), int64(binary.LittleEndian.Uint32(anchor[at:]))}
		if sequence.LBA == 0 || sequence.sectors() > maxUDFSequence {
			continue
		}
		d.udf.used = append(d.udf.used, sequence)
		if err := d.readUDFSequence(sequence); err != nil {
			return err
		}
	}
	return nil
}

func (d *Disc) readUDFSequence(sequence Extent) error {
	for i := range sequence.sectors() {
		if (sequence.LBA+i+1)*SectorSize > d.size {
			return nil
		}
		data, err := d.sector(sequence.LBA + i)
		if err != nil {
			return err
		}
		switch binary.LittleEndian.Uint16(data) {
		case udfTagPartition: // 3/10.5
			start, length := binary.LittleEndian.Uint32(data[188:]), binary.LittleEndian.Uint32(data[192:])
			d.udf.used = append(d.udf.used, Extent{int64(start), int64(length) * SectorSize})
		case udfTagLogicalVolume: // 3/10.6, integrity sequence extent
			length, start := binary.LittleEndian.Uint32(data[432:]), binary.LittleEndian.Uint32(data[436:])
			d.udf.used = append(d.udf.used, Extent{int64(start), int64(length)})
		case udfTagTerminator:
			return nil
		}
	}
	return nil
}
