package labspec

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// evaluator gives the values of expressions, on demand and each only once.
// What refers to what is thereby free of order; what refers to itself is found
// and reported as a cycle.
type evaluator struct {
	report    *report
	static    *hcl.EvalContext // functions only
	functions map[string]function.Function
	variables map[string]cty.Value
	localsOf  map[string]*hcl.Attribute
	lab       *object
	labName   string
	scopes    []*scope // 0: shared; then the pods
	pods      map[string]*scope
	stack     []*cell // what is being evaluated now
}

// scope is what names mean inside one pod, or (index 0) outside pods.
type scope struct {
	index    int
	name     string // "pod01"; "" outside pods
	locals   map[string]*cell
	networks *namespace
	nodes    *namespace
}

// namespace holds the objects of one kind that a scope has by name, in file order.
type namespace struct {
	names  []string
	byName map[string]*object
}

func newNamespace() *namespace { return &namespace{byName: map[string]*object{}} }

func (n *namespace) add(o *object) {
	if _, taken := n.byName[o.name]; !taken {
		n.names = append(n.names, o.name)
	}
	n.byName[o.name] = o
}

// object is a block within a scope: a node of a pod, a network, the lab.
type object struct {
	kind     string
	name     string
	block    *block
	defaults *block // the node's cluster, or nil
	scope    *scope
	shared   bool
	cells    map[string]*cell
}

// cell is a value that is evaluated when first needed.
type cell struct {
	what  string // "node.cucm-pub.ip", for cycles
	state cellState
	value cty.Value
}

type cellState uint8

const (
	cellNew cellState = iota
	cellBusy
	cellDone
)

// address is how findings name an object.
func (o *object) address() string {
	if o.name == "" {
		return o.kind
	}
	if !o.shared && o.scope != nil && o.scope.name != "" {
		return o.kind + "." + o.scope.name + "/" + o.name
	}
	return o.kind + "." + o.name
}

// attribute finds an attribute of the object's block or of its cluster.
func (o *object) attribute(name string) (*hcl.Attribute, bool) {
	if a, ok := o.block.attributes[name]; ok {
		return a, true
	}
	if o.defaults != nil {
		if a, ok := o.defaults.attributes[name]; ok {
			return a, true
		}
	}
	return nil, false
}

// rangeOf is the place of an attribute, or of the block when it has none.
func (o *object) rangeOf(name string) hcl.Range {
	if a, ok := o.attribute(name); ok {
		return a.Expr.Range()
	}
	return o.block.declRange
}

// get evaluates an attribute of an object. Absent and failed ones are null and
// unknown.
func (ev *evaluator) get(o *object, name string) cty.Value {
	a, ok := o.attribute(name)
	if !ok {
		return cty.NullVal(cty.DynamicPseudoType)
	}
	if o.cells == nil {
		o.cells = map[string]*cell{}
	}
	c, ok := o.cells[name]
	if !ok {
		c = &cell{}
		o.cells[name] = c
	}
	return ev.fill(c, o.scope, a.Expr, func() string { return o.address() + "." + name })
}

// fill evaluates a cell's expression unless that has been done.
func (ev *evaluator) fill(c *cell, s *scope, expr hcl.Expression, what func() string) cty.Value {
	switch c.state {
	case cellDone:
		return c.value
	case cellBusy:
		ev.reportCycle(c, expr)
		return cty.DynamicVal
	}
	c.what = what()
	c.state = cellBusy
	ev.stack = append(ev.stack, c)
	c.value = ev.evaluate(s, expr)
	ev.stack = ev.stack[:len(ev.stack)-1]
	c.state = cellDone
	return c.value
}

func (ev *evaluator) reportCycle(c *cell, expr hcl.Expression) {
	start := slices.Index(ev.stack, c)
	var names []string
	for _, on := range ev.stack[start:] {
		names = append(names, on.what)
	}
	names = append(names, c.what)
	if len(names) > 8 {
		names = slices.Concat(names[:4], []string{"..."}, names[len(names)-3:])
	}
	ev.report.add("LANG005", c.what, expr.Range(), "The value depends on itself: %s.", strings.Join(names, " -> "))
}

// evaluate gives an expression's value in a scope. When that fails the value
// is unknown and the reason is reported, once.
func (ev *evaluator) evaluate(s *scope, expr hcl.Expression) cty.Value {
	traversals := expr.Variables()
	context := ev.static
	if len(traversals) > 0 {
		members, all := members{}, true
		for _, t := range traversals {
			all = ev.resolve(s, t, members) && all
		}
		if !all {
			return cty.DynamicVal
		}
		context = &hcl.EvalContext{Functions: ev.functions, Variables: members.values()}
	}
	value, diags := expr.Value(context)
	if diags.HasErrors() {
		ev.report.diagnostics(diags)
		return cty.DynamicVal
	}
	return value
}

