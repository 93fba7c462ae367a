package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/pkg/sftp"
	"github.com/spf13/cobra"
	"github.com/uclab/uclab/appliance"
)

// remotePath is an argument NODE:PATH.
type remotePath struct{ node, path string }

// parseRemote reads NODE:PATH; with --host the node may be left out.
func parseRemote(flags applianceFlags, arg string) (remotePath, error) {
	node, name, found := strings.Cut(arg, ":")
	if !found {
		if flags.host == "" {
			return remotePath{}, usageError{hintf(fmt.Errorf("%q names no node", arg), "write NODE:PATH, as in cucm-pub:/var/log")}
		}
		node, name = "", arg
	}
	if name == "" {
		name = "."
	}
	if strings.Contains(name, "\x00") {
		return remotePath{}, usageError{errors.New("a path cannot hold a NUL byte")}
	}
	return remotePath{node, name}, nil
}

// onRemote logs in to the appliance that an argument names and does something
// there.
func (a *app) onRemote(ctx context.Context, flags applianceFlags, arg string, work func(*appliance.Session, string) error) (err error) {
	remote, err := parseRemote(flags, arg)
	if err != nil {
		return err
	}
	found, _, err := a.appliances(ctx, flags, []string{remote.node}, false)
	if err != nil {
		return err
	}
	session, err := appliance.Dial(ctx, found[0].config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	return work(session, remote.path)
}

func newFileCommands(a *app) []*cobra.Command {
	return []*cobra.Command{newLsCommand(a), newCatCommand(a), newGrepCommand(a), newTailCommand(a), newGetCommand(a), newPutCommand(a)}
}

// lsDocument is what `uclab ls --json` writes.
type lsDocument struct {
	Format int      `json:"format"`
	Files  []lsFile `json:"files"`
}

type lsFile struct {
	Path     string `json:"path"`
	Mode     string `json:"mode"`
	Size     int64  `json:"size_bytes"`
	Modified string `json:"modified"`
	UID      uint32 `json:"uid"`
	GID      uint32 `json:"gid"`
	Dir      bool   `json:"dir"`
}

func newLsCommand(a *app) *cobra.Command {
	var flags applianceFlags
	var recursive, asJSON bool
	cmd := &cobra.Command{
		Use:     "ls NODE:PATH",
		GroupID: groupAppliance,
		Short:   "List files of an appliance",
		Long:    "Ls lists a directory of an appliance, or a file, over SFTP.\n" + applianceHelp,
		Example: "  uclab ls cucm-pub:/var/log/active/cm/trace\n  uclab ls -r cucm-pub:/usr/local/bin/base_scripts --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.onRemote(cmd.Context(), flags, args[0], func(session *appliance.Session, name string) error {
				infos, err := listRemote(cmd.Context(), session, name, recursive)
				if err != nil {
					return err
				}
				return a.showFiles(infos, asJSON)
			})
		},
	}
	flags.register(cmd)
	cmd.Flags().BoolVarP(&recursive, "recursive", "r", false, "list directories below it too")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func listRemote(ctx context.Context, session *appliance.Session, name string, recursive bool) ([]appliance.Info, error) {
	info, err := session.Stat(ctx, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode.IsDir() {
		return []appliance.Info{info}, nil
	}
	if !recursive {
		return session.ReadDir(ctx, name)
	}
	var found []appliance.Info
	err = walkRemote(ctx, session, name, func(info appliance.Info) error {
		found = append(found, info)
		return nil
	})
	return found, err
}

// maxDepth ends a walk through a tree that never ends.
const maxDepth = 64

// walkRemote visits everything below a directory, a directory before what it
// holds, symbolic links not followed.
func walkRemote(ctx context.Context, session *appliance.Session, dir string, visit func(appliance.Info) error) error {
	return walkBelow(ctx, session, dir, 0, visit)
}

func walkBelow(ctx context.Context, session *appliance.Session, dir string, depth int, visit func(appliance.Info) error) error {
	if depth > maxDepth {
		return fmt.Errorf("%s: more than %d directories deep", dir, maxDepth)
	}
	infos, err := session.ReadDir(ctx, dir)
	if err != nil {
		return err
	}
	for _, info := range infos {
		if err := visit(info); err != nil {
			return err
		}
		if info.Mode.IsDir() {
			if err := walkBelow(ctx, session, info.Path, depth+1, visit); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *app) showFiles(infos []appliance.Info, asJSON bool) error {
	if asJSON {
		d := lsDocument{Format: 1, Files: []lsFile{}}
		for _, info := range infos {
			d.Files = append(d.Files, lsFile{info.Path, info.Mode.String(), info.Size, info.ModTime.UTC().Format(time.RFC3339), info.UID, info.GID, info.Mode.IsDir()})
		}
		return a.writeJSON(d)
	}
	t := newTable("MODE", "OWNER", "SIZE", "MODIFIED", "PATH")
	for _, info := range infos {
		t.AppendRow([]any{info.Mode, fmt.Sprintf("%d:%d", info.UID, info.GID), info.Size, info.ModTime.UTC().Format("2006-01-02 15:04"), printable(info.Path)})
	}
	writeTable(a.out, t)
	return nil
}

// printable keeps a server's file names from steering the terminal.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return '?'
		}
		return r
	}, name)
}

