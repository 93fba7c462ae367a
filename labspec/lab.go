// Package labspec reads lab files: one HCL (or JSON) file becomes a Lab, the
// complete and checked description of the virtual machines that are wanted.
// It reads files and nothing else: no network, no environment.
package labspec

import (
	"net/netip"
	"time"

	"github.com/hashicorp/hcl/v2"
)

// Format is the version of the lab language that this package reads.
const Format = 1

// Lab is a lab file, parsed, evaluated, expanded and with every default filled
// in. It speaks of no virtualization product's types.
type Lab struct {
	Format      int
	Name        string
	Description string
	Domain      string // DNS domain of the nodes
	Message     string // shown after a successful apply
	Owner       string
	Expires     time.Time     // zero: never, or by TTL: the caller sets it when it knows the first apply
	TTL         time.Duration // lifetime from the first apply; 0: none

	File string // the lab file's path
	Dir  string // its directory, absolute: relative paths in the file start here

	Target             Target
	Networks           []Network
	Media              []Media
	Nodes              []Node
	SerialLinks        []SerialLink
	RemoteDestinations []RemoteDestination
	Pods               *Pods // nil: the lab has no pods

	// Findings holds what the lints said that is no error, in file order.
	Findings []Finding
	Sources  map[string][]byte // file name to contents, for the findings' snippets
}

// Target says where the lab lives. It never holds a password.
type Target struct {
	Simulator    bool   // no target block: the embedded simulator
	Kind         string // the block's label, "vsphere"
	URL          string // empty: from the environment
	User         string // empty: from the environment
	Datacenter   string
	Datastore    string
	ResourcePool string // inventory path, e.g. "DC0_C0/Resources"
	Folder       string // VM folder path below the datacenter's vm folder
	Host         string // pin every node to this host
	CAFile       string
	Thumbprint   string
	Insecure     bool
	DeclRange    hcl.Range
}

// Network is one network of the lab.
type Network struct {
	Name              string // as written; for a pod's own network, the same in every pod
	Address           string // "hq", or "pod03/hq" for a pod's own
	Pod               string // "pod03", or "" outside pods and for shared networks
	CIDR              netip.Prefix
	Gateway           netip.Addr
	Switch            string // standard vSwitch on which to create the port group
	DistributedSwitch string // or distributed switch
	VLAN              int    // 0: untagged
	PortGroup         string // the port group's name: given, or derived for one that we create
	Create            bool   // the port group is ours to create and remove
	Shared            bool
	DeclRange         hcl.Range
}

// Media is a disc or floppy image that nodes have in a drive.
type Media struct {
	Name      string
	Kind      string // "iso" or "floppy"
	Source    string // absolute local path, or "[datastore] path" of a file already there
	Bootable  bool   // inject a boot record when the disc has none
	BootFile  string // boot file to inject; empty: the disc's own
	Optional  bool   // a missing source leaves the drive empty, with a finding
	Missing   bool   // Optional and the source is not there
	DeclRange hcl.Range

	// Size in bytes and SHA256 (hex) of what will be uploaded; filled in by the
	// caller before planning, since reading discs takes long. Empty for Missing
	// media and for files already on a datastore.
	Size   int64
	SHA256 string
}

