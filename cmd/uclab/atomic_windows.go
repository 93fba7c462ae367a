package main

import "os"

// writeFileAtomically replaces a file. Windows has no rename that is atomic
// for readers (google/renameio leaves it out for that), but os.Rename replaces
// an existing file in one step of the file system.
func writeFileAtomically(path string, content []byte, mode os.FileMode) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, content, mode); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
