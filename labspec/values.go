package labspec

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// reader takes an object's attributes as Go values. What is absent, null or
// wrong (and then reported) is not ok.
type reader struct {
	ev *evaluator
	*object
}

func (ev *evaluator) read(o *object) reader { return reader{ev, o} }

// inner is a reader of a block inside the object's.
func (r reader) inner(b *block) reader {
	return reader{r.ev, &object{kind: r.address() + "." + b.typ.name, block: b, scope: r.scope}}
}

// invalid reports an attribute's value.
func (r reader) invalid(name, format string, args ...any) {
	r.ev.report.add("LANG006", r.address(), r.rangeOf(name), format, args...)
}

// value gives an attribute's value converted to a type.
func (r reader) value(name string, wants cty.Type) (cty.Value, bool) {
	value := r.ev.get(r.object, name)
	value, marks := value.UnmarkDeep()
	if len(marks) > 0 && name != "params" {
		r.ev.report.add("LANG012", r.address(), r.rangeOf(name), "%s would show the value of a sensitive variable.", name)
		return cty.NilVal, false
	}
	if value.IsNull() || !value.IsWhollyKnown() {
		return cty.NilVal, false
	}
	if wants == cty.String {
		value = named(value)
	}
	converted, err := convert.Convert(value, wants)
	if err != nil {
		r.invalid(name, "%s is a %s, not a %s.", name, wants.FriendlyName(), value.Type().FriendlyName())
		return cty.NilVal, false
	}
	return converted, true
}

// named lets a reference to a whole object, network = network.hq, stand for its
// name.
func named(value cty.Value) cty.Value {
	if value.Type().IsObjectType() && value.Type().HasAttribute("name") {
		return value.GetAttr("name")
	}
	return value
}

func (r reader) str(name string) (string, bool) {
	value, ok := r.value(name, cty.String)
	if !ok {
		return "", false
	}
	text := value.AsString()
	if len(text) > 4096 {
		r.ev.report.add("LANG009", r.address(), r.rangeOf(name), "%s has %d bytes; the limit is 4096.", name, len(text))
		return "", false
	}
	return text, true
}

// text is str without the difference between empty and absent.
func (r reader) text(name string) string {
	text, _ := r.str(name)
	return text
}

// oneOf is a text out of a few; fallback when absent.
func (r reader) oneOf(name, fallback string, allowed ...string) string {
	text, ok := r.str(name)
	if !ok {
		return fallback
	}
	if !slices.Contains(allowed, text) {
		r.invalid(name, "%s = %q is not known.%s", name, text, didYouMean(text, allowed))
		return fallback
	}
	return text
}

func (r reader) boolean(name string, fallback bool) bool {
	value, ok := r.value(name, cty.Bool)
	if !ok {
		return fallback
	}
	return value.True()
}

func (r reader) integer(name string, low, high int) (int, bool) {
	value, ok := r.value(name, cty.Number)
	if !ok {
		return 0, false
	}
	number, accuracy := value.AsBigFloat().Int64()
	if accuracy != big.Exact || number < int64(low) || number > int64(high) {
		r.invalid(name, "%s is a whole number between %d and %d, not %v.", name, low, high, approximate(value))
		return 0, false
	}
	return int(number), true
}

// strings takes a string or a list of strings; nil when absent, empty but not
// nil for an empty list.
func (r reader) strings(name string) []string {
	value := r.ev.get(r.object, name)
	if raw, _ := value.Unmark(); raw.IsKnown() && !raw.IsNull() && raw.Type() == cty.String {
		if text, ok := r.str(name); ok {
			return []string{text}
		}
		return nil
	}
	list, ok := r.value(name, cty.List(cty.String))
	if !ok {
		return nil
	}
	if list.LengthInt() > 256 {
		r.ev.report.add("LANG009", r.address(), r.rangeOf(name), "%s has %d elements; the limit is 256.", name, list.LengthInt())
		return nil
	}
	texts := []string{}
	for _, element := range list.AsValueSlice() {
		if element.IsNull() {
			r.invalid(name, "%s has a null element.", name)
			continue
		}
		texts = append(texts, element.AsString())
	}
	return texts
}

