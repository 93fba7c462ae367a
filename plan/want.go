package plan

import (
	"encoding/json"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/uclab/uclab/labspec"
)

// MediaDir is the directory on a datastore that holds the uploaded media of all
// labs, under names that begin with a hash of their content.
const MediaDir = "uclab"

// MediaPath is where a media file is, or will be, on the datastore:
// "[ds] uclab/<16 hex digits of its SHA-256>-<its name>". The vendor's name is
// kept because installers have been seen to insist on it. It is "" for media
// whose source is missing.
func MediaPath(datastore string, m labspec.Media) string {
	switch {
	case m.Missing:
		return ""
	case strings.HasPrefix(m.Source, "["):
		return m.Source
	case len(m.SHA256) < 16:
		return ""
	}
	return fmt.Sprintf("[%s] %s", datastore, path.Join(MediaDir, m.SHA256[:16]+"-"+filepath.Base(m.Source)))
}

// Spec is the content of the uclab.spec mark: what a VM is for, so that `list`
// and `status` can say it without the lab file.
type Spec struct {
	Product string `json:"product"`
	Version string `json:"version,omitempty"`
	Role    string `json:"role,omitempty"`
	Cluster string `json:"cluster,omitempty"`
	Pod     string `json:"pod,omitempty"`
	Owner   string `json:"owner,omitempty"`
	Expires string `json:"expires,omitempty"` // RFC 3339
	TTL     string `json:"ttl,omitempty"`     // the lifetime that Expires comes from, as of time.Duration
}

// SpecOf gives the uclab.spec mark of a node.
func SpecOf(lab *labspec.Lab, node *labspec.Node) Spec {
	spec := Spec{
		Product: node.Product,
		Version: node.Version,
		Role:    node.Role,
		Cluster: node.Cluster,
		Pod:     node.Pod,
		Owner:   lab.Owner,
	}
	if !lab.Expires.IsZero() {
		spec.Expires = lab.Expires.UTC().Format("2006-01-02T15:04:05Z07:00")
	}
	if lab.TTL > 0 {
		spec.TTL = lab.TTL.String()
	}
	return spec
}

// String is the mark's text: compact JSON with its fields in a fixed order.
func (s Spec) String() string {
	text, err := json.Marshal(s)
	if err != nil { // a struct of strings always marshals
		return "{}"
	}
	return string(text)
}

// ParseSpec reads a uclab.spec mark; a text that is none gives the zero Spec.
func ParseSpec(text string) Spec {
	var spec Spec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return Spec{}
	}
	return spec
}

// wanted holds what every node's Machine is made from, looked up once.
type wanted struct {
	lab       *labspec.Lab
	placement Placement
	networks  map[string]*labspec.Network
	media     map[string]*labspec.Media
}

func newWanted(lab *labspec.Lab, placement Placement) *wanted {
	w := &wanted{
		lab:       lab,
		placement: placement,
		networks:  make(map[string]*labspec.Network, len(lab.Networks)),
		media:     make(map[string]*labspec.Media, len(lab.Media)),
	}
	for i := range lab.Networks {
		w.networks[lab.Networks[i].Address] = &lab.Networks[i]
	}
	for i := range lab.Media {
		w.media[lab.Media[i].Name] = &lab.Media[i]
	}
	return w
}

// Want gives the Machine that a node of the lab should be, placed where the
// inventory says.
func Want(lab *labspec.Lab, placement Placement, node *labspec.Node) Machine {
	return newWanted(lab, placement).machine(node)
}

func (w *wanted) machine(node *labspec.Node) Machine {
	machine := Machine{
		GuestID:         node.GuestID,
		CPUs:            node.CPUs,
		MemoryMB:        node.MemoryMB,
		SCSI:            node.SCSI,
		Firmware:        node.Firmware,
		HardwareVersion: node.HardwareVersion,
		Audio:           node.Audio,
		BootOrder:       node.BootOrder,
		Notes:           node.Notes,
		ExtraConfig:     node.ExtraConfig,
		Folder:          w.placement.Folder,
		Pool:            w.placement.Pool,
		Datastore:       w.placement.Datastore,
	}
	for _, disk := range node.Disks {
		machine.Disks = append(machine.Disks, Disk{SizeMB: int64(disk.SizeGB) * 1024, Thick: disk.Thick})
	}
	for _, nic := range node.NICs {
		machine.NICs = append(machine.NICs, w.nic(nic))
	}
	for _, name := range node.CDROMs {
		machine.CDROMs = append(machine.CDROMs, w.mediaPath(name))
	}
	for _, name := range node.Floppies {
		machine.Floppies = append(machine.Floppies, w.mediaPath(name))
	}
	for _, port := range node.Serial {
		machine.Serial = append(machine.Serial, Serial{
			Backing: port.Backing, Name: port.Name, Endpoint: port.Endpoint, URI: port.URI, Proxy: port.Proxy,
		})
	}
	return machine
}

func (w *wanted) nic(nic labspec.NIC) NIC {
	want := NIC{Network: nic.Network, Type: nic.Type, MAC: nic.MAC, CheckMAC: nic.CheckMAC, Connected: true}
	if network, ok := w.networks[nic.Network]; ok {
		want.PortGroup = network.PortGroup
	}
	return want
}

func (w *wanted) mediaPath(name string) string {
	if m, ok := w.media[name]; ok {
		return MediaPath(w.placement.Datastore, *m)
	}
	return ""
}
