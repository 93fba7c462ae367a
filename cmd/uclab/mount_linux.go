package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sync"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"github.com/pkg/sftp"
	"github.com/uclab/uclab/appliance"
)

// listingAge is how long what a directory listing said about its files counts.
// Logs grow meanwhile, so it is short.
const listingAge = 2 * time.Second

// mountDirectory mounts the drive on a directory through FUSE until the context
// ends.
func (a *app) mountDirectory(ctx context.Context, session *appliance.Session, root, dir string, readWrite bool) error {
	drive, err := newDrive(ctx, session, root, readWrite)
	if err != nil {
		return err
	}
	server, err := mountFUSE(drive, dir)
	if err != nil {
		return err
	}
	access := "read-only"
	if readWrite {
		access = "with changes allowed"
	}
	a.notef("%s is mounted on %s, %s, until you press Ctrl-C.\n", session.Name(), dir, access)
	stop := context.AfterFunc(ctx, func() {
		for server.Unmount() != nil { // a program still uses it
			time.Sleep(200 * time.Millisecond)
		}
	})
	defer stop()
	server.Wait()
	a.notef("%s is unmounted.\n", dir)
	return nil
}

func mountFUSE(drive *drive, dir string) (*fuse.Server, error) {
	age := listingAge
	options := &fusefs.Options{EntryTimeout: &age, AttrTimeout: &age, NullPermissions: true}
	options.FsName, options.Name, options.MaxReadAhead = "uclab", "uclab", 1<<20
	options.DirectMount = os.Geteuid() == 0
	if !drive.readWrite {
		options.Options = append(options.Options, "ro")
	}
	node := &fuseNode{tree: &fuseTree{drive: drive, listings: map[string]*listing{}}}
	server, err := fusefs.Mount(dir, node, options)
	if err != nil {
		return nil, hintf(fmt.Errorf("mount on %s: %w", dir, err), "the directory must exist; install FUSE with: sudo apt-get install fuse3; or leave the directory out")
	}
	return server, nil
}

// fuseTree is what all files of one mount share: the recent listings, which
// spare a question for each file that is looked at after a directory was read.
type fuseTree struct {
	drive *drive

	mu       sync.Mutex
	listings map[string]*listing
}

func (t *fuseTree) recent(dir string) *listing {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.listings[dir]; l != nil && time.Since(l.read) < listingAge {
		return l
	}
	delete(t.listings, dir)
	return nil
}

func (t *fuseTree) forget(dir string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.listings, dir)
}

// fuseNode is a file or directory; its path is the inode's.
type fuseNode struct {
	fusefs.Inode
	tree *fuseTree
}

var (
	_ fusefs.NodeLookuper   = (*fuseNode)(nil)
	_ fusefs.NodeReaddirer  = (*fuseNode)(nil)
	_ fusefs.NodeGetattrer  = (*fuseNode)(nil)
	_ fusefs.NodeSetattrer  = (*fuseNode)(nil)
	_ fusefs.NodeOpener     = (*fuseNode)(nil)
	_ fusefs.NodeCreater    = (*fuseNode)(nil)
	_ fusefs.NodeMkdirer    = (*fuseNode)(nil)
	_ fusefs.NodeUnlinker   = (*fuseNode)(nil)
	_ fusefs.NodeRmdirer    = (*fuseNode)(nil)
	_ fusefs.NodeRenamer    = (*fuseNode)(nil)
	_ fusefs.NodeReadlinker = (*fuseNode)(nil)
)

func (n *fuseNode) name() string { return "/" + n.Path(n.Root()) }

func errno(err error) syscall.Errno {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, fs.ErrNotExist):
		return syscall.ENOENT
	case errors.Is(err, fs.ErrPermission):
		return syscall.EACCES
	case errors.Is(err, fs.ErrExist):
		return syscall.EEXIST
	}
	return syscall.EIO
}

func fillAttr(info os.FileInfo, out *fuse.Attr) {
	out.Mode = systemMode(info.Mode())
	out.Size = uint64(max(info.Size(), 0))
	out.Blocks = (out.Size + 511) / 512
	mtime := info.ModTime()
	out.SetTimes(nil, &mtime, &mtime)
	if stat, ok := info.Sys().(*sftp.FileStat); ok {
		out.Uid, out.Gid = stat.UID, stat.GID
	}
}

