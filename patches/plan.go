package patches

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/uclab/uclab/appliance"
)

// State says how a patch stands on an appliance.
type State string

// The states.
const (
	StateNeeded        State = "needed"
	StateApplied       State = "applied"
	StateNotApplicable State = "not-applicable"
	StateConflict      State = "conflict"
)

// Partition is one of the two systems on an appliance's disk (facts 6).
type Partition string

// The partitions: the one that runs, and the one that a version switch makes
// run, which is mounted at /partB.
const (
	PartitionActive   Partition = "active"
	PartitionInactive Partition = "inactive"
)

// Root is where a partition's files are on the running appliance; "" for /.
func (p Partition) Root() string {
	if p == PartitionInactive {
		return "/partB"
	}
	return ""
}

// Plan is what applying patches would do to one partition of an appliance.
// Making one changes nothing.
type Plan struct {
	Node      Node
	Partition Partition
	Patches   []*Planned
}

// Planned is one patch of a plan.
type Planned struct {
	Patch    *Patch
	State    State
	Reason   string   // of a state other than needed
	Variant  string   // the variant that matched, "" when there is but one way
	Files    []Change // in the order in which they are changed
	Commands []string // run as root after the files
	Notes    []string // what the user should know

	service *serviceChange
}

// Change is the change of one file.
type Change struct {
	Path   string // as the patch names it
	Real   string // without symbolic links: what is changed
	Create bool
	Old    []byte // nil with Create
	New    []byte

	attributes appliance.Attributes
}

// Diff is the change as a unified diff. A file that is no text is summed up.
func (c Change) Diff() string {
	from, to := c.Path, c.Path
	if c.Create {
		from = "/dev/null"
	}
	if bytes.IndexByte(c.Old, 0) >= 0 || bytes.IndexByte(c.New, 0) >= 0 {
		return fmt.Sprintf("--- %s\n+++ %s\n(not a text: %d bytes before, %d after)\n", from, to, len(c.Old), len(c.New))
	}
	return udiff.Unified(from, to, string(c.Old), string(c.New))
}

// Restart gives the notice of what must be restarted once the patch is applied.
func (p *Planned) Restart() []string {
	if p.Patch.Restart == nil || p.State != StateNeeded {
		return nil
	}
	return []string{p.Patch.Restart.Notice}
}

// Needed counts the patches that applying the plan would apply.
func (p *Plan) Needed() int { return p.count(StateNeeded) }

// Conflicts counts the patches that cannot be applied.
func (p *Plan) Conflicts() int { return p.count(StateConflict) }

func (p *Plan) count(state State) int {
	n := 0
	for _, planned := range p.Patches {
		if planned.State == state {
			n++
		}
	}
	return n
}

// planner makes one plan.
type planner struct {
	node      Node
	partition Partition
	reader    *reader
	ledger    *ledger
	overlay   map[string][]byte // contents that earlier patches of the plan leave, by real path
}

// MakePlan looks at an appliance and says what applying patches to one
// partition would do. Patches are applied in the order given, each on top of
// the ones before.
func MakePlan(ctx context.Context, session *appliance.Session, node Node, partition Partition, wanted []*Patch) (*Plan, error) {
	p := &planner{node: node, partition: partition, reader: newReader(ctx, session), overlay: map[string][]byte{}}
	p.ledger = newLedger(session, partition)
	p.prefetch(wanted)
	if err := p.ledger.read(p.reader); err != nil {
		return nil, err
	}
	if partition == PartitionInactive {
		if infos, err := p.reader.dir(partition.Root()); err != nil || len(infos) == 0 {
			return nil, errors.Join(fmt.Errorf("%s has no inactive partition at %s", session.Name(), partition.Root()), err)
		}
	}
	plan := &Plan{Node: node, Partition: partition}
	for _, patch := range wanted {
		planned, err := p.plan(patch)
		if err != nil {
			return nil, fmt.Errorf("plan %s: %w", patch.ID, err)
		}
		plan.Patches = append(plan.Patches, planned)
	}
	return plan, nil
}

// prefetch asks for every file of every patch before any answer is needed.
func (p *planner) prefetch(wanted []*Patch) {
	p.ledger.prefetch(p.reader)
	if p.partition == PartitionInactive {
		p.reader.startDir(p.partition.Root())
	}
	for _, patch := range wanted {
		if fits, _ := patch.FitsNode(p.node); !fits {
			continue
		}
		for range patch.services {
			p.prefetchService()
		}
		for _, v := range p.variants(patch) {
			specs, err := patch.resolve(v, p.node.Params)
			if err != nil {
				continue // reported by plan
			}
			for _, spec := range specs {
				p.reader.prefetch(p.partition.Root()+spec.path, spec.glob())
			}
		}
	}
}

