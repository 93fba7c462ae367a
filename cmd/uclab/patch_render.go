package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
	"github.com/uclab/uclab/appliance"
	"github.com/uclab/uclab/patches"
)

// patchPlanDocument is what `uclab patch plan --json` writes for one node; for
// several, patchPlansDocument holds one each.
type patchPlanDocument struct {
	Format  int             `json:"format,omitempty"`
	Node    string          `json:"node"`
	Patches []patchDocument `json:"patches"`
}

type patchPlansDocument struct {
	Format int                 `json:"format"`
	Nodes  []patchPlanDocument `json:"nodes"`
}

type patchDocument struct {
	ID        string              `json:"id"`
	State     patches.State       `json:"state"`
	Files     []patchFileDocument `json:"files"`
	Restart   []string            `json:"restart"`
	Commands  []string            `json:"commands,omitempty"`
	Variant   string              `json:"variant,omitempty"`
	Reason    string              `json:"reason,omitempty"`
	Notes     []string            `json:"notes,omitempty"`
	Partition patches.Partition   `json:"partition"`
}

type patchFileDocument struct {
	Path string `json:"path"`
	Diff string `json:"diff"`
}

func (w *patchWork) document() any {
	var all []patchPlanDocument
	for _, target := range w.targets {
		node := patchPlanDocument{Node: target.node.Address, Patches: []patchDocument{}}
		for _, plan := range target.plans {
			for _, planned := range plan.Patches {
				node.Patches = append(node.Patches, patchDocumentOf(planned, plan.Partition))
			}
		}
		all = append(all, node)
	}
	if len(all) == 1 {
		all[0].Format = 1
		return all[0]
	}
	return patchPlansDocument{1, all}
}

func patchDocumentOf(planned *patches.Planned, partition patches.Partition) patchDocument {
	d := patchDocument{
		ID: planned.Patch.ID, State: planned.State, Files: []patchFileDocument{}, Restart: []string{}, Commands: planned.Commands,
		Variant: planned.Variant, Reason: planned.Reason, Notes: planned.Notes, Partition: partition,
	}
	d.Restart = append(d.Restart, planned.Restart()...)
	for _, change := range planned.Files {
		d.Files = append(d.Files, patchFileDocument{change.Path, change.Diff()})
	}
	return d
}

var patchColors = map[patches.State]text.Color{
	patches.StateNeeded: text.FgYellow, patches.StateApplied: text.FgGreen, patches.StateConflict: text.FgRed, patches.StateNotApplicable: text.FgHiBlack,
}

// render shows the plans, and the warning that belongs to them.
func (w *patchWork) render() {
	for _, target := range w.targets {
		for _, plan := range target.plans {
			w.app.printf("%s (%s partition)\n", target.node.Address, plan.Partition)
			for _, planned := range plan.Patches {
				w.renderPatch(planned)
			}
			w.app.printf("\n")
		}
	}
	w.app.printf("Patches: %d needed, %d applied, %d not applicable, %d in conflict.\n", w.count(patches.StateNeeded),
		w.count(patches.StateApplied), w.count(patches.StateNotApplicable), w.count(patches.StateConflict))
	w.app.warn(patches.Warning)
}

func (w *patchWork) renderPatch(planned *patches.Planned) {
	a := w.app
	name := planned.Patch.ID
	if planned.Variant != "" && planned.State == patches.StateNeeded {
		name += ", variant " + planned.Variant
	}
	a.printf("  %s: %s", name, a.paint(a.colorOut, patchColors[planned.State], string(planned.State)))
	if planned.Reason != "" {
		a.printf(": %s", planned.Reason)
	}
	a.printf("\n")
	for _, change := range planned.Files {
		for line := range strings.Lines(change.Diff()) {
			a.printf("    %s", a.paintDiff(line))
		}
	}
	for _, command := range planned.Commands {
		a.printf("    run: %s\n", command)
	}
	for _, notice := range planned.Restart() {
		a.printf("    then: %s\n", notice)
	}
	for _, note := range planned.Notes {
		a.printf("    note: %s\n", note)
	}
}

func (a *app) paintDiff(line string) string {
	body := strings.TrimRight(line, "\r\n")
	color := text.Reset
	switch {
	case strings.HasPrefix(line, "+"):
		color = text.FgGreen
	case strings.HasPrefix(line, "-"):
		color = text.FgRed
	default:
		return body + "\n"
	}
	return a.paint(a.colorOut, color, body) + "\n"
}

