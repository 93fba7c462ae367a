package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/uclab/uclab/iso"
)

// injectFlags are the flags of `uclab iso inject`.
type injectFlags struct {
	output   string
	inPlace  bool
	bootFile string
	fromDisc string
	hybrid   string
	dryRun   bool
	force    bool
	keepSum  bool
	json     bool
	strict   bool
}

// writeDocument is one write of an injection, in JSON.
type writeDocument struct {
	LBA    int64  `json:"lba"`    // of 2,048 bytes
	Offset int64  `json:"offset"` // bytes in that sector
	Bytes  int    `json:"bytes"`
	What   string `json:"what"`
}

// injectDocument is what `uclab iso inject --json` writes.
type injectDocument struct {
	Format   int             `json:"format"`
	Source   string          `json:"source"`
	Output   string          `json:"output"` // "" when nothing was written
	Already  bool            `json:"already_bootable"`
	DryRun   bool            `json:"dry_run"`
	BootFile string          `json:"boot_file"` // in the tree; "" for one that was appended
	BIOS     bool            `json:"bios"`
	EFI      bool            `json:"efi"`
	Size     int64           `json:"size_bytes"`
	Repaired []string        `json:"repaired"`
	Warnings []string        `json:"warnings"`
	Moves    []string        `json:"moves"`
	Writes   []writeDocument `json:"writes"`
}

func newISOInjectCommand(a *app) *cobra.Command {
	var flags injectFlags
	cmd := &cobra.Command{
		Use:   "inject DISC",
		Short: "Make a disc bootable",
		Long: `Inject gives a disc the boot record, boot catalog and boot info table that make
it bootable, and changes nothing else on it. It writes a copy named Bootable_DISC
beside the source, which is only read; --in-place changes the disc itself, a few
sectors of it. A disc that boots already is left alone.

The boot file is the disc's own isolinux/isolinux.bin, or one saved from another
disc. Source: "Make a non-bootable ISO image bootable" (22 April 2010).`,
		Example: `  uclab iso inject UCSInstall_UCOS_7.1.5.34900-7.sgn.iso
  uclab iso inject --dry-run disc.iso
  uclab iso inject --from-disc bootable-7.1.3.iso -o out.iso disc.iso
  uclab iso inject --in-place disc.iso`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.injectDisc(cmd.Context(), args[0], flags)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&flags.output, "output", "o", "", "the `file` to write (default: Bootable_DISC beside the source)")
	f.BoolVar(&flags.inPlace, "in-place", false, "change the disc itself instead of writing a copy")
	f.StringVar(&flags.bootFile, "boot-file", "", "boot `file` to inject (isolinux.bin, or a .bif), or the name of one saved with 'iso extract --save'")
	f.StringVar(&flags.fromDisc, "from-disc", "", "bootable `disc` to take the boot file and the EFI image from")
	f.StringVar(&flags.hybrid, "hybrid", "", "make it boot from USB sticks too, with this master boot record `file` (syslinux's isohdpfx.bin)")
	f.BoolVar(&flags.dryRun, "dry-run", false, "list the sectors that would be written, and write nothing")
	f.BoolVar(&flags.force, "force", false, "replace a good boot record, or an existing output file")
	f.BoolVar(&flags.keepSum, "keep-checksum", false, "leave an implanted media checksum as it is; the installer's media check will fail")
	f.BoolVar(&flags.strict, "strict", false, "end with exit code 3 when there are warnings")
	jsonFlag(cmd, &flags.json)
	return cmd
}

// check refuses flags that contradict each other.
func (f *injectFlags) check() error {
	switch {
	case f.inPlace && f.output != "":
		return usageError{hintf(errors.New("--in-place and --output exclude each other"), "leave one out")}
	case f.bootFile != "" && f.fromDisc != "":
		return usageError{hintf(errors.New("--boot-file and --from-disc exclude each other"), "leave one out")}
	}
	return nil
}

