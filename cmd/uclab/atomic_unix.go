//go:build !windows

package main

import "github.com/google/renameio/v2"

// writeFileAtomically replaces a file wholly or not at all.
func writeFileAtomically(path string, content []byte) error {
	return renameio.WriteFile(path, content, 0o600)
}
