package labspec

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/go-version"
)

// Mark says how sure a figure is: "S" the posts say it, "V" verified in a public
// source, "D" derived, "U" unverified: a default to override, never a truth.
type Mark string

// The marks.
const (
	MarkStated     Mark = "S"
	MarkVerified   Mark = "V"
	MarkDerived    Mark = "D"
	MarkUnverified Mark = "U"
	MarkLab        Mark = "L" // written in the lab file
)

// Profile says what hardware one product needs in a range of versions.
type Profile struct {
	Name        string   `json:"name"`     // "cucm-7"
	Product     string   `json:"product"`  // "cucm"
	Title       string   `json:"title"`    // "Cisco Unified Communications Manager"
	Versions    string   `json:"versions"` // constraint, ">= 7.0, < 8.0"; "" for any
	Description string   `json:"description,omitempty"`
	Kind        string   `json:"kind,omitempty"` // "appliance", "windows" or "network"
	Figures     []Figure `json:"figures"`
	Patches     []string `json:"patches"`

	hardware    hardware
	constraints version.Constraints
	lowest      *version.Version // for sorting
	inLab       bool             // the lab file's own
}

// Figure is one attribute of a profile with where it comes from.
type Figure struct {
	Name    string `json:"name"`              // "memory", "disk", "guest_id", ...
	Value   string `json:"value"`             // as shown: "1024 MiB"
	Minimum string `json:"minimum,omitempty"` // below it a lint warns
	Mark    Mark   `json:"mark"`
	Source  string `json:"source,omitempty"` // post title or document
}

// hardware is what a profile says, in the units of Node. Zero values are left
// open.
type hardware struct {
	GuestID         string
	CPUs            int
	MemoryMB        int
	DisksGB         []int
	SCSI            string
	NICType         string
	Firmware        string
	HardwareVersion string
	BootOrder       []string
	Audio           bool
	ExtraConfig     map[string]string
	Patches         []string

	NICTypes    []string
	SCSITypes   []string
	Console     string
	MinMemoryMB int
	MinDiskGB   int
	MinCPUs     int
	MaxCPUs     int
	MinimumFix  string
}

// profiles are the built-in profiles and those of a lab, by product.
type profiles struct {
	byProduct map[string][]*Profile
	byName    map[string]*Profile
}

// Profiles reads all profiles of a directory, sorted by product and version.
func Profiles(dir fs.FS) ([]Profile, error) {
	r := newReport()
	loaded, sources, err := loadProfiles(dir, r)
	if err != nil {
		return nil, err
	}
	if r.failed {
		return nil, &InvalidError{File: "profiles", Findings: r.sorted(), Sources: sources}
	}
	return loaded, nil
}

func loadProfiles(dir fs.FS, r *report) ([]Profile, map[string][]byte, error) {
	sources := map[string][]byte{}
	if dir == nil {
		return nil, sources, nil
	}
	names, err := fs.Glob(dir, "*.hcl")
	if err != nil {
		return nil, nil, fmt.Errorf("list profiles: %w", err)
	}
	var all []Profile
	for _, name := range names {
		src, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, nil, fmt.Errorf("read profiles: %w", err)
		}
		sources["profiles/"+name] = src
		root := parse(src, "profiles/"+name, profileLanguage(), r)
		if root == nil {
			continue
		}
		ev := &evaluator{report: r, scopes: []*scope{newScope(0)}, static: staticContext()}
		for _, b := range root.of("profile") {
			if p, ok := readProfile(ev, b, nil); ok {
				all = append(all, *p)
			}
		}
	}
	slices.SortFunc(all, func(a, b Profile) int {
		return cmp.Or(strings.Compare(a.Product, b.Product), a.lowest.Compare(b.lowest), strings.Compare(a.Name, b.Name))
	})
	return all, sources, nil
}

// readProfiles reads the built-in profiles and the lab's own.
func (l *loader) readProfiles() (*profiles, error) {
	r := newReport()
	builtin, sources, err := loadProfiles(l.options.Profiles, r)
	if err != nil {
		return nil, err
	}
	if r.failed {
		return nil, &InvalidError{File: "profiles", Findings: r.sorted(), Sources: sources}
	}
	ps := &profiles{byProduct: map[string][]*Profile{}, byName: map[string]*Profile{}}
	for i := range builtin {
		ps.add(&builtin[i])
	}
	return ps, nil
}

