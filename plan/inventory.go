// Package plan decides what has to change: it compares a Lab (what is wanted)
// with an Inventory (what was found) and says, with reasons, what to create,
// update, recreate and delete. It is pure: no input, no output, no network, and
// none of any virtualization product's types.
package plan

// The kinds of target.
const (
	TargetSimulator = "simulator"
	TargetVCenter   = "vcenter"
	TargetESXi      = "esxi"
)

// Inventory is everything found on the target that matters to one lab, read in
// a handful of round trips.
type Inventory struct {
	Target   string // TargetSimulator, TargetVCenter or TargetESXi
	VMs      []VM   // those that bear this lab's marks, whatever their names
	Foreign  []VM   // those without this lab's marks, in whose way a wanted name or pipe would be
	Networks []FoundNetwork
	Media    []FoundMedia
	Rules    []FoundRule
	Hosts    []Host
	Capacity Capacity

	// Placement is where the lab's VMs go, with the target's defaults filled in
	// and spelt as in Machine.Folder, Machine.Pool and Machine.Datastore.
	Placement Placement

	// Warnings are sentences about the target that a user should know before a
	// change, e.g. that a folder will be created.
	Warnings []string
}

// Marks are what uclab writes into a VM in the call that creates it. They are
// the only state there is.
type Marks struct {
	Lab    string // extraConfig uclab.lab
	Node   string // extraConfig uclab.node: Node.Address
	Spec   string // extraConfig uclab.spec: see Spec
	Format string // extraConfig uclab.format
}

// The extraConfig keys of the marks.
const (
	MarkLab    = "uclab.lab"
	MarkNode   = "uclab.node"
	MarkSpec   = "uclab.spec"
	MarkFormat = "uclab.format"
)

// The states of a VM.
const (
	StateRunning   = "running"
	StateStopped   = "stopped"
	StateSuspended = "suspended"
	StateMissing   = "missing"
	StateForeign   = "foreign"
)

// VM is one virtual machine as found.
type VM struct {
	Ref   string // the target's own opaque reference
	Name  string
	Path  string // inventory path for messages
	Marks Marks
	State string // StateRunning, StateStopped or StateSuspended
	// Host is the name of the host that it is registered on.
	Host string
	Machine
	Snapshots bool // it has snapshots: disks cannot grow
	Template  bool
}

// Machine is the hardware and placement of a VM, in the same words whether it
// is wanted or found, so that the two can be compared field by field.
type Machine struct {
	GuestID         string
	CPUs            int
	MemoryMB        int // MiB
	SCSI            string
	Firmware        string
	HardwareVersion string
	Disks           []Disk
	NICs            []NIC
	CDROMs          []string // datastore paths "[ds] dir/file.iso"; "" is an empty drive
	Floppies        []string // datastore paths
	Serial          []Serial
	BootOrder       []string // "cdrom", "disk", "floppy", "ethernet"
	Audio           bool
	Notes           string
	ExtraConfig     map[string]string // wanted: the keys asked for; found: every key
	Folder          string            // VM folder path below the datacenter's vm folder; "" is the root, always "" on ESXi
	Pool            string            // resource pool path
	Datastore       string
}

// Disk is one virtual disk.
type Disk struct {
	Key    int32 // the target's device key; 0 when wanted
	SizeMB int64 // MiB
	Thick  bool
}

// NIC is one virtual network adapter.
type NIC struct {
	Key       int32
	Network   string // Network.Address when it is one of the lab's, else ""
	PortGroup string // port group name
	Type      string
	MAC       string // lower case
	CheckMAC  bool
	Connected bool // connects at power-on
}

// Serial is one virtual serial port.
type Serial struct {
	Key      int32
	Backing  string // "pipe" or "network"
	Name     string
	Endpoint string // "server" or "client"
	URI      string
	Proxy    string
}

// FoundNetwork is a port group that the lab names or would create.
type FoundNetwork struct {
	Name        string
	VLAN        int
	Switch      string // vSwitch, or distributed switch
	Distributed bool
	Hosts       []string // standard port groups: the hosts that have it
	InUse       bool     // some VM, of whatever lab, has a NIC on it
	ForeignUse  bool     // a VM that is not this lab's has a NIC on it
}

// FoundMedia is a file under uclab/ on the datastore.
type FoundMedia struct {
	Path string // "[ds] uclab/…"
	Size int64  // bytes
	Used bool   // some VM, of whatever lab, has it in a drive
	// UsedByOthers says that a VM that is not this lab's has it in a drive.
	UsedByOthers bool
	Partial      bool // an upload that did not end
}

// FoundRule is a VM-VM affinity rule of a cluster that bears this lab's name.
type FoundRule struct {
	Name string
	VMs  []string // Refs
}

// Host is a host on which VMs of the lab may be placed.
type Host struct {
	Name       string
	Cluster    string // "" for one outside clusters
	DRS        bool
	MemoryMB   int64 // MiB, total
	FreeMB     int64 // MiB, total less what running VMs use
	Connected  bool
	Switches   []string // standard vSwitches
	MaxVersion string   // newest hardware version that it accepts, "vmx-19"; "" when unknown
}

// Placement is where new VMs go.
type Placement struct {
	Folder    string // "" on ESXi
	Pool      string
	Datastore string
}

// Capacity is what the target has for the whole lab.
type Capacity struct {
	MemoryMB        int64 // MiB over the usable hosts
	DatastoreFreeGB int64 // GiB free on the lab's datastore
	DatastoreGB     int64
}