func systemMode(mode os.FileMode) uint32 {
	bits := uint32(mode.Perm())
	switch {
	case mode.IsDir():
		return bits | syscall.S_IFDIR
	case mode&os.ModeSymlink != 0:
		return bits | syscall.S_IFLNK
	}
	return bits | syscall.S_IFREG
}

// Lookup finds a name in a directory. Symbolic links are shown as links.
func (n *fuseNode) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	dir := n.name()
	if l := n.tree.recent(dir); l != nil {
		info, known := l.infos[name]
		if !known {
			return nil, syscall.ENOENT
		}
		return n.child(ctx, info, out), 0
	}
	client, full, err := n.tree.drive.inside(ctx, path.Join(dir, name), false)
	if err != nil {
		return nil, errno(err)
	}
	info, err := client.Lstat(full)
	if err != nil {
		return nil, errno(err)
	}
	return n.child(ctx, info, out), 0
}

func (n *fuseNode) child(ctx context.Context, info os.FileInfo, out *fuse.EntryOut) *fusefs.Inode {
	fillAttr(info, &out.Attr)
	return n.NewInode(ctx, &fuseNode{tree: n.tree}, fusefs.StableAttr{Mode: out.Mode & syscall.S_IFMT})
}

// Readdir lists a directory and remembers what it said about the files.
func (n *fuseNode) Readdir(ctx context.Context) (fusefs.DirStream, syscall.Errno) {
	dir := n.name()
	f, err := n.tree.drive.OpenFile(ctx, dir, os.O_RDONLY, 0)
	if err != nil {
		return nil, errno(err)
	}
	infos, err := f.Readdir(0)
	if err != nil {
		return nil, errno(err)
	}
	l := newListing(infos)
	entries := make([]fuse.DirEntry, 0, len(infos))
	for _, info := range infos {
		entries = append(entries, fuse.DirEntry{Name: info.Name(), Mode: systemMode(info.Mode())})
	}
	n.tree.mu.Lock()
	n.tree.listings[dir] = l
	n.tree.mu.Unlock()
	return fusefs.NewListDirStream(entries), 0
}

// Getattr describes the file.
func (n *fuseNode) Getattr(ctx context.Context, _ fusefs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	info, err := n.info(ctx)
	if err != nil {
		return errno(err)
	}
	fillAttr(info, &out.Attr)
	return 0
}

func (n *fuseNode) info(ctx context.Context) (os.FileInfo, error) {
	name := n.name()
	if l := n.tree.recent(path.Dir(name)); l != nil {
		if info, known := l.infos[path.Base(name)]; known {
			return info, nil
		}
	}
	client, full, err := n.tree.drive.inside(ctx, name, false)
	if err != nil {
		return nil, err
	}
	return client.Lstat(full)
}

// Readlink gives a symbolic link's target.
func (n *fuseNode) Readlink(ctx context.Context) ([]byte, syscall.Errno) {
	client, full, err := n.tree.drive.inside(ctx, n.name(), false)
	if err != nil {
		return nil, errno(err)
	}
	target, err := client.ReadLink(full)
	return []byte(target), errno(err)
}

// Open opens the file.
func (n *fuseNode) Open(ctx context.Context, flags uint32) (fusefs.FileHandle, uint32, syscall.Errno) {
	size := int64(-1)
	dir, name := path.Split(n.name())
	if l := n.tree.recent(path.Clean(dir)); l != nil {
		if info := l.infos[name]; info != nil && info.Mode().IsRegular() {
			size = info.Size()
		}
		if int(flags)&writing == 0 {
			if f := n.tree.ahead(ctx, l, dir, name); f != nil {
				if <-f.done; f.err == nil {
					return f, 0, 0
				}
			}
		}
	}
	return n.open(ctx, n.name(), int(flags)&(writing|os.O_RDWR), size)
}

func (n *fuseNode) open(ctx context.Context, name string, flags int, size int64) (fusefs.FileHandle, uint32, syscall.Errno) {
	if flags&writing != 0 {
		n.tree.forget(path.Dir(name))
		if !n.tree.drive.readWrite {
			return nil, 0, syscall.EROFS
		}
	}
	client, full, err := n.tree.drive.inside(ctx, name, true)
	if err != nil {
		return nil, 0, errno(err)
	}
	f, err := client.OpenFile(full, flags&^os.O_APPEND)
	if err != nil {
		return nil, 0, errno(err)
	}
	return &fuseFile{file: f, size: size}, 0, 0
}

