package labspec

import (
	"slices"
	"strings"

	"github.com/hashicorp/go-version"
	"github.com/hashicorp/hcl/v2"
)

var (
	nicTypes  = []string{"flexible", "pcnet32", "e1000", "e1000e", "vmxnet2", "vmxnet3"}
	scsiTypes = []string{"lsilogic", "buslogic", "lsisas", "pvscsi", "none"}
)

// staticContext is what profile files are evaluated in: no variables, and no
// functions that read anything.
func staticContext() *hcl.EvalContext { return &hcl.EvalContext{} }

// readProfile reads a profile block, over the built-in one of its name if any.
func readProfile(ev *evaluator, b *block, base *Profile) (*Profile, bool) {
	r := ev.read(&object{kind: "profile", name: b.label, block: b, scope: ev.scopes[0]})
	p := &Profile{Name: b.label}
	if base != nil {
		*p = *base
		p.Figures = slices.Clone(base.Figures)
	}
	p.Product = orText(r, "product", p.Product)
	p.Title = orText(r, "title", p.Title)
	p.Versions = orText(r, "versions", p.Versions)
	p.Description = orText(r, "description", p.Description)
	p.Kind = r.oneOf("kind", p.Kind, "appliance", "windows", "network")
	if p.Product == "" {
		r.need("product", "Profile %q names no product, and no built-in profile is called so.", b.label)
		return nil, false
	}
	p.lowest, _ = version.NewVersion("0")
	if p.Versions != "" {
		constraints, err := version.NewConstraint(p.Versions)
		if err != nil {
			r.invalid("versions", "versions = %q is not a constraint such as \">= 7.0, < 8.0\".", p.Versions)
			return nil, false
		}
		p.constraints = constraints
		if low, err := ParseVersion(strings.TrimLeft(p.Versions, "<>=~ ")); err == nil {
			p.lowest = low
		}
	}
	p.hardware = r.hardware(p.hardware)
	r.limits(&p.hardware)
	p.Patches = p.hardware.Patches
	r.figures(p, base != nil)
	return p, true
}

func orText(r reader, name, fallback string) string {
	if text, ok := r.str(name); ok {
		return text
	}
	return fallback
}

// hardware lays what the block says over h. Profiles and nodes share it.
func (r reader) hardware(h hardware) hardware {
	h.GuestID = orText(r, "guest_id", h.GuestID)
	if cpus, ok := r.integer("cpus", 1, maxCPUs); ok {
		h.CPUs = cpus
	}
	if memory, ok := r.memory("memory"); ok {
		h.MemoryMB = memory
	}
	if disks, ok := r.disks(); ok {
		h.DisksGB = disks
	}
	h.SCSI = r.oneOf("scsi", h.SCSI, scsiTypes...)
	h.NICType = nicType(r.oneOf("nic_type", h.NICType, nicTypes...))
	h.Firmware = r.oneOf("firmware", h.Firmware, "bios", "efi")
	h.HardwareVersion = r.hardwareVersion(h.HardwareVersion)
	h.BootOrder = r.bootOrder(h.BootOrder)
	h.Audio = r.boolean("audio", h.Audio)
	if patches := r.strings("patches"); patches != nil {
		h.Patches = patches
	}
	if keys := r.stringMap("extra_config"); len(keys) > 0 {
		merged := make(map[string]string, len(keys)+len(h.ExtraConfig))
		for key, value := range h.ExtraConfig {
			merged[key] = value
		}
		for key, value := range keys {
			if strings.HasPrefix(strings.ToLower(key), "uclab.") {
				r.invalid("extra_config", "extra_config may not set %s: keys that begin with uclab. are the marks by which uclab knows its machines.", key)
				continue
			}
			merged[key] = value
		}
		h.ExtraConfig = merged
	}
	return h
}

func nicType(name string) string {
	if name == "flexible" {
		return "pcnet32"
	}
	return name
}

