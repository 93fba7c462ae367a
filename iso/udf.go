package iso

import (
	"bytes"
	"encoding/binary"
)

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
	lastAnchor  []byte // the anchor in the disc's last sector, nil when there is none
}

// readUDF looks for the volume recognition sequence that follows the ISO 9660
// terminator (ECMA-167 2/8.3) and for what the anchor points to.
func (d *Disc) readUDF() error {
	terminator := d.descriptor[len(d.descriptor)-1]
	after := terminator.lba + 1
	for lba := after; lba < after+maxRecognition && (lba+1)*SectorSize <= d.size; lba++ {
		data, err := d.sector(lba)
		if err != nil {
			return err
		}
		if lba == after && bytes.Equal(data, terminator.data) {
			continue // an interrupted injection in place has doubled it
		}
		id := string(data[1:6])
		if id != "BEA01" && id != "NSR02" && id != "NSR03" && id != "TEA01" && id != "BOOT2" {
			break
		}
		d.udf.recognition = append(d.udf.recognition, lba)
		d.udf.present = d.udf.present || id == "NSR02" || id == "NSR03"
	}
	if !d.udf.present {
		d.udf.recognition = nil
		return nil
	}
	return d.readUDFAnchors()
}

// readUDFAnchors reads the anchors at the three places that there are for them
// (ECMA-167 3/8.4.2.1).
func (d *Disc) readUDFAnchors() error {
	last := d.size/SectorSize - 1
	for _, lba := range []int64{udfAnchorLBA, last - udfAnchorLBA, last} {
		if lba < 0 || lba > last {
			continue
		}
		anchor, err := d.sector(lba)
		if err != nil {
			return err
		}
		if binary.LittleEndian.Uint16(anchor) != udfTagAnchor || int64(binary.LittleEndian.Uint32(anchor[12:])) != lba {
			continue
		}
		if lba == last {
			d.udf.lastAnchor = anchor
		}
		d.udf.used = append(d.udf.used, Extent{lba, SectorSize})
		if err := d.readUDFAnchor(anchor); err != nil {
			return err
		}
	}
	return nil
}

func (d *Disc) readUDFAnchor(anchor []byte) error {
	for _, at := range []int{16, 24} { // main and reserve sequences, 3/10.2
		sequence := Extent{int64(binary.LittleEndian.Uint32(anchor[at+4:])), int64(binary.LittleEndian.Uint32(anchor[at:]))}
		if sequence.sectors() > maxUDFSequence {
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

// repeatUDFAnchor puts a copy of the anchor into the last sector of the longer
// disc, if the disc had one in its last sector: readers look there, too.
func (p *Injection) repeatUDFAnchor(align int64) {
	if p.disc.udf.lastAnchor == nil {
		return
	}
	p.next = alignUp(p.next+1, align)
	anchor := bytes.Clone(p.disc.udf.lastAnchor)
	binary.LittleEndian.PutUint32(anchor[12:], uint32(p.next-1))
	anchor[4] = 0
	for i, b := range anchor[:16] { // the tag's checksum (ECMA-167 3/7.2.3)
		if i != 4 {
			anchor[4] += b
		}
	}
	p.patch((p.next-1)*SectorSize, anchor, "UDF anchor")
}

// lastDescriptor is the last sector that the descriptors take, UDF's recognition
// sequence included.
func (d *Disc) lastDescriptor() int64 {
	if n := len(d.udf.recognition); n > 0 {
		return d.udf.recognition[n-1]
	}
	return d.descriptor[len(d.descriptor)-1].lba
}
