package appliance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/pkg/sftp"
)

// Info describes a file on the appliance.
type Info struct {
	Path       string
	Mode       fs.FileMode
	Size       int64 // bytes
	UID, GID   uint32
	AccessTime time.Time // whole seconds, as SFTP 3 has them
	ModTime    time.Time
}

// Name is the last element of the path.
func (i Info) Name() string { return path.Base(i.Path) }

func newInfo(name string, info os.FileInfo) Info {
	found := Info{Path: name, Mode: info.Mode(), Size: info.Size(), ModTime: info.ModTime()}
	if stat, ok := info.Sys().(*sftp.FileStat); ok {
		found.UID, found.GID = stat.UID, stat.GID
		found.AccessTime = time.Unix(int64(stat.Atime), 0)
	}
	return found
}

// File is a file that was read whole.
type File struct {
	Info
	Real string // the path without symbolic links
	Data []byte
}

// ReadFile reads a whole regular file of at most limit bytes (ErrTooLarge), in
// three round trips: all questions about it travel with the opening, all its
// blocks together, and the closing is not waited for.
func (s *Session) ReadFile(ctx context.Context, name string, limit int64) (*File, error) {
	var file *File
	err := s.files(ctx, true, func(client *sftp.Client) (err error) {
		file, err = s.readFile(client, name, limit)
		return err
	})
	if err != nil {
		return nil, explain(err, "read "+name)
	}
	return file, nil
}

func (s *Session) readFile(client *sftp.Client, name string, limit int64) (*File, error) {
	var (
		info    os.FileInfo
		real    string
		statErr error
		realErr error
	)
	stat := background(func() { info, statErr = client.Stat(name) })
	resolve := background(func() { real, realErr = client.RealPath(name) })
	s.handles <- struct{}{}
	f, err := client.Open(name)
	<-stat
	<-resolve
	if err != nil {
		<-s.handles
		return nil, err
	}
	defer func() {
		go func() {
			_ = f.Close() // only read from
			<-s.handles
		}()
	}()
	if err := errors.Join(statErr, realErr); err != nil {
		return nil, err
	}
	file := &File{Info: newInfo(name, info), Real: real}
	switch {
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%w: not a regular file", fs.ErrInvalid)
	case info.Size() > limit:
		return nil, fmt.Errorf("%w: %d bytes, at most %d are read", ErrTooLarge, info.Size(), limit)
	}
	file.Data, err = readExactly(f, info.Size())
	return file, err
}

// readExactly reads a file whose size is known, and notices when it is longer
// or shorter by now.
func readExactly(f *sftp.File, size int64) ([]byte, error) {
	data := make([]byte, size)
	var (
		beyond    [1]byte
		extra     int
		beyondErr error
	)
	tail := background(func() { extra, beyondErr = f.ReadAt(beyond[:], size) })
	n, err := 0, error(nil)
	if size > 0 {
		n, err = f.ReadAt(data, 0)
	}
	<-tail
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if beyondErr != nil && !errors.Is(beyondErr, io.EOF) {
		return nil, beyondErr
	}
	if extra != 0 || int64(n) != size {
		return nil, fmt.Errorf("%w: it is being written", ErrChanged)
	}
	return data, nil
}

func background(work func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		work()
	}()
	return done
}

// Stat describes a file, the target of a symbolic link.
func (s *Session) Stat(ctx context.Context, name string) (Info, error) {
	return s.describe(ctx, name, (*sftp.Client).Stat)
}

// Lstat describes a file, a symbolic link itself.
func (s *Session) Lstat(ctx context.Context, name string) (Info, error) {
	return s.describe(ctx, name, (*sftp.Client).Lstat)
}

func (s *Session) describe(ctx context.Context, name string, ask func(*sftp.Client, string) (os.FileInfo, error)) (Info, error) {
	var found Info
	err := s.files(ctx, true, func(client *sftp.Client) error {
		info, err := ask(client, name)
		if err == nil {
			found = newInfo(name, info)
		}
		return err
	})
	return found, explain(err, "look at "+name)
}

// ReadDir lists a directory in order of names, links not followed.
func (s *Session) ReadDir(ctx context.Context, name string) ([]Info, error) {
	var found []Info
	err := s.files(ctx, true, func(client *sftp.Client) error {
		s.handles <- struct{}{}
		defer func() { <-s.handles }()
		infos, err := client.ReadDir(name)
		if err != nil {
			return err
		}
		found = make([]Info, 0, len(infos))
		for _, info := range infos {
			// A server's name is an entry, never a way out of the directory.
			if n := info.Name(); n != "." && n != ".." && !strings.ContainsAny(n, "/\x00") {
				found = append(found, newInfo(path.Join(name, n), info))
			}
		}
		return nil
	})
	slices.SortFunc(found, func(a, b Info) int { return strings.Compare(a.Path, b.Path) })
	return found, explain(err, "list "+name)
}