func (ps *profiles) add(p *Profile) {
	ps.byName[p.Name] = p
	ps.byProduct[p.Product] = append(ps.byProduct[p.Product], p)
}

// addLabProfiles adds the lab's profile blocks, or lays them over the built-in
// ones of the same name.
func (l *loader) addLabProfiles() {
	seen := map[string]bool{}
	for _, b := range l.doc.of("profile") {
		if seen[b.label] {
			l.report.add("LANG003", "profile."+b.label, b.declRange, "Profile %q is declared twice.", b.label)
			continue
		}
		seen[b.label] = true
		base := l.profiles.byName[b.label]
		p, ok := readProfile(l.ev, b, base)
		if !ok {
			continue
		}
		p.inLab = true
		if base != nil {
			*base = *p
			continue
		}
		l.profiles.add(p)
	}
}

// products lists the product keys.
func (ps *profiles) products() []string { return slices.Collect(maps.Keys(ps.byProduct)) }

// match finds the profile for a product and a version. Profiles of the lab file
// come before built-in ones.
func (ps *profiles) match(product string, v *version.Version) *Profile {
	var found *Profile
	for _, p := range ps.byProduct[product] {
		if !p.covers(v) {
			continue
		}
		if found == nil || p.inLab && !found.inLab {
			found = p
		}
	}
	return found
}

func (p *Profile) covers(v *version.Version) bool {
	return p.Versions == "" || v != nil && p.constraints.Check(v)
}

// ranges lists the version ranges of a product for a message.
func (ps *profiles) ranges(product string) string {
	var texts []string
	for _, p := range ps.byProduct[product] {
		texts = append(texts, p.Name+" ("+cmp.Or(p.Versions, "any version")+")")
	}
	return strings.Join(texts, "; ")
}

var versionPattern = regexp.MustCompile(`^([0-9]{1,6}(?:\.[0-9]{1,9}){0,5})(?:\(([0-9]{1,6}))?`)

// ParseVersion reads the numbers at the start of a product version: of
// "7.1.5.34900-7" (system version), "7.1(5b)SU4" (release name) and "10.1R1.8".
func ParseVersion(text string) (*version.Version, error) {
	match := versionPattern.FindStringSubmatch(text)
	if match == nil || len(text) > 64 {
		return nil, fmt.Errorf("%q is not a version such as 7.1.5, 7.1.5.34900-7 or 7.1(5b)", text)
	}
	numbers := match[1]
	if match[2] != "" {
		numbers += "." + match[2]
	}
	return version.NewVersion(numbers)
}

// figureNames are the attributes of a profile that are figures, in the order
// in which they are shown.
var figureNames = []string{"guest_id", "cpus", "memory", "disk", "scsi", "nic_type", "firmware", "hardware_version", "boot_order", "audio", "extra_config"}

func (p *Profile) figureValue(name string) (value, minimum string) {
	h := &p.hardware
	switch name {
	case "guest_id":
		return h.GuestID, ""
	case "cpus":
		return number(h.CPUs, ""), number(h.MinCPUs, "")
	case "memory":
		return number(h.MemoryMB, " MiB"), number(h.MinMemoryMB, " MiB")
	case "disk":
		var sizes []string
		for _, size := range h.DisksGB {
			sizes = append(sizes, number(size, " GiB"))
		}
		return strings.Join(sizes, " + "), number(h.MinDiskGB, " GiB")
	case "scsi":
		return h.SCSI, ""
	case "nic_type":
		return h.NICType, ""
	case "firmware":
		return h.Firmware, ""
	case "hardware_version":
		return h.HardwareVersion, ""
	case "boot_order":
		return strings.Join(h.BootOrder, ", "), ""
	case "audio":
		if h.Audio {
			return "yes", ""
		}
	case "extra_config":
		var pairs []string
		for _, key := range slices.Sorted(maps.Keys(h.ExtraConfig)) {
			pairs = append(pairs, key+" = "+h.ExtraConfig[key])
		}
		return strings.Join(pairs, ", "), ""
	}
	return "", ""
}

// source says where a figure is from, and how sure it is.
func (p *Profile) source(figure string) string {
	for _, f := range p.Figures {
		if f.Name == figure {
			return fmt.Sprintf("profile %s [%s]: %s", p.Name, f.Mark, f.Source)
		}
	}
	return "profile " + p.Name
}

func number(n int, unit string) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n) + unit
}