// members are the values that an expression needs: root name, then object
// name, then attribute. For var, local, pod and lab the object name is the
// attribute and the last level is unused.
type members map[string]map[string]member

type member struct {
	value      cty.Value
	attributes map[string]cty.Value
}

func (m members) set(root, name string, value cty.Value) {
	if m[root] == nil {
		m[root] = map[string]member{}
	}
	m[root][name] = member{value: value}
}

func (m members) setAttribute(root, name, attribute string, value cty.Value) {
	if m[root] == nil {
		m[root] = map[string]member{}
	}
	if m[root][name].attributes == nil {
		m[root][name] = member{attributes: map[string]cty.Value{}}
	}
	m[root][name].attributes[attribute] = value
}

func (m members) values() map[string]cty.Value {
	roots := make(map[string]cty.Value, len(m))
	for root, names := range m {
		object := make(map[string]cty.Value, len(names))
		for name, member := range names {
			if member.attributes != nil {
				object[name] = cty.ObjectVal(member.attributes)
			} else {
				object[name] = member.value
			}
		}
		roots[root] = cty.ObjectVal(object)
	}
	return roots
}

var roots = []string{"var", "local", "network", "node", "lab", "pod"}

// resolve puts what a reference means into members. False means that it means
// nothing, which has been reported, or that its value could not be had.
func (ev *evaluator) resolve(s *scope, t hcl.Traversal, m members) bool {
	root := t.RootName()
	switch root {
	case "network":
		return ev.resolveObject(s, t, m, s.networks)
	case "node":
		return ev.resolveObject(s, t, m, s.nodes)
	case "var", "local", "pod", "lab":
	default:
		ev.report.add("LANG004", "", t.SourceRange(), "Nothing is called %q here.%s", root, didYouMean(root, roots)).Fix =
			"Refer to var.NAME, local.NAME, network.NAME, node.NAME or lab.NAME; put text in quotes."
		return false
	}
	name, ok := step(t, 1)
	if !ok {
		ev.report.add("LANG004", "", t.SourceRange(), "%q needs a name after it, as in %s.NAME.", root, root)
		return false
	}
	var value cty.Value
	switch root {
	case "var":
		value, ok = ev.variables[name]
		if !ok {
			ev.unknown("variable", name, t, slices.Collect(maps.Keys(ev.variables)))
			return false
		}
	case "local":
		if value, ok = ev.local(s, name, t); !ok {
			return false
		}
	case "pod":
		if value, ok = ev.pod(s, name, t); !ok {
			return false
		}
	case "lab":
		if value, ok = ev.labValue(name, t); !ok {
			return false
		}
	}
	m.set(root, name, value)
	return true
}

// step is the name in the i-th step of a reference: .name or ["name"].
func step(t hcl.Traversal, i int) (string, bool) {
	if len(t) <= i {
		return "", false
	}
	switch at := t[i].(type) {
	case hcl.TraverseAttr:
		return at.Name, true
	case hcl.TraverseIndex:
		if at.Key.Type() == cty.String && at.Key.IsKnown() && !at.Key.IsNull() {
			return at.Key.AsString(), true
		}
	}
	return "", false
}

func (ev *evaluator) unknown(kind, name string, t hcl.Traversal, known []string) {
	ev.report.add("LANG004", "", t.SourceRange(), "There is no %s %q.%s", kind, name, didYouMean(name, known))
}

func (ev *evaluator) local(s *scope, name string, t hcl.Traversal) (cty.Value, bool) {
	a, ok := ev.localsOf[name]
	if !ok {
		ev.unknown("local", name, t, slices.Collect(maps.Keys(ev.localsOf)))
		return cty.NilVal, false
	}
	c, ok := s.locals[name]
	if !ok {
		c = &cell{}
		s.locals[name] = c
	}
	return ev.fill(c, s, a.Expr, func() string { return "local." + name }), true
}

func (ev *evaluator) pod(s *scope, name string, t hcl.Traversal) (cty.Value, bool) {
	if s.index == 0 {
		ev.report.add("LANG004", "", t.SourceRange(), "pod.%s is known only inside a pod.", name).Fix =
			"Use it in a block that is not shared = true, in a lab with a pods block."
		return cty.NilVal, false
	}
	switch name {
	case "index":
		return cty.NumberIntVal(int64(s.index)), true
	case "name":
		return cty.StringVal(s.name), true
	}
	ev.unknown("pod attribute", name, t, []string{"index", "name"})
	return cty.NilVal, false
}

func (ev *evaluator) labValue(name string, t hcl.Traversal) (cty.Value, bool) {
	switch name {
	case "name":
		return cty.StringVal(ev.labName), true
	case "domain", "description", "owner":
		return ev.get(ev.lab, name), true
	}
	ev.unknown("lab attribute", name, t, []string{"name", "domain", "description", "owner"})
	return cty.NilVal, false
}

