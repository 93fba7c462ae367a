package appliance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/pkg/sftp"
)

// Recipe says how a file was swapped for its new contents.
type Recipe string

// The recipes, best first (facts 5.5).
const (
	// RecipePosixRename renames over the target in one step on the server.
	RecipePosixRename Recipe = "posix-rename"
	// RecipeShell does the same with mv on the root shell, for servers whose
	// SFTP cannot.
	RecipeShell Recipe = "shell"
	// RecipeOneWrite writes over the file with a single request, which the server
	// gets whole or not at all. The file must not become shorter.
	RecipeOneWrite Recipe = "one-write"
	// RecipeTwoRenames moves the old file aside and the new one in. Both
	// requests travel in one packet; a server that ends between them leaves the
	// file under its side name, from where Heal puts it back.
	RecipeTwoRenames Recipe = "two-renames"
)

// Replacement is a wanted change of a whole file. The file is always wholly old
// or wholly new, whatever happens on the way.
type Replacement struct {
	Path       string
	Old        []byte // what the file must still hold; nil with Create
	Create     bool   // the file must not exist yet
	New        []byte
	Attributes Attributes
	// Scratch tells apart the temporary names of different changes. A change
	// that is begun again uses, and so tidies up, the same ones.
	Scratch string
	// Links are the file's further hard links: each is pointed at the new file.
	Links []string
}

// The temporary names beside the file begin with a dot, so that what globs for
// ifcfg-* does not find them.
func (r Replacement) temporary() string { return besideName(r.Path, r.Scratch, "new") }
func (r Replacement) aside() string     { return besideName(r.Path, r.Scratch, "old") }

func besideName(name, scratch, what string) string {
	return path.Join(path.Dir(name), fmt.Sprintf(".%s.uclab-%s-%s", path.Base(name), scratch, what))
}

// maxReplaced is the largest file that is replaced, in bytes.
const maxReplaced = 64 << 20

// Replace swaps a file for its new contents: writes them beside it, checks them
// by reading back, checks that the file is still what it was (ErrChanged), swaps
// by the best recipe that the server allows, and checks the result. When the
// connection is lost on the way, what was reached is looked up over a new one
// and the rest is done then.
func (s *Session) Replace(ctx context.Context, r Replacement) (Recipe, error) {
	recipe, err := s.replace(ctx, r)
	if errors.Is(err, ErrConnectionLost) {
		if s.mustHold(ctx, r.Path, r.New) == nil {
			err = s.tidy(ctx, r)
		} else {
			recipe, err = s.replace(ctx, r)
		}
	}
	if err == nil {
		return recipe, nil
	}
	if !errors.Is(err, ErrConnectionLost) {
		err = errors.Join(err, s.Remove(context.WithoutCancel(ctx), r.temporary()))
	}
	return recipe, fmt.Errorf("replace %s: %w", r.Path, err)
}

// tidy gives the file its attributes and removes what a swap that was done leaves when its end was not seen.
func (s *Session) tidy(ctx context.Context, r Replacement) error {
	err := s.files(ctx, true, func(client *sftp.Client) error { return setAttributes(client, r.Path, r.Attributes) })
	return errors.Join(err, s.Remove(ctx, r.temporary()), s.Remove(ctx, r.aside()))
}

func (s *Session) replace(ctx context.Context, r Replacement) (Recipe, error) {
	if len(r.New) > maxReplaced {
		return "", fmt.Errorf("%w: %d bytes", ErrTooLarge, len(r.New))
	}
	if err := s.Heal(ctx, r.Path, r.Scratch); err != nil {
		return "", err
	}
	if err := s.WriteFile(ctx, r.temporary(), r.New, r.Attributes); err != nil {
		return "", err
	}
	if err := s.mustHold(ctx, r.temporary(), r.New); err != nil {
		return "", err
	}
	if err := s.copyContext(ctx, r); err != nil {
		return "", err
	}
	if err := s.unchanged(ctx, r); err != nil {
		return "", err
	}
	recipe, err := s.swap(ctx, r)
	if err != nil {
		return recipe, err
	}
	return recipe, s.mustHold(ctx, r.Path, r.New)
}

