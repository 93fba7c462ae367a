package iso

import (
	"errors"
	"io"
	"slices"
)

// Write is a run of bytes that an injection puts on the disc.
type Write struct {
	Offset int64 // bytes from the start of the image
	Data   []byte
	What   string // e.g. "boot catalog"
	last   bool   // a volume descriptor: written after everything else
}

// Move is an extent that an injection copies to another place: of the disc
// itself, or from a donor.
type Move struct {
	From, To int64 // bytes from the start of the image, or of the donor's file
	Size     int64 // bytes
	What     string
	donor    io.ReaderAt // nil: the disc itself
}

// overlay reads an image as it will be after moves and writes, without one being
// made.
type overlay struct {
	source  io.ReaderAt
	size    int64 // of the source
	total   int64 // of the result
	moves   []Move
	interim []Write // descriptors mended where they are, before they are shifted
	writes  []Write // sorted by offset, not overlapping
}

// ReadAt reads from the result.
func (o *overlay) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	if off >= o.total {
		return 0, io.EOF
	}
	var short error
	if int64(len(p)) > o.total-off {
		p, short = p[:o.total-off], io.EOF
	}
	if err := fill(p, o.source, off, o.size); err != nil {
		return 0, err
	}
	for _, move := range o.moves {
		from, to := max(off, move.To), min(off+int64(len(p)), move.To+move.Size)
		if from >= to {
			continue
		}
		source, size := o.source, o.size
		if move.donor != nil {
			source, size = move.donor, move.From+move.Size
		}
		if err := fill(p[from-off:to-off], source, move.From+from-move.To, size); err != nil {
			return 0, err
		}
	}
	o.lay(p, off)
	return len(p), short
}

// lay puts the writes over what has been read from an offset.
func (o *overlay) lay(p []byte, off int64) {
	first, _ := slices.BinarySearchFunc(o.writes, off, func(w Write, off int64) int {
		if w.Offset+int64(len(w.Data)) <= off {
			return -1
		}
		return 1
	})
	for _, write := range o.writes[first:] {
		if write.Offset >= off+int64(len(p)) {
			return
		}
		if write.Offset >= off {
			copy(p[write.Offset-off:], write.Data)
		} else {
			copy(p, write.Data[off-write.Offset:])
		}
	}
}

// fill reads from a source of size bytes; beyond its end there are zeros.
func fill(p []byte, source io.ReaderAt, at, size int64) error {
	have := min(int64(len(p)), max(size-at, 0))
	clear(p[have:])
	n, err := source.ReadAt(p[:have], at)
	if int64(n) == have {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
