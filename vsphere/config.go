// Package vsphere makes a lab real on VMware vSphere: it observes a target
// (vCenter, standalone ESXi, or the embedded simulator), applies a plan to it,
// and lists the labs that live there. It is the only package that knows
// vSphere's API; with vsphere/sim it is the only importer of govmomi.
//
// There is no state file: every VM carries its marks (plan.Marks) from the call
// that creates it, and a call whose answer was lost is reconciled by them.
package vsphere

// Config says how to reach a target and where on it a lab lives. The library
// reads no environment: the caller fills Config from GOVC_URL and the like.
type Config struct {
	// URL of the server: "vcenter.lab.local", "https://host/sdk". User and
	// password in it are used when User and Password are empty.
	URL      string
	User     string
	Password string // kept in memory only, in no error and no log

	Insecure   bool   // do not verify the server's certificate
	CAFile     string // PEM file with the authorities to trust
	Thumbprint string // SHA-1 or SHA-256 of the server's certificate, "AB:CD:…"

	// Simulator says that the server is the embedded simulator.
	Simulator bool

	// Where a lab lives when its target block does not say.
	Datacenter   string
	Datastore    string
	ResourcePool string
	Folder       string
	Host         string

	// Parallelism is the number of connections kept ready; 0 means 8.
	Parallelism int
	// UserAgent is sent with every call; empty means "uclab".
	UserAgent string
}