// Heal finishes what an interrupted swap left: it puts a file back that is under
// its side name, and removes what lies beside it.
func (s *Session) Heal(ctx context.Context, name, scratch string) error {
	for _, what := range []string{"new", "link"} {
		if err := s.Remove(ctx, besideName(name, scratch, what)); err != nil {
			return err
		}
	}
	aside := besideName(name, scratch, "old")
	if _, err := s.Lstat(ctx, aside); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if _, err := s.Lstat(ctx, name); errors.Is(err, fs.ErrNotExist) {
		return s.Rename(ctx, aside, name)
	} else if err != nil {
		return err
	}
	return s.Remove(ctx, aside)
}

func (s *Session) mustHold(ctx context.Context, name string, want []byte) error {
	file, err := s.ReadFile(ctx, name, maxReplaced)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if !bytes.Equal(file.Data, want) {
		return fmt.Errorf("read back %s: it does not hold what was written", name)
	}
	return nil
}

func (s *Session) unchanged(ctx context.Context, r Replacement) error {
	if r.Create {
		_, err := s.Lstat(ctx, r.Path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			return fmt.Errorf("%w: it exists by now", ErrChanged)
		}
		return err
	}
	file, err := s.ReadFile(ctx, r.Path, maxReplaced)
	if err != nil {
		return err
	}
	if !bytes.Equal(file.Data, r.Old) {
		return ErrChanged
	}
	return nil
}

// copyContext gives the new file the SELinux context of the old one.
func (s *Session) copyContext(ctx context.Context, r Replacement) error {
	if r.Create {
		return nil
	}
	return s.with(ctx, true, func(l *link) error {
		facts, err := l.probeShell(ctx)
		if err != nil || !facts.root || !facts.selinux {
			return err
		}
		result, err := l.exec(ctx, fmt.Sprintf("chcon --reference=%s %s", Quote(r.Path), Quote(r.temporary())), nil)
		if err != nil {
			return err
		}
		if result.Code != 0 {
			return fmt.Errorf("copy the SELinux context: %s", strings.TrimSpace(result.Stderr))
		}
		return nil
	})
}

func (s *Session) swap(ctx context.Context, r Replacement) (Recipe, error) {
	if len(r.Links) > 0 {
		return RecipeShell, s.swapLinks(ctx, r)
	}
	can, err := s.Capabilities(ctx)
	if err != nil {
		return "", err
	}
	if can.PosixRename {
		err := s.files(ctx, false, func(client *sftp.Client) error { return client.PosixRename(r.temporary(), r.Path) })
		return RecipePosixRename, explain(err, "rename the new file into place")
	}
	if r.Create {
		return RecipeTwoRenames, s.Rename(ctx, r.temporary(), r.Path)
	}
	shell, err := s.Shell(ctx)
	if err != nil {
		return "", err
	}
	if shell {
		return RecipeShell, s.must(ctx, fmt.Sprintf("mv -f %s %s", Quote(r.temporary()), Quote(r.Path)))
	}
	if len(r.New) >= len(r.Old) && len(r.New) <= maxOneWrite {
		return RecipeOneWrite, s.overwrite(ctx, r)
	}
	return RecipeTwoRenames, s.swapInOnePacket(ctx, r)
}

// overwrite writes over the file. The temporary copy has shown that the disk
// has room; it makes that room free again.
func (s *Session) overwrite(ctx context.Context, r Replacement) error {
	if err := s.Remove(ctx, r.temporary()); err != nil {
		return err
	}
	err := s.with(ctx, false, func(l *link) error { return l.writeOnce(r.Path, r.New) })
	if err != nil {
		if errors.Is(err, ErrConnectionLost) {
			return err
		}
		return errors.Join(err, s.WriteFile(context.WithoutCancel(ctx), r.Path, r.Old, r.Attributes))
	}
	return explain(s.files(ctx, true, func(client *sftp.Client) error {
		return setAttributes(client, r.Path, r.Attributes)
	}), "keep the attributes")
}

