package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

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
	reader, size, err := a.mediaContent(*m)
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
	if err := writeFileAtomically(path, text); err != nil {
		return fmt.Errorf("write the media cache: %w", err)
	}
	return nil
}

// mediaContent opens a medium as it will be on the datastore, and gives its
// size in bytes.
func (a *app) mediaContent(m labspec.Media) (io.ReadCloser, int64, error) {
	file, err := os.Open(m.Source)
	if err != nil {
		return nil, 0, fmt.Errorf("open media %q: %w", m.Name, err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "read", Path: m.Source, Err: errors.New("not a file")}
	}
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("open media %q: %w", m.Name, err), file.Close())
	}
	return file, info.Size(), nil
}

// openMedia opens a medium for upload.
func (a *app) openMedia(_ context.Context, m labspec.Media) (vsphere.MediaReader, error) {
	reader, size, err := a.mediaContent(m)
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
