package plan

import "github.com/uclab/uclab/labspec"

// The actions of a Change.
const (
	Create   = "create"
	Update   = "update"
	Recreate = "recreate"
	Delete   = "delete"
)

// The kinds of thing that a Change is about.
const (
	KindVM      = "vm"
	KindNetwork = "network"
	KindMedia   = "media"
	KindRule    = "rule"
)

// Plan is what would change, in the order of a reader: media, networks, VMs,
// rules; deletions last.
type Plan struct {
	Format   int      `json:"format"`
	Lab      string   `json:"lab"`
	Changes  []Change `json:"changes"`
	Summary  Summary  `json:"summary"`
	Warnings []string `json:"warnings,omitempty"`
}

// Summary counts the changes by action.
type Summary struct {
	Create   int `json:"create"`
	Update   int `json:"update"`
	Recreate int `json:"recreate"`
	Delete   int `json:"delete"`
}

// Change is one thing to do, with its reasons.
type Change struct {
	Action  string   `json:"action"`
	Kind    string   `json:"kind"`
	Address string   `json:"address"`
	Reasons []string `json:"reasons"`
	Fields  []Field  `json:"fields"`

	// PowerOff says that the VM is running and has to be shut off for it.
	PowerOff bool `json:"power_off,omitempty"`

	// What Apply works from.
	Node    *labspec.Node    `json:"-"` // wanted; nil when deleting
	Want    *Machine         `json:"-"`
	Found   *VM              `json:"-"` // nil when creating
	Name    string           `json:"-"` // VM, port group or rule name
	Spec    string           `json:"-"` // the uclab.spec mark to write
	Host    string           `json:"-"` // chosen for a new VM; "" lets the target choose
	Power   string           `json:"-"` // "on", "off" or "": the power operation at the end
	Network *labspec.Network `json:"-"`
	Media   *labspec.Media   `json:"-"`
	Path    string           `json:"-"` // media: datastore path
	Members []string         `json:"-"` // rule: Node addresses
}

// Field is one value that differs. From is nil when creating, To when deleting.
type Field struct {
	Path string `json:"path"`
	From any    `json:"from"`
	To   any    `json:"to"`
}

// Empty says that there is nothing to do.
func (p *Plan) Empty() bool { return len(p.Changes) == 0 }
