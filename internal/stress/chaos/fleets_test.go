//go:build unix

package chaos

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FS1, FS2: whatever happens to the nodes of a fleet, its coordinator, their network and the store, no part has two terms at once, its
// register accepts no stale write and applies each event once, and all parts are worked on again in the end.
func TestChaosOfFleets(t *testing.T) {
	begin(t)
	binary, err := worker()
	require.NoError(t, err)
	var tallies []*tally
	var all sync.WaitGroup
	for _, p := range fleetPlaces() {
		tally := newTally(p)
		all.Go(func() { t.Run(p.name, func(t *testing.T) { p.divide(t, binary, tally) }) })
		tallies = append(tallies, tally)
	}
	all.Wait()
	tallies = slices.DeleteFunc(tallies, func(t *tally) bool { return t.rounds == 0 }) // skipped
	t.Logf("seed %d\n%s", *seed, table(tallies))
	judgeAll(t, tallies)
}

// fleetPlaces are the places of the elections, with one fleet each. On Azure a round takes longer than all that is to happen elsewhere, so
// there are two.
func fleetPlaces() []*place {
	all := places()
	for _, p := range all {
		p.elections, p.workers, p.parts, p.every = 1, 3, 8, 60*time.Millisecond
		p.length = max(p.length, 2*time.Second)
		switch p.name {
		case "file": // it costs least
			p.workers, p.parts = 4, 12
		case "azure":
			p.elections = 2
		}
	}
	return all
}

// divide runs the fleets of a place side by side.
func (p *place) divide(t *testing.T, binary string, tally *tally) {
	var all sync.WaitGroup
	until := time.Now().Add(*fleets)
	for i := range p.elections {
		all.Go(func() {
			t.Run(fmt.Sprint(i+1), func(t *testing.T) {
				d := newDivision(t, p, binary, p.random(50+i), tally)
				next := p.blows(i)
				for n := 0; n*p.elections < 2 || time.Now().Before(until); n++ { // the first two blows happen
					d.round(next())
					tally.round()
				}
				d.judge()
			})
		})
	}
	all.Wait()
	if !t.Failed() && tally.rounds > 0 {
		require.Empty(t, tally.misses(blows[:2]), "did not come about")
		require.False(t, tally.late(tally.crashes, p.bound()), "FL2: the median keeps the bound itself")
	}
}

// misses returns which of these blows have not happened.
func (t *tally) misses(all []blow) (missing []string) {
	t.do(func() {
		for _, b := range all {
			if t.counts[b.name] == 0 {
				missing = append(missing, b.name)
			}
		}
	})
	return missing
}