// approximate is for messages: the exact digits of a huge number are huge.
func approximate(number cty.Value) float64 {
	near, _ := number.AsBigFloat().Float64()
	return near
}

func (r reader) stringMap(name string) map[string]string {
	value, ok := r.value(name, cty.Map(cty.String))
	if !ok {
		return nil
	}
	if value.LengthInt() > 256 {
		r.ev.report.add("LANG009", r.address(), r.rangeOf(name), "%s has %d elements; the limit is 256.", name, value.LengthInt())
		return nil
	}
	texts := map[string]string{}
	for key, element := range value.AsValueMap() {
		if element.IsNull() {
			continue
		}
		texts[key] = element.AsString()
	}
	return texts
}

// sizeOf reads a number or a text with a unit, in MiB.
func sizeOf(value cty.Value, unit float64) (float64, error) {
	switch value.Type() {
	case cty.Number:
		number, _ := value.AsBigFloat().Float64()
		if math.IsInf(number, 0) {
			return 0, fmt.Errorf("the number is out of range")
		}
		return number * unit, nil
	case cty.String:
		return parseSize(value.AsString(), unit)
	}
	return 0, fmt.Errorf("a size is a number or a text such as \"2GiB\", not a %s", value.Type().FriendlyName())
}

// memory is an attribute's size in MiB.
func (r reader) memory(name string) (int, bool) {
	value, ok := r.value(name, cty.DynamicPseudoType)
	if !ok {
		return 0, false
	}
	mib, err := sizeOf(value, 1)
	if err == nil {
		var whole int
		if whole, err = memoryMB(mib); err == nil {
			return whole, true
		}
	}
	r.invalid(name, "%s.", err)
	return 0, false
}

// disks is the sizes in GiB of the attributes disk or disks.
func (r reader) disks() ([]int, bool) {
	one, hasOne := r.attribute("disk")
	several, hasSeveral := r.attribute("disks")
	if hasOne && hasSeveral && sameBlock(r.block, one, several) {
		r.ev.report.add("LANG010", r.address(), several.Range, "Both disk and disks are given.")
		return nil, false
	}
	if hasSeveral && (!hasOne || r.block.attributes["disks"] != nil) {
		return r.diskList()
	}
	if size, ok := r.disk("disk"); ok {
		return []int{size}, true
	}
	return nil, false
}

func sameBlock(b *block, one, other *hcl.Attribute) bool {
	return (b.attributes[one.Name] != nil) == (b.attributes[other.Name] != nil)
}

func (r reader) disk(name string) (int, bool) {
	value, ok := r.value(name, cty.DynamicPseudoType)
	if !ok {
		return 0, false
	}
	return r.diskSize(name, value)
}

func (r reader) diskSize(name string, value cty.Value) (int, bool) {
	mib, err := sizeOf(value, 1024)
	if err == nil {
		var gib int
		if gib, err = diskGB(mib); err == nil {
			return gib, true
		}
	}
	r.invalid(name, "%s.", err)
	return 0, false
}

func (r reader) diskList() ([]int, bool) {
	list, ok := r.value("disks", cty.DynamicPseudoType)
	if !ok {
		return nil, false
	}
	if !list.CanIterateElements() || list.Type().IsMapType() || list.Type().IsObjectType() {
		r.invalid("disks", "disks is a list of sizes, not a %s.", list.Type().FriendlyName())
		return nil, false
	}
	sizes := []int{}
	for _, element := range list.AsValueSlice() {
		if element.IsNull() {
			r.invalid("disks", "disks has a null element.")
			return nil, false
		}
		size, ok := r.diskSize("disks", element)
		if !ok {
			return nil, false
		}
		sizes = append(sizes, size)
	}
	return sizes, true
}

// need reports a missing attribute.
func (r reader) need(name, format string, args ...any) {
	r.ev.report.add("LANG007", r.address(), r.block.declRange, format, args...).Fix = fmt.Sprintf("Add %s to the %s block.", name, strings.TrimSpace(r.block.typ.name))
}