func (a *app) injectDisc(ctx context.Context, path string, flags injectFlags) (err error) {
	if err := flags.check(); err != nil {
		return err
	}
	target := flags.output
	if target == "" && !flags.inPlace {
		target = defaultBootable(path)
	}
	if same, err := sameFile(path, target); err != nil || same {
		return errors.Join(err, sameFileError(path, same))
	}
	mode := os.O_RDONLY
	if flags.inPlace && !flags.dryRun {
		mode = os.O_RDWR
	}
	file, size, err := openDisc(path, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	options, release, err := a.injectOptions(flags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	plan, err := iso.PlanInjection(file, size, options)
	if err != nil {
		return injectError(path, err)
	}
	document := documentOf(path, plan, flags.dryRun)
	switch {
	case plan.Already, flags.dryRun:
	case flags.inPlace:
		document.Output = path
		err = plan.Apply(ctx, file, true)
	default:
		document.Output = target
		err = a.writeInjected(ctx, plan, file, target, flags)
	}
	if err != nil {
		return discError(path, err)
	}
	if flags.json {
		err = a.writeJSON(document)
	} else {
		a.renderInjection(document)
	}
	if err == nil && flags.strict && len(plan.Warnings) > 0 {
		return exitError(exitWarnings)
	}
	return err
}

func sameFileError(path string, same bool) error {
	if !same {
		return nil
	}
	return usageError{hintf(fmt.Errorf("%s is the source itself", path), "use --in-place to change the disc itself")}
}

func sameFile(path, target string) (bool, error) {
	if target == "" {
		return false, nil
	}
	from, err := os.Stat(path)
	if err != nil {
		return false, nil // opening it will say why
	}
	to, err := os.Stat(target)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(from, to), err
}

// injectError adds the way out to what kept a disc from being injected.
func injectError(path string, err error) error {
	if errors.Is(err, iso.ErrNoBootFile) {
		return hintf(fmt.Errorf("%s: %w", path, err), "take one from another disc of the vendor: --from-disc DISC, or --boot-file FILE")
	}
	return discError(path, err)
}

func (a *app) writeInjected(ctx context.Context, plan *iso.Injection, file *os.File, target string, flags injectFlags) error {
	bar := a.newByteProgress("writing "+filepath.Base(target), plan.Size())
	defer bar.stop()
	begun := time.Now()
	err := plan.WriteCopy(ctx, file, target, iso.CopyOptions{Overwrite: flags.force, Progress: &discProgress{bar: bar}})
	if errors.Is(err, fs.ErrExist) {
		return hintf(fmt.Errorf("%s is there already", target), "name another with -o, or replace it with --force")
	}
	if err == nil && !flags.json {
		a.notef("Wrote %s (%s).\n", target, sizeRate(plan.Size(), time.Since(begun)))
	}
	return err
}

// injectOptions reads the boot file and the donor that the flags name. release
// closes the donor.
func (a *app) injectOptions(flags injectFlags) (options iso.InjectOptions, release func() error, err error) {
	release = func() error { return nil }
	options = iso.InjectOptions{Force: flags.force, KeepChecksum: flags.keepSum}
	if flags.hybrid != "" {
		code, err := boundedRead(flags.hybrid, 1<<20)
		if err != nil {
			return options, release, hintf(err, "install syslinux and give its isohdpfx.bin")
		}
		if options.Hybrid, err = iso.HybridMBR(code); err != nil {
			return options, release, err
		}
	}
	if flags.bootFile != "" {
		options.BootFile, err = a.savedBootFile(flags.bootFile)
		return options, release, err
	}
	if flags.fromDisc == "" {
		return options, release, nil
	}
	donor, size, err := openDisc(flags.fromDisc, os.O_RDONLY)
	if err != nil {
		return options, release, err
	}
	release = donor.Close
	disc, err := iso.Open(donor, size)
	if err != nil {
		return options, release, discError(flags.fromDisc, err)
	}
	if options.BootFile, _, err = disc.BootFile(); err != nil {
		return options, release, injectError(flags.fromDisc, err)
	}
	image, err := disc.EFIImage()
	if err != nil {
		return options, release, discError(flags.fromDisc, err)
	}
	if image != nil {
		options.EFIImage, options.EFISize = image, image.Size()
	}
	return options, release, nil
}

func documentOf(path string, plan *iso.Injection, dryRun bool) injectDocument {
	document := injectDocument{
		Format: 1, Source: path, Already: plan.Already, DryRun: dryRun, BootFile: plan.BootFile, BIOS: plan.BIOS, EFI: plan.EFI, Size: plan.Size(),
		Repaired: append([]string{}, plan.Repaired...), Warnings: append([]string{}, plan.Warnings...), Moves: []string{}, Writes: []writeDocument{},
	}
	for _, move := range plan.Moves() {
		document.Moves = append(document.Moves, fmt.Sprintf("%s, %d bytes from sector %d to %d", move.What, move.Size, move.From/iso.SectorSize, move.To/iso.SectorSize))
	}
	for _, write := range plan.Writes() {
		document.Writes = append(document.Writes, writeDocument{write.Offset / iso.SectorSize, write.Offset % iso.SectorSize, len(write.Data), write.What})
	}
	return document
}

func (a *app) renderInjection(d injectDocument) {
	for _, warning := range d.Warnings {
		a.warn(warning)
	}
	if d.Already {
		a.printf("%s is bootable already: nothing was written.\n", d.Source)
		return
	}
	for _, repaired := range d.Repaired {
		a.printf("Repaired: %s.\n", repaired)
	}
	if d.DryRun {
		for _, move := range d.Moves {
			a.printf("Would move %s.\n", move)
		}
		t := newTable("SECTOR", "BYTE", "LENGTH", "WHAT")
		for _, write := range d.Writes {
			t.AppendRow([]any{write.LBA, write.Offset, write.Bytes, write.What})
		}
		writeTable(a.out, t)
		a.printf("\nWould make %s bootable with %d writes; the result has %d bytes. Nothing was written.\n", d.Source, len(d.Writes), d.Size)
		return
	}
	how := "its own " + d.BootFile
	if d.BootFile == "" {
		how = "a boot file that was added"
	}
	firmware := "BIOS"
	switch {
	case d.BIOS && d.EFI:
		firmware = "BIOS and UEFI"
	case d.EFI:
		firmware, how = "UEFI", "an EFI image"
	}
	a.printf("%s is bootable (%s) with %s.\n%s\n", d.Output, firmware, how, labsOnly)
	a.notef("\nNext: uclab iso verify %s\n", d.Output)
}
