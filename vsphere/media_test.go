package vsphere_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
	"github.com/uclab/uclab/vsphere"
)

// imaged is a lab of one node with a disc of the given bytes.
func imaged(content string) *labspec.Lab {
	l := lab(1)
	l.Media = []labspec.Media{{Name: "disc", Kind: "iso", Source: "/isos/disc.iso", Size: int64(len(content)), SHA256: strings.Repeat("ef", 32)}}
	l.Nodes[0].CDROMs = []string{"disc"}
	return l
}

func opener(content string) func(context.Context, labspec.Media) (vsphere.MediaReader, error) {
	return func(context.Context, labspec.Media) (vsphere.MediaReader, error) {
		return io.NopCloser(strings.NewReader(content)), nil
	}
}

// steps records progress.
type steps struct {
	mu    sync.Mutex
	last  map[string]int64
	total map[string]int64
	lines []string
}

func (s *steps) Start(kind, address, action string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, kind+" "+address+" "+action)
}

func (s *steps) Step(address string, done, total int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last, s.total = map[string]int64{}, map[string]int64{}
	}
	s.last[address], s.total[address] = done, total
}

func (s *steps) Done(string, error) {}

func TestMediaAreUploadedOnceAndGoLast(t *testing.T) {
	tg := vpx(t)
	c := tg.dial()
	content := strings.Repeat("x", 3<<20)
	l := imaged(content)
	progress := &steps{}
	mustApply(t, c, l, vsphere.ApplyOptions{OpenMedia: opener(content), Progress: progress})
	if progress.last["disc"] != 3<<20 || progress.total["disc"] != 3<<20 {
		t.Errorf("progress ended at %d of %d", progress.last["disc"], progress.total["disc"])
	}
	if want := "media disc create, vm cucm-000 create"; strings.Join(progress.lines, ", ") != want {
		t.Errorf("progress: %v", progress.lines)
	}

	// Another lab has the same disc in a drive: nothing is uploaded, and it stays
	// when the first lab goes.
	other := imaged(content)
	other.Name = "other"
	other.Nodes[0] = node(other, "asa", 9)
	other.Nodes[0].CDROMs = []string{"disc"}
	tg.setCut(nil)
	mustApply(t, c, other, vsphere.ApplyOptions{})
	if err := destroy(t, c, l); err != nil {
		t.Fatal(err)
	}
	if inv := observe(t, c, other); len(inv.Media) != 1 || !inv.Media[0].Used {
		t.Errorf("media: %+v", inv.Media)
	}
	if err := destroy(t, c, other); err != nil {
		t.Fatal(err)
	}
	wantNothingLeft(t, c, other)
}

func TestHalfAnUploadIsNeverTakenForAWhole(t *testing.T) {
	tg := vpx(t)
	c := tg.dial()
	const content = "the whole disc"
	l := imaged(content)
	broken := errors.New("the disc has a scratch")
	for name, open := range map[string]func(context.Context, labspec.Media) (vsphere.MediaReader, error){
		"cannot be opened": func(context.Context, labspec.Media) (vsphere.MediaReader, error) { return nil, broken },
		"breaks off": func(context.Context, labspec.Media) (vsphere.MediaReader, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader("the wh"), failingReader{broken})), nil
		},
		"is short": opener("short"),
	} {
		t.Run(name, func(t *testing.T) {
			result, err := apply(t, c, l, vsphere.ApplyOptions{OpenMedia: open})
			if err == nil || !strings.Contains(err.Error(), "upload [LocalDS_0] uclab/efefefefefefefef-disc.iso: ") {
				t.Errorf("error: %v", err)
			}
			if result.Outcomes[0].State != vsphere.Failed || result.Outcomes[1].State != vsphere.Skipped ||
				!strings.Contains(result.Outcomes[1].Err.Error(), "it needs [LocalDS_0] uclab/efefefefefefefef-disc.iso") {
				t.Errorf("outcomes: %+v", result.Outcomes)
			}
			for _, m := range observe(t, c, l).Media {
				t.Errorf("left on the datastore: %+v", m)
			}
		})
	}
	mustApply(t, c, l, vsphere.ApplyOptions{OpenMedia: opener(content)})
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

func TestUploadIsCutOffByAnInterrupt(t *testing.T) {
	tg := vpx(t)
	c := tg.dial()
	l := imaged(strings.Repeat("x", 1<<20))
	ctx, cancel := context.WithCancel(t.Context())
	inv := observe(t, c, l)
	result, err := c.Apply(ctx, l, inv, diff(t, l, inv), vsphere.ApplyOptions{
		OpenMedia: func(ctx context.Context, _ labspec.Media) (vsphere.MediaReader, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader("x"), cancelReader{ctx, cancel})), nil
		},
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error: %v", err)
	}
	for _, o := range result.Outcomes {
		if o.State != vsphere.Skipped {
			t.Errorf("%s is %s: %v", o.Change.Address, o.State, o.Err)
		}
	}
	if media := observe(t, c, l).Media; len(media) != 0 {
		t.Errorf("left on the datastore: %+v", media)
	}
}

// cancelReader interrupts the work and then never ends.
type cancelReader struct {
	ctx    context.Context
	cancel context.CancelFunc
}

func (r cancelReader) Read([]byte) (int, error) {
	r.cancel()
	<-r.ctx.Done()
	return 0, r.ctx.Err()
}

func TestMediaOfAnotherLabStays(t *testing.T) {
	tg := vpx(t)
	c := tg.dial()
	const content = "disc"
	l := imaged(content)
	mustApply(t, c, l, vsphere.ApplyOptions{OpenMedia: opener(content)})
	other := imaged(content)
	other.Name = "other"
	inv := observe(t, c, other)
	if len(inv.Media) != 1 || !inv.Media[0].UsedByOthers {
		t.Fatalf("media: %+v", inv.Media)
	}
	p := &plan.Plan{Changes: []plan.Change{{Action: plan.Delete, Kind: plan.KindMedia, Address: "disc", Path: inv.Media[0].Path}}}
	_, err := c.Apply(t.Context(), other, inv, p, vsphere.ApplyOptions{})
	wantSentence(t, err, "a VM that is not this lab's has it in a drive")
}

// An upload that a busy server or an ended session refuses is begun anew; one
// that it will not have is explained.
func TestRefusedUploads(t *testing.T) {
	const content = "disc"
	for status, ok := range map[int]bool{401: true, 503: true, 507: false} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			tg := vpx(t)
			c := tg.dial()
			l := imaged(content)
			tg.refuseUploads(status, 2)
			_, err := apply(t, c, l, vsphere.ApplyOptions{OpenMedia: opener(content)})
			if ok {
				if err != nil {
					t.Error(err)
				}
				wantEmpty(t, c, l)
				return
			}
			wantSentence(t, err, "upload [LocalDS_0] uclab/efefefefefefefef-disc.iso: the server answered 507 Insufficient Storage")
		})
	}
}
