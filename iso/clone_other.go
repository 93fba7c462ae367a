//go:build !linux

package iso

import "os"

// cloneFile has no portable form; the copy goes byte by byte.
func cloneFile(_, _ *os.File) bool { return false }