// resolveObject resolves network.x.attr and node["x"].attr. Without an
// attribute the whole object is meant, without a name all of them.
func (ev *evaluator) resolveObject(s *scope, t hcl.Traversal, m members, in *namespace) bool {
	root := t.RootName()
	name, ok := step(t, 1)
	if !ok {
		for _, name := range in.names {
			ev.wholeObject(in.byName[name], m, root, name)
		}
		if m[root] == nil {
			m[root] = map[string]member{}
		}
		return true
	}
	o := ev.find(s, in, root, name)
	if o == nil {
		ev.unknownObject(s, t, in, root, name)
		return false
	}
	attribute, ok := step(t, 2)
	if !ok {
		ev.wholeObject(o, m, root, name)
		return true
	}
	if !slices.Contains(exported(root), attribute) {
		ev.unknown(root+" attribute", attribute, t, exported(root))
		return false
	}
	m.setAttribute(root, name, attribute, ev.exportedValue(o, attribute))
	return true
}

// unknownObject explains a name that is not there, and one that every pod has.
func (ev *evaluator) unknownObject(s *scope, t hcl.Traversal, in *namespace, root, name string) {
	if s.index == 0 && len(ev.scopes) > 1 && ev.find(ev.scopes[1], ev.scopes[1].namespace(root), root, name) != nil {
		ev.report.add("LANG004", "", t.SourceRange(), "Every pod has a %s %q of its own.", root, name).Fix =
			fmt.Sprintf("Say which, as in %s[\"pod01/%s\"], or mark it shared = true.", root, name)
		return
	}
	ev.unknown(root, name, t, in.names)
}

// namespace gives the objects that a root name stands for.
func (s *scope) namespace(root string) *namespace {
	if root == "network" {
		return s.networks
	}
	return s.nodes
}

func (ev *evaluator) wholeObject(o *object, m members, root, name string) {
	for _, attribute := range exported(root) {
		m.setAttribute(root, name, attribute, ev.exportedValue(o, attribute))
	}
}

// find looks a name up: the scope's own first, then, by address, any pod's.
func (ev *evaluator) find(s *scope, in *namespace, root, name string) *object {
	if o, ok := in.byName[name]; ok {
		return o
	}
	pod, rest, ok := strings.Cut(name, "/")
	if !ok {
		return nil
	}
	other, ok := ev.pods[pod]
	if !ok {
		return nil
	}
	return other.namespace(root).byName[rest]
}

// exported lists the attributes of an object that expressions may read.
func exported(root string) []string {
	if root == "network" {
		return []string{"name", "cidr", "gateway", "vlan", "switch", "distributed_switch", "port_group"}
	}
	return []string{"name", "address", "vm_name", "hostname", "fqdn", "ip", "product", "version", "role", "cluster", "network"}
}

// exportedValue is the value of such an attribute, with the language's own
// defaults; a profile's figures are not among them.
func (ev *evaluator) exportedValue(o *object, attribute string) cty.Value {
	switch attribute {
	case "name":
		return cty.StringVal(o.name)
	case "address":
		return cty.StringVal(o.scope.address(o.name))
	case "vm_name":
		return cty.StringVal(vmName(ev.labName, o.scope.address(o.name)))
	case "cluster":
		if o.defaults == nil {
			return cty.NullVal(cty.String)
		}
		return cty.StringVal(o.defaults.label)
	case "fqdn":
		return ev.fqdn(o)
	case "hostname":
		if value := ev.get(o, "hostname"); !isNull(value) {
			return value
		}
		return cty.StringVal(o.name)
	case "vlan":
		if value := ev.get(o, "vlan"); !isNull(value) {
			return value
		}
		return cty.NumberIntVal(0)
	case "port_group":
		if value := ev.get(o, "port_group"); !isNull(value) {
			return value
		}
		return cty.StringVal(vmName(ev.labName, o.scope.address(o.name)))
	}
	return ev.get(o, attribute)
}

func (ev *evaluator) fqdn(o *object) cty.Value {
	host := ev.exportedValue(o, "hostname")
	domain := ev.get(ev.lab, "domain")
	if !host.IsKnown() || host.IsMarked() || isNull(domain) || !domain.IsKnown() || domain.IsMarked() ||
		host.Type() != cty.String || domain.Type() != cty.String {
		return host
	}
	return cty.StringVal(host.AsString() + "." + domain.AsString())
}

// isNull looks through marks.
func isNull(v cty.Value) bool {
	v, _ = v.Unmark()
	return v.IsNull()
}

// address gives a name its address in the scope.
func (s *scope) address(name string) string {
	if s.name == "" {
		return name
	}
	return s.name + "/" + name
}

// vmName names a VM, or a port group, in the inventory.
func vmName(lab, address string) string {
	return lab + "-" + strings.ReplaceAll(address, "/", "-")
}

// podName names a pod: "pod01".
func podName(index int) string { return fmt.Sprintf("pod%02d", index) }
