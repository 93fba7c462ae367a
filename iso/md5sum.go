package iso

import (
	"regexp"
	"strconv"
)

// implantedSum is the checksum that isomd5sum's implantisomd5 leaves in the
// application use area of the primary descriptor, which anaconda's media check
// compares with the disc.
type implantedSum struct {
	MD5         string // 32 hexadecimal digits; "" when there is none
	skipSectors int64  // sectors at the end that are not covered
	fragments   string // "" when there are none
	count       int
	supported   bool
}

var (
	md5Field      = regexp.MustCompile(`ISO MD5SUM = ([0-9a-f]{32})`)
	skipField     = regexp.MustCompile(`SKIPSECTORS = ([0-9]{1,9})`)
	fragmentField = regexp.MustCompile(`FRAGMENT SUMS = ([0-9a-f]+)`)
	countField    = regexp.MustCompile(`FRAGMENT COUNT = ([0-9]{1,4})`)
)

func (d *Disc) implanted() implantedSum {
	area := d.descriptor[0].data[offApplicationUse : offApplicationUse+lenApplicationUse]
	var sum implantedSum
	if m := md5Field.FindSubmatch(area); m != nil {
		sum.MD5 = string(m[1])
	}
	if m := skipField.FindSubmatch(area); m != nil {
		sum.skipSectors, _ = strconv.ParseInt(string(m[1]), 10, 64) // at most nine digits
	}
	if m := fragmentField.FindSubmatch(area); m != nil {
		sum.fragments = string(m[1])
	}
	if m := countField.FindSubmatch(area); m != nil {
		sum.count, _ = strconv.Atoi(string(m[1])) // at most four digits
	}
	return sum
}
