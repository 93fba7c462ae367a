package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/uclab/uclab/iso"
)

// maxSavedBootFile bounds what is read as a boot file, in bytes.
const maxSavedBootFile = 64 << 20

func newISOExtractCommand(a *app) *cobra.Command {
	var output, save string
	var list, force bool
	cmd := &cobra.Command{
		Use:   "extract [DISC [PATH]]",
		Short: "Take the boot file, or any file, out of a disc",
		Long: `Extract writes a disc's boot file, with its true length, to a file; with a PATH it
takes that file of the disc, in any letter case. --save keeps the boot file in
uclab's own library with its checksum, where 'iso inject --boot-file NAME' finds
it; --list shows the library. A boot file does not depend on the disc's contents:
that of 7.1.3 makes 7.1.5 boot.`,
		Example: `  uclab iso extract bootable.iso -o boot.bif
  uclab iso extract bootable.iso --save cucm-7.1.3
  uclab iso extract disc.iso isolinux/isolinux.cfg -o -
  uclab iso extract --list`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			switch {
			case list:
				return a.listBootFiles()
			case len(args) == 0:
				return usageError{hintf(errors.New("no disc is named"), "see 'uclab iso extract --help'")}
			case len(args) == 2:
				return a.extractFile(args[0], args[1], output, force)
			default:
				return a.extractBootFile(args[0], output, save, force)
			}
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "the `file` to write; - is standard output (default: boot.bif, or the file's own name)")
	cmd.Flags().StringVar(&save, "save", "", "keep the boot file in the library under a `name`")
	cmd.Flags().BoolVar(&list, "list", false, "list the library of boot files")
	cmd.Flags().BoolVar(&force, "force", false, "replace an existing file")
	return cmd
}

func (a *app) extractFile(disc, name, output string, force bool) error {
	return withDisc(disc, func(d *iso.Disc, _ *os.File) error {
		content, entry, err := d.File(name)
		if err != nil {
			return err
		}
		if entry == nil {
			return hintf(fmt.Errorf("the disc has no file %s", name), "'uclab iso inspect' lists its boot files")
		}
		if output == "" {
			output = filepath.Base(entry.Path)
		}
		return a.writeExtracted(output, content, entry.Size, force)
	})
}

func (a *app) extractBootFile(disc, output, save string, force bool) error {
	return withDisc(disc, func(d *iso.Disc, _ *os.File) error {
		data, from, err := d.BootFile()
		if err != nil {
			return err
		}
		if save != "" {
			return a.saveBootFile(save, data, from, force)
		}
		if output == "" {
			output = "boot.bif"
		}
		a.notef("The boot file comes from %s.\n", from)
		return a.writeExtracted(output, bytes.NewReader(data), int64(len(data)), force)
	})
}

func (a *app) writeExtracted(output string, content io.Reader, size int64, force bool) (err error) {
	if output == "-" {
		_, err := io.Copy(a.out, content)
		return err
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	file, err := os.OpenFile(output, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return hintf(fmt.Errorf("%s is there already", output), "name another with -o, or replace it with --force")
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	if err := errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(output))
	}
	a.printf("Wrote %s, %d bytes.\n", output, size)
	return nil
}

// bootFileDir is the library of saved boot files.
func (a *app) bootFileDir() (string, error) {
	state, err := a.stateDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(state, "bootfiles"), nil
}

func (a *app) saveBootFile(name string, data []byte, from string, force bool) error {
	if name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		return usageError{hintf(fmt.Errorf("%q cannot name a boot file", name), "use letters, digits, dots and dashes, such as cucm-7.1.3")}
	}
	dir, err := a.bootFileDir()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the library of boot files: %w", err)
	}
	path := filepath.Join(dir, name+".bif")
	if _, err := os.Stat(path); err == nil && !force {
		return hintf(fmt.Errorf("the library has a boot file %s already", name), "choose another name, or replace it with --force")
	}
	if err := writeFileAtomically(path, data, 0o600); err != nil {
		return fmt.Errorf("save the boot file: %w", err)
	}
	if err := writeFileAtomically(path+".sha256", []byte(checksum(data)+"  "+name+".bif\n"), 0o600); err != nil {
		return fmt.Errorf("save the boot file's checksum: %w", err)
	}
	a.printf("Saved the boot file of %s as %s, %d bytes, sha256 %s.\n", from, name, len(data), checksum(data))
	return nil
}

func checksum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func (a *app) listBootFiles() error {
	dir, err := a.bootFileDir()
	if err != nil {
		return err
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.bif"))
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		a.printf("The library of boot files is empty.\n")
		return nil
	}
	t := newTable("NAME", "BYTES", "SHA256")
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".bif")
		data, err := a.savedBootFile(name)
		if err != nil {
			t.AppendRow([]any{name, "-", err.Error()})
			continue
		}
		t.AppendRow([]any{name, len(data), checksum(data)})
	}
	writeTable(a.out, t)
	return nil
}

// savedBootFile reads a boot file: the file of that name, or the one of the
// library, whose checksum must be right.
func (a *app) savedBootFile(name string) ([]byte, error) {
	data, err := boundedRead(name, maxSavedBootFile)
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	dir, dirErr := a.bootFileDir()
	if dirErr != nil {
		return nil, dirErr
	}
	path := filepath.Join(dir, filepath.Base(name)+".bif")
	data, err = boundedRead(path, maxSavedBootFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hintf(fmt.Errorf("there is no boot file %s, neither as a file nor in the library", name), "'uclab iso extract --list' shows the library")
	}
	if err != nil {
		return nil, err
	}
	sum, err := os.ReadFile(path + ".sha256")
	if err != nil {
		return nil, fmt.Errorf("read the checksum of boot file %s: %w", name, err)
	}
	if want, _, _ := strings.Cut(string(sum), " "); want != checksum(data) {
		return nil, hintf(fmt.Errorf("the saved boot file %s is damaged: its checksum is not right", name), "save it again with 'uclab iso extract DISC --save %s --force'", name)
	}
	return data, nil
}
