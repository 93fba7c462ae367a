package vsphere

import (
	"context"
	"slices"

	"github.com/uclab/uclab/plan"
	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// ruleChunk is how many rules one reconfiguration of a cluster carries.
const ruleChunk = 50

// setRules makes and changes the VM-VM affinity rules that keep both ends of a
// cable on one host. All go to one cluster, so some at a time in one call.
func (a *applier) setRules(ctx context.Context, outcomes []*Outcome) {
	outcomes = slices.DeleteFunc(outcomes, func(o *Outcome) bool { return !a.rulable(ctx, o) })
	a.reconfigureRules(ctx, outcomes, func(rules map[string]*types.ClusterRuleInfo, change *plan.Change) *types.ClusterRuleSpec {
		info := &types.ClusterAffinityRuleSpec{ClusterRuleInfo: types.ClusterRuleInfo{
			Name: change.Name, Enabled: types.NewBool(true), Mandatory: types.NewBool(true), UserCreated: types.NewBool(true),
		}}
		for _, member := range change.Members {
			info.Vm = append(info.Vm, a.vms[member])
		}
		spec := &types.ClusterRuleSpec{ArrayUpdateSpec: types.ArrayUpdateSpec{Operation: types.ArrayUpdateOperationAdd}, Info: info}
		if old := rules[change.Name]; old != nil {
			info.Key, info.RuleUuid = old.Key, old.RuleUuid
			spec.Operation = types.ArrayUpdateOperationEdit
		}
		return spec
	})
}

// rulable says that a rule may be set, and marks it skipped otherwise.
func (a *applier) rulable(ctx context.Context, o *Outcome) bool {
	if !a.open(ctx, o) {
		return false
	}
	for _, member := range o.Change.Members {
		if a.vms[member] == (ref{}) || a.failed(member) {
			o.State, o.Err = Skipped, &Error{Op: o.Change.Action + " rule", On: o.Change.Name, Why: "node " + member + " could not be made"}
			return false
		}
	}
	return true
}

// failed says that a node's own change did not succeed.
func (a *applier) failed(address string) bool {
	for _, o := range a.of(plan.KindVM, func(action string) bool { return action == plan.Create || action == plan.Recreate }) {
		if o.Change.Address == address {
			return o.State != Done
		}
	}
	return false
}

func (a *applier) deleteRules(ctx context.Context, outcomes []*Outcome) {
	outcomes = slices.DeleteFunc(outcomes, func(o *Outcome) bool { return !a.open(ctx, o) })
	a.reconfigureRules(ctx, outcomes, func(rules map[string]*types.ClusterRuleInfo, change *plan.Change) *types.ClusterRuleSpec {
		old := rules[change.Name]
		if old == nil {
			return nil
		}
		return &types.ClusterRuleSpec{ArrayUpdateSpec: types.ArrayUpdateSpec{Operation: types.ArrayUpdateOperationRemove, RemoveKey: old.Key}}
	})
}

func (a *applier) reconfigureRules(ctx context.Context, outcomes []*Outcome, specOf func(map[string]*types.ClusterRuleInfo, *plan.Change) *types.ClusterRuleSpec) {
	for chunk := range slices.Chunk(outcomes, ruleChunk) {
		for _, o := range chunk {
			a.opts.Progress.Start(o.Change.Kind, o.Change.Address, o.Change.Action)
		}
		err := a.reconfigureCluster(context.WithoutCancel(ctx), chunk, specOf)
		for _, o := range chunk {
			a.close(o, failure(o.Change.Action+" rule", o.Change.Name, err))
		}
	}
}

// reconfigureCluster reads the rules that there are before each attempt, so that
// a repeat after a lost answer, or after another apply was quicker, asks only for
// what is still to do.
func (a *applier) reconfigureCluster(ctx context.Context, chunk []*Outcome, specOf func(map[string]*types.ClusterRuleInfo, *plan.Change) *types.ClusterRuleSpec) error {
	for attempt := 1; ; attempt++ {
		err := a.tryRules(ctx, chunk, specOf)
		overtaken := fault.Is(err, &types.InvalidArgument{}) || fault.Is(err, &types.DuplicateName{})
		if !overtaken || attempt == ruleAttempts {
			return err
		}
		if err := backoff(ctx, attempt); err != nil {
			return err
		}
	}
}

// ruleAttempts is how often rules are tried when another apply is at them too.
const ruleAttempts = 3

func (a *applier) tryRules(ctx context.Context, chunk []*Outcome, specOf func(map[string]*types.ClusterRuleInfo, *plan.Change) *types.ClusterRuleSpec) error {
	return a.task(ctx, func(ctx context.Context) (ref, error) {
		rules, err := a.readRules(ctx)
		if err != nil {
			return ref{}, err
		}
		spec := &types.ClusterConfigSpecEx{}
		for _, o := range chunk {
			if rule := specOf(rules, o.Change); rule != nil {
				spec.RulesSpec = append(spec.RulesSpec, *rule)
			}
		}
		res, err := methods.ReconfigureComputeResource_Task(ctx, a.vim, &types.ReconfigureComputeResource_Task{
			This: a.place.compute.ref, Spec: spec, Modify: true,
		})
		if err != nil {
			return ref{}, err
		}
		return res.Returnval, nil
	}, func(error) bool { return false })
}

func (a *applier) readRules(ctx context.Context) (map[string]*types.ClusterRuleInfo, error) {
	objects, _, err := retrieve(ctx, a.vim, types.PropertyFilterSpec{
		PropSet:   []types.PropertySpec{{Type: a.place.compute.ref.Type, PathSet: []string{"configurationEx"}}},
		ObjectSet: []types.ObjectSpec{{Obj: a.place.compute.ref}},
	}, 0)
	if err != nil {
		return nil, err
	}
	rules := map[string]*types.ClusterRuleInfo{}
	for _, o := range objects {
		for _, rule := range newCompute(&entity{ref: o.Obj}, o.PropSet).rules {
			rules[rule.GetClusterRuleInfo().Name] = rule.GetClusterRuleInfo()
		}
	}
	return rules, nil
}