// swapLinks points every name of a hard-linked file at the new one. Each name
// is replaced in one step.
func (s *Session) swapLinks(ctx context.Context, r Replacement) error {
	var script strings.Builder
	script.WriteString("set -e\n")
	for _, name := range r.Links {
		beside := besideName(name, r.Scratch, "link")
		fmt.Fprintf(&script, "ln -f %s %s\nmv -f %s %s\n", Quote(r.temporary()), Quote(beside), Quote(beside), Quote(name))
	}
	fmt.Fprintf(&script, "mv -f %s %s", Quote(r.temporary()), Quote(r.Path))
	return s.must(ctx, script.String())
}

func (s *Session) must(ctx context.Context, command string) error {
	result, err := s.Run(ctx, command, false)
	if err != nil {
		return err
	}
	if result.Code != 0 {
		return fmt.Errorf("%s: exit status %d: %s", command, result.Code, strings.TrimSpace(result.Stderr))
	}
	return nil
}

// HardLinks gives the further names of a file within a directory tree, and
// fails when some of its names are elsewhere. It needs the root shell.
func (s *Session) HardLinks(ctx context.Context, name, below string) ([]string, error) {
	result, err := s.Run(ctx, fmt.Sprintf("stat -c '%%h %%i' %s", Quote(name)), true)
	if err != nil {
		return nil, err
	}
	var count int
	var inode uint64
	if _, err := fmt.Sscan(result.Stdout, &count, &inode); err != nil || result.Code != 0 {
		return nil, fmt.Errorf("count the hard links of %s: %s", name, strings.TrimSpace(result.Stdout+result.Stderr))
	}
	if count == 1 {
		return nil, nil
	}
	result, err = s.Run(ctx, fmt.Sprintf("find %s -xdev -inum %d -print", Quote(below), inode), true)
	if err != nil {
		return nil, err
	}
	var links []string
	for found := range strings.Lines(result.Stdout) {
		if found = strings.TrimSuffix(found, "\n"); found != name {
			links = append(links, found)
		}
	}
	if len(links) != count-1 {
		return nil, hintf(fmt.Errorf("%s has %d hard links, of which %d are below %s", name, count, len(links)+1, below),
			"find the others with: find / -xdev -inum %d", inode)
	}
	return links, nil
}

// MoveOver gives a file the name of another, which it replaces, in one step
// where the server can and otherwise as close to one as it allows. It is for
// files that were written beside their target.
func (s *Session) MoveOver(ctx context.Context, from, to string) error {
	r := Replacement{Path: to, Scratch: "move"}
	if _, err := s.Lstat(ctx, to); errors.Is(err, fs.ErrNotExist) {
		return s.Rename(ctx, from, to)
	} else if err != nil {
		return err
	}
	can, err := s.Capabilities(ctx)
	if err != nil {
		return err
	}
	if can.PosixRename {
		err := s.files(ctx, false, func(client *sftp.Client) error { return client.PosixRename(from, to) })
		return explain(err, fmt.Sprintf("rename %s to %s", from, to))
	}
	if shell, err := s.Shell(ctx); err != nil {
		return err
	} else if shell {
		return s.must(ctx, fmt.Sprintf("mv -f %s %s", Quote(from), Quote(to)))
	}
	if err := s.Rename(ctx, to, r.aside()); err != nil {
		return err
	}
	if err := s.Rename(ctx, from, to); err != nil {
		return errors.Join(err, s.Rename(context.WithoutCancel(ctx), r.aside(), to))
	}
	return s.Remove(ctx, r.aside())
}
