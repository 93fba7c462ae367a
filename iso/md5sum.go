package iso

import (
	"bytes"
	"context"
	"crypto/md5" // not for security: it is what isomd5sum implants
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"strconv"
)

// implantedSum is the checksum that isomd5sum's implantisomd5 leaves in the
// application use area of the primary descriptor, which anaconda's media check
// compares with the disc.
type implantedSum struct {
	MD5         string // 32 hexadecimal digits; "" when there is none
	skipSectors int64  // sectors at the end that are not covered
	fragments   string // three digits of the sum so far, count times; "" when there are none
	count       int64
}

// isomd5sum's rule: the sum covers the volume but its last sectors, the
// application use area counting as spaces, in steps of 32 KiB.
const (
	implantStep  = 32 << 10
	fragmentSums = 60 // digits
)

func implantedFields() map[string]*regexp.Regexp {
	return map[string]*regexp.Regexp{
		"md5":       regexp.MustCompile(`ISO MD5SUM = ([0-9a-f]{32})`),
		"skip":      regexp.MustCompile(`SKIPSECTORS = ([0-9]{1,9})`),
		"fragments": regexp.MustCompile(`FRAGMENT SUMS = ([0-9a-f]{1,128})`),
		"count":     regexp.MustCompile(`FRAGMENT COUNT = ([0-9]{1,2})`),
	}
}

func (d *Disc) implanted() implantedSum {
	return parseImplanted(d.Trees[0].data[offApplicationUse : offApplicationUse+lenApplicationUse])
}

func parseImplanted(area []byte) implantedSum {
	if !bytes.Contains(area, []byte("ISO MD5SUM")) {
		return implantedSum{}
	}
	field := func(name string) string {
		if m := implantedFields()[name].FindSubmatch(area); m != nil {
			return string(m[1])
		}
		return ""
	}
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(field(name), 10, 64) // at most nine digits; "" is 0
		return n
	}
	return implantedSum{MD5: field("md5"), skipSectors: number("skip"), fragments: field("fragments"), count: number("count")}
}

// Reimplant computes the implanted checksum of the image that results and puts
// it into the plan, in place of the one that will not match any more; nothing
// happens when the disc has none. It reads the whole image.
func (p *Injection) Reimplant(ctx context.Context, progress Progress) error {
	if !p.Implanted || p.implanted {
		return nil
	}
	area := p.descriptors[0].data[offApplicationUse : offApplicationUse+lenApplicationUse]
	old := parseImplanted(area)
	covered := p.total - old.skipSectors*SectorSize
	if covered <= 0 {
		return fmt.Errorf("the implanted checksum claims to skip %d sectors of a disc of %d", old.skipSectors, p.total/SectorSize)
	}
	sum, fragments, err := p.implantSums(ctx, covered, old, progress)
	if err != nil {
		return err
	}
	copy(area, bytes.Replace(area, []byte(old.MD5), []byte(sum), 1))
	if old.fragments != "" {
		copy(area, bytes.Replace(area, []byte("= "+old.fragments), []byte("= "+fragments), 1))
	}
	p.implanted = true
	return nil
}

func (p *Injection) implantSums(ctx context.Context, covered int64, old implantedSum, progress Progress) (sum, fragments string, err error) {
	hash := md5.New()
	digits := []byte(old.fragments)
	fragmentSize, width := int64(0), int64(0)
	if old.count > 0 {
		fragmentSize, width = covered/(old.count+1), fragmentSums/old.count
	}
	areaAt := int64(firstDescriptor*SectorSize + offApplicationUse)
	spaces := bytes.Repeat([]byte{' '}, lenApplicationUse)
	buffer := make([]byte, implantStep)
	previous := int64(0)
	for at := int64(0); at < covered; at += implantStep {
		if err := ctx.Err(); err != nil {
			return "", "", err
		}
		chunk := buffer[:min(implantStep, covered-at)]
		if _, err := p.overlay.ReadAt(chunk, at); err != nil && err != io.EOF {
			return "", "", fmt.Errorf("compute the implanted checksum: %w", err)
		}
		if from := areaAt - at; from >= 0 && from < int64(len(chunk)) {
			copy(chunk[from:], spaces)
		}
		hash.Write(chunk)
		if fragmentSize > 0 && at/fragmentSize != previous {
			previous = at / fragmentSize
			putFragment(digits, (previous-1)*width, width, hash.Sum(nil))
		}
		if progress != nil {
			progress.Copied(at, covered)
		}
	}
	return hex.EncodeToString(hash.Sum(nil)), string(digits), nil
}

// putFragment writes the first hexadecimal digit of each of the first bytes of a
// digest, as isomd5sum prints them: without leading zeros.
func putFragment(digits []byte, at, width int64, digest []byte) {
	for i := range min(width, int64(len(digest))) {
		if at+i < int64(len(digits)) {
			digits[at+i] = strconv.FormatUint(uint64(digest[i]), 16)[0]
		}
	}
}
