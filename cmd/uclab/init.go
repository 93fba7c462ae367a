package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/uclab/uclab/templates"
)

const labSuffix = ".lab.hcl"

func newInitCommand(a *app) *cobra.Command {
	var list bool
	cmd := &cobra.Command{
		Use:     "init [STARTER] [DIR]",
		GroupID: groupLab,
		Short:   "Write a starter lab file",
		Long: `Init writes one of the starter labs that ship with uclab into a directory, the
working directory unless another is named. It never overwrites a file.`,
		Example: `  uclab init --list
  uclab init ccie-voice
  uclab init ccie-voice ~/labs/voice`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			if list || len(args) == 0 {
				return a.listStarters()
			}
			dir := "."
			if len(args) == 2 {
				dir = args[1]
			}
			return a.writeStarter(args[0], dir)
		},
	}
	cmd.Flags().BoolVar(&list, "list", false, "list the starter labs")
	return cmd
}

func starters() ([]string, error) {
	names, err := fs.Glob(templates.Labs(), "*"+labSuffix)
	if err != nil {
		return nil, fmt.Errorf("list the starter labs: %w", err)
	}
	for i := range names {
		names[i] = strings.TrimSuffix(names[i], labSuffix)
	}
	return names, nil
}

func (a *app) listStarters() error {
	names, err := starters()
	if err != nil {
		return err
	}
	t := newTable("STARTER", "WHAT IT IS")
	for _, name := range names {
		text, err := fs.ReadFile(templates.Labs(), name+labSuffix)
		if err != nil {
			return fmt.Errorf("read starter lab %s: %w", name, err)
		}
		first, _, _ := strings.Cut(string(text), "\n")
		t.AppendRow([]any{name, strings.TrimSpace(strings.TrimLeft(first, "# "))})
	}
	writeTable(a.out, t)
	a.notef("\nWrite one with: uclab init NAME\n")
	return nil
}

func (a *app) writeStarter(name, dir string) error {
	text, err := fs.ReadFile(templates.Labs(), name+labSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		names, err := starters()
		if err != nil {
			return err
		}
		return usageError{hintf(fmt.Errorf("no starter lab is called %q", name), "there is %s", strings.Join(names, ", "))}
	}
	if err != nil {
		return fmt.Errorf("read starter lab %s: %w", name, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the lab's directory: %w", err)
	}
	path := filepath.Join(dir, name+labSuffix)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return hintf(fmt.Errorf("%s is there already", path), "uclab overwrites no lab file: name another directory")
	}
	if err != nil {
		return fmt.Errorf("write the lab file: %w", err)
	}
	_, err = file.Write(text)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write the lab file %s: %w", path, err)
	}
	a.printf("Wrote %s.\n", path)
	a.notef("\nNext: uclab plan %s\n", path)
	return nil
}
