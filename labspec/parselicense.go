package labspec

import (
	"errors"
	"io"
)

// ParseLicense reads a licence file.
func ParseLicense(r io.Reader) (License, error) { return License{}, errors.New("not built yet") }
