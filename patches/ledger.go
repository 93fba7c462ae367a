package patches

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/uclab/uclab/appliance"
)

// ledgerDir holds, on the appliance itself and on the partition that it speaks
// of, what uclab changed and what was there before. So any machine can revert,
// and after a version switch the ledger is the one of the system that runs.
const ledgerDir = "/root/.uclab"

// ledgerFormat is the version of the entries.
const ledgerFormat = 1

type entryState string

const (
	entryApplying  entryState = "applying"
	entryApplied   entryState = "applied"
	entryReverting entryState = "reverting"
)

// entry is what the ledger knows about one patch.
type entry struct {
	Format  int         `json:"format"`
	ID      string      `json:"id"`
	Title   string      `json:"title"`
	State   entryState  `json:"state"`
	Time    time.Time   `json:"time"`
	By      string      `json:"by"`
	Files   []entryFile `json:"files,omitempty"`
	Service string      `json:"service,omitempty"`
	Links   []string    `json:"links,omitempty"` // start links that were there before, without the partition's root
	Restart string      `json:"restart,omitempty"`
}

// entryFile is one changed file. Paths are without the partition's root, since
// a version switch changes it.
type entryFile struct {
	Path    string `json:"path"`
	Created bool   `json:"created,omitempty"`
	Before  string `json:"before,omitempty"` // SHA-256, the name of the original
	After   string `json:"after"`
	// ModTime is the original's modification time in seconds since 1970. The file
	// itself cannot tell it any more when an apply was cut off right after it wrote.
	ModTime int64 `json:"mtime,omitempty"`
}

// ledger reads and writes the entries of one partition.
type ledger struct {
	session *appliance.Session
	root    string // the partition's
	entries map[string]entry
}

func newLedger(session *appliance.Session, partition Partition) *ledger {
	return &ledger{session: session, root: partition.Root(), entries: map[string]entry{}}
}

func (l *ledger) dir() string                    { return l.root + ledgerDir }
func (l *ledger) entriesDir() string             { return l.dir() + "/entries" }
func (l *ledger) entryPath(id string) string     { return l.entriesDir() + "/" + id + ".json" }
func (l *ledger) originalsDir() string           { return l.dir() + "/originals" }
func (l *ledger) originalPath(sum string) string { return l.originalsDir() + "/" + sum }
func (l *ledger) lockPath() string               { return l.dir() + "/lock" }

// inside takes the partition's root off a path.
func (l *ledger) inside(name string) string { return strings.TrimPrefix(name, l.root) }

func (l *ledger) prefetch(r *reader) { r.prefetch(l.entriesDir()+"/*.json", true) }

// read reads all entries.
func (l *ledger) read(r *reader) error {
	names, err := r.matching(l.entriesDir() + "/*.json")
	if err != nil {
		return fmt.Errorf("read the ledger: %w", err)
	}
	for _, name := range names {
		file, err := r.file(name)
		if err != nil {
			return fmt.Errorf("read the ledger: %w", err)
		}
		if file == nil {
			continue
		}
		e, err := parseEntry(file.Data)
		if err != nil {
			return fmt.Errorf("ledger entry %s: %w", name, err)
		}
		if e.ID+".json" != path.Base(name) {
			return fmt.Errorf("ledger entry %s speaks of %q", name, e.ID)
		}
		l.entries[e.ID] = e
	}
	return nil
}

// load reads all entries anew.
func (l *ledger) load(ctx context.Context) error {
	l.entries = map[string]entry{}
	r := newReader(ctx, l.session)
	l.prefetch(r)
	return l.read(r)
}

var sha256Hex = regexp.MustCompile(`^[0-9a-f]{64}$`)

// parseEntry refuses entries that could lead a revert astray.
func parseEntry(data []byte) (entry, error) {
	var e entry
	if err := json.Unmarshal(data, &e); err != nil {
		return entry{}, fmt.Errorf("not an entry: %w", err)
	}
	if e.Format != ledgerFormat {
		return entry{}, fmt.Errorf("format %d is not known to this uclab, which knows %d", e.Format, ledgerFormat)
	}
	if !validID.MatchString(e.ID) {
		return entry{}, fmt.Errorf("%q is no patch id", e.ID)
	}
	for _, f := range e.Files {
		if !path.IsAbs(f.Path) || path.Clean(f.Path) != f.Path || !sha256Hex.MatchString(f.After) ||
			f.Created != (f.Before == "") || !f.Created && !sha256Hex.MatchString(f.Before) {
			return entry{}, fmt.Errorf("the record of file %q is damaged", f.Path)
		}
	}
	for _, link := range e.Links {
		if !strings.HasPrefix(path.Clean(link), rcDir+"/") || !rcLink.MatchString(path.Base(link)) {
			return entry{}, fmt.Errorf("%q is no start link", link)
		}
	}
	return e, nil
}

