package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
	"github.com/pkg/sftp"
	"github.com/spf13/cobra"
	"github.com/uclab/uclab/appliance"
)

// partSuffix marks a download that is not complete. It is resumed when it is
// the beginning of a file that has not changed since.
const partSuffix = ".uclab-part"

func newGetCommand(a *app) *cobra.Command {
	var flags applianceFlags
	var recursive bool
	cmd := &cobra.Command{
		Use:     "get NODE:PATH [DESTINATION]",
		GroupID: groupAppliance,
		Short:   "Copy files from an appliance",
		Long: `Get copies a file, or with -r a directory, from an appliance. A copy that was
interrupted goes on where it ended when get is run again.
` + applianceHelp,
		Example: "  uclab get cucm-pub:/var/log/install/install.log\n  uclab get -r cucm-pub:/var/log/active/cm/trace traces",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			destination := "."
			if len(args) == 2 {
				destination = args[1]
			}
			return a.onRemote(cmd.Context(), flags, args[0], func(session *appliance.Session, name string) error {
				t := &transfer{app: a, session: session}
				return t.get(cmd.Context(), name, destination, recursive)
			})
		},
	}
	flags.register(cmd)
	cmd.Flags().BoolVarP(&recursive, "recursive", "r", false, "copy a directory and all below it")
	return cmd
}

func newPutCommand(a *app) *cobra.Command {
	var flags applianceFlags
	var recursive bool
	cmd := &cobra.Command{
		Use:     "put FILE... NODE:PATH",
		GroupID: groupAppliance,
		Short:   "Copy files to an appliance",
		Long: `Put copies files, or with -r directories, to an appliance. A file that is there is
replaced at once by the whole new one, and keeps its mode and owner. Changes of an
appliance are for labs: the vendor does not support them.
` + applianceHelp,
		Example: "  uclab put ciscocm.cop.sgn cucm-pub:/common/download/\n  uclab put -r scripts cucm-pub:/root",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			last := len(args) - 1
			return a.onRemote(cmd.Context(), flags, args[last], func(session *appliance.Session, name string) error {
				t := &transfer{app: a, session: session}
				return t.put(cmd.Context(), args[:last], name, strings.HasSuffix(args[last], "/"), recursive)
			})
		},
	}
	flags.register(cmd)
	cmd.Flags().BoolVarP(&recursive, "recursive", "r", false, "copy directories and all below them")
	return cmd
}

// transfer copies files one way or the other, with progress on a terminal.
type transfer struct {
	app     *app
	session *appliance.Session
}

func (t *transfer) get(ctx context.Context, name, destination string, recursive bool) error {
	info, err := t.session.Stat(ctx, name)
	if err != nil {
		return err
	}
	if local, err := os.Stat(destination); err == nil && local.IsDir() {
		destination = filepath.Join(destination, localName(path.Base(path.Clean(name))))
	}
	if !info.Mode.IsDir() {
		return t.getFile(ctx, info, destination)
	}
	if !recursive {
		return usageError{hintf(fmt.Errorf("%s is a directory", name), "copy it with -r")}
	}
	if err := os.MkdirAll(destination, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", destination, err)
	}
	root := path.Clean(name)
	return walkRemote(ctx, t.session, root, func(info appliance.Info) error {
		rel := strings.TrimPrefix(strings.TrimPrefix(info.Path, root), "/")
		parts := strings.Split(rel, "/")
		for i := range parts {
			parts[i] = localName(parts[i])
		}
		local := filepath.Join(append([]string{destination}, parts...)...)
		switch {
		case info.Mode.IsDir():
			return os.MkdirAll(local, 0o755)
		case info.Mode.IsRegular():
			return t.getFile(ctx, info, local)
		}
		t.app.warn(fmt.Sprintf("%s is neither a file nor a directory: left out", printable(info.Path)))
		return nil
	})
}

// localName makes a server's file name one that cannot lead elsewhere on any
// system.
func localName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < 0x20 || strings.ContainsRune(`\:*?"<>|`, r) && os.PathSeparator == '\\' {
			return '_'
		}
		return r
	}, name)
	if name == "" || name == "." || name == ".." || name == "/" {
		return "_"
	}
	return name
}

// getFile copies into a part file beside the destination, which gets its name
// when it is complete.
func (t *transfer) getFile(ctx context.Context, info appliance.Info, destination string) error {
	part := destination + partSuffix
	offset := int64(0)
	if had, err := os.Stat(part); err == nil && had.ModTime().Equal(info.ModTime) && had.Size() <= info.Size {
		offset = had.Size()
	}
	flags := os.O_CREATE | os.O_WRONLY
	if offset == 0 {
		flags |= os.O_TRUNC
	}
	f, err := os.OpenFile(part, flags, 0o644)
	if err != nil {
		return fmt.Errorf("write %s: %w", part, err)
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return errors.Join(err, f.Close())
	}
	writer, stop := t.progress(info.Path, info.Size, offset, f)
	err = stream(ctx, t.session, info.Path, offset, writer)
	stop(err == nil)
	err = errors.Join(err, f.Close(), os.Chtimes(part, time.Now(), info.ModTime))
	if err != nil {
		return hintf(fmt.Errorf("get %s: %w", info.Path, err), "run it again: it goes on where it ended")
	}
	if got, err := os.Stat(part); err != nil || got.Size() != info.Size {
		return errors.Join(fmt.Errorf("get %s: it changed while it was read", info.Path), err, os.Remove(part))
	}
	if err := os.Rename(part, destination); err != nil {
		return fmt.Errorf("get %s: %w", info.Path, err)
	}
	if !t.app.progress {
		t.app.notef("%s\n", destination)
	}
	return nil
}