func newCatCommand(a *app) *cobra.Command {
	var flags applianceFlags
	cmd := &cobra.Command{
		Use:     "cat NODE:PATH...",
		GroupID: groupAppliance,
		Short:   "Print files of an appliance",
		Long:    "Cat writes files of an appliance to standard output as they are.\n" + applianceHelp,
		Example: "  uclab cat cucm-pub:/etc/sysconfig/hwconf\n  uclab cat --host 10.0.1.27 /tmp/hw_validation_err",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, arg := range args {
				err := a.onRemote(cmd.Context(), flags, arg, func(session *appliance.Session, name string) error {
					return stream(cmd.Context(), session, name, 0, a.out)
				})
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
	flags.register(cmd)
	return cmd
}

// stream copies a file from an offset on, many blocks in flight at once.
func stream(ctx context.Context, session *appliance.Session, name string, offset int64, w io.Writer) (err error) {
	client, err := session.SFTP(ctx)
	if err != nil {
		return err
	}
	f, err := client.Open(name)
	if err != nil {
		return fmt.Errorf("open %s: %w", name, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = f.Close() })
	defer func() {
		if stop() {
			err = errors.Join(err, f.Close())
		} else {
			err = ctx.Err()
		}
	}()
	if offset > 0 {
		if _, err := f.Seek(offset, io.SeekStart); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
	if _, err := f.WriteTo(w); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

// errNoMatch ends grep with exit code 1 and without a message, as grep does.
const errNoMatch = exitError(exitFailed)

func newGrepCommand(a *app) *cobra.Command {
	var flags applianceFlags
	var recursive, ignoreCase, fixed, names bool
	cmd := &cobra.Command{
		Use:     "grep PATTERN NODE:PATH...",
		GroupID: groupAppliance,
		Short:   "Search files of an appliance",
		Long: `Grep prints the lines that match a regular expression (Go's syntax), with -r in
all files below a directory. It ends with exit code 1 when nothing matches.
` + applianceHelp,
		Example: "  uclab grep -r owa cucm-pub:/var/log/active/epas/trace\n  uclab grep -F 'network.hwaddr:' cucm-pub:/etc/sysconfig/hwconf",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			expression := args[0]
			if fixed {
				expression = regexp.QuoteMeta(expression)
			}
			if ignoreCase {
				expression = "(?i)" + expression
			}
			pattern, err := regexp.Compile(expression)
			if err != nil {
				return usageError{hintf(err, "use -F to search for the text as it is")}
			}
			search := &searcher{app: a, pattern: pattern, recursive: recursive, namesOnly: names}
			for _, arg := range args[1:] {
				err := a.onRemote(cmd.Context(), flags, arg, func(session *appliance.Session, name string) error {
					return search.search(cmd.Context(), session, name)
				})
				if err != nil {
					return err
				}
			}
			if search.matches == 0 {
				return errNoMatch
			}
			return nil
		},
	}
	flags.register(cmd)
	cmd.Flags().BoolVarP(&recursive, "recursive", "r", false, "search all files below a directory")
	cmd.Flags().BoolVarP(&ignoreCase, "ignore-case", "I", false, "upper and lower case are the same")
	cmd.Flags().BoolVarP(&fixed, "fixed-strings", "F", false, "the pattern is plain text")
	cmd.Flags().BoolVarP(&names, "files-with-matches", "l", false, "print only the names of files")
	return cmd
}

// searcher prints matching lines, file by file in order, while later files are
// already being read.
type searcher struct {
	app       *app
	pattern   *regexp.Regexp
	recursive bool
	namesOnly bool
	matches   int
}

// searchAhead is how many files are read at once, and maxSearched how much of
// one, in bytes.
const (
	searchAhead = 32
	maxSearched = 256 << 20
)

func (s *searcher) search(ctx context.Context, session *appliance.Session, name string) error {
	infos, err := listRemote(ctx, session, name, s.recursive)
	if err != nil {
		return err
	}
	results := make([]chan searched, len(infos))
	limit := make(chan struct{}, searchAhead)
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for i := range infos {
		results[i] = make(chan searched, 1)
	}
	wg.Go(func() {
		for i, info := range infos {
			limit <- struct{}{}
			wg.Go(func() {
				results[i] <- s.lines(ctx, session, info)
				<-limit
			})
		}
	})
	for i, info := range infos {
		found := <-results[i]
		if found.err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			s.app.warn(fmt.Sprintf("%s: %v", info.Path, found.err))
			continue
		}
		s.print(info, found.lines, len(infos) > 1)
	}
	return nil
}

type searched struct {
	lines []string
	err   error
}

func (s *searcher) lines(ctx context.Context, session *appliance.Session, info appliance.Info) searched {
	if !info.Mode.IsRegular() || info.Size > maxSearched {
		return searched{}
	}
	var content bytes.Buffer
	if err := stream(ctx, session, info.Path, 0, &content); err != nil {
		return searched{err: err}
	}
	if bytes.IndexByte(content.Bytes(), 0) >= 0 {
		if s.pattern.Match(content.Bytes()) {
			return searched{lines: []string{"binary file matches"}}
		}
		return searched{}
	}
	var lines []string
	for line := range bytes.Lines(content.Bytes()) {
		if line = bytes.TrimRight(line, "\r\n"); s.pattern.Match(line) {
			lines = append(lines, string(line))
		}
	}
	return searched{lines: lines}
}

func (s *searcher) print(info appliance.Info, lines []string, named bool) {
	s.matches += len(lines)
	if s.namesOnly {
		if len(lines) > 0 {
			s.app.printf("%s\n", printable(info.Path))
		}
		return
	}
	for _, line := range lines {
		if named {
			s.app.printf("%s:", s.app.paint(s.app.colorOut, text.FgMagenta, printable(info.Path)))
		}
		s.app.printf("%s\n", line)
	}
}

func newTailCommand(a *app) *cobra.Command {
	var flags applianceFlags
	var count int
	var follow bool
	cmd := &cobra.Command{
		Use:     "tail NODE:PATH",
		GroupID: groupAppliance,
		Short:   "Print the end of a file of an appliance, and what is added",
		Long:    "Tail prints the last lines of a file; with --follow it goes on with what is added, and\nwith the new file when a log is rotated.\n" + applianceHelp,
		Example: "  uclab tail --follow cucm-pub:/var/log/active/syslog/CiscoSyslog",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if count < 0 {
				return usageError{errors.New("--lines must not be negative")}
			}
			return a.onRemote(cmd.Context(), flags, args[0], func(session *appliance.Session, name string) error {
				return a.tail(cmd.Context(), session, name, count, follow)
			})
		},
	}
	flags.register(cmd)
	cmd.Flags().IntVarP(&count, "lines", "n", 10, "how many `lines` of the end")
	cmd.Flags().BoolVar(&follow, "follow", false, "go on with what is added, until interrupted")
	return cmd
}

// followEvery is how often a followed file is looked at.
const followEvery = time.Second

func (a *app) tail(ctx context.Context, session *appliance.Session, name string, count int, follow bool) error {
	info, err := session.Stat(ctx, name)
	if err != nil {
		return err
	}
	client, err := session.SFTP(ctx)
	if err != nil {
		return err
	}
	start, err := lastLines(client, name, info.Size, count)
	if err != nil {
		return err
	}
	counted := &countingWriter{w: a.out}
	if err := stream(ctx, session, name, start, counted); err != nil {
		return err
	}
	at := start + counted.n
	for follow {
		select {
		case <-ctx.Done():
			return nil // the way that following ends
		case <-time.After(followEvery):
		}
		info, err := session.Stat(ctx, name)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if info.Size < at { // the log was rotated
			at = 0
		}
		if info.Size == at {
			continue
		}
		counted.n = 0
		if err := stream(ctx, session, name, at, counted); err != nil && ctx.Err() == nil {
			return err
		}
		at += counted.n
	}
	return nil
}

// lastLines finds where the last lines begin, from the end backwards.
func lastLines(client *sftp.Client, name string, size int64, count int) (_ int64, err error) {
	f, err := client.Open(name)
	if err != nil {
		return 0, fmt.Errorf("open %s: %w", path.Base(name), err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	const step = 64 << 10
	seen := 0
	for end := size; end > 0; end -= step {
		begin := max(0, end-step)
		block := make([]byte, end-begin)
		n, err := f.ReadAt(block, begin)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, fmt.Errorf("read %s: %w", name, err)
		}
		for i := n - 1; i >= 0; i-- {
			if block[i] != '\n' || begin+int64(i) == size-1 {
				continue
			}
			if seen++; seen >= count {
				return begin + int64(i) + 1, nil
			}
		}
	}
	if count == 0 {
		return size, nil
	}
	return 0, nil
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
