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

// Move is an extent that an injection copies elsewhere on the disc.
type Move struct {
	From, To int64 // bytes from the start of the image
	Size     int64 // bytes
	What     string
}

// overlay reads an image as it will be after moves and writes, without one being
// made.
type overlay struct {
	source io.ReaderAt
	size   int64 // of the source
	total  int64 // of the result
	moves  []Move
	writes []Write // sorted by offset, not overlapping
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
	clear(p)
	if err := o.fill(p, off, o.source, off); err != nil {
		return 0, err
	}
	for _, move := range o.moves {
		from, to := max(off, move.To), min(off+int64(len(p)), move.To+move.Size)
		if from < to {
			if err := o.fill(p[from-off:to-off], from, o.source, move.From+from-move.To); err != nil {
				return 0, err
			}
		}
	}
	first, _ := slices.BinarySearchFunc(o.writes, off, func(w Write, off int64) int {
		if w.Offset+int64(len(w.Data)) <= off {
			return -1
		}
		return 1
	})
	for _, write := range o.writes[first:] {
		if write.Offset >= off+int64(len(p)) {
			break
		}
		if write.Offset >= off {
			copy(p[write.Offset-off:], write.Data)
		} else {
			copy(p, write.Data[off-write.Offset:])
		}
	}
	return len(p), short
}

// fill reads the source where it reaches; beyond its end there are zeros.
func (o *overlay) fill(p []byte, _ int64, source io.ReaderAt, at int64) error {
	if at >= o.size {
		return nil
	}
	p = p[:min(int64(len(p)), o.size-at)]
	n, err := source.ReadAt(p, at)
	if n == len(p) || errors.Is(err, io.EOF) && n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
