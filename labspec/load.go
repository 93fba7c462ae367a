package labspec

import (
	"context"
	"errors"
	"io/fs"
)

// Assignment is one -var argument: a variable's name and the text of its value.
type Assignment struct {
	Name  string
	Value string
}

// Options are what a lab file is read with. Load reads no environment of its
// own: LookupEnv gives it one.
type Options struct {
	Profiles  fs.FS                                     // product profiles, *.hcl at the root
	Vars      []Assignment                              // -var, in order; the last of a name wins
	VarFiles  []string                                  // -var-file, in order
	LookupEnv func(name string) (value string, ok bool) // UCLAB_VAR_x and env(); nil: no environment
}

// Find gives the lab file that a command's argument means: the file itself,
// the only *.lab.hcl or *.lab.json inside a directory, or, for "", the only
// one in the working directory. Several is an error that lists them.
func Find(arg string, getwd string) (path string, err error) {
	return "", errors.New("not built yet")
}

// Load reads a lab file. All problems are reported together: the error is an
// *InvalidError that holds them. What the lints found that is no error is in
// Lab.Findings.
func Load(ctx context.Context, path string, opts Options) (*Lab, error) {
	return nil, errors.New("not built yet")
}

// Rules lists every lint, by id.
func Rules() []Rule { return nil }
