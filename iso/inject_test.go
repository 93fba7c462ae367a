package iso

import (
	"os/exec"
	"strings"
	"testing"
)

func TestInjectEveryVariant(t *testing.T) {
	for _, v := range variants() {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			image := v.build(t)
			if before := inspect(t, image); before.Bootable || len(before.BootFiles) == 0 {
				t.Fatalf("the disc to be injected: %+v", before)
			}
			bootable := inject(t, image, InjectOptions{})
			after := inspect(t, bootable)
			if !after.Bootable || len(after.BootImages) != 1 || after.BootImages[0].BootInfoTable != TablePresent || after.BootImages[0].LoadSectors != 4 {
				t.Errorf("after: bootable %t, images %+v, problems %q", after.Bootable, after.BootImages, after.Problems)
			}
			output, err := exec.Command(need(t, "xorriso", "xorriso"), "-indev", bootable, "-report_el_torito", "plain").CombinedOutput()
			if err != nil || !strings.Contains(string(output), "BIOS  y   none") {
				t.Errorf("xorriso: %v\n%s", err, output)
			}
			if !testing.Short() {
				boot(t, seaBIOS, "Loading "+isolinuxMarker, cdrom(bootable)...)
			}
		})
	}
}
