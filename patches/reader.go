package patches

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"sync"

	"github.com/uclab/uclab/appliance"
)

// Limits of what is looked at on an appliance.
const (
	maxFile  = 4 << 20 // bytes of a file that is edited or searched
	maxFiles = 2000    // files that a wildcard may stand for
)

// reader reads files of an appliance once each, all at the same time, so that a
// plan costs few round trips however many patches look at however many files.
type reader struct {
	ctx     context.Context
	session *appliance.Session

	mu    sync.Mutex
	files map[string]*pending[*appliance.File]
	dirs  map[string]*pending[[]appliance.Info]
}

func newReader(ctx context.Context, session *appliance.Session) *reader {
	return &reader{ctx: ctx, session: session,
		files: map[string]*pending[*appliance.File]{}, dirs: map[string]*pending[[]appliance.Info]{}}
}

// pending is an answer that is on its way.
type pending[T any] struct {
	done  chan struct{}
	value T
	err   error
}

// start asks for an answer unless it has been asked for.
func start[T any](mu *sync.Mutex, all map[string]*pending[T], name string, ask func() (T, error)) *pending[T] {
	mu.Lock()
	defer mu.Unlock()
	if p, ok := all[name]; ok {
		return p
	}
	p := &pending[T]{done: make(chan struct{})}
	all[name] = p
	go func() {
		defer close(p.done)
		p.value, p.err = ask()
	}()
	return p
}

func (r *reader) startFile(name string) *pending[*appliance.File] {
	return start(&r.mu, r.files, name, func() (*appliance.File, error) { return r.session.ReadFile(r.ctx, name, maxFile) })
}

func (r *reader) startDir(name string) *pending[[]appliance.Info] {
	return start(&r.mu, r.dirs, name, func() ([]appliance.Info, error) { return r.session.ReadDir(r.ctx, name) })
}

// file gives a file; nil when there is none.
func (r *reader) file(name string) (*appliance.File, error) {
	p := r.startFile(name)
	<-p.done
	if errors.Is(p.err, fs.ErrNotExist) {
		return nil, nil
	}
	return p.value, p.err
}

// dir lists a directory; nothing when there is none.
func (r *reader) dir(name string) ([]appliance.Info, error) {
	p := r.startDir(name)
	<-p.done
	if errors.Is(p.err, fs.ErrNotExist) {
		return nil, nil
	}
	return p.value, p.err
}

// matching gives the regular files that a path with wildcards stands for,
// symbolic links and what uclab itself left beside a file excepted.
func (r *reader) matching(pattern string) ([]string, error) {
	infos, err := r.dir(path.Dir(pattern))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, info := range infos {
		hidden := info.Name()[0] == '.' && path.Base(pattern)[0] != '.'
		if ok, _ := path.Match(path.Base(pattern), info.Name()); ok && !hidden && info.Mode.IsRegular() && info.Size <= maxFile {
			names = append(names, info.Path)
		}
	}
	if len(names) > maxFiles {
		return nil, errors.New("more than 2000 files match; give a narrower path")
	}
	return names, nil
}

// prefetch asks for what a file spec will look at, without waiting.
func (r *reader) prefetch(name string, glob bool) {
	if !glob {
		r.startFile(name)
		return
	}
	go func() {
		names, err := r.matching(name)
		if err != nil {
			return // asked again, and reported, by who needs it
		}
		for _, found := range names {
			r.startFile(found)
		}
	}()
}
