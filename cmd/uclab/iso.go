package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/uclab/uclab/iso"
)

// labsOnly is said after every success with a changed disc.
const labsOnly = "Vendors do not support discs with an injected boot record; use them in labs only."

func newISOCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "iso",
		GroupID: groupDisc,
		Short:   "Inspect vendors' discs and make them bootable",
		Long: `Vendors post install discs without a boot record. These commands say what a disc
is, make it bootable without changing anything else on it, and prove it.`,
		Example: "  uclab iso inspect UCSInstall.iso\n  uclab iso inject UCSInstall.iso\n  uclab iso verify Bootable_UCSInstall.iso --source UCSInstall.iso",
	}
	cmd.AddCommand(newISOInspectCommand(a), newISOInjectCommand(a), newISOVerifyCommand(a), newISOExtractCommand(a), newISOBuildCommand(a))
	return cmd
}

// openDisc opens an image file and says in one sentence why it cannot be one.
func openDisc(path string, flag int) (_ *os.File, size int64, err error) {
	file, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return nil, 0, hintf(err, "name a disc image, such as UCSInstall.iso")
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	info, err := file.Stat()
	if err != nil {
		return nil, 0, err
	}
	switch {
	case info.IsDir():
		return nil, 0, hintf(fmt.Errorf("%s is a directory", path), "name the disc image in it")
	case !info.Mode().IsRegular():
		return nil, 0, hintf(fmt.Errorf("%s is not a file", path), "copy the disc into a file first: dd if=%s of=disc.iso bs=2048", path)
	case info.Size() == 0:
		return nil, 0, hintf(fmt.Errorf("%s is empty", path), "the download did not begin: fetch it again")
	}
	return file, info.Size(), nil
}

// discError names the disc in what went wrong with it.
func discError(path string, err error) error {
	if errors.Is(err, iso.ErrNotISO) {
		return hintf(fmt.Errorf("%s: %w", path, err), "it is no disc image, or a damaged one: compare its size and checksum with the vendor's")
	}
	return fmt.Errorf("%s: %w", path, err)
}

