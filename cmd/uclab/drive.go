package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/pkg/sftp"
	"github.com/uclab/uclab/appliance"
	"golang.org/x/net/webdav"
)

// drive shows an appliance's files below a root as a webdav.FileSystem. No path
// leads out of the root, not through symbolic links either.
type drive struct {
	session   *appliance.Session
	root      string // without symbolic links
	readWrite bool
}

func newDrive(ctx context.Context, session *appliance.Session, root string, readWrite bool) (*drive, error) {
	info, err := session.Stat(ctx, root)
	if err != nil {
		return nil, err
	}
	if !info.Mode.IsDir() {
		return nil, hintf(fmt.Errorf("%s is no directory", root), "mount the directory that holds it")
	}
	client, err := session.SFTP(ctx)
	if err != nil {
		return nil, err
	}
	real, err := client.RealPath(root)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", root, err)
	}
	return &drive{session: session, root: real, readWrite: readWrite}, nil
}

// inside gives a client and the appliance's path of a name of the drive. The
// directory that holds it must be below the root; so must its target when it is
// a symbolic link and follow is set.
func (d *drive) inside(ctx context.Context, name string, follow bool) (*sftp.Client, string, error) {
	client, err := d.session.SFTP(ctx)
	if err != nil {
		return nil, "", err
	}
	if strings.Contains(name, "\x00") {
		return nil, "", fs.ErrInvalid
	}
	full := path.Join(d.root, path.Clean("/"+name))
	if d.root == "/" || full == d.root {
		return client, full, nil
	}
	check := path.Dir(full)
	if follow {
		check = full
	}
	real, err := client.RealPath(check)
	if err != nil {
		if follow { // what is not there cannot lead out; its directory can
			return d.inside(ctx, name, false)
		}
		return nil, "", fs.ErrNotExist
	}
	if real != d.root && !strings.HasPrefix(real, d.root+"/") {
		return nil, "", fs.ErrPermission
	}
	return client, full, nil
}

func (d *drive) change(ctx context.Context, name string) (*sftp.Client, string, error) {
	if !d.readWrite {
		return nil, "", fs.ErrPermission
	}
	return d.inside(ctx, name, false)
}

// Mkdir makes a directory.
func (d *drive) Mkdir(ctx context.Context, name string, _ os.FileMode) error {
	client, full, err := d.change(ctx, name)
	if err != nil {
		return err
	}
	return client.Mkdir(full)
}

// RemoveAll removes a file, or a directory with all that it holds.
func (d *drive) RemoveAll(ctx context.Context, name string) error {
	client, full, err := d.change(ctx, name)
	if err != nil {
		return err
	}
	if full == d.root {
		return fs.ErrPermission
	}
	info, err := client.Lstat(full)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return client.Remove(full)
	}
	return client.RemoveAll(full)
}

// Rename moves a file; what has the new name is replaced.
func (d *drive) Rename(ctx context.Context, from, to string) error {
	_, source, err := d.change(ctx, from)
	if err != nil {
		return err
	}
	_, target, err := d.change(ctx, to)
	if err != nil {
		return err
	}
	if source == d.root || target == d.root {
		return fs.ErrPermission
	}
	return d.session.MoveOver(ctx, source, target)
}

// Stat describes a file.
func (d *drive) Stat(ctx context.Context, name string) (os.FileInfo, error) {
	client, full, err := d.inside(ctx, name, true)
	if err != nil {
		return nil, err
	}
	return client.Stat(full)
}

const writing = os.O_WRONLY | os.O_RDWR | os.O_CREATE | os.O_TRUNC | os.O_APPEND

// OpenFile opens a file or a directory.
func (d *drive) OpenFile(ctx context.Context, name string, flag int, _ os.FileMode) (webdav.File, error) {
	if flag&writing != 0 && !d.readWrite {
		return nil, fs.ErrPermission
	}
	client, full, err := d.inside(ctx, name, true)
	if err != nil {
		return nil, err
	}
	info, statErr := client.Stat(full)
	if statErr == nil && info.IsDir() {
		return &driveDir{client: client, path: full, info: info}, nil
	}
	f, err := client.OpenFile(full, flag)
	if err != nil {
		return nil, err
	}
	return &driveFile{f}, nil
}

// driveFile is an open file.
type driveFile struct{ *sftp.File }

// Readdir is for directories only.
func (driveFile) Readdir(int) ([]fs.FileInfo, error) { return nil, fs.ErrInvalid }

// driveDir is an open directory; it is read when it is first listed.
type driveDir struct {
	client *sftp.Client
	path   string
	info   os.FileInfo
	rest   []os.FileInfo
	read   bool
}

func (d *driveDir) Close() error                   { return nil }
func (d *driveDir) Read([]byte) (int, error)       { return 0, fs.ErrInvalid }
func (d *driveDir) Write([]byte) (int, error)      { return 0, fs.ErrInvalid }
func (d *driveDir) Seek(int64, int) (int64, error) { return 0, fs.ErrInvalid }
func (d *driveDir) Stat() (fs.FileInfo, error)     { return d.info, nil }

// Readdir lists as os.File does.
func (d *driveDir) Readdir(count int) ([]fs.FileInfo, error) {
	if !d.read {
		infos, err := d.client.ReadDir(d.path)
		if err != nil {
			return nil, err
		}
		for _, info := range infos {
			if n := info.Name(); n != "." && n != ".." && !strings.ContainsAny(n, "/\x00") {
				d.rest = append(d.rest, info)
			}
		}
		d.read = true
	}
	if count <= 0 {
		all := d.rest
		d.rest = nil
		return all, nil
	}
	if len(d.rest) == 0 {
		return nil, io.EOF
	}
	n := min(count, len(d.rest))
	some := d.rest[:n]
	d.rest = d.rest[n:]
	return some, nil
}
