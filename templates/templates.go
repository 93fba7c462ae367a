// Package templates holds what ships inside the binary: the product profiles,
// the starter labs of `uclab init` and the page of `uclab graph`.
package templates

import (
	"embed"
	"io/fs"
)

//go:embed profiles/*.hcl
var profiles embed.FS

//go:embed labs/*.lab.hcl
var labs embed.FS

//go:embed graph
var graph embed.FS

// Profiles is the directory of the product profiles, *.hcl at its root.
func Profiles() fs.FS { return sub(profiles, "profiles") }

// Labs is the directory of the starter labs, *.lab.hcl at its root. The first
// comment line of each says what it is for.
func Labs() fs.FS { return sub(labs, "labs") }

// Graph is the directory of what `uclab graph` draws with: the page, its script
// and styles, and the drawing's symbols.
func Graph() fs.FS { return sub(graph, "graph") }

// sub never fails: fs.Sub refuses only invalid names, and these are constants.
func sub(dir embed.FS, name string) fs.FS {
	tree, err := fs.Sub(dir, name)
	if err != nil {
		return dir
	}
	return tree
}
