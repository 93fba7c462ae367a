package iso

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestBuild(t *testing.T) {
	files := []BuildFile{
		{"platformConfig.xml", []byte("<PlatformData/>\n")},
		{"kit/uccx.reg", []byte("REGEDIT4\r\n")},
		{"kit/a rather long name with spaces.txt", []byte("long\n")},
		{"kit/a rather long name too.txt", []byte("too\n")},
		{"empty", nil},
		{"deep/er/and/deeper/file.bin", randomBytes(5000)},
	}
	opts := BuildOptions{VolumeID: "KIT", Time: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)}
	var image, again bytes.Buffer
	for _, w := range []io.Writer{&image, &again} {
		if err := Build(w, files, opts); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(image.Bytes(), again.Bytes()) {
		t.Error("the same files give two different discs")
	}
	disc, err := Open(bytes.NewReader(image.Bytes()), int64(image.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for i := range disc.Trees {
		for _, file := range files {
			if disc.Trees[i].Kind != "joliet" {
				continue
			}
			entry, err := disc.Lookup(&disc.Trees[i], file.Path)
			if err != nil || entry == nil || entry.Path != "/"+file.Path || entry.Size != int64(len(file.Content)) {
				t.Errorf("%s: %+v, %v", file.Path, entry, err)
			}
		}
	}
	v, err := Verify(t.Context(), Image{bytes.NewReader(image.Bytes()), int64(image.Len())}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := failed(v); got != "boot record" { // a data disc has none
		t.Errorf("verify fails at %q: %+v", got, v.Checks)
	}
	secondOpinion(t, image.Bytes(), files)
}

// secondOpinion has isoinfo take the files out again, by their Joliet names.
func secondOpinion(t *testing.T, image []byte, files []BuildFile) {
	t.Helper()
	isoinfo := need(t, "isoinfo", "genisoimage")
	path := filepath.Join(t.TempDir(), "kit.iso")
	if err := os.WriteFile(path, image, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		got, err := exec.Command(isoinfo, "-J", "-i", path, "-x", "/"+file.Path).Output()
		if err != nil || !bytes.Equal(got, file.Content) {
			t.Errorf("isoinfo reads %s as %d bytes, %v; want %d", file.Path, len(got), err, len(file.Content))
		}
	}
}

func TestBuildRefuses(t *testing.T) {
	tests := []struct {
		name  string
		files []BuildFile
		opts  BuildOptions
	}{
		{"twice", []BuildFile{{"a", nil}, {"A", nil}}, BuildOptions{}},
		{"file as directory", []BuildFile{{"a", nil}, {"a/b", nil}}, BuildOptions{}},
		{"escape", []BuildFile{{"../a", nil}}, BuildOptions{}},
		{"no name", []BuildFile{{"/", nil}}, BuildOptions{}},
		{"long name", []BuildFile{{strings.Repeat("x", 65), nil}}, BuildOptions{}},
		{"too deep", []BuildFile{{"1/2/3/4/5/6/7/8/9", nil}}, BuildOptions{}},
		{"long volume name", nil, BuildOptions{VolumeID: strings.Repeat("V", 17)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var image bytes.Buffer
			if err := Build(&image, test.files, test.opts); err == nil || image.Len() > 0 {
				t.Errorf("err = %v, %d bytes written", err, image.Len())
			}
		})
	}
}
