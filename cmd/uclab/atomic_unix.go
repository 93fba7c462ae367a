//go:build !windows

package main

import (
	"os"

	"github.com/google/renameio/v2"
)

// writeFileAtomically replaces a file wholly or not at all.
func writeFileAtomically(path string, content []byte, mode os.FileMode) error {
	return renameio.WriteFile(path, content, mode)
}
