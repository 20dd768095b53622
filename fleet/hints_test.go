package fleet_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/fleet/fleettest"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// unheard is a store that gives no hints. It counts the reads.
type unheard struct {
	lease.Store
	reads atomic.Int64
}

func newUnheard() *unheard { return &unheard{Store: memory.NewStore()} }

// Load reads a cell.
func (u *unheard) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	u.reads.Add(1)
	return u.Store.Load(ctx, name)
}

// gaps returns how long the parts of a node that leaves stand still, in the middle and at most, and how long it takes to leave. join
// starts the nodes a, b and c.
func gaps(t *testing.T, join func(ships *fleettest.Fleet) (a *fleettest.Node), store lease.Store) (median, longest, leave time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		ships := fleettest.New(t, fleet.WithName("ships"), fleet.WithShards(12), fleet.WithLeaseManager(lease.NewManager(store)))
		a := join(ships)
		ships.Settle()
		before, began := ships.Where(), time.Now()
		left := make(chan error, 1)
		go func() { left <- a.Leave() }()
		gone, all := map[string]time.Time{}, map[string]time.Duration{}
		for len(all) < count(before, "a") {
			time.Sleep(time.Millisecond)
			now := ships.Where()
			for part, node := range before {
				_, back := all[part]
				switch {
				case node != "a" || back:
				case now[part] == "" && gone[part].IsZero():
					gone[part] = time.Now()
				case now[part] != "" && now[part] != "a":
					all[part] = time.Since(gone[part])
					if gone[part].IsZero() {
						all[part] = 0
					}
				}
			}
			require.Less(t, time.Since(began), time.Minute)
		}
		require.NoError(t, <-left)
		leave = time.Since(began)
		times := []time.Duration{}
		for _, gap := range all {
			times = append(times, gap)
		}
		slices.Sort(times)
		median, longest = times[len(times)/2], times[len(times)-1]
	})
	return median, longest, leave
}

func joinThree(ships *fleettest.Fleet) *fleettest.Node {
	a := ships.Join("a", fleettest.Wait)
	ships.Join("b", fleettest.Wait)
	ships.Join("c", fleettest.Wait)
	return a
}

// Where the store can tell of changes, coordinator and nodes wake each other: a part that moves is worked on again after a tenth of an interval
// or two.
func TestHintsMovePartsSooner(t *testing.T) {
	median, longest, leave := gaps(t, joinThree, newUnheard())
	t.Logf("without hints: gap of a part %v, %v at most; the node has left after %v", median, longest, leave)
	wokenMedian, wokenLongest, wokenLeave := gaps(t, joinThree, memory.NewStore())
	t.Logf("with hints: gap of a part %v, %v at most; the node has left after %v", wokenMedian, wokenLongest, wokenLeave)
	assert.LessOrEqual(t, wokenLongest, 2*interval/10+100*time.Millisecond)
	assert.Less(t, wokenLongest, longest)
	assert.Less(t, wokenLeave, leave)
}