// Create makes and opens a file.
func (n *fuseNode) Create(ctx context.Context, name string, flags, _ uint32, out *fuse.EntryOut) (*fusefs.Inode, fusefs.FileHandle, uint32, syscall.Errno) {
	full := path.Join(n.name(), name)
	handle, fuseFlags, failed := n.open(ctx, full, int(flags)&(writing|os.O_EXCL)|os.O_CREATE, -1)
	if failed != 0 {
		return nil, nil, 0, failed
	}
	info, err := n.tree.drive.Stat(ctx, full)
	if err != nil {
		return nil, nil, 0, errno(err)
	}
	return n.child(ctx, info, out), handle, fuseFlags, 0
}

// Setattr truncates, and sets mode and times.
func (n *fuseNode) Setattr(ctx context.Context, _ fusefs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	client, full, err := n.tree.drive.change(ctx, n.name())
	if err != nil {
		return errno(err)
	}
	n.tree.forget(path.Dir(n.name()))
	if size, set := in.GetSize(); set {
		err = errors.Join(err, client.Truncate(full, int64(size)))
	}
	if mode, set := in.GetMode(); set {
		err = errors.Join(err, client.Chmod(full, os.FileMode(mode).Perm()))
	}
	if mtime, set := in.GetMTime(); set {
		err = errors.Join(err, client.Chtimes(full, mtime, mtime))
	}
	if err != nil {
		return errno(err)
	}
	return n.Getattr(ctx, nil, out)
}

// Mkdir makes a directory.
func (n *fuseNode) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	full := path.Join(n.name(), name)
	n.tree.forget(n.name())
	if err := n.tree.drive.Mkdir(ctx, full, os.FileMode(mode).Perm()); err != nil {
		return nil, errno(err)
	}
	info, err := n.tree.drive.Stat(ctx, full)
	if err != nil {
		return nil, errno(err)
	}
	return n.child(ctx, info, out), 0
}

// Unlink removes a file.
func (n *fuseNode) Unlink(ctx context.Context, name string) syscall.Errno {
	return n.remove(ctx, name, (*sftp.Client).Remove)
}

// Rmdir removes an empty directory.
func (n *fuseNode) Rmdir(ctx context.Context, name string) syscall.Errno {
	return n.remove(ctx, name, (*sftp.Client).RemoveDirectory)
}

func (n *fuseNode) remove(ctx context.Context, name string, remove func(*sftp.Client, string) error) syscall.Errno {
	n.tree.forget(n.name())
	client, full, err := n.tree.drive.change(ctx, path.Join(n.name(), name))
	if err != nil {
		return errno(err)
	}
	return errno(remove(client, full))
}

// Rename moves a file.
func (n *fuseNode) Rename(ctx context.Context, name string, parent fusefs.InodeEmbedder, newName string, _ uint32) syscall.Errno {
	to := "/" + parent.EmbeddedInode().Path(n.Root())
	n.tree.forget(n.name())
	n.tree.forget(to)
	return errno(n.tree.drive.Rename(ctx, path.Join(n.name(), name), path.Join(to, newName)))
}

// fuseFile is an open file.
type fuseFile struct {
	file *sftp.File
	size int64 // when the directory was listed just now; else -1
}

// Read reads. What the size says is not there is not asked for: servers tell
// the end of a file in an answer of its own.
func (f *fuseFile) Read(_ context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if f.size > off && f.size-off < int64(len(dest)) {
		dest = dest[:f.size-off]
	}
	n, err := f.file.ReadAt(dest, off)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errno(err)
	}
	return fuse.ReadResultData(dest[:n]), 0
}

// Write writes.
func (f *fuseFile) Write(_ context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	n, err := f.file.WriteAt(data, off)
	return uint32(n), errno(err)
}

// Release closes the file; nobody waits for it.
func (f *fuseFile) Release(context.Context) syscall.Errno {
	go func() { _ = f.file.Close() }()
	return 0
}
