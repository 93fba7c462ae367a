package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/templates"
)

// profilesDocument is what `uclab profiles --json` writes.
type profilesDocument struct {
	Format   int               `json:"format"`
	Profiles []labspec.Profile `json:"profiles"`
}

func newProfilesCommand(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "profiles [NAME]",
		GroupID: groupOther,
		Short:   "Show what hardware each product and version needs, and who says so",
		Long: `Profiles lists the products and versions that uclab knows. With a profile's name,
or a product's, it shows every figure with its source and how sure it is:
S said by the posts, V verified in a public source, D derived, U a default to override.`,
		Example: "  uclab profiles\n  uclab profiles cucm-7\n  uclab profiles cucm --json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			profiles, err := labspec.Profiles(templates.Profiles())
			if err != nil {
				return err
			}
			if len(args) == 1 {
				if profiles, err = selectProfiles(profiles, args[0]); err != nil {
					return err
				}
			}
			switch {
			case asJSON:
				return a.writeJSON(profilesDocument{1, profiles})
			case len(args) == 1:
				a.showProfiles(profiles)
			default:
				a.listProfiles(profiles)
			}
			return nil
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func selectProfiles(all []labspec.Profile, name string) ([]labspec.Profile, error) {
	var chosen []labspec.Profile
	var products []string
	for _, profile := range all {
		if profile.Name == name || profile.Product == name {
			chosen = append(chosen, profile)
		}
		products = append(products, profile.Product)
	}
	if len(chosen) > 0 {
		return chosen, nil
	}
	slices.Sort(products)
	return nil, hintf(fmt.Errorf("no profile or product is called %q", name), "the products are %s", strings.Join(slices.Compact(products), ", "))
}

func (a *app) listProfiles(profiles []labspec.Profile) {
	t := newTable("PROFILE", "PRODUCT", "VERSIONS", "GUEST", "CPUS", "MEMORY", "DISK")
	for _, profile := range profiles {
		figure := map[string]string{}
		for _, f := range profile.Figures {
			figure[f.Name] = f.Value
		}
		t.AppendRow([]any{profile.Name, profile.Title, profile.Versions, figure["guest_id"], figure["cpus"], figure["memory"], figure["disk"]})
	}
	writeTable(a.out, t)
}

func (a *app) showProfiles(profiles []labspec.Profile) {
	for i, profile := range profiles {
		if i > 0 {
			a.printf("\n")
		}
		a.printf("%s: %s %s\n", profile.Name, profile.Title, profile.Versions)
		if profile.Description != "" {
			a.printf("%s\n", profile.Description)
		}
		a.printf("\n")
		t := newTable("FIGURE", "VALUE", "MINIMUM", "MARK", "SOURCE")
		for _, f := range profile.Figures {
			t.AppendRow([]any{f.Name, f.Value, f.Minimum, f.Mark, f.Source})
		}
		writeTable(a.out, t)
		if len(profile.Patches) > 0 {
			a.printf("\nPatches: %s\n", strings.Join(profile.Patches, ", "))
		}
	}
}