// variants gives the variants to try: the one that the user chose, or all.
func (p *planner) variants(patch *Patch) []variant {
	chosen := p.node.Params["variant"]
	if chosen == "" || len(patch.variants) < 2 {
		return patch.variants
	}
	for _, v := range patch.variants {
		if v.name == chosen {
			return []variant{v}
		}
	}
	return nil
}

func (p *planner) plan(patch *Patch) (*Planned, error) {
	if fits, reason := patch.FitsNode(p.node); !fits {
		return &Planned{Patch: patch, State: StateNotApplicable, Reason: reason}, nil
	}
	if patch.Kit() {
		return &Planned{Patch: patch, State: StateNotApplicable,
			Reason: "it is a disc for a Windows machine: make it with 'uclab patch kit'"}, nil
	}
	planned, err := p.planVariants(patch)
	if err != nil {
		return nil, err
	}
	for _, name := range patch.Unverified {
		if planned.State == StateNeeded {
			planned.Notes = append(planned.Notes, "unverified: "+name)
		}
	}
	p.consultLedger(planned)
	for _, change := range planned.Files {
		p.overlay[change.Real] = change.New
	}
	return planned, nil
}

// planVariants finds the one variant that the appliance's files call for.
func (p *planner) planVariants(patch *Patch) (*Planned, error) {
	if len(patch.services) > 0 {
		return p.planServices(patch)
	}
	tries := p.variants(patch)
	if len(tries) == 0 {
		return &Planned{Patch: patch, State: StateConflict, Reason: fmt.Sprintf("it has no variant %q", p.node.Params["variant"])}, nil
	}
	var results []*Planned
	for _, v := range tries {
		planned, err := p.planFiles(patch, v)
		if err != nil {
			return nil, err
		}
		results = append(results, planned)
	}
	return choose(patch, results), nil
}

// choose picks the variant that the files call for: the only one that is needed
// if none is applied yet, else one that is applied.
func choose(patch *Patch, results []*Planned) *Planned {
	if len(results) == 1 {
		return results[0]
	}
	by := map[State][]*Planned{}
	for _, planned := range results {
		by[planned.State] = append(by[planned.State], planned)
	}
	switch {
	case len(by[StateApplied]) > 0:
		return by[StateApplied][0]
	case len(by[StateNeeded]) == 1:
		return by[StateNeeded][0]
	case len(by[StateNeeded]) > 1:
		var names []string
		for _, planned := range by[StateNeeded] {
			names = append(names, planned.Variant)
		}
		return &Planned{Patch: patch, State: StateConflict, Reason: fmt.Sprintf(
			"the lines of variants %s are all there: choose with --param variant=%s", strings.Join(names, " and "), names[0])}
	}
	merged := *results[0]
	merged.Variant = ""
	var reasons []string
	for _, planned := range results {
		reasons = append(reasons, fmt.Sprintf("variant %s: %s", planned.Variant, planned.Reason))
		if planned.State == StateConflict {
			merged.State = StateConflict
		}
	}
	merged.Reason = strings.Join(reasons, "; ")
	return &merged
}

// planFiles plans one variant.
func (p *planner) planFiles(patch *Patch, v variant) (*Planned, error) {
	planned := &Planned{Patch: patch, Variant: v.name, State: StateApplied}
	specs, err := patch.resolve(v, p.node.Params)
	if err != nil {
		planned.State, planned.Reason = StateConflict, err.Error()
		return planned, nil
	}
	seen := false
	for _, spec := range specs {
		step, err := p.planSpec(spec)
		if err != nil {
			return nil, err
		}
		switch step.state {
		case StateConflict, StateNotApplicable:
			return &Planned{Patch: patch, Variant: v.name, State: step.state, Reason: step.reason}, nil
		case StateNeeded:
			planned.State = StateNeeded
			planned.Files = append(planned.Files, step.change)
		}
		seen = seen || step.state != ""
	}
	if !seen {
		planned.State, planned.Reason = StateNotApplicable, "none of its files is there"
	}
	return planned, nil
}

// step is what one file spec calls for; state "" means that an optional file is
// not there.
type step struct {
	state  State
	reason string
	change Change
}

