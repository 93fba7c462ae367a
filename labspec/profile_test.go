package labspec_test

import (
	"testing"

	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/templates"
)

func TestProfiles(t *testing.T) {
	profiles, err := labspec.Profiles(templates.Profiles())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range profiles {
		t.Logf("%s %s %s", p.Name, p.Versions, p.Title)
		for _, f := range p.Figures {
			if f.Source == "" {
				t.Errorf("%s: %s has no source", p.Name, f.Name)
			}
		}
	}
}
