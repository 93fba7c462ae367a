//go:build unix

package vsphere

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

// BenchmarkConcentrator200 carries 200 consoles at 9,600 baud (960 bytes a second
// each) on one core for two seconds, each with a viewer that never reads. The CPU
// share counts the hosts that send too.
func BenchmarkConcentrator200(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const consoles, rate, seconds = 200, 960, 2
	c := startConcentrator(b)
	hosts := make([]*fakeHost, consoles)
	for i := range hosts {
		name := fmt.Sprintf("lab-%d", i)
		hosts[i] = c.port(b, name, fmt.Sprintf("%04x", i))
		c.attach(b, name, false)
	}
	var sent int
	begun, cpu := time.Now(), cpuTime(b)
	for b.Loop() {
		var sending sync.WaitGroup
		for _, h := range hosts {
			sending.Go(func() {
				ticker := time.NewTicker(time.Second / 60)
				defer ticker.Stop()
				for range 60 * seconds {
					<-ticker.C
					h.raw(bytes.Repeat([]byte{'x'}, rate/60))
				}
			})
		}
		sending.Wait()
		sent += 60 * seconds * (rate / 60)
	}
	share := float64(cpuTime(b)-cpu) / float64(time.Since(begun))
	eventually(b, func() bool {
		for _, console := range c.Consoles() {
			if console.Bytes < int64(sent) {
				return false
			}
		}
		return true
	})
	lost := 0
	for i := range hosts {
		log, err := os.ReadFile(filepath.Join(c.dir, fmt.Sprintf("lab-%d.log", i)))
		if err != nil {
			b.Fatal(err)
		}
		_, body, _ := bytes.Cut(log, []byte("\n"))
		lost += sent - len(body)
	}
	b.ReportMetric(100*share, "%-of-a-core")
	b.ReportMetric(float64(lost), "bytes-lost")
}

func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
