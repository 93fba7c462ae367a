package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path"
	"sync"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// Programs that search logs open one file of a directory after the other. When
// two neighbours were opened in order, the next small ones are fetched while the
// program still reads.
const (
	aheadFiles = 24
	aheadSize  = 32 << 10 // bytes: one answer of the server
)

// listing is what a directory said, and the contents of those of its files that
// were fetched ahead.
type listing struct {
	read  time.Time
	infos map[string]os.FileInfo
	order []string
	place map[string]int

	mu      sync.Mutex
	last    int // place of the file that was opened last
	fetched map[string]*fetched
}

func newListing(infos []os.FileInfo) *listing {
	l := &listing{read: time.Now(), infos: map[string]os.FileInfo{}, place: map[string]int{}, last: -1, fetched: map[string]*fetched{}}
	for i, info := range infos {
		l.infos[info.Name()], l.place[info.Name()] = info, i
		l.order = append(l.order, info.Name())
	}
	return l
}

// fetched is a small file that is, or will be, in memory.
type fetched struct {
	done chan struct{}
	data []byte
	err  error
}

// ahead gives a file's contents if they were fetched, and fetches the next ones
// when files are opened in order.
func (t *fuseTree) ahead(ctx context.Context, l *listing, dir, name string) *fetched {
	l.mu.Lock()
	defer l.mu.Unlock()
	place, known := l.place[name]
	if !known {
		return nil
	}
	found := l.fetched[name]
	delete(l.fetched, name)
	inOrder := place == l.last+1 || place == l.last+2 // a directory or a large file may lie between
	l.last = place
	if !inOrder {
		return found
	}
	for i := place + 1; i < len(l.order) && len(l.fetched) < aheadFiles; i++ {
		next := l.order[i]
		info := l.infos[next]
		if l.fetched[next] != nil || !info.Mode().IsRegular() || info.Size() > aheadSize || info.Size() == 0 {
			continue
		}
		f := &fetched{done: make(chan struct{})}
		l.fetched[next] = f
		go t.fetch(context.WithoutCancel(ctx), path.Join(dir, next), info.Size(), f)
	}
	return found
}

func (t *fuseTree) fetch(ctx context.Context, name string, size int64, f *fetched) {
	defer close(f.done)
	client, full, err := t.drive.inside(ctx, name, true)
	if err != nil {
		f.err = err
		return
	}
	file, err := client.Open(full)
	if err != nil {
		f.err = err
		return
	}
	f.data = make([]byte, size)
	n, err := file.ReadAt(f.data, 0)
	f.data = f.data[:n]
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	go func() { _ = file.Close() }() // only read from
}

// Read reads from memory; it is a fusefs.FileReader.
func (f *fetched) Read(_ context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if off >= int64(len(f.data)) {
		return fuse.ReadResultData(nil), 0
	}
	return fuse.ReadResultData(f.data[off:min(off+int64(len(dest)), int64(len(f.data)))]), 0
}

var _ fusefs.FileReader = (*fetched)(nil)