// hardwareVersion takes "vmx-07", "vmx-7", "7" or 7 and gives "vmx-07".
func (r reader) hardwareVersion(fallback string) string {
	text, ok := r.str("hardware_version")
	if !ok {
		return fallback
	}
	digits := strings.TrimPrefix(text, "vmx-")
	if len(digits) == 1 {
		digits = "0" + digits
	}
	if len(digits) != 2 || strings.Trim(digits, "0123456789") != "" || digits < "03" {
		r.invalid("hardware_version", "hardware_version = %q is not one such as \"vmx-07\" or \"vmx-13\".", text)
		return fallback
	}
	return "vmx-" + digits
}

func (r reader) bootOrder(fallback []string) []string {
	order := r.strings("boot_order")
	if order == nil {
		return fallback
	}
	allowed := []string{"cdrom", "disk", "floppy", "ethernet"}
	for i, device := range order {
		if !slices.Contains(allowed, device) {
			r.invalid("boot_order", "boot_order: %q is no device.%s", device, didYouMean(device, allowed))
			return fallback
		}
		if slices.Contains(order[:i], device) {
			r.invalid("boot_order", "boot_order names %q twice.", device)
			return fallback
		}
	}
	return order
}

// limits reads what only profiles have.
func (r reader) limits(h *hardware) {
	h.Console = r.oneOf("console", h.Console, "serial", "video")
	if types := r.types("nic_types", nicTypes); types != nil {
		h.NICTypes = types
	}
	if types := r.types("scsi_types", scsiTypes); types != nil {
		h.SCSITypes = types
	}
	if b := r.block.one("minimum"); b != nil {
		minimum := r.inner(b)
		if memory, ok := minimum.memory("memory"); ok {
			h.MinMemoryMB = memory
		}
		if disk, ok := minimum.disk("disk"); ok {
			h.MinDiskGB = disk
		}
		if cpus, ok := minimum.integer("cpus", 1, maxCPUs); ok {
			h.MinCPUs = cpus
		}
		h.MinimumFix = orText(minimum, "fix", h.MinimumFix)
	}
	if b := r.block.one("maximum"); b != nil {
		if cpus, ok := r.inner(b).integer("cpus", 1, maxCPUs); ok {
			h.MaxCPUs = cpus
		}
	}
}

func (r reader) types(name string, allowed []string) []string {
	types := r.strings(name)
	for i, one := range types {
		if !slices.Contains(allowed, one) {
			r.invalid(name, "%s: %q is not known.%s", name, one, didYouMean(one, allowed))
		}
		types[i] = nicType(one)
	}
	return types
}

// figures makes the list that `uclab profiles` shows, each figure with the mark
// that a source block gives it.
func (r reader) figures(p *Profile, overrides bool) {
	marks, origins := map[string]Mark{}, map[string]string{}
	for _, f := range p.Figures {
		marks[f.Name], origins[f.Name] = f.Mark, f.Source
	}
	for _, b := range r.block.of("source") {
		source := r.inner(b)
		mark := Mark(source.oneOf("mark", string(MarkUnverified), "S", "V", "D", "U"))
		for _, name := range source.strings("figures") {
			if !slices.Contains(figureNames, name) {
				source.invalid("figures", "figures: a profile has no figure %q.%s", name, didYouMean(name, figureNames))
				continue
			}
			marks[name], origins[name] = mark, source.text("from")
		}
	}
	if overrides {
		for _, name := range figureNames {
			if _, written := r.block.attributes[name]; written {
				marks[name], origins[name] = MarkLab, "the lab file"
			}
		}
	}
	p.Figures = nil
	for _, name := range figureNames {
		value, minimum := p.figureValue(name)
		if value == "" {
			continue
		}
		mark, known := marks[name]
		if !known {
			mark = MarkUnverified
		}
		p.Figures = append(p.Figures, Figure{Name: name, Value: value, Minimum: minimum, Mark: mark, Source: origins[name]})
	}
}
