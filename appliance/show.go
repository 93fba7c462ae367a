package appliance

import (
	"context"
	"regexp"
	"strings"
)

// Hardware is what `show hardware` says.
type Hardware struct {
	Platform  string // "VMware Virtual Machine"
	ObjectID  string // sysObjectID, "1.3.6.1.4.1.9.1.1348"
	OSVersion string
	Serial    string
}

// Status is what `show status` says.
type Status struct {
	Host       string
	Product    string // version, "7.1.5.34900-7"
	TimeZone   string
	LicenseMAC string // 12 hexadecimal digits on virtual machines of 8.x; "" elsewhere
}

// ShowHardware runs `show hardware`.
func (c *CLI) ShowHardware(ctx context.Context) (Hardware, error) {
	text, err := c.Run(ctx, "show hardware")
	return ParseHardware(text), err
}

// ShowStatus runs `show status`.
func (c *CLI) ShowStatus(ctx context.Context) (Status, error) {
	text, err := c.Run(ctx, "show status")
	return ParseStatus(text), err
}

var objectID = regexp.MustCompile(`^\.?[0-9]+(\.[0-9]+){4,63}$`)

// ParseHardware reads the output of `show hardware`. What it does not know, or
// what is malformed, is left out: the text differs between releases.
func ParseHardware(text string) Hardware {
	fields := keyValues(text)
	hardware := Hardware{
		Platform:  fields["hw platform"],
		OSVersion: fields["os version"],
		Serial:    fields["serial number"],
	}
	if id := fields["object id"]; objectID.MatchString(id) {
		hardware.ObjectID = strings.TrimPrefix(id, ".")
	}
	return hardware
}

var twelveHex = regexp.MustCompile(`^[0-9a-f]{12}$`)

// ParseStatus reads the output of `show status`, as ParseHardware does.
func ParseStatus(text string) Status {
	fields := keyValues(text)
	status := Status{Host: fields["host name"], Product: fields["product ver"], TimeZone: fields["time zone"]}
	if mac := strings.ToLower(fields["license mac"]); twelveHex.MatchString(mac) {
		status.LicenseMAC = mac
	}
	return status
}

// keyValues reads "Key : value" lines; the first of equal keys counts.
func keyValues(text string) map[string]string {
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		key, value, found := strings.Cut(line, ":")
		key = strings.ToLower(strings.Join(strings.Fields(key), " "))
		if _, known := fields[key]; found && !known {
			fields[key] = strings.TrimSpace(value)
		}
	}
	return fields
}