// withDisc opens a disc, reads its descriptors, and lets do work with it.
func withDisc(path string, do func(disc *iso.Disc, file *os.File) error) (err error) {
	file, size, err := openDisc(path, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	disc, err := iso.Open(file, size)
	if err != nil {
		return discError(path, err)
	}
	if err := do(disc, file); err != nil {
		return discError(path, err)
	}
	return nil
}

func newISOInspectCommand(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "inspect DISC",
		Short: "Say what a disc is, whether it boots, and what could make it boot",
		Example: `  uclab iso inspect UCSInstall_UCOS_7.1.5.34900-7.sgn.iso
  uclab iso inspect --json disc.iso | jq .bootable`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return withDisc(args[0], func(disc *iso.Disc, _ *os.File) error {
				report, err := disc.Inspect()
				if err != nil {
					return err
				}
				report.Path = args[0]
				if asJSON {
					return a.writeJSON(report)
				}
				a.renderReport(report)
				return nil
			})
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func (a *app) renderReport(r *iso.Report) {
	t := newTable("", "")
	t.ResetHeaders()
	row := func(name string, value any) { t.AppendRow([]any{name, value}) }
	row("Disc", r.Path)
	row("Volume", r.VolumeID)
	row("Size", fmt.Sprintf("%d bytes, volume of %d sectors", r.SizeBytes, r.VolumeSectors))
	row("Names", nameSpaces(r))
	row("Files", fmt.Sprintf("%d, ISO 9660 level %d", r.Files, r.Level))
	row("Bootable", yesNo(r.Bootable))
	for _, image := range r.BootImages {
		row("Boot image", fmt.Sprintf("%s, %s emulation, sector %d, %d bytes, loads %d, boot info table %s %s",
			image.Platform, image.Emulation, image.LBA, image.SizeBytes, image.LoadSectors, image.BootInfoTable, image.Path))
	}
	for _, file := range r.BootFiles {
		row("Boot file", file)
	}
	if r.ISOMD5 != "" {
		row("Checksum", "implanted, "+r.ISOMD5)
	}
	if r.Sessions > 1 {
		row("Sessions", r.Sessions)
	}
	for _, problem := range r.Problems {
		row("Problem", problem)
	}
	if r.Truncated {
		row("Problem", "the image is cut short")
	}
	writeTable(a.out, t)
	if !r.Bootable && len(r.BootFiles) > 0 && !r.Truncated {
		a.notef("\nNext: uclab iso inject %s\n", r.Path)
	}
}

func nameSpaces(r *iso.Report) string {
	names := "ISO 9660"
	for _, space := range []struct {
		there bool
		name  string
	}{{r.RockRidge, "Rock Ridge"}, {r.Joliet, "Joliet"}, {r.UDF, "UDF"}} {
		if space.there {
			names += ", " + space.name
		}
	}
	return names
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func newISOVerifyCommand(a *app) *cobra.Command {
	var asJSON bool
	var source string
	cmd := &cobra.Command{
		Use:   "verify DISC",
		Short: "Prove that a disc boots and, against its source, that nothing else changed",
		Long: `Verify derives everything anew from the written disc, by code that shares nothing
with what writes discs: descriptors, boot catalog, checksums, every directory
record and path table. With --source it compares all names and contents too.`,
		Example: "  uclab iso verify Bootable_UCSInstall.iso --source UCSInstall.iso",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.verifyDisc(cmd.Context(), args[0], source, asJSON)
		},
	}
	jsonFlag(cmd, &asJSON)
	cmd.Flags().StringVar(&source, "source", "", "the `disc` that it was made from: compare names and contents")
	return cmd
}

func (a *app) verifyDisc(ctx context.Context, path, source string, asJSON bool) (err error) {
	file, size, err := openDisc(path, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	var original *iso.Image
	if source != "" {
		from, fromSize, err := openDisc(source, os.O_RDONLY)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, from.Close()) }()
		original = &iso.Image{R: from, Size: fromSize}
	}
	verification, err := iso.Verify(ctx, iso.Image{R: file, Size: size}, original)
	if err != nil {
		return discError(path, err)
	}
	verification.Path = path
	if asJSON {
		err = a.writeJSON(verification)
	} else {
		a.renderVerification(verification)
	}
	if err == nil && !verification.OK {
		return exitError(exitFailed)
	}
	return err
}

func (a *app) renderVerification(v *iso.Verification) {
	t := newTable("CHECK", "RESULT", "DETAIL")
	for _, check := range v.Checks {
		result := "ok"
		if !check.OK {
			result = "WRONG"
		}
		t.AppendRow([]any{check.Name, result, check.Detail})
	}
	writeTable(a.out, t)
	if v.OK {
		a.printf("\n%s boots, and is sound.\n", v.Path)
	} else {
		a.printf("\n%s is not as it must be.\n", v.Path)
	}
}

// discProgress shows a long copy on a terminal: how much, how fast, how long
// still.
type discProgress struct {
	bar  *byteProgress
	last int64
}

// Copied tells how many bytes are done.
func (p *discProgress) Copied(done, _ int64) {
	p.bar.advance(done - p.last)
	p.last = done
}

// boundedRead reads a small file, such as a boot file.
func boundedRead(path string, limit int64) (_ []byte, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return data, err
}

// sizeRate says how long something took and how fast it was.
func sizeRate(bytes int64, took time.Duration) string {
	return fmt.Sprintf("%.1f s, %.0f MB/s", took.Seconds(), float64(bytes)/1e6/max(took.Seconds(), 1e-3))
}

func defaultBootable(path string) string {
	return filepath.Join(filepath.Dir(path), "Bootable_"+filepath.Base(path))
}