// Node is one virtual machine that is wanted, complete.
type Node struct {
	Address  string // identity: "cucm-pub", or "pod03/cucm-pub"
	Name     string // "cucm-pub"
	Pod      string // "pod03" or ""
	PodIndex int    // from 1; 0 outside pods
	Cluster  string // cluster block's label or ""
	VMName   string // "<lab>-<address with - for />"

	Product  string // "cucm"
	Version  string // "7.1.5"
	Role     string // "publisher", "subscriber" or ""
	Hostname string
	Profile  string // name of the profile that supplied the figures

	GuestID         string // e.g. "rhel4Guest"
	CPUs            int
	MemoryMB        int    // MiB
	SCSI            string // "lsilogic", "buslogic", "lsisas", "pvscsi" or "none" (IDE disks)
	Firmware        string // "bios" or "efi"
	HardwareVersion string // "vmx-07"
	Disks           []Disk
	NICs            []NIC
	CDROMs          []string // Media names; "" is an empty drive
	Floppies        []string // Media names
	Serial          []SerialPort
	Audio           bool
	BootOrder       []string // of "cdrom", "disk", "floppy", "ethernet"
	Power           string   // "on", "off" or "keep" (uclab does not touch it)
	Notes           string
	ExtraConfig     map[string]string // VMX keys
	Host            string            // pin to this host; empty: placed by plan

	DNS      []string
	NTP      []string
	Licenses []License
	Patches  []string // ids of the patches that the node needs
	Params   map[string]string
	SSH      SSH

	Shared  bool
	Protect bool
	Clone   *Clone // nil: created empty

	DeclRange hcl.Range
}

// Disk is one virtual disk, thin unless Thick.
type Disk struct {
	SizeGB int // GiB
	Thick  bool
}

// NIC is one virtual network adapter.
type NIC struct {
	Network  string // Network.Address
	Type     string // "e1000", "pcnet32" (flexible), "vmxnet3", "vmxnet2", "e1000e"
	MAC      string // of the vNIC, lower case, always in 00:50:56:00:00:00-00:50:56:3f:ff:ff unless CheckMAC is false
	GuestMAC string // to be set inside the guest (a licence's address outside VMware's range); "" for none
	Derived  bool   // MAC was derived from the address, not written in the file
	IP       netip.Addr
	CheckMAC bool // false: ethernetX.checkMACAddress=false, asked for explicitly
}

// SerialPort is one virtual serial port.
type SerialPort struct {
	Backing  string // "pipe" or "network"
	Name     string // pipe name
	Endpoint string // "server" or "client"; network: "server" or "client" too
	URI      string // network-backed: "telnet://:2001"
	Proxy    string // network-backed: URI of a serial concentrator (vSPC)
	Link     string // the serial_link's address when one made this port
}

// SerialLink is a cable between two nodes: a named pipe with one server end
// (near end "server") and one client end, both on one host.
type SerialLink struct {
	Name      string
	Address   string // "asa-console", or "pod03/asa-console"
	Pod       string
	Pipe      string
	Server    string // Node.Address
	Client    string // Node.Address
	DeclRange hcl.Range
}

// RemoteDestination is a mobility user's remote destination: a phone that must
// not belong to the user's own cluster ("Test mobility feature without PSTN").
type RemoteDestination struct {
	Name         string
	UserCluster  string
	PhoneCluster string
	Number       string
	DeclRange    hcl.Range
}

// SSH says how a node is reached when it runs.
type SSH struct {
	Host   string // empty: the node's address
	Port   int
	User   string
	Legacy bool // allow the algorithms of old OpenSSH servers
	Jump   string
}

// Pods says how many copies of the lab are wanted.
type Pods struct {
	Count     int
	Clone     *Clone
	DeclRange hcl.Range
}

// Clone says from what nodes are cloned.
type Clone struct {
	From     string // a lab's name, or a VM's inventory path
	Snapshot string
	Linked   bool
	Instant  bool
	// Source is the VM that this node is cloned from: "<from>-<name>" for a
	// master lab, or a VM path.
	Source string
}

// Node finds a node by its address.
func (l *Lab) Node(address string) (*Node, bool) {
	for i := range l.Nodes {
		if l.Nodes[i].Address == address {
			return &l.Nodes[i], true
		}
	}
	return nil, false
}

// MediaByName finds a media block by its label.
func (l *Lab) MediaByName(name string) (*Media, bool) {
	for i := range l.Media {
		if l.Media[i].Name == name {
			return &l.Media[i], true
		}
	}
	return nil, false
}
