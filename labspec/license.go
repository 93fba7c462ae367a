package labspec

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// License is what a FLEXlm style licence file says (Cisco Unified Presence
// Server 1.0(2) Administration Guide, "License File Upload"). uclab reads
// licence files and never alters one: the signature covers them.
type License struct {
	Path     string
	HostID   string // 12 lower-case hexadecimal digits without separators
	Features []LicenseFeature
}

// LicenseFeature is one INCREMENT line.
type LicenseFeature struct {
	Name    string // "CCM_NODE", "PHONE_UNIT", ...
	Version string
	Expiry  string // "permanent" or a date
	Count   int
}

// The limits of a licence file; real ones have a few lines.
const (
	maxLicenseSize     = 1 << 20 // bytes
	maxLicenseFeatures = 1000
	maxLicenseCount    = 100_000_000
)

var (
	hostIDPattern = regexp.MustCompile(`(?:^|\s)HOSTID="?([^"\s]+)"?`)
	countPattern  = regexp.MustCompile(`<Count>\s*([0-9]{1,9})\s*</Count>`)
)

// ParseLicense reads a licence file. Lines that end in a backslash continue;
// what it does not know is let be, as a newer file may say more. The error says
// which line is wrong: no INCREMENT line, a HOSTID that is no MAC address,
// lines of different hosts, a file of more than 1 MiB.
func ParseLicense(r io.Reader) (License, error) {
	content, err := io.ReadAll(io.LimitReader(r, maxLicenseSize+1))
	if err != nil {
		return License{}, fmt.Errorf("read licence: %w", err)
	}
	if len(content) > maxLicenseSize {
		return License{}, fmt.Errorf("licence has more than %d bytes", maxLicenseSize)
	}
	if bytes.IndexByte(content, 0) >= 0 {
		return License{}, errors.New("licence is not text")
	}
	var license License
	for _, line := range licenseLines(string(content)) {
		feature, hostID, err := parseIncrement(line.text)
		if err != nil {
			return License{}, fmt.Errorf("line %d: %w", line.number, err)
		}
		if license.HostID != "" && hostID != license.HostID {
			return License{}, fmt.Errorf("line %d: HOSTID %s differs from the lines before, %s", line.number, hostID, license.HostID)
		}
		license.HostID = hostID
		license.Features = append(license.Features, feature)
		if len(license.Features) > maxLicenseFeatures {
			return License{}, fmt.Errorf("line %d: more than %d features", line.number, maxLicenseFeatures)
		}
	}
	if len(license.Features) == 0 {
		return License{}, errors.New("licence has no INCREMENT line")
	}
	return license, nil
}

type licenseLine struct {
	number int
	text   string
}

// licenseLines joins continued lines and keeps the INCREMENT ones.
func licenseLines(content string) []licenseLine {
	content = strings.ReplaceAll(content, "\r\n", "\n")
	var lines []licenseLine
	var joined strings.Builder
	first := 0
	for i, line := range strings.Split(content, "\n") {
		if first == 0 {
			first = i + 1
		}
		part, continued := strings.CutSuffix(strings.TrimRight(line, " \t\r"), "\\")
		joined.WriteString(part)
		if continued {
			joined.WriteByte(' ')
			continue
		}
		text := strings.TrimSpace(joined.String())
		if word, _, _ := strings.Cut(text, " "); word == "INCREMENT" || word == "FEATURE" {
			lines = append(lines, licenseLine{first, text})
		}
		joined.Reset()
		first = 0
	}
	return lines
}

