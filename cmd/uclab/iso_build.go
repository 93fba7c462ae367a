package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/uclab/uclab/iso"
)

func newISOBuildCommand(a *app) *cobra.Command {
	var output, volume string
	var force bool
	cmd := &cobra.Command{
		Use:   "build -o DISC FILE|DIR...",
		Short: "Build a small data disc, such as a kit or answer files",
		Long: `Build puts files on a new disc that Windows and Linux read with their full names
(Joliet) and old systems with short ones (ISO 9660 level 1). A directory's
contents go to the disc's top. The same files give the same disc.`,
		Example: "  uclab iso build -o kit.iso uccx.reg crstest.ini\n  uclab iso build -o answers.iso --volume ANSWERS answers/",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if output == "" {
				return usageError{hintf(errors.New("no disc is named"), "write -o DISC.iso")}
			}
			files, err := filesToBuild(args)
			if err != nil {
				return err
			}
			var image bytes.Buffer
			// A fixed time: the same files give the same disc.
			stamp := time.Date(2009, time.July, 15, 0, 0, 0, 0, time.UTC)
			if err := iso.Build(&image, files, iso.BuildOptions{VolumeID: volume, Time: stamp}); err != nil {
				return err
			}
			return a.writeExtracted(output, &image, int64(image.Len()), force)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "the `disc` to write")
	cmd.Flags().StringVar(&volume, "volume", "UCLAB", "the volume's `name`, at most 16 characters")
	cmd.Flags().BoolVar(&force, "force", false, "replace an existing disc")
	return cmd
}

// filesToBuild reads the files that the arguments name.
func filesToBuild(args []string) ([]iso.BuildFile, error) {
	var files []iso.BuildFile
	total := int64(0)
	add := func(path, name string) error {
		data, err := boundedRead(path, iso.MaxBuild-total)
		if err != nil {
			return err
		}
		total += int64(len(data))
		files = append(files, iso.BuildFile{Path: name, Content: data})
		return nil
	}
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			if err := add(arg, filepath.Base(arg)); err != nil {
				return nil, err
			}
			continue
		}
		err = filepath.WalkDir(arg, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			if !entry.Type().IsRegular() {
				return hintf(fmt.Errorf("%s is not a plain file", path), "a small disc holds plain files only: copy what it points to")
			}
			name, err := filepath.Rel(arg, path)
			if err != nil {
				return err
			}
			return add(path, filepath.ToSlash(name))
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}
