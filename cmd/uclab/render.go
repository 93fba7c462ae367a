package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/uclab/uclab/plan"
)

// signs are Terraform's signs for what happens to a thing.
var signs = map[string]string{plan.Create: "+", plan.Update: "~", plan.Recreate: "-/+", plan.Delete: "-"}

var signColors = map[string]text.Color{
	plan.Create: text.FgGreen, plan.Update: text.FgYellow, plan.Recreate: text.FgMagenta, plan.Delete: text.FgRed,
}

// renderPlan writes a plan as Terraform does.
func (a *app) renderPlan(s *session, p *plan.Plan) {
	if p.Empty() {
		a.printf("No changes: %s is as its file says.\n", shortLab(s.lab.Lab, s.inventory))
		return
	}
	a.printf("Changes to %s:\n\n", shortLab(s.lab.Lab, s.inventory))
	for i := range p.Changes {
		a.renderChange(&p.Changes[i])
	}
	a.printf("%s\n", summaryLine(p.Summary))
}

// summaryLine counts as Terraform does: what is recreated is added and
// destroyed.
func summaryLine(s plan.Summary) string {
	return fmt.Sprintf("Plan: %d to add, %d to change, %d to destroy.", s.Create+s.Recreate, s.Update, s.Delete+s.Recreate)
}

func (a *app) renderChange(change *plan.Change) {
	sign := signs[change.Action]
	a.printf("%5s %s %s%s\n", a.paint(a.colorOut, signColors[change.Action], fmt.Sprintf("%3s", sign)), change.Kind, change.Address, changeNote(change))
	width := 0
	for _, field := range change.Fields {
		width = max(width, len(field.Path))
	}
	for _, field := range change.Fields {
		a.printf("        %-*s = %s\n", width, field.Path, fieldText(field))
	}
	if change.Action != plan.Create {
		for _, reason := range change.Reasons {
			a.printf("        # %s\n", reason)
		}
	}
	a.printf("\n")
}

func changeNote(change *plan.Change) string {
	switch {
	case change.Action == plan.Recreate:
		return "  (destroyed with its disks, then created anew)"
	case change.Action == plan.Update && change.PowerOff:
		return "  (shut down for it)"
	}
	return ""
}

func fieldText(field plan.Field) string {
	switch {
	case field.From == nil:
		return valueText(field.To)
	case field.To == nil:
		return valueText(field.From) + " -> nothing"
	}
	return valueText(field.From) + " -> " + valueText(field.To)
}

func valueText(value any) string {
	switch v := value.(type) {
	case nil:
		return "nothing"
	case string:
		if v == "" {
			return "empty"
		}
		return strconv.Quote(v)
	case []string:
		quoted := make([]string, len(v))
		for i := range v {
			quoted[i] = strconv.Quote(v[i])
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(encoded)
}
