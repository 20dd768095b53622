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

var manyNodes = flag.Int("nodes", 40, "how many nodes TestManyNodesStartAtOnce starts")

// Many nodes that start at once are in balance within ten intervals.
func TestManyNodesStartAtOnce(t *testing.T) {
	nodes, parts := *manyNodes, 5**manyNodes
	synctest.Test(t, func(t *testing.T) {
		f := fleettest.New(t, fleet.WithName("ships"), fleet.WithShards(parts))
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
		fmt.Printf("%d nodes that start at once are in balance after %.1f intervals, with %d reads and %d writes, %d works begun\n",
			nodes, float64(took)/float64(interval), reads.Load(), writes.Load(), f.Begun())
		require.LessOrEqual(t, took, 10*interval)
		require.LessOrEqual(t, f.Begun(), 2*parts, "each part moves about once")
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
	fmt.Printf("allocations in an interval at rest: %d with 10,000 parts, %d with ten\n", many, few)
	require.LessOrEqual(t, many, 2*few)
}

func heap() (m runtime.MemStats) {
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m
}