// progress shows how far a copy is, where that can be redrawn.
func (t *transfer) progress(name string, size, offset int64, w io.Writer) (io.Writer, func(done bool)) {
	if !t.app.progress {
		return w, func(bool) {}
	}
	bars := progress.NewWriter()
	bars.SetOutputWriter(t.app.err)
	bars.SetUpdateFrequency(100 * time.Millisecond)
	bars.Style().Visibility.Speed = true
	tracker := &progress.Tracker{Message: printable(path.Base(name)), Total: max(size, 1), Units: progress.UnitsBytes}
	tracker.Increment(offset)
	bars.AppendTracker(tracker)
	go bars.Render()
	return &trackedWriter{w, tracker}, func(done bool) {
		if done {
			tracker.MarkAsDone()
		} else {
			tracker.MarkAsErrored()
		}
		time.Sleep(150 * time.Millisecond) // the last drawing
		bars.Stop()
	}
}

type trackedWriter struct {
	io.Writer
	tracker *progress.Tracker
}

func (w *trackedWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	w.tracker.Increment(int64(n))
	return n, err
}

func (t *transfer) put(ctx context.Context, sources []string, name string, directory, recursive bool) error {
	info, err := t.session.Stat(ctx, name)
	isDir := err == nil && info.Mode.IsDir()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !isDir && (directory || len(sources) > 1) {
		return hintf(fmt.Errorf("%s is no directory on the appliance", name), "name a directory that is there")
	}
	for _, source := range sources {
		target := name
		if isDir {
			target = path.Join(name, filepath.Base(source))
		}
		local, err := os.Stat(source)
		if err != nil {
			return fmt.Errorf("put: %w", err)
		}
		if !local.IsDir() {
			if err := t.putFile(ctx, source, target); err != nil {
				return err
			}
			continue
		}
		if !recursive {
			return usageError{hintf(fmt.Errorf("%s is a directory", source), "copy it with -r")}
		}
		if err := t.putTree(ctx, source, target); err != nil {
			return err
		}
	}
	return nil
}

func (t *transfer) putTree(ctx context.Context, source, target string) error {
	return filepath.WalkDir(source, func(local string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(source, local)
		if err != nil {
			return err
		}
		remote := path.Join(target, filepath.ToSlash(rel))
		switch {
		case d.IsDir():
			return t.makeRemoteDir(ctx, remote)
		case d.Type().IsRegular():
			return t.putFile(ctx, local, remote)
		}
		t.app.warn(fmt.Sprintf("%s is neither a file nor a directory: left out", local))
		return nil
	})
}

func (t *transfer) makeRemoteDir(ctx context.Context, name string) error {
	if info, err := t.session.Stat(ctx, name); err == nil && info.Mode.IsDir() {
		return nil
	}
	return t.session.MakeDir(ctx, name, 0o755)
}

// putFile uploads beside the target and then gives it the name.
func (t *transfer) putFile(ctx context.Context, source, target string) (err error) {
	f, err := os.Open(source)
	if err != nil {
		return fmt.Errorf("put: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("put %s: %w", source, err)
	}
	client, err := t.session.SFTP(ctx)
	if err != nil {
		return err
	}
	temporary := path.Join(path.Dir(target), "."+path.Base(target)+".uclab-put")
	if err := t.upload(client, f, info, target, temporary); err != nil {
		return errors.Join(fmt.Errorf("put %s: %w", source, err), t.session.Remove(context.WithoutCancel(ctx), temporary))
	}
	if err := t.session.MoveOver(ctx, temporary, target); err != nil {
		return errors.Join(err, t.session.Remove(context.WithoutCancel(ctx), temporary))
	}
	if !t.app.progress {
		t.app.notef("%s\n", target)
	}
	return nil
}

// upload writes the temporary file; it gets the mode and owner of the file that
// it will replace.
func (t *transfer) upload(client *sftp.Client, f *os.File, info fs.FileInfo, target, temporary string) error {
	remote, err := client.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	writer, stop := t.progress(target, info.Size(), 0, io.Discard)
	_, err = remote.ReadFromWithConcurrency(io.TeeReader(f, writer), 64)
	stop(err == nil)
	if err := errors.Join(err, remote.Close()); err != nil {
		return err
	}
	mode := info.Mode().Perm()
	if there, err := client.Stat(target); err == nil {
		mode = there.Mode()
		if stat, ok := there.Sys().(*sftp.FileStat); ok {
			if err := client.Chown(temporary, int(stat.UID), int(stat.GID)); err != nil {
				return err
			}
		}
	}
	return client.Chmod(temporary, mode)
}
