package labspec

import (
	"errors"
	"io/fs"
)

// Mark says how sure a figure is: "S" the posts say it, "V" verified in a public
// source, "D" derived, "U" unverified, a default to override.
type Mark string

// Profile says what hardware one product needs in a range of versions.
type Profile struct {
	Name        string   `json:"name"`     // "cucm-7"
	Product     string   `json:"product"`  // "cucm"
	Title       string   `json:"title"`    // "Cisco Unified Communications Manager"
	Versions    string   `json:"versions"` // constraint, ">= 7.0, < 8.0"; "" for any
	Description string   `json:"description,omitempty"`
	Figures     []Figure `json:"figures"`
	Patches     []string `json:"patches"`
}

// Figure is one attribute of a profile with where it comes from.
type Figure struct {
	Name    string `json:"name"`              // "memory", "disk", "guest_id", ...
	Value   string `json:"value"`             // as shown: "1024 MiB"
	Minimum string `json:"minimum,omitempty"` // below it a lint warns
	Mark    Mark   `json:"mark"`
	Source  string `json:"source,omitempty"` // post title or document
}

// Profiles reads all profiles of a directory, sorted by product and version.
func Profiles(dir fs.FS) ([]Profile, error) { return nil, errors.New("not built yet") }
