package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/uclab/uclab/plan"
)

// graphFormats are the values of --as.
func graphFormats() []string { return []string{"dot", "mermaid", "svg", "html", "json"} }

// graphFlags are the flags of uclab graph besides those of every lab command.
type graphFlags struct {
	lab      labFlags
	as       string
	output   string
	asJSON   bool
	live     bool
	serve    bool
	listen   string
	interval time.Duration
}

func newGraphCommand(a *app) *cobra.Command {
	var flags graphFlags
	cmd := &cobra.Command{
		Use:     "graph" + labUse,
		GroupID: groupLab,
		Short:   "Draw the lab: networks, nodes, serial cables, and their state",
		Long: `Graph draws the lab as DOT (Graphviz), Mermaid, SVG, JSON, or one HTML page that
opens in a browser without a network. It reads the lab file alone; with --live it
also reads the target and shows each node's state and drift.

With --serve it serves the page on this machine and follows the live state until
Ctrl-C. The address holds a random token; nobody else can ask for the page.`,
		Example: `  uclab graph --as dot | dot -Tpdf -o lab.pdf
  uclab graph -o lab.svg
  uclab graph --live -o room.html
  uclab graph --serve examples/ccie-voice`,
		Args: labArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := flags.check(cmd); err != nil {
				return err
			}
			if flags.serve {
				return a.serveGraph(cmd.Context(), flags, args)
			}
			return a.graph(cmd.Context(), flags, args)
		},
	}
	flags.lab.register(cmd)
	jsonFlag(cmd, &flags.asJSON)
	f := cmd.Flags()
	f.StringVar(&flags.as, "as", "", "`format`: dot, mermaid, svg, html or json (default: as the name of the output file says, else dot)")
	f.StringVarP(&flags.output, "output", "o", "", "write to a `file` instead of standard output")
	f.BoolVar(&flags.live, "live", false, "read the target and show states and drift")
	f.BoolVar(&flags.serve, "serve", false, "serve the page and follow the live state until Ctrl-C")
	f.StringVar(&flags.listen, "listen", "127.0.0.1:0", "with --serve: loopback `address`; port 0 is a free one")
	f.DurationVar(&flags.interval, "interval", 5*time.Second, "with --serve: how often to read the target, at least 1s")
	// Fails only for a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc("as", cobra.FixedCompletions(graphFormats(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// check settles the format and refuses flags that do not go together.
func (f *graphFlags) check(cmd *cobra.Command) error {
	given := cmd.Flags().Changed
	if f.serve {
		for _, name := range []string{"as", "json", "output"} {
			if given(name) {
				return usageError{hintf(fmt.Errorf("--serve writes no file: --%s does not go with it", name), "leave out one of the two")}
			}
		}
		if f.interval < time.Second {
			return usageError{hintf(fmt.Errorf("--interval %s is too often for the target", f.interval), "give 1s or more")}
		}
		return nil
	}
	for _, name := range []string{"listen", "interval"} {
		if given(name) {
			return usageError{hintf(fmt.Errorf("--%s is for --serve", name), "add --serve, or leave it out")}
		}
	}
	if f.asJSON {
		if given("as") && f.as != "json" {
			return usageError{hintf(fmt.Errorf("--json and --as %s contradict each other", f.as), "leave out one of the two")}
		}
		f.as = "json"
	}
	if f.as == "" {
		f.as = formatOf(f.output)
	}
	if f.as == "" && f.output != "" {
		return usageError{hintf(fmt.Errorf("the name %s does not tell its format", f.output), "add --as %s", strings.Join(graphFormats(), "|"))}
	}
	if f.as == "" {
		f.as = "dot"
	}
	if !slices.Contains(graphFormats(), f.as) {
		return usageError{hintf(fmt.Errorf("--as %s: no such format", f.as), "the formats are %s", strings.Join(graphFormats(), ", "))}
	}
	return nil
}

// formatOf is the format that a file's name asks for, "" for none.
func formatOf(path string) string {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".dot", ".gv":
		return "dot"
	case ".mmd", ".mermaid":
		return "mermaid"
	case ".svg":
		return "svg"
	case ".html", ".htm":
		return "html"
	case ".json":
		return "json"
	default:
		return ""
	}
}

func (a *app) graph(ctx context.Context, flags graphFlags, args []string) error {
	doc, warned, err := a.graphDocument(ctx, flags, args)
	if err != nil {
		return err
	}
	content, err := renderGraph(doc, flags.as)
	if err != nil {
		return err
	}
	if flags.output != "" && flags.output != "-" {
		if err := writeFileAtomically(flags.output, content, 0o644); err != nil {
			return fmt.Errorf("write the graph: %w", err)
		}
	} else if _, err := a.out.Write(content); err != nil {
		return fmt.Errorf("write the graph: %w", err)
	}
	return flags.lab.strictly(warned, nil)
}

// graphDocument reads the lab file and, with --live, the target.
func (a *app) graphDocument(ctx context.Context, flags graphFlags, args []string) (doc *graphDocument, warned bool, err error) {
	if !flags.live {
		lab, err := a.load(ctx, flags.lab, args)
		if err != nil {
			return nil, false, err
		}
		return newGraphDocument(lab.Lab, lab.pods, nil, time.Time{}), lab.warned, nil
	}
	s, err := a.open(ctx, flags.lab, args)
	if err != nil {
		return nil, false, err
	}
	defer s.close(ctx, &err)
	status := plan.StatusOf(s.lab.Lab, s.inventory)
	return newGraphDocument(s.lab.Lab, s.lab.pods, status, time.Now()), s.lab.warned, nil
}

// renderGraph writes a document in one of the formats.
func renderGraph(doc *graphDocument, as string) ([]byte, error) {
	switch as {
	case "dot":
		return writeDOT(doc), nil
	case "mermaid":
		return writeMermaid(doc), nil
	case "svg":
		return writeSVG(doc)
	case "html":
		return writeHTML(doc, 0)
	case "json":
		var out bytes.Buffer
		encoder := json.NewEncoder(&out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(doc); err != nil {
			return nil, fmt.Errorf("write the graph as JSON: %w", err)
		}
		return out.Bytes(), nil
	default:
		return nil, errors.New("no such format: " + as)
	}
}