// Attributes are what a new file gets besides its contents.
type Attributes struct {
	Mode       fs.FileMode // permission bits, setuid, setgid and sticky
	UID, GID   uint32
	AccessTime time.Time // zero: as they come
	ModTime    time.Time
}

// Attributes gives a file's own attributes.
func (i Info) Attributes() Attributes {
	const kept = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky
	return Attributes{Mode: i.Mode & kept, UID: i.UID, GID: i.GID, AccessTime: i.AccessTime, ModTime: i.ModTime}
}

// WriteFile writes a file where it stands, truncating what was there, and
// flushes it to the disk where the server can. It is for files that nothing
// else reads; Replace changes files that are in use.
func (s *Session) WriteFile(ctx context.Context, name string, data []byte, attributes Attributes) error {
	err := s.files(ctx, true, func(client *sftp.Client) error {
		return writeFile(client, name, data, attributes)
	})
	return explain(err, "write "+name)
}

func writeFile(client *sftp.Client, name string, data []byte, attributes Attributes) (err error) {
	f, err := client.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	// Permissions come first: what is written may be for root alone.
	if err := errors.Join(setOwnerAndMode(client, name, attributes), fill(client, f, data), f.Close()); err != nil {
		return err
	}
	return setTimes(client, name, attributes)
}

func setTimes(client *sftp.Client, name string, attributes Attributes) error {
	if attributes.ModTime.IsZero() {
		return nil
	}
	return client.Chtimes(name, attributes.AccessTime, attributes.ModTime)
}

func setAttributes(client *sftp.Client, name string, attributes Attributes) error {
	if err := setOwnerAndMode(client, name, attributes); err != nil {
		return err
	}
	return setTimes(client, name, attributes)
}

func fill(client *sftp.Client, f *sftp.File, data []byte) error {
	if _, err := f.ReadFrom(bytes.NewReader(data)); err != nil {
		return err
	}
	if !capabilities(client).Sync {
		return nil
	}
	return f.Sync()
}

// setOwnerAndMode asks before it changes the owner: an account other than root
// may keep its own files but not give them away. Changing the owner clears
// setuid, so the mode comes after it.
func setOwnerAndMode(client *sftp.Client, name string, attributes Attributes) error {
	info, err := client.Stat(name)
	if err != nil {
		return err
	}
	now := newInfo(name, info)
	if now.UID != attributes.UID || now.GID != attributes.GID {
		if err := client.Chown(name, int(attributes.UID), int(attributes.GID)); err != nil {
			return err
		}
	}
	return client.Chmod(name, attributes.Mode)
}

// CreateExclusive writes a new small file and fails with fs.ErrExist when the
// name is taken.
func (s *Session) CreateExclusive(ctx context.Context, name string, data []byte) error {
	taken := false
	err := s.files(ctx, false, func(client *sftp.Client) error {
		f, err := client.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		if err != nil {
			// EEXIST has no code of its own in SFTP 3.
			if _, statErr := client.Lstat(name); statErr == nil {
				taken = true
			}
			return err
		}
		_, err = f.Write(data)
		return errors.Join(err, f.Close())
	})
	if taken {
		return fmt.Errorf("create %s: %w", name, fs.ErrExist)
	}
	return explain(err, "create "+name)
}

// MakeDir makes a directory, parents included, if it is not there, and gives it
// the mode.
func (s *Session) MakeDir(ctx context.Context, name string, mode fs.FileMode) error {
	err := s.files(ctx, true, func(client *sftp.Client) error {
		if info, err := client.Stat(name); err == nil && info.IsDir() && info.Mode().Perm() == mode {
			return nil
		}
		if err := client.MkdirAll(name); err != nil {
			return err
		}
		return client.Chmod(name, mode)
	})
	return explain(err, "make directory "+name)
}

// Rename gives a file a new name that must be free. It is not repeated after a
// lost connection: whether it was done cannot be known then.
func (s *Session) Rename(ctx context.Context, from, to string) error {
	err := s.files(ctx, false, func(client *sftp.Client) error {
		if _, err := client.Lstat(to); err == nil {
			return fmt.Errorf("%s: %w", to, fs.ErrExist)
		}
		return client.Rename(from, to)
	})
	return explain(err, fmt.Sprintf("rename %s to %s", from, to))
}

// Touch sets the times of a file that is there.
func (s *Session) Touch(ctx context.Context, name string, when time.Time) error {
	err := s.files(ctx, true, func(client *sftp.Client) error { return client.Chtimes(name, when, when) })
	return explain(err, "touch "+name)
}

// Remove removes a file; one that is not there is no error.
func (s *Session) Remove(ctx context.Context, name string) error {
	err := s.files(ctx, true, func(client *sftp.Client) error {
		err := client.Remove(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	return explain(err, "remove "+name)
}
