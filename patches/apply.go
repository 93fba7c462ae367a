package patches

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/uclab/uclab/appliance"
)

// Options of Apply and Revert.
type Options struct {
	By     string        // who changes, for the ledger: "user@machine"
	Lease  time.Duration // of the ledger's lock; 0: DefaultLease
	Notify func(message string)
}

func (o Options) lease() time.Duration {
	if o.Lease == 0 {
		return DefaultLease
	}
	return o.Lease
}

func (o Options) note(message string) {
	if o.Notify != nil {
		o.Notify(message)
	}
}

// ErrConflict is given when a plan has a conflict: then nothing is applied.
var ErrConflict = errors.New("conflict")

// Apply carries out a plan. Every patch is all or nothing: an error puts back
// what the patch had changed. A cancelled context stops between patches. If
// even that is cut off, the ledger knows, and Apply or Revert finish later. It
// gives the patches that it applied.
func Apply(ctx context.Context, session *appliance.Session, plan *Plan, options Options) (done []*Planned, err error) {
	for _, planned := range plan.Patches {
		if planned.State == StateConflict {
			return nil, fmt.Errorf("%s: %w: %s", planned.Patch.ID, ErrConflict, planned.Reason)
		}
	}
	if plan.Needed() == 0 {
		return nil, nil
	}
	err = locked(ctx, session, plan.Partition, options, func(c *changer) error {
		for _, planned := range plan.Patches {
			if planned.State != StateNeeded {
				continue
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			options.note(fmt.Sprintf("%s: applying %s", session.Name(), planned.Patch.ID))
			if err := c.apply(context.WithoutCancel(ctx), planned); err != nil {
				return fmt.Errorf("apply %s: %w", planned.Patch.ID, err)
			}
			done = append(done, planned)
		}
		return nil
	})
	return done, err
}

// changer changes one partition while it holds the ledger's lock.
type changer struct {
	session *appliance.Session
	ledger  *ledger
	lock    *lock
	options Options
}

func locked(ctx context.Context, session *appliance.Session, partition Partition, options Options, work func(*changer) error) (err error) {
	l := newLedger(session, partition)
	k, err := acquire(ctx, l, options)
	if err != nil {
		return err
	}
	after := context.WithoutCancel(ctx)
	defer func() {
		if errors.Is(err, appliance.ErrConnectionLost) {
			k.stop() // the lock runs out by itself
			return
		}
		l.removeIfEmpty(after)
		err = errors.Join(err, k.release(after))
		l.removeDir(after)
	}()
	// The last change may have removed the directories with its entries.
	if err := l.prepare(ctx); err != nil {
		return err
	}
	if err := l.load(ctx); err != nil {
		return err
	}
	return work(&changer{session: session, ledger: l, lock: k, options: options})
}

// apply applies one patch.
func (c *changer) apply(ctx context.Context, planned *Planned) error {
	todo, err := c.stillToDo(ctx, planned)
	if err != nil {
		return err
	}
	if len(todo) == 0 && planned.service == nil && c.ledger.entries[planned.Patch.ID].State == entryApplied {
		return nil // another apply has done it meanwhile
	}
	before, existed := c.ledger.entries[planned.Patch.ID]
	e := c.newEntry(planned, before)
	for _, change := range planned.Files {
		if !change.Create {
			if err := c.ledger.keepOriginal(ctx, change.Old); err != nil {
				return err
			}
		}
	}
	if err := c.ledger.write(ctx, e); err != nil {
		return err
	}
	if err := c.change(ctx, planned, todo); err != nil {
		if errors.Is(err, appliance.ErrConnectionLost) {
			return fmt.Errorf("%w; apply or revert it again to finish", err)
		}
		if !existed {
			return errors.Join(err, c.ledger.drop(ctx, e.ID))
		}
		return errors.Join(err, c.ledger.write(ctx, before))
	}
	e.State = entryApplied
	return c.ledger.write(ctx, e)
}

// stillToDo checks every file against the plan before the first is changed:
// each must be what it was, or be changed already as wanted.
func (c *changer) stillToDo(ctx context.Context, planned *Planned) ([]Change, error) {
	var todo []Change
	for _, change := range planned.Files {
		if err := c.session.Heal(ctx, change.Real, planned.Patch.ID); err != nil {
			return nil, err
		}
		content, err := c.content(ctx, change.Real)
		if err != nil {
			return nil, err
		}
		switch {
		case content != nil && bytes.Equal(*content, change.New):
		case content == nil && change.Create, content != nil && !change.Create && bytes.Equal(*content, change.Old):
			todo = append(todo, change)
		default:
			return nil, changedSince(change.Path, "the plan")
		}
	}
	return todo, nil
}

// content gives a file's contents, nil when there is none.
func (c *changer) content(ctx context.Context, name string) (*[]byte, error) {
	file, err := c.session.ReadFile(ctx, name, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &file.Data, nil
}

// changedError says that a file is not what it was.
type changedError struct{ name, since string }

func changedSince(name, since string) error { return changedError{name, since} }

func (e changedError) Error() string {
	return fmt.Sprintf("%s was changed since %s: nothing was done to it", e.name, e.since)
}

func (changedError) Unwrap() error { return appliance.ErrChanged }

func (changedError) Hint() string {
	return "look at the file with 'uclab cat' and at a new plan; whoever changed it may have had a reason"
}

// newEntry records a patch that is about to be applied, on top of what an
// interrupted apply of it recorded.
func (c *changer) newEntry(planned *Planned, before entry) entry {
	e := entry{Format: ledgerFormat, ID: planned.Patch.ID, Title: planned.Patch.Title, State: entryApplying,
		Time: time.Now().UTC(), By: c.options.By, Service: before.Service, Links: before.Links}
	if planned.Patch.Restart != nil {
		e.Restart = planned.Patch.Restart.Notice
	}
	for _, change := range planned.Files {
		f := entryFile{Path: c.ledger.inside(change.Real), Created: change.Create, After: checksum(change.New)}
		if !change.Create {
			f.Before, f.ModTime = checksum(change.Old), change.attributes.ModTime.Unix()
		}
		for _, earlier := range before.Files {
			if earlier.Path == f.Path && earlier.Before == f.Before && earlier.ModTime != 0 {
				f.ModTime = earlier.ModTime
			}
		}
		e.Files = append(e.Files, f)
	}
	for _, f := range before.Files {
		if !slices.ContainsFunc(e.Files, func(g entryFile) bool { return g.Path == f.Path }) {
			e.Files = append(e.Files, f)
		}
	}
	if s := planned.service; s != nil {
		e.Service = s.name
		for _, link := range s.links {
			if inside := c.ledger.inside(link); !slices.Contains(e.Links, inside) {
				e.Links = append(e.Links, inside)
			}
		}
	}
	return e
}

// change makes a patch's changes, and on an error undoes them.
func (c *changer) change(ctx context.Context, planned *Planned, todo []Change) (err error) {
	var undo []func() error
	defer func() {
		if err == nil || errors.Is(err, appliance.ErrConnectionLost) {
			return
		}
		for _, step := range slices.Backward(undo) {
			if undoErr := step(); undoErr != nil {
				err = errors.Join(err, fmt.Errorf("put back: %w", undoErr))
			}
		}
	}()
	for _, change := range todo {
		if err := c.lock.held(ctx); err != nil {
			return err
		}
		if content, err := c.content(ctx, change.Real); err == nil && content != nil && bytes.Equal(*content, change.New) {
			continue // it is a hard link of a file that was just changed
		}
		undo = append(undo, func() error { return c.putBack(ctx, change, planned.Patch.ID) })
		r := appliance.Replacement{Path: change.Real, Old: change.Old, Create: change.Create, New: change.New,
			Attributes: change.attributes, Scratch: planned.Patch.ID}
		if err := c.replace(ctx, r); err != nil {
			return err
		}
	}
	if s := planned.service; s != nil {
		undo = append(undo, func() error { return turnOn(ctx, c.session, s.name, s.links) })
		return s.turnOff(ctx, c.session)
	}
	return nil
}

// replace replaces a file and its hard links, which are found where there is a
// shell to find them with.
func (c *changer) replace(ctx context.Context, r appliance.Replacement) error {
	shell, err := c.session.Shell(ctx)
	if err != nil {
		return err
	}
	if shell && !r.Create {
		if r.Links, err = c.session.HardLinks(ctx, r.Path, c.topDir(r.Path)); err != nil {
			return err
		}
	}
	_, err = c.session.Replace(ctx, r)
	return err
}

// topDir is the tree in which a file's hard links are looked for.
func (c *changer) topDir(name string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(c.ledger.inside(name), "/"), "/")
	return path.Join("/", c.ledger.root, first)
}

// putBack undoes one change if it was made.
func (c *changer) putBack(ctx context.Context, change Change, scratch string) error {
	content, err := c.content(ctx, change.Real)
	if err != nil {
		return err
	}
	if content == nil || !bytes.Equal(*content, change.New) {
		return nil
	}
	if change.Create {
		return c.session.Remove(ctx, change.Real)
	}
	return c.replace(ctx, appliance.Replacement{Path: change.Real, Old: change.New, New: change.Old,
		Attributes: change.attributes, Scratch: scratch})
}

func fileMode(mode uint32) fs.FileMode {
	m := fs.FileMode(mode & 0o777)
	for bit, flag := range map[uint32]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if mode&bit != 0 {
			m |= flag
		}
	}
	return m
}
