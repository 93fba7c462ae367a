package patches

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/uclab/uclab/appliance"
)

// Applied is a patch that the ledger of an appliance knows.
type Applied struct {
	ID          string
	Title       string
	Partition   Partition
	Time        time.Time
	By          string
	Interrupted bool // an apply or revert of it was cut off
	Files       []string
	Restart     string
}

// ReadLedger lists what uclab has applied to a partition.
func ReadLedger(ctx context.Context, session *appliance.Session, partition Partition) ([]Applied, error) {
	l := newLedger(session, partition)
	if err := l.load(ctx); err != nil {
		return nil, err
	}
	var found []Applied
	for _, id := range sortedKeys(l.entries) {
		e := l.entries[id]
		a := Applied{ID: e.ID, Title: e.Title, Partition: partition, Time: e.Time, By: e.By,
			Interrupted: e.State != entryApplied, Restart: e.Restart}
		for _, f := range e.Files {
			a.Files = append(a.Files, l.root+f.Path)
		}
		found = append(found, a)
	}
	return found, nil
}

// ErrNotInLedger is given for a patch that uclab did not apply.
var ErrNotInLedger = errors.New("the ledger does not know it: uclab did not apply it, so it has no originals to put back")

// Revert puts back, byte for byte, what patches changed, in the order given. It
// needs nothing but the ledger on the appliance: not the catalogue, and not the
// machine that applied them. A file that was changed since is not touched, and
// neither is anything else of that patch.
func Revert(ctx context.Context, session *appliance.Session, partition Partition, ids []string, options Options) (done []Applied, err error) {
	known, err := ReadLedger(ctx, session, partition)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if !slices.ContainsFunc(known, func(a Applied) bool { return a.ID == id }) {
			return nil, fmt.Errorf("revert %s: %w", id, ErrNotInLedger)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	err = locked(ctx, session, partition, options, func(c *changer) error {
		for _, id := range ids {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			e, still := c.ledger.entries[id]
			if !still {
				continue // another revert has done it meanwhile
			}
			options.note(fmt.Sprintf("%s: reverting %s", session.Name(), id))
			if err := c.revert(context.WithoutCancel(ctx), e); err != nil {
				return fmt.Errorf("revert %s: %w", id, err)
			}
			at := slices.IndexFunc(known, func(a Applied) bool { return a.ID == id })
			done = append(done, known[at])
		}
		return nil
	})
	return done, err
}

// revert reverts one patch.
func (c *changer) revert(ctx context.Context, e entry) error {
	back, err := c.toPutBack(ctx, e)
	if err != nil {
		return err
	}
	e.State = entryReverting
	if err := c.ledger.write(ctx, e); err != nil {
		return err
	}
	for _, r := range back {
		if err := c.lock.held(ctx); err != nil {
			return err
		}
		content, err := c.content(ctx, r.Path)
		if err != nil {
			return err
		}
		if content != nil && r.New != nil && bytes.Equal(*content, r.New) {
			// It is a hard link of a file that was just put back, or was the
			// original all along.
			if err := c.keepTime(ctx, r); err != nil {
				return err
			}
			continue
		}
		if r.New == nil {
			err = c.session.Remove(ctx, r.Path)
		} else {
			err = c.replace(ctx, r)
		}
		if err != nil {
			return err
		}
	}
	if e.Service != "" {
		var links []string
		for _, link := range e.Links {
			links = append(links, c.ledger.root+link)
		}
		if err := turnOn(ctx, c.session, e.Service, links); err != nil {
			return err
		}
	}
	return c.ledger.drop(ctx, e.ID)
}

// toPutBack checks every file before the first is put back: each must be as the
// patch left it, or be the original already. A nil New stands for a file that
// the patch created.
func (c *changer) toPutBack(ctx context.Context, e entry) ([]appliance.Replacement, error) {
	var back []appliance.Replacement
	for _, f := range slices.Backward(e.Files) {
		name := c.ledger.root + f.Path
		if err := c.session.Heal(ctx, name, e.ID); err != nil {
			return nil, err
		}
		content, err := c.content(ctx, name)
		if err != nil {
			return nil, err
		}
		switch {
		case content == nil && f.Created:
			continue
		case content != nil && !f.Created && checksum(*content) == f.Before:
			if len(*content) > 0 {
				back = append(back, appliance.Replacement{Path: name, Old: *content, New: *content, Attributes: f.times(appliance.Attributes{})})
			}
			continue
		case content == nil || checksum(*content) != f.After:
			return nil, c.changedBy(name, e, f)
		}
		r := appliance.Replacement{Path: name, Old: *content, Scratch: e.ID}
		if !f.Created {
			if r.New, err = c.ledger.original(ctx, f.Before); err != nil {
				return nil, err
			}
			info, err := c.session.Stat(ctx, name)
			if err != nil {
				return nil, err
			}
			r.Attributes = f.times(info.Attributes())
		}
		back = append(back, r)
	}
	return back, nil
}

// times gives attributes the original's modification time, if the ledger has it.
func (f entryFile) times(attributes appliance.Attributes) appliance.Attributes {
	if f.ModTime != 0 {
		attributes.ModTime = time.Unix(f.ModTime, 0)
	}
	return attributes
}

// keepTime gives a file whose content is right its original's time again.
func (c *changer) keepTime(ctx context.Context, r appliance.Replacement) error {
	if r.Attributes.ModTime.IsZero() {
		return nil
	}
	info, err := c.session.Stat(ctx, r.Path)
	if err != nil || info.ModTime.Unix() == r.Attributes.ModTime.Unix() {
		return err
	}
	return c.session.Touch(ctx, r.Path, r.Attributes.ModTime)
}

// changedBy names the patch that changed a file later, if one did.
func (c *changer) changedBy(name string, e entry, f entryFile) error {
	for _, id := range sortedKeys(c.ledger.entries) {
		other := c.ledger.entries[id]
		if slices.ContainsFunc(other.Files, func(g entryFile) bool { return g.Path == f.Path && g.Before == f.After && other.ID != e.ID }) {
			return fmt.Errorf("%s was changed later by the patch %s: revert that first: %w", name, id, appliance.ErrChanged)
		}
	}
	return changedSince(name, fmt.Sprintf("%s was applied", e.ID))
}