// findOIDs reads the object id that Emergency Responder needs from a CUCM of the
// lab, when the platform account is known and the CUCM answers.
func (w *patchWork) findOIDs(ctx context.Context) {
	account := w.app.env("UCLAB_CLI_USER")
	secret := w.app.env("UCLAB_CLI_PASSWORD")
	if account == "" || secret == "" {
		return
	}
	oid := ""
	for _, target := range w.targets {
		if target.lab == nil || target.node.Product != "cer" || target.node.Params["oid"] != "" {
			continue
		}
		if oid == "" {
			oid = w.readOID(ctx, account, secret)
		}
		if oid != "" {
			target.node.Params["oid"] = oid
		}
	}
}

func (w *patchWork) readOID(ctx context.Context, account, secret string) string {
	flags := w.flags.applianceFlags
	flags.user, flags.params = account, nil
	found, _, err := w.app.appliances(ctx, flags, nil, true)
	if err != nil {
		return ""
	}
	for _, one := range found {
		if one.node.Product != "cucm" {
			continue
		}
		one.config.Password = func(context.Context) (string, error) { return secret, nil }
		hardware, err := showHardware(ctx, one.config)
		if err == nil && hardware.ObjectID != "" {
			w.app.notef("Object ID %s read from %s.\n", hardware.ObjectID, one.node.Address)
			return hardware.ObjectID
		}
		w.app.warn(fmt.Sprintf("the object id could not be read from %s, so the catalogue's default is used: %v", one.node.Address, err))
	}
	return ""
}

func showHardware(ctx context.Context, config appliance.Config) (appliance.Hardware, error) {
	session, err := appliance.Dial(ctx, config)
	if err != nil {
		return appliance.Hardware{}, err
	}
	defer session.Close() // nothing was written
	cli, err := session.CLI(ctx)
	if err != nil {
		return appliance.Hardware{}, err
	}
	return cli.ShowHardware(ctx)
}

// patchListDocument is what `uclab patch list --json` writes.
type patchListDocument struct {
	Format  int                 `json:"format"`
	Patches []patchListedPatch  `json:"patches"`
	Applied []patchListedLedger `json:"applied,omitempty"`
}

type patchListedPatch struct {
	ID         string             `json:"id"`
	Title      string             `json:"title"`
	Source     string             `json:"source"`
	Fits       []patchListedFit   `json:"fits"`
	Params     []patchListedParam `json:"params"`
	Unverified []string           `json:"unverified,omitempty"`
}

type patchListedFit struct {
	Product  string `json:"product"`
	Versions string `json:"versions,omitempty"`
}

type patchListedParam struct {
	Name       string `json:"name"`
	Default    string `json:"default"`
	Required   bool   `json:"required"`
	About      string `json:"about,omitempty"`
	Unverified string `json:"unverified,omitempty"`
}

type patchListedLedger struct {
	Node        string            `json:"node"`
	ID          string            `json:"id"`
	Partition   patches.Partition `json:"partition"`
	Time        string            `json:"time"`
	By          string            `json:"by"`
	Interrupted bool              `json:"interrupted"`
	Files       []string          `json:"files"`
}

func newPatchListCommand(a *app) *cobra.Command {
	var flags patchFlags
	cmd := &cobra.Command{
		Use:     "list [NODE]...",
		Short:   "List the catalogue; with nodes, what their ledgers say is applied",
		Example: "  uclab patch list\n  uclab patch list cucm-pub --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 || flags.all || flags.host != "" {
				return a.listApplied(cmd.Context(), flags, args)
			}
			catalogue, err := a.listedCatalogue(cmd.Context(), flags)
			if err != nil {
				return err
			}
			if flags.asJSON {
				return a.writeJSON(catalogueDocument(catalogue))
			}
			t := newTable("ID", "TITLE", "FOR", "SOURCE")
			for _, patch := range catalogue.Patches {
				var fits []string
				for _, fit := range patch.Fits {
					fits = append(fits, strings.TrimSpace(fit.Product+" "+fit.Versions))
				}
				t.AppendRow([]any{patch.ID, patch.Title, strings.Join(fits, ", "), patch.Source})
			}
			writeTable(a.out, t)
			a.warn(patches.Warning)
			return nil
		},
	}
	flags.registerTarget(cmd)
	jsonFlag(cmd, &flags.asJSON)
	return cmd
}

