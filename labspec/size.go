package labspec

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// The limits of vSphere 8 for one virtual machine.
const (
	minMemoryMB = 4
	maxMemoryMB = 6 << 20 // 6 TiB
	maxDiskGB   = 62 << 10
	maxCPUs     = 128
)

var sizePattern = regexp.MustCompile(`^([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*(?:([KkMmGgTt])(?:[Ii]?[Bb])?)?$`)

// parseSize reads a size such as "2GiB", "512 MiB", "1.5G" or "1024", a number
// of units of unit MiB when it has no suffix. As everywhere in vSphere GB means
// GiB. The result is in MiB.
func parseSize(text string, unit float64) (float64, error) {
	match := sizePattern.FindStringSubmatch(strings.TrimSpace(text))
	if match == nil {
		return 0, fmt.Errorf("%q is not a size: write a number, or one with MiB, GiB or TiB", text)
	}
	number, err := strconv.ParseFloat(match[1], 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a size: %w", text, err)
	}
	switch strings.ToUpper(match[2]) {
	case "K":
		unit = 1.0 / 1024
	case "M":
		unit = 1
	case "G":
		unit = 1024
	case "T":
		unit = 1 << 20
	}
	return number * unit, nil
}

// memoryMB checks a memory size in MiB.
func memoryMB(mib float64) (int, error) {
	switch {
	case mib != math.Trunc(mib):
		return 0, fmt.Errorf("memory is a whole number of MiB, not %v", mib)
	case mib < minMemoryMB || mib > maxMemoryMB:
		return 0, fmt.Errorf("memory is between %d MiB and 6 TiB, not %v MiB", minMemoryMB, mib)
	case int(mib)%4 != 0:
		return 0, fmt.Errorf("vSphere takes memory in multiples of 4 MiB; the nearest to %.0f is %d", mib, (int(mib)+2)/4*4)
	}
	return int(mib), nil
}

// diskGB checks a disk size in MiB and gives it in GiB.
func diskGB(mib float64) (int, error) {
	gib := mib / 1024
	switch {
	case gib < 1 || gib > maxDiskGB:
		return 0, fmt.Errorf("a disk is between 1 GiB and 62 TiB, not %v GiB", gib)
	case gib != math.Trunc(gib):
		return 0, fmt.Errorf("a disk is a whole number of GiB, not %v", gib)
	}
	return int(gib), nil
}
