// Package vsphere makes a lab real on VMware vSphere: it observes a target
// (vCenter, standalone ESXi, or the embedded simulator), applies a plan to it,
// and lists the labs that live there. It is the only package that knows
// vSphere's API; with vsphere/sim it is the only importer of govmomi.
//
// There is no state file: every VM carries its marks (plan.Marks) from the call
// that creates it, and a call whose answer was lost is reconciled by them.
package vsphere

import (
	"fmt"
	"net/url"

	"github.com/vmware/govmomi/vim25/soap"
)

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

// String names the server and the user, never the password, so that a Config
// that lands in a message gives nothing away.
func (c Config) String() string {
	host := "no server"
	if u, err := soap.ParseURL(c.URL); err == nil && u != nil {
		host = u.Host
	}
	return fmt.Sprintf("%s@%s", c.User, host)
}

// GoString is String: %#v gives the password away no more than %v.
func (c Config) GoString() string { return c.String() }

// endpoint gives the server's URL without credentials, and the credentials.
func (c Config) endpoint() (*url.URL, *url.Userinfo, error) {
	if c.URL == "" {
		return nil, nil, &Error{
			Op: "connect", Why: "no server is named",
			hint: "set GOVC_URL, or leave the target block out to use the embedded simulator",
		}
	}
	u, err := soap.ParseURL(c.URL)
	if err != nil || u.Host == "" {
		// The parse error quotes the text, and a password may be in it.
		return nil, nil, &Error{
			Op: "connect", Why: "the server's URL cannot be read",
			hint: "write it as https://host/sdk, with the characters @ : / % of a password in it escaped, or give the password apart",
		}
	}
	user, password := c.User, c.Password
	if user == "" {
		user = u.User.Username()
	}
	if password == "" {
		password, _ = u.User.Password()
	}
	u.User = nil
	return u, url.UserPassword(user, password), nil
}

func (c Config) parallelism() int {
	if c.Parallelism > 0 {
		return c.Parallelism
	}
	return defaultParallelism
}

const defaultParallelism = 8