// parseIncrement reads "INCREMENT name vendor version expiry count ...".
func parseIncrement(text string) (LicenseFeature, string, error) {
	fields := strings.Fields(text)
	if len(fields) < 6 {
		return LicenseFeature{}, "", errors.New("an INCREMENT line has a feature, a vendor, a version, an expiry and a count")
	}
	feature := LicenseFeature{Name: fields[1], Version: fields[3], Expiry: fields[4]}
	match := hostIDPattern.FindStringSubmatch(text)
	if match == nil {
		return LicenseFeature{}, "", fmt.Errorf("feature %s has no HOSTID", clip(feature.Name))
	}
	mac, where := parseMAC(match[1])
	if where == macInvalid {
		return LicenseFeature{}, "", fmt.Errorf("HOSTID %s is not a MAC address", clip(match[1]))
	}
	count := fields[5]
	if found := countPattern.FindStringSubmatch(text); found != nil {
		count = found[1]
	}
	if count != "uncounted" {
		n, err := strconv.Atoi(count)
		if err != nil || n < 0 || n > maxLicenseCount {
			return LicenseFeature{}, "", fmt.Errorf("count %s is not a number up to %d", clip(count), maxLicenseCount)
		}
		feature.Count = n
	}
	return feature, strings.ReplaceAll(mac, ":", ""), nil
}

// clip keeps a broken file's words short in a message.
func clip(word string) string {
	if len(word) > 40 {
		word = word[:40] + "..."
	}
	return strconv.Quote(word)
}

// licenseReader reads the licence files of the nodes, each file once.
type licenseReader struct {
	*loader
	byPath map[string]*License
}

// read gives a node its licences, and finds the MAC address that they want.
func (lr *licenseReader) read(o *nodeObject, n *Node) {
	if n.Role == "subscriber" && n.Product != "cer" && !own(o.reader, "license") {
		return // a cluster's default is meant for its publisher
	}
	for _, path := range o.strings("license") {
		license := lr.file(o, lr.relative(path))
		if license == nil {
			continue
		}
		n.Licenses = append(n.Licenses, *license)
		if first := n.Licenses[0]; license.HostID != first.HostID {
			lr.report.add("LIC005", o.address(), o.rangeOf("license"), "%s is for %s, but %s for %s.", first.Path, first.HostID, license.Path, license.HostID)
		}
	}
	if len(n.Licenses) > 0 && licenseFollowsMAC(n) {
		o.hostID = n.Licenses[0].HostID
	}
}

// licenseFollowsMAC says whether the node's release binds its licence to the
// adapter's address: before 8.x. Later releases on VMware have a License MAC,
// which is a digest of settings (facts 2.3).
func licenseFollowsMAC(n *Node) bool {
	major, known := majorVersion(n)
	return !known || major < 8
}

// majorVersion is the first number of a node's version.
func majorVersion(n *Node) (int, bool) {
	v, err := ParseVersion(n.Version)
	if err != nil {
		return 0, false
	}
	return v.Segments()[0], true
}

func (lr *licenseReader) file(o *nodeObject, path string) *License {
	license, seen := lr.byPath[path]
	if seen {
		return license
	}
	lr.byPath[path] = nil
	content, err := readRegular(path, maxLicenseSize)
	if err != nil {
		lr.report.add("LIC011", o.address(), o.rangeOf("license"), "The licence cannot be read: %s.", err).Fix = "Put the file there or correct license."
		return nil
	}
	parsed, err := ParseLicense(bytes.NewReader(content))
	if err != nil {
		lr.report.add("LIC011", o.address(), o.rangeOf("license"), "%s: %s.", path, err)
		return nil
	}
	parsed.Path = path
	lr.byPath[path] = &parsed
	return &parsed
}

// licenseUnits is what a licence counts of a feature; all with "".
func licenseUnits(licenses []License, feature string) int {
	units := 0
	for _, license := range licenses {
		for _, f := range license.Features {
			if strings.EqualFold(f.Name, feature) {
				units += f.Count
			}
		}
	}
	return units
}

// licenseMajor is the lowest major version among the features, 0 when none says.
func licenseMajor(license License) int {
	lowest := 0
	for _, f := range license.Features {
		if v, err := ParseVersion(f.Version); err == nil {
			if major := v.Segments()[0]; lowest == 0 || major < lowest {
				lowest = cmp.Or(major, lowest)
			}
		}
	}
	return lowest
}
