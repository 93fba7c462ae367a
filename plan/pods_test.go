package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParsePods(t *testing.T) {
	tests := []struct {
		text string
		want string
		ok   bool
	}{
		{"3", "3", true},
		{"3,7-9", "3, 7, 8, 9", true},
		{" pod03 , 1 ", "1, 3", true},
		{"", "", true},
		{"0", "", false},
		{"9-7", "", false},
		{"1-999999999999", "", false},
		{"x", "", false},
		{"1,,2", "", false},
	}
	for _, test := range tests {
		set, err := ParsePods(test.text)
		if (err == nil) != test.ok || test.ok && set.String() != test.want {
			t.Errorf("ParsePods(%q) = %q, %v", test.text, set, err)
		}
	}
}

func TestOnlyKeepsTheChosenPodsAndWhatTheyNeed(t *testing.T) {
	p := &Plan{Changes: []Change{
		{Action: Create, Kind: KindMedia, Address: "cucm"},
		{Action: Create, Kind: KindNetwork, Address: "mgmt"},
		{Action: Create, Kind: KindNetwork, Address: "pod02/hq"},
		{Action: Create, Kind: KindVM, Address: "router"},
		{Action: Create, Kind: KindVM, Address: "pod02/pub"},
		{Action: Create, Kind: KindVM, Address: "pod03/pub"},
		{Action: Delete, Kind: KindMedia, Address: "old"},
		{Action: Delete, Kind: KindVM, Address: "pod03/old"},
	}}
	pods, err := ParsePods("3")
	if err != nil {
		t.Fatal(err)
	}
	p.Only(pods)
	want := []string{"create media cucm", "create network mgmt", "create vm pod03/pub", "delete vm pod03/old"}
	if diff := cmp.Diff(want, lines(p)); diff != "" {
		t.Error(diff)
	}
	if p.Summary != (Summary{Create: 3, Delete: 1}) {
		t.Errorf("summary = %+v", p.Summary)
	}
}

func FuzzParsePods(f *testing.F) {
	for _, seed := range []string{"3,7-9", "pod1", "1-10000", "-", ",", "1-2-3"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		set, err := ParsePods(text)
		if err == nil && len(set) > maxPods {
			t.Errorf("%q gives %d pods", text, len(set))
		}
	})
}
