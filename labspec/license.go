package labspec

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
