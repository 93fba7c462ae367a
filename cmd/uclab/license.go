package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/uclab/uclab/labspec"
)

// licenseDocument is what `uclab license show --json` writes.
type licenseDocument struct {
	Format   int               `json:"format"`
	Licenses []licenseDescribe `json:"licenses"`
}

type licenseDescribe struct {
	Path     string            `json:"path"`
	Node     string            `json:"node,omitempty"`
	HostID   string            `json:"host_id"`
	MAC      string            `json:"mac"`
	Features []licenseFeatures `json:"features"`
}

type licenseFeatures struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Expiry  string `json:"expiry"`
	Count   int    `json:"count"`
}

func newLicenseCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "license",
		GroupID: groupAppliance,
		Short:   "Read licence files",
		Long:    "Licence files are read and never altered: their signatures cover them.",
		Example: "  uclab license show licenses/ccm_node.lic",
	}
	cmd.AddCommand(newLicenseShowCommand(a))
	return cmd
}

func newLicenseShowCommand(a *app) *cobra.Command {
	var flags labFlags
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show FILE|NODE...",
		Short: "Show which MAC address a licence is for, and its features",
		Long: `Show reads licence files (.lic), or those that the block of a node names. HOSTID is
the MAC address of the server that the licence is for: the publisher's for CUCM and
CUPS, that of each node for Emergency Responder.`,
		Example: "  uclab license show licenses/ccm_node.lic\n  uclab license show cucm-pub --json",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d := licenseDocument{Format: 1}
			for _, arg := range args {
				found, err := a.licensesOf(cmd, flags, file, arg)
				if err != nil {
					return err
				}
				d.Licenses = append(d.Licenses, found...)
			}
			if asJSON {
				return a.writeJSON(d)
			}
			a.renderLicenses(d)
			return nil
		},
	}
	flags.lenient = true
	cmd.Flags().StringArrayVar(&flags.vars, "var", nil, "set a variable of the lab file: `name=value` (repeatable)")
	cmd.Flags().StringArrayVar(&flags.varFiles, "var-file", nil, "read variables from a `file` (repeatable)")
	cmd.Flags().StringVarP(&file, "file", "f", "", "the lab `file`, or its directory")
	jsonFlag(cmd, &asJSON)
	return cmd
}

// licensesOf takes an argument as a file when there is one, else as a node.
func (a *app) licensesOf(cmd *cobra.Command, flags labFlags, file, arg string) ([]licenseDescribe, error) {
	if info, err := os.Stat(arg); err == nil && !info.IsDir() {
		license, err := readLicense(arg)
		if err != nil {
			return nil, err
		}
		return []licenseDescribe{describeLicense(license, "")}, nil
	}
	var args []string
	if file != "" {
		args = []string{file}
	}
	lab, err := a.load(cmd.Context(), flags, args)
	if err != nil {
		return nil, hintf(fmt.Errorf("%s is no licence file, and no node: %w", arg, err), "name a .lic file, or a node of the lab file")
	}
	node, ok := lab.Node(arg)
	if !ok {
		return nil, noNode(lab.Lab, arg)
	}
	if len(node.Licenses) == 0 {
		return nil, hintf(fmt.Errorf("node %s names no licence", arg), "write license = \"file.lic\" in its node block")
	}
	var found []licenseDescribe
	for _, license := range node.Licenses {
		found = append(found, describeLicense(license, arg))
	}
	return found, nil
}

func readLicense(path string) (license labspec.License, err error) {
	f, err := os.Open(path)
	if err != nil {
		return labspec.License{}, fmt.Errorf("read licence: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	license, err = labspec.ParseLicense(f)
	if err != nil {
		return license, fmt.Errorf("%s: %w", path, err)
	}
	license.Path = path
	return license, nil
}

func describeLicense(license labspec.License, node string) licenseDescribe {
	d := licenseDescribe{Path: license.Path, Node: node, HostID: license.HostID, MAC: colons(license.HostID), Features: []licenseFeatures{}}
	for _, f := range license.Features {
		d.Features = append(d.Features, licenseFeatures(f))
	}
	return d
}

// colons writes 12 digits as a MAC address.
func colons(digits string) string {
	out := ""
	for i := 0; i+2 <= len(digits); i += 2 {
		if i > 0 {
			out += ":"
		}
		out += digits[i : i+2]
	}
	return out
}

func (a *app) renderLicenses(d licenseDocument) {
	for i, license := range d.Licenses {
		if i > 0 {
			a.printf("\n")
		}
		a.printf("%s: for the server with MAC address %s (HOSTID %s)\n", license.Path, license.MAC, license.HostID)
		t := newTable("FEATURE", "VERSION", "EXPIRY", "COUNT")
		for _, f := range license.Features {
			t.AppendRow([]any{f.Name, f.Version, f.Expiry, f.Count})
		}
		writeTable(a.out, t)
	}
}
