package iso

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// Progress is told how many bytes of a long copy are done.
type Progress interface {
	Copied(done, total int64)
}

// File is what Apply writes to: a disc image opened for reading and writing.
type File interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
}

// Apply makes the planned writes in the image that the plan was made from, or
// in a copy of it. With sync, everything else is on the disk before the
// descriptors, and those are written last and from the highest sector down:
// interrupted at any point, the image still reads as it did.
func (p *Injection) Apply(ctx context.Context, file File, sync bool) error {
	if err := p.Reimplant(ctx, nil); err != nil {
		return err
	}
	if err := p.applyContents(ctx, file); err != nil {
		return err
	}
	if err := flush(file, sync); err != nil {
		return err
	}
	// A few sectors: from here on it is quicker to end than to stop.
	ctx = context.WithoutCancel(ctx)
	var shifted []Write
	for _, write := range p.writes {
		if write.last {
			shifted = append(shifted, write)
		}
	}
	if len(shifted) == 0 {
		return nil
	}
	// What moved must be found at its new place before its old one is
	// overwritten; the boot record comes last of all.
	if err := writeAll(ctx, file, append(p.interim, shifted[0])); err != nil {
		return err
	}
	if len(p.moves) > 0 {
		if err := flush(file, sync); err != nil {
			return err
		}
	}
	slices.Reverse(shifted[1:])
	if err := writeAll(ctx, file, shifted[1:]); err != nil {
		return err
	}
	return flush(file, sync)
}

// applyContents makes every write but those of the descriptors.
func (p *Injection) applyContents(ctx context.Context, file File) error {
	for _, move := range p.moves {
		if err := copyRange(ctx, file, move); err != nil {
			return err
		}
	}
	for _, write := range p.writes {
		if write.last {
			continue
		}
		if err := writeAt(ctx, file, write); err != nil {
			return err
		}
	}
	return p.extend(file)
}

func writeAll(ctx context.Context, file io.WriterAt, writes []Write) error {
	for _, write := range writes {
		if err := writeAt(ctx, file, write); err != nil {
			return err
		}
	}
	return nil
}

// extend makes the image end with a whole sector.
func (p *Injection) extend(file File) error {
	if p.Already {
		return nil
	}
	probe := make([]byte, 1)
	if _, err := file.ReadAt(probe, p.total-1); err == nil {
		return nil
	}
	if _, err := file.WriteAt(probe, p.total-1); err != nil {
		return fmt.Errorf("write the end of the image: %w", err)
	}
	return nil
}

func flush(file File, sync bool) error {
	if !sync {
		return nil
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("write the image to the disk: %w", err)
	}
	return nil
}

func writeAt(ctx context.Context, file io.WriterAt, write Write) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := file.WriteAt(write.Data, write.Offset); err != nil {
		return fmt.Errorf("write %s at byte %d: %w", write.What, write.Offset, err)
	}
	return nil
}

func copyRange(ctx context.Context, file File, move Move) error {
	var source io.ReaderAt = file
	if move.donor != nil {
		source = move.donor
	}
	buffer := make([]byte, 256<<10)
	for done := int64(0); done < move.Size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		chunk := buffer[:min(int64(len(buffer)), move.Size-done)]
		n, err := source.ReadAt(chunk, move.From+done)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("move %s: %w", move.What, err)
		}
		clear(chunk[n:])
		if _, err := file.WriteAt(chunk, move.To+done); err != nil {
			return fmt.Errorf("move %s: %w", move.What, err)
		}
		done += int64(len(chunk))
	}
	return nil
}

// CopyOptions say how a copy is made.
type CopyOptions struct {
	Overwrite bool     // replace an existing file
	NoSync    bool     // leave it to the system when the bytes reach the disk
	Progress  Progress // nil: silent
}

// WriteCopy writes the image that results beside the target under a temporary
// name, and gives it its name when it is complete: the target is wholly there or
// not at all. The source is only read.
func (p *Injection) WriteCopy(ctx context.Context, source *os.File, target string, opts CopyOptions) (err error) {
	if !opts.Overwrite {
		if _, err := os.Lstat(target); err == nil {
			return &os.PathError{Op: "write", Path: target, Err: os.ErrExist}
		}
	}
	temporary, err := os.CreateTemp(filepath.Dir(target), ".uclab-*.iso")
	if err != nil {
		return fmt.Errorf("make a temporary file beside %s: %w", target, err)
	}
	kept := false
	defer func() {
		err = errors.Join(err, ignoreClosed(temporary.Close()))
		if !kept {
			err = errors.Join(err, os.Remove(temporary.Name()))
		}
	}()
	if err := copyFile(ctx, temporary, source, p.size, opts.Progress); err != nil {
		return err
	}
	if err := p.Apply(ctx, temporary, false); err != nil {
		return err
	}
	if err := finish(temporary, source, !opts.NoSync); err != nil {
		return err
	}
	if err := place(temporary.Name(), target, opts.Overwrite); err != nil {
		return err
	}
	kept = true
	return nil
}

// finish gives the copy its source's mode and makes sure that it is on the
// disk.
func finish(file, source *os.File, sync bool) error {
	info, err := source.Stat()
	if err != nil {
		return fmt.Errorf("read the source's mode: %w", err)
	}
	if err := file.Chmod(info.Mode().Perm() | 0o200); err != nil {
		return fmt.Errorf("set the copy's mode: %w", err)
	}
	if err := flush(file, sync); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("close the copy: %w", err)
	}
	return nil
}

// place gives the finished copy its name. Without overwrite a file that came
// into being meanwhile is kept, where the file system has hard links.
func place(temporary, target string, overwrite bool) error {
	if !overwrite {
		switch err := os.Link(temporary, target); {
		case err == nil:
			return os.Remove(temporary)
		case errors.Is(err, os.ErrExist):
			return err
		}
	}
	if err := os.Rename(temporary, target); err != nil {
		return fmt.Errorf("name the copy: %w", err)
	}
	return nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// copyStep bounds how much is copied between two looks at the context.
const copyStep = 64 << 20

// copyFile copies size bytes from the start of a file. Between two *os.File,
// io.CopyN uses copy_file_range on Linux, which shares blocks or copies inside
// the kernel.
func copyFile(ctx context.Context, to, from *os.File, size int64, progress Progress) error {
	if cloned := cloneFile(to, from); cloned {
		return nil
	}
	if _, err := from.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read the source: %w", err)
	}
	for done := int64(0); done < size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.CopyN(to, from, min(copyStep, size-done))
		done += n
		if err != nil {
			return fmt.Errorf("copy the image, %d of %d bytes done: %w", done, size, err)
		}
		if progress != nil {
			progress.Copied(done, size)
		}
	}
	return nil
}