func (p *planner) planSpec(spec fileSpec) (step, error) {
	name := p.partition.Root() + spec.path
	if spec.create != nil {
		return p.planCreate(name, spec.create)
	}
	names := []string{name}
	if spec.glob() {
		found, err := p.reader.matching(name)
		if err != nil {
			return step{}, err
		}
		names = found
	}
	var results []step
	nearest, near := "", -1.0
	for _, name := range names {
		result, closeness, err := p.planFile(name, spec)
		if err != nil {
			return step{}, err
		}
		if result.state == StateConflict && closeness >= 0 { // the place is not in this file
			if closeness > near {
				nearest, near = result.reason, closeness
			}
			continue
		}
		if result.state != "" {
			results = append(results, result)
		}
	}
	return p.onlyOne(spec, name, results, nearest)
}

// onlyOne refuses to guess among several places.
func (p *planner) onlyOne(spec fileSpec, name string, results []step, nearest string) (step, error) {
	var hits []step
	done := false
	for _, result := range results {
		done = done || result.state == StateApplied
		if result.state != StateApplied {
			hits = append(hits, result)
		}
	}
	switch {
	case len(hits) == 1:
		return hits[0], nil
	case len(hits) > 1:
		return step{state: StateConflict, reason: fmt.Sprintf("%s and %s both hold the place to edit", hits[0].change.Path, hits[1].change.Path)}, nil
	case done:
		return step{state: StateApplied}, nil
	case nearest != "":
		return step{state: StateConflict, reason: nearest}, nil
	case spec.optional:
		return step{}, nil
	case p.node.Product == "":
		return step{state: StateNotApplicable, reason: name + " is not there"}, nil
	}
	return step{state: StateConflict, reason: name + " is not there"}, nil
}

// planFile applies a spec's edits to one file. The closeness is that of the
// nearest line when the place to edit is not in the file, else -1.
func (p *planner) planFile(name string, spec fileSpec) (step, float64, error) {
	file, err := p.reader.file(name)
	if err != nil {
		return step{}, 0, err
	}
	if file == nil {
		return step{}, -1, nil
	}
	if root := p.partition.Root(); root != "" && !strings.HasPrefix(file.Real, root+"/") {
		return step{state: StateConflict, reason: fmt.Sprintf("%s leads out of its partition, to %s", name, file.Real)}, -1, nil
	}
	change := Change{Path: name, Real: file.Real, Old: file.Data, attributes: file.Attributes()}
	if content, ok := p.overlay[file.Real]; ok {
		change.Old = content
	}
	change.New = change.Old
	changed := false
	for _, e := range spec.edits {
		result := e.apply(change.New)
		switch result.verdict {
		case absent:
			return step{state: StateConflict, reason: name + ": " + result.reason}, result.near, nil
		case unclear:
			return step{state: StateConflict, reason: name + ": " + result.reason, change: change}, -1, nil
		case needed:
			change.New, changed = result.content, true
		}
	}
	if !changed {
		return step{state: StateApplied}, -1, nil
	}
	return step{state: StateNeeded, change: change}, -1, nil
}

func (p *planner) planCreate(name string, spec *createSpec) (step, error) {
	file, err := p.reader.file(name)
	if err != nil {
		return step{}, err
	}
	switch {
	case file == nil:
		attributes := appliance.Attributes{Mode: fileMode(spec.mode)}
		return step{state: StateNeeded, change: Change{Path: name, Real: name, Create: true, New: spec.content, attributes: attributes}}, nil
	case bytes.Equal(file.Data, spec.content):
		return step{state: StateApplied}, nil
	}
	return step{state: StateConflict, reason: fmt.Sprintf("%s is there already with other contents", path.Clean(name))}, nil
}

// consultLedger adds what the ledger knows about a patch.
func (p *planner) consultLedger(planned *Planned) {
	entry, known := p.ledger.entries[planned.Patch.ID]
	switch {
	case known && entry.State != entryApplied:
		if planned.State == StateApplied {
			planned.State = StateNeeded // nothing but the ledger is left to do
		}
		planned.Notes = append(planned.Notes, "a change of it was interrupted: apply or revert it to finish")
	case known && planned.State == StateNeeded:
		planned.Notes = append(planned.Notes, fmt.Sprintf("it was applied on %s and has been undone since by something else", entry.Time.Format("2006-01-02")))
	case !known && planned.State == StateApplied:
		planned.Notes = append(planned.Notes, "it was not applied by uclab, which so cannot revert it")
	}
}
