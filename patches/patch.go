// Package patches holds the documented tweaks of UC appliances as data, and the
// engine that plans, applies and reverts them over an appliance session. All of
// them are for labs: no vendor supports a tweaked appliance.
package patches

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/hashicorp/go-version"
	"github.com/hashicorp/hcl/v2"
)

// Warning belongs to everything that shows or applies patches.
const Warning = "patches are for labs: the vendor does not support a tweaked appliance, and a version switch or upgrade undoes them"

// Patch is one documented tweak, as a catalogue file describes it.
type Patch struct {
	ID         string
	Title      string
	Source     string // the post or document it comes from
	About      string
	Unverified []string // what no source confirms
	Fits       []Fit
	Otherwise  string // why it does not fit what Fits leaves out
	Params     []Param
	Restart    *Restart
	DeclRange  hcl.Range

	variants []variant
	services []serviceBlock
	kits     []kitBlock
}

// Fit is a product, and the versions of it, that a patch is for.
type Fit struct {
	Product  string
	Versions string // constraint such as ">= 7, < 8"; empty: all
}

// Param is a value that a user may set.
type Param struct {
	Name       string
	Default    string
	Required   bool   // there is no default
	Matches    string // regular expression that the value must match; empty: any value
	About      string
	Unverified string // why the default may be wrong
}

// Restart says what must be restarted before the patch counts.
type Restart struct {
	Notice  string
	Command string // on the root shell; empty: nothing that uclab can do
}

// Kit tells whether the patch is a set of files for a disc rather than edits of
// a running appliance.
func (p *Patch) Kit() bool { return len(p.kits) > 0 }

// variant is one way to do the same; without variant blocks there is just one.
type variant struct {
	name  string
	title string
	files []fileBlock
}

// Node is the appliance that patches are planned for.
type Node struct {
	Address string
	Product string // empty: unknown, and files decide what applies
	Version string // empty: unknown
	Params  map[string]string
}

// leadingVersion takes the numbers of a system version such as 7.1.5.34900-7.
var leadingVersion = regexp.MustCompile(`^[0-9]+(\.[0-9]+){0,3}`)

// FitsNode tells whether a patch is for a node's product and version, and if
// not, why. What is not known is taken as fitting.
func (p *Patch) FitsNode(node Node) (bool, string) {
	if node.Product == "" || len(p.Fits) == 0 {
		return true, ""
	}
	var wanted []string
	for _, fit := range p.Fits {
		if fit.Product != node.Product {
			continue
		}
		if fit.fitsVersion(node.Version) {
			return true, ""
		}
		wanted = append(wanted, fit.Versions)
	}
	if wanted == nil {
		return false, fmt.Sprintf("it is for %s, not for %s", p.products(), node.Product)
	}
	reason := fmt.Sprintf("it is for %s %s, and this is %s", node.Product, strings.Join(wanted, " or "), node.Version)
	if p.Otherwise != "" {
		reason += ": " + p.Otherwise
	}
	return false, reason
}

func (f Fit) fitsVersion(text string) bool {
	number := leadingVersion.FindString(text)
	if f.Versions == "" || number == "" {
		return true
	}
	have, err := version.NewVersion(number)
	if err != nil {
		return true
	}
	constraint, err := version.NewConstraint(f.Versions)
	return err != nil || constraint.Check(have)
}

func (p *Patch) products() string {
	var names []string
	for _, fit := range p.Fits {
		names = append(names, fit.Product)
	}
	return strings.Join(names, ", ")
}
