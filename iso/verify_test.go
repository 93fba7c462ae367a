package iso

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func verify(t testing.TB, image, source string) *Verification {
	t.Helper()
	file, size := openFile(t, image)
	var original *Image
	if source != "" {
		r, n := openFile(t, source)
		original = &Image{r, n}
	}
	v, err := Verify(t.Context(), Image{file, size}, original)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVerifyEveryVariant(t *testing.T) {
	for _, v := range variants() {
		t.Run(v.name, func(t *testing.T) {
			source := v.build(t)
			if before := verify(t, source, ""); before.OK || failed(before) != "boot record" {
				t.Errorf("the disc as it came: %+v", before)
			}
			after := verify(t, inject(t, source, InjectOptions{}), source)
			if !after.OK {
				t.Errorf("the injected disc fails at %s: %+v", failed(after), after.Checks)
			}
		})
	}
}

func failed(v *Verification) string {
	var names []string
	for _, check := range v.Checks {
		if !check.OK {
			names = append(names, check.Name)
		}
	}
	return strings.Join(names, ", ")
}

// Whatever is damaged, verify says where.
func TestVerifyFindsDamage(t *testing.T) {
	source := variants()[0].build(t)
	good, err := os.ReadFile(inject(t, source, InjectOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	original, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	catalog := int(le32(good[17*2048+71:])) * 2048
	boot := int(le32(good[catalog+32+8:])) * 2048
	root := int(le32(good[16*2048+158:])) * 2048
	text := bytes.Index(good, []byte("DEFAULT "+isolinuxMarker))
	tests := []struct {
		name   string
		at     int
		failed string
	}{
		{"boot record's name", 17*2048 + 7, "boot record"},
		{"validation checksum", catalog + 28, "boot catalog"},
		{"validation key", catalog + 30, "boot catalog"},
		{"initial entry", catalog + 32, "boot catalog"},
		{"boot file's sector", boot + 12, "boot info table"},
		{"boot file's content", boot + 1000, "boot info table"},
		{"volume size", 16*2048 + 80, "volume descriptors"},
		{"terminator", 19 * 2048, "volume descriptors"},
		{"root's own record", root + 2, "directories (primary)"},
		{"a file's content", text, "contents"},
		{"path table", int(le32(good[16*2048+140:]))*2048 + 2, "path tables (primary)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			damaged := bytes.Clone(good)
			damaged[test.at] ^= 0x40
			v, err := Verify(t.Context(), Image{bytes.NewReader(damaged), int64(len(damaged))}, &Image{bytes.NewReader(original), int64(len(original))})
			if err != nil {
				t.Fatal(err)
			}
			if v.OK || !strings.Contains(failed(v), test.failed) {
				t.Errorf("fails at %q, want %q", failed(v), test.failed)
			}
		})
	}
}
