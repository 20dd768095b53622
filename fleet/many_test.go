package fleet_test

import (
	"flag"
	"fmt"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/fleet/fleettest"
)

var manyNodes = flag.Int("nodes", fleet.NodesByDefault, "how many nodes TestManyNodesStartAtOnce starts")

// Many nodes that start at once are in balance within ten intervals. Requests take some time: so late nodes show, which have missed the first hand-out.
func TestManyNodesStartAtOnce(t *testing.T) {
	nodes, parts := *manyNodes, 5**manyNodes
	synctest.Test(t, func(t *testing.T) {
		f := fleettest.New(t, fleet.WithName("ships"), fleet.WithShards(parts))
		f.SetLatency(40 * time.Millisecond)
		var reads, writes atomic.Int64
		f.Count(&reads, &writes)
		began := time.Now()
		for n := range nodes {
			f.Join("n"+strconv.Itoa(n), fleettest.Wait)
		}
		inBalance := func() bool {
			loads := f.Loads()
			for _, n := range loads {
				if n != parts/nodes {
					return false
				}
			}
			return len(loads) == nodes
		}
		for !inBalance() {
			time.Sleep(interval / 10)
			require.Less(t, time.Since(began), 30*interval, "%v", f.Loads())
		}
		took := time.Since(began)
		what := fmt.Sprintf("%d nodes that start at once: ", nodes)
		tell(t, what+"to balance", "intervals", float64(took)/float64(interval))
		tell(t, what+"reads until then", "a node", float64(reads.Load())/float64(nodes))
		tell(t, what+"writes until then", "a node", float64(writes.Load())/float64(nodes))
		tell(t, what+"works begun", "a part", float64(f.Begun())/float64(parts))
		require.LessOrEqual(t, took, 10*interval)
		require.LessOrEqual(t, f.Begun(), 2*parts, "each part moves about once")
	})
}

var counted = flag.Duration("counted", fleet.CountedByDefault, "how long TestRequestsAtRest counts")

// Nothing grows with the parts: a node sends one write and one read in an interval, and the coordinator one write, and a read for each seat of the
// width, more (F7).
func TestRequestsAtRest(t *testing.T) {
	const nodes, parts = 20, 1000
	synctest.Test(t, func(t *testing.T) {
		f := fleettest.New(t, fleet.WithName("ships"), fleet.WithShards(parts))
		for n := range nodes {
			f.Join("n"+strconv.Itoa(n), fleettest.Wait)
		}
		f.Settle()
		o, err := fleet.Inspect(t.Context(), f.Store(), "ships")
		require.NoError(t, err)
		var reads, writes atomic.Int64
		f.Count(&reads, &writes)
		time.Sleep(*counted)
		hours, an := counted.Hours(), float64(time.Hour/interval) // intervals
		tell(t, "20 nodes with 1,000 parts: writes", "an hour", float64(writes.Load())/hours)
		tell(t, "20 nodes with 1,000 parts: reads", "an hour", float64(reads.Load())/hours)
		const edge = 1.01          // an interval may have begun before
		rounds := 1 + 2/(hours*an) // likewise a round of reads, and another comes as rounds are a little shorter than an interval
		require.LessOrEqual(t, float64(writes.Load())/hours, (nodes+1)*an*edge)
		require.LessOrEqual(t, float64(reads.Load())/hours, (nodes+float64(o.Width))*an*rounds)
	})
}

// A part costs no goroutine and no timer besides its work's; and while nothing changes, nothing grows with the parts.
func TestManyParts(t *testing.T) {
	costs := func(parts int) (perInterval uint64) {
		synctest.Test(t, func(t *testing.T) {
			f := fleettest.New(t, fleet.WithName("ships"), fleet.WithShards(parts))
			goroutines := runtime.NumGoroutine()
			f.Join("a", fleettest.Wait)
			f.Settle()
			require.Equal(t, map[string]int{"a": parts}, f.Loads())
			require.LessOrEqual(t, runtime.NumGoroutine()-goroutines, parts+30)
			after := heap()
			const intervals = 200
			time.Sleep(intervals * interval)
			perInterval = (heap().Mallocs - after.Mallocs) / intervals
		})
		return perInterval
	}
	few, many := costs(10), costs(10_000)
	tell(t, "allocations at rest, with ten parts", "an interval", float64(few))
	tell(t, "allocations at rest, with 10,000 parts", "an interval", float64(many))
	require.LessOrEqual(t, many, 2*few)
}

func heap() (m runtime.MemStats) {
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m
}