func checksum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

var privateFile = appliance.Attributes{Mode: 0o600}

// prepare makes the ledger's directories, for root alone.
func (l *ledger) prepare(ctx context.Context) error {
	for _, dir := range []string{l.dir(), l.entriesDir(), l.originalsDir()} {
		if err := l.session.MakeDir(ctx, dir, 0o700); err != nil {
			return fmt.Errorf("prepare the ledger: %w", err)
		}
	}
	return nil
}

// keepOriginal stores contents under their checksum. It is complete before an
// entry that names it is written.
func (l *ledger) keepOriginal(ctx context.Context, data []byte) error {
	sum := checksum(data)
	if file, err := l.session.ReadFile(ctx, l.originalPath(sum), maxFile); err == nil && checksum(file.Data) == sum {
		return nil
	}
	if err := l.session.WriteFile(ctx, l.originalPath(sum), data, privateFile); err != nil {
		return fmt.Errorf("keep the original: %w", err)
	}
	if _, err := l.original(ctx, sum); err != nil {
		return fmt.Errorf("keep the original: %w", err)
	}
	return nil
}

func (l *ledger) original(ctx context.Context, sum string) ([]byte, error) {
	file, err := l.session.ReadFile(ctx, l.originalPath(sum), maxFile)
	if err != nil {
		return nil, fmt.Errorf("original: %w", err)
	}
	if checksum(file.Data) != sum {
		return nil, fmt.Errorf("original %s is damaged", l.originalPath(sum))
	}
	return file.Data, nil
}

// write stores an entry; it is wholly the old or wholly the new one.
func (l *ledger) write(ctx context.Context, e entry) error {
	data, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return fmt.Errorf("ledger entry %s: %w", e.ID, err)
	}
	data = append(data, '\n')
	r := appliance.Replacement{Path: l.entryPath(e.ID), New: data, Attributes: privateFile, Scratch: "ledger"}
	if err := l.session.Heal(ctx, r.Path, r.Scratch); err != nil {
		return fmt.Errorf("ledger entry %s: %w", e.ID, err)
	}
	old, err := l.session.ReadFile(ctx, r.Path, maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.Create = true
	case err != nil:
		return fmt.Errorf("ledger entry %s: %w", e.ID, err)
	default:
		r.Old = old.Data
		// Blanks at the end of JSON mean nothing, and a file that does not shrink
		// can be replaced safely on every server.
		for len(r.New) < len(r.Old) {
			r.New = append(r.New, '\n')
		}
	}
	if _, err := l.session.Replace(ctx, r); err != nil {
		return fmt.Errorf("ledger entry %s: %w", e.ID, err)
	}
	l.entries[e.ID] = e
	return nil
}

// drop forgets a patch, and what only it needed. The last one takes the
// ledger's directories with it.
func (l *ledger) drop(ctx context.Context, id string) error {
	if err := l.session.Remove(ctx, l.entryPath(id)); err != nil {
		return fmt.Errorf("ledger entry %s: %w", id, err)
	}
	gone := l.entries[id]
	delete(l.entries, id)
	used := map[string]bool{}
	for _, e := range l.entries {
		for _, f := range e.Files {
			used[f.Before] = true
		}
	}
	for _, f := range gone.Files {
		if f.Before != "" && !used[f.Before] {
			if err := l.session.Remove(ctx, l.originalPath(f.Before)); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeIfEmpty removes the directories of a ledger that holds nothing any more,
// and what a cut connection left in them. It is called with the lock held.
func (l *ledger) removeIfEmpty(ctx context.Context) {
	if len(l.entries) > 0 {
		return
	}
	for _, dir := range []string{l.originalsDir(), l.entriesDir()} {
		infos, err := l.session.ReadDir(ctx, dir)
		if err != nil {
			continue
		}
		for _, info := range infos {
			_ = l.session.Remove(ctx, info.Path) // what stays is removed another time
		}
		_ = l.session.Remove(ctx, dir)
	}
}

// removeDir leaves no trace once nothing is applied. The server refuses while
// the directory holds entries, or the lock of another change.
func (l *ledger) removeDir(ctx context.Context) {
	if len(l.entries) == 0 {
		_ = l.session.Remove(ctx, l.dir())
	}
}
