package labspec

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrNoLabFile says that a directory has no lab file.
var ErrNoLabFile = errors.New("no lab file (*.lab.hcl or *.lab.json)")

// Find gives the lab file that a command's argument means: the file itself,
// the only *.lab.hcl or *.lab.json inside a directory, or, for "", the only
// one in the working directory. Several is an error that lists them.
func Find(arg string, getwd string) (path string, err error) {
	dir := getwd
	if arg != "" {
		if dir = arg; !filepath.IsAbs(dir) {
			dir = filepath.Join(getwd, dir)
		}
		info, err := os.Stat(dir)
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return "", fmt.Errorf("lab file %s: %w", arg, fs.ErrNotExist)
			}
			return "", fmt.Errorf("lab file %s: %w", arg, err)
		}
		if !info.IsDir() {
			if ext := filepath.Ext(arg); ext != ".hcl" && ext != ".json" {
				return "", fmt.Errorf("%s is not a lab file: its name does not end in .lab.hcl or .lab.json", arg)
			}
			return arg, nil
		}
	}
	return findIn(dir, arg)
}

// findIn finds the only lab file of a directory; shown is what the user wrote.
func findIn(dir, shown string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("look for a lab file: %w", err)
	}
	var found []string
	for _, entry := range entries {
		if !entry.IsDir() && isLabFile(entry.Name()) {
			found = append(found, filepath.Join(shown, entry.Name()))
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		where := "the working directory"
		if shown != "" {
			where = shown
		}
		return "", fmt.Errorf("%s: %w", where, ErrNoLabFile)
	}
	return "", fmt.Errorf("there are several lab files, name one of them: %s", strings.Join(found, ", "))
}

func isLabFile(name string) bool {
	return strings.HasSuffix(name, ".lab.hcl") || strings.HasSuffix(name, ".lab.json")
}
