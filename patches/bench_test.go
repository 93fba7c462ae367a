package patches_test

import (
	"sync"
	"testing"
	"time"

	"github.com/uclab/uclab/appliance"
	"github.com/uclab/uclab/appliance/appliancetest"
	"github.com/uclab/uclab/patches"
)

// roundTrip is the delay that benchmarks put between client and server.
const roundTrip = 50 * time.Millisecond

// BenchmarkPlan plans all of a CUCM's patches behind a slow line, on one node
// and on ten at once. It reports the round trips after the handshake and how
// much longer ten take than one.
func BenchmarkPlan(b *testing.B) {
	server := appliancetest.Start(b, appliancetest.Options{NoPosixRename: true})
	cucm(b, server)
	proxy := appliancetest.NewProxy(b, server.Addr(), roundTrip/2)
	wanted := builtin(b, cucmPatches...)
	dial := func() *appliance.Session {
		session := server.Dial(b, server.Through(proxy))
		if _, err := session.SFTP(b.Context()); err != nil {
			b.Fatal(err)
		}
		return session
	}
	planOn := func(session *appliance.Session) {
		if _, err := patches.MakePlan(b.Context(), session, pub, patches.PartitionActive, wanted); err != nil {
			b.Error(err)
		}
	}
	var one, ten time.Duration
	for b.Loop() {
		session := dial()
		begun := time.Now()
		planOn(session)
		one += time.Since(begun)

		var sessions []*appliance.Session
		for range 10 {
			sessions = append(sessions, dial())
		}
		begun = time.Now()
		var wg sync.WaitGroup
		for _, session := range sessions {
			wg.Go(func() { planOn(session) })
		}
		wg.Wait()
		ten += time.Since(begun)
	}
	b.ReportMetric(one.Seconds()/roundTrip.Seconds()/float64(b.N), "round-trips")
	b.ReportMetric(ten.Seconds()/one.Seconds(), "x-ten-of-one")
}
