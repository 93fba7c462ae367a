// Package templates holds what ships inside the binary: the product profiles
// and the starter labs of `uclab init`.
package templates

import (
	"embed"
	"io/fs"
)

//go:embed profiles/*.hcl
var profiles embed.FS

//go:embed labs/*.lab.hcl
var labs embed.FS

// Profiles is the directory of the product profiles, *.hcl at its root.
func Profiles() fs.FS { return sub(profiles, "profiles") }

// Labs is the directory of the starter labs, *.lab.hcl at its root. The first
// comment line of each says what it is for.
func Labs() fs.FS { return sub(labs, "labs") }

// sub never fails: fs.Sub refuses only invalid names, and these are constants.
func sub(dir embed.FS, name string) fs.FS {
	tree, err := fs.Sub(dir, name)
	if err != nil {
		return dir
	}
	return tree
}