// listedCatalogue adds a lab file's own patches when one is named.
func (a *app) listedCatalogue(ctx context.Context, flags patchFlags) (*patches.Catalogue, error) {
	if flags.file == "" {
		return patches.Builtin()
	}
	lab, err := a.load(ctx, flags.labFlags, []string{flags.file})
	if err != nil {
		return nil, err
	}
	return catalogueOf(lab)
}

func catalogueDocument(catalogue *patches.Catalogue) patchListDocument {
	d := patchListDocument{Format: 1, Patches: []patchListedPatch{}}
	for _, patch := range catalogue.Patches {
		listed := patchListedPatch{ID: patch.ID, Title: patch.Title, Source: patch.Source, Unverified: patch.Unverified,
			Fits: []patchListedFit{}, Params: []patchListedParam{}}
		for _, fit := range patch.Fits {
			listed.Fits = append(listed.Fits, patchListedFit(fit))
		}
		for _, p := range patch.Params {
			listed.Params = append(listed.Params, patchListedParam{p.Name, p.Default, p.Required, p.About, p.Unverified})
		}
		d.Patches = append(d.Patches, listed)
	}
	return d
}

func (a *app) listApplied(ctx context.Context, flags patchFlags, names []string) (err error) {
	work, err := a.revertWork(ctx, flags, names)
	if err != nil {
		return err
	}
	defer work.close(&err)
	d := patchListDocument{Format: 1, Patches: []patchListedPatch{}, Applied: []patchListedLedger{}}
	rows := make([][]patchListedLedger, len(work.targets))
	at := map[*patchTarget]int{}
	for i, target := range work.targets {
		at[target] = i
	}
	err = work.each(func(target *patchTarget) (err error) {
		if target.session, err = appliance.Dial(ctx, target.config); err != nil {
			return err
		}
		for _, partition := range work.partitions {
			known, err := patches.ReadLedger(ctx, target.session, partition)
			if err != nil {
				return err
			}
			for _, k := range known {
				rows[at[target]] = append(rows[at[target]], patchListedLedger{target.node.Address, k.ID, partition,
					k.Time.Format("2006-01-02 15:04:05Z07:00"), k.By, k.Interrupted, append([]string{}, k.Files...)})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, row := range rows {
		d.Applied = append(d.Applied, row...)
	}
	if flags.asJSON {
		return a.writeJSON(d)
	}
	t := newTable("NODE", "PATCH", "PARTITION", "APPLIED", "BY", "FILES")
	for _, row := range d.Applied {
		when := row.Time
		if row.Interrupted {
			when += " (interrupted)"
		}
		t.AppendRow([]any{row.Node, row.ID, row.Partition, when, row.By, strings.Join(row.Files, " ")})
	}
	writeTable(a.out, t)
	return nil
}

func newPatchKitCommand(a *app) *cobra.Command {
	var params []string
	var dir string
	cmd := &cobra.Command{
		Use:   "kit ID",
		Short: "Write the files of a disc for a Windows machine",
		Long: `Kit writes the files that UCCX on Windows needs beside its own installer: a
registry file, crstest.ini and a README. Make a disc of them and attach it to the
machine. For labs only; not supported by the vendor.`,
		Example: "  uclab patch kit uccx-kit -o kit\n  uclab iso build kit uccx-kit.iso",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.writeKit(args[0], dir, params)
		},
	}
	cmd.Flags().StringVarP(&dir, "output", "o", "kit", "the `directory` to write, made if missing")
	cmd.Flags().StringArrayVar(&params, "param", nil, "set a value of the kit: `name=value` (repeatable)")
	return cmd
}

func (a *app) writeKit(id, dir string, params []string) error {
	catalogue, err := patches.Builtin()
	if err != nil {
		return err
	}
	found, err := catalogue.Find(id)
	if err != nil {
		return hintf(err, "see 'uclab patch list'")
	}
	if !found[0].Kit() {
		return hintf(fmt.Errorf("%s is no kit: it is applied to a running appliance", id), "use 'uclab patch apply'")
	}
	set, err := assignments(params)
	if err != nil {
		return err
	}
	values := map[string]string{}
	for _, p := range set {
		values[p.Name] = p.Value
	}
	files, err := found[0].KitFiles(values)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write the kit: %w", err)
	}
	for _, file := range files {
		path := filepath.Join(dir, file.Name)
		if err := os.WriteFile(path, file.Data, 0o644); err != nil {
			return fmt.Errorf("write the kit: %w", err)
		}
		a.printf("%s\n", path)
	}
	a.warn("the kit is for labs: the vendor does not support it")
	return nil
}
