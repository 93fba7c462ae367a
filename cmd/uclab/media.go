package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/uclab/uclab/iso"
	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/vsphere"
)

// digest is what is known of the content that a medium will have on the
// datastore, by the state of its source.
type digest struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// digestCache remembers digests between commands: reading a 4 GB disc for
// every plan would take longer than everything else together.
type digestCache struct {
	Format  int               `json:"format"`
	Digests map[string]digest `json:"digests"`
}

// fingerprintMedia fills in Size and SHA256 of the media that nodes have in
// their drives and that will be uploaded.
func (a *app) fingerprintMedia(ctx context.Context, lab *labspec.Lab) error {
	if !slices.ContainsFunc(lab.Media, uploaded) {
		return nil
	}
	dir, err := a.cacheDir()
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "media.json")
	cache := readDigestCache(path)
	changed := false
	for i := range lab.Media {
		if !uploaded(lab.Media[i]) {
			continue
		}
		fresh, err := a.fingerprint(ctx, &lab.Media[i], cache)
		if err != nil {
			return err
		}
		changed = changed || fresh
	}
	if !changed {
		return nil
	}
	return writeDigestCache(path, cache)
}

func uploaded(m labspec.Media) bool { return !m.Missing && !strings.HasPrefix(m.Source, "[") }

// fingerprint gives one medium its digest and says whether it had to be read.
func (a *app) fingerprint(ctx context.Context, m *labspec.Media, cache *digestCache) (fresh bool, err error) {
	info, err := os.Stat(m.Source)
	if err != nil {
		return false, hintf(fmt.Errorf("read media %q: %w", m.Name, err), "put the file there, correct source, or write optional = true to leave the drive empty without it")
	}
	key := fmt.Sprintf("%s|%d|%d|%t|%s", m.Source, info.Size(), info.ModTime().UnixNano(), m.Bootable, m.BootFile)
	if known, ok := cache.Digests[key]; ok {
		m.Size, m.SHA256 = known.Size, known.SHA256
		return false, nil
	}
	reader, size, err := a.mediaContent(ctx, *m)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	bar := a.newByteProgress("reading "+filepath.Base(m.Source), size)
	defer bar.stop()
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(hash, bar), &contextReader{ctx, reader}); err != nil {
		return false, fmt.Errorf("read media %q: %w", m.Name, err)
	}
	m.Size, m.SHA256 = size, hex.EncodeToString(hash.Sum(nil))
	cache.Digests[key] = digest{m.Size, m.SHA256}
	return true, nil
}

// readDigestCache never fails: without a readable cache everything is read
// again.
func readDigestCache(path string) *digestCache {
	cache := &digestCache{Format: 1, Digests: map[string]digest{}}
	text, err := os.ReadFile(path)
	if err != nil {
		return cache
	}
	var stored digestCache
	if json.Unmarshal(text, &stored) != nil || stored.Format != 1 || stored.Digests == nil {
		return cache
	}
	return &stored
}

func writeDigestCache(path string, cache *digestCache) error {
	text, err := json.Marshal(cache)
	if err != nil {
		return fmt.Errorf("write the media cache: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the cache directory: %w", err)
	}
	if err := writeFileAtomically(path, text, 0o600); err != nil {
		return fmt.Errorf("write the media cache: %w", err)
	}
	return nil
}

// mediaContent opens a medium as it will be on the datastore, and gives its
// size in bytes. A disc that is to be bootable gets its boot record on the way:
// no copy of it is made.
func (a *app) mediaContent(ctx context.Context, m labspec.Media) (_ io.ReadCloser, size int64, err error) {
	file, err := os.Open(m.Source)
	if err != nil {
		return nil, 0, fmt.Errorf("open media %q: %w", m.Name, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("open media %q: %w", m.Name, err), file.Close())
		}
	}()
	info, err := file.Stat()
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is not a file", m.Source)
	}
	if !m.Bootable || m.Kind != "iso" {
		return file, info.Size(), nil
	}
	plan, err := planMediaInjection(ctx, file, info.Size(), m)
	if err != nil {
		return nil, 0, err
	}
	if plan.Already {
		return file, info.Size(), nil
	}
	return &injectedDisc{plan.Reader(), file}, plan.Size(), nil
}

// injectedDisc reads a disc with its boot record; closing it closes the source.
type injectedDisc struct {
	io.Reader
	io.Closer
}

func planMediaInjection(ctx context.Context, file io.ReaderAt, size int64, m labspec.Media) (*iso.Injection, error) {
	var options iso.InjectOptions
	if m.BootFile != "" {
		content, err := os.ReadFile(m.BootFile)
		if err != nil {
			return nil, fmt.Errorf("read its boot file: %w", err)
		}
		options.BootFile = content
	}
	plan, err := iso.PlanInjection(file, size, options)
	if errors.Is(err, iso.ErrNoBootFile) {
		return nil, hintf(err, "name one with boot_file, saved from another disc with 'uclab iso extract'")
	}
	if err != nil {
		return nil, err
	}
	if plan.Implanted {
		if err := plan.Reimplant(ctx, nil); err != nil {
			return nil, err
		}
	}
	return plan, nil
}

// openMedia opens a medium for upload.
func (a *app) openMedia(ctx context.Context, m labspec.Media) (vsphere.MediaReader, error) {
	reader, size, err := a.mediaContent(ctx, m)
	if err != nil {
		return nil, err
	}
	if size != m.Size {
		return nil, errors.Join(
			hintf(fmt.Errorf("media %q: %s changed while it was being used", m.Name, m.Source), "let its download end, then run it again"),
			reader.Close())
	}
	return reader, nil
}

// contextReader ends a long read when its context does.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
