package fleet_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/fleet/fleettest"
	"github.com/cloudlease/leader/lease"
)

// A net is a way for the nodes to reach each other, by their names.
type net struct {
	mu    sync.Mutex
	nodes map[string]*fleettest.Node
	asked atomic.Int64
	told  atomic.Int64
}

func (net *net) join(ships *fleettest.Fleet, name string) *fleettest.Node {
	n := ships.Join(name, fleettest.Wait, fleet.WithWake(net.wait))
	net.mu.Lock()
	defer net.mu.Unlock()
	if net.nodes == nil {
		net.nodes = map[string]*fleettest.Node{}
	}
	net.nodes[name] = n
	return n
}

// wait waits at the holder for a change of what was seen.
func (net *net) wait(ctx context.Context, seen lease.Info) error {
	net.asked.Add(1)
	net.mu.Lock()
	n := net.nodes[seen.Holder]
	net.mu.Unlock()
	if n == nil {
		return errors.New("nobody of that name is there")
	}
	for now := range n.Holdings(ctx, seen.Name) {
		net.told.Add(1)
		if !now.Held || now.Token != seen.Token || now.Value != seen.Value {
			return nil
		}
	}
	return context.Cause(ctx)
}

// Where the store tells nothing, the nodes wake each other: a part that moves is worked on again after a tenth of an interval or two.
func TestWakeMovesPartsSooner(t *testing.T) {
	median, longest, leave := gaps(t, joinThree, newUnheard())
	t.Logf("alone: gap of a part %v, %v at most; the node has left after %v", median, longest, leave)
	joinWoken := func(ships *fleettest.Fleet) *fleettest.Node {
		net := &net{}
		a := net.join(ships, "a")
		net.join(ships, "b")
		net.join(ships, "c")
		return a
	}
	wokenMedian, wokenLongest, wokenLeave := gaps(t, joinWoken, newUnheard())
	t.Logf("woken: gap of a part %v, %v at most; the node has left after %v", wokenMedian, wokenLongest, wokenLeave)
	assert.LessOrEqual(t, wokenLongest, 2*interval/10)
	assert.Less(t, wokenLongest, longest)
	assert.Less(t, wokenLeave, leave)
}

// Whatever those do who are to wake a node, it looks at each lease ten times in an interval at most, and the fleet works as ever.
func TestWake_IsBounded(t *testing.T) {
	const nodes, long = 3, 2 * time.Minute
	silence := func(*testing.T) []fleet.Option { return nil }
	wakes := func(wait func(ctx context.Context) error) func(*testing.T) []fleet.Option {
		return func(*testing.T) []fleet.Option {
			return []fleet.Option{fleet.WithWake(func(ctx context.Context, _ lease.Info) error { return wait(ctx) })}
		}
	}
	looks := func(t *testing.T, ways func(*testing.T) []fleet.Option) (reads int64) {
		synctest.Test(t, func(t *testing.T) {
			store := newUnheard()
			opts := append(ways(t), fleet.WithName("ships"), fleet.WithShards(12), fleet.WithLeaseManager(lease.NewManager(store)))
			ships := fleettest.New(t, opts...)
			for _, name := range []string{"a", "b", "c"} {
				ships.Join(name, fleettest.Wait)
			}
			ships.Settle()
			before := store.reads.Load()
			time.Sleep(long)
			require.Len(t, ships.Loads(), nodes)
			reads = store.reads.Load() - before
		})
		return reads
	}
	alone := looks(t, silence)
	require.Greater(t, alone, 3*int64(long/interval))
	for name, ways := range map[string]func(*testing.T) []fleet.Option{
		"lies": wakes(func(context.Context) error { return nil }),
		"two lie": func(t *testing.T) []fleet.Option {
			lies := wakes(func(context.Context) error { return nil })
			return append(lies(t), lies(t)...)
		},
		"fails":              wakes(func(context.Context) error { return errors.New("out of order") }),
		"panics":             wakes(func(context.Context) error { panic("out of order") }),
		"ends its goroutine": wakes(func(context.Context) error { runtime.Goexit(); return nil }),
		"hangs": func(t *testing.T) []fleet.Option {
			over := make(chan struct{})
			t.Cleanup(func() { close(over) })
			return wakes(func(context.Context) error { <-over; return nil })(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			most := alone * 11 / 10
			if name == "lies" || name == "two lie" {
				most = alone + (nodes+nodes-1)*10*int64(long/interval)*11/10
			}
			assert.LessOrEqual(t, looks(t, ways), most, "alone: %d", alone)
		})
	}
}

// A way that returns nil all the time is asked ten times in an interval at most, for each lease.
func TestWake_AsksSeldom(t *testing.T) {
	const nodes, long = 3, 2 * time.Minute
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		ships := fleettest.New(t, fleet.WithName("ships"), fleet.WithShards(12), fleet.WithWake(func(context.Context, lease.Info) error {
			asked.Add(1)
			return nil
		}))
		for _, name := range []string{"a", "b", "c"} {
			ships.Join(name, fleettest.Wait)
		}
		ships.Settle()
		before := asked.Load()
		time.Sleep(long)
		assert.LessOrEqual(t, asked.Load()-before, (nodes+nodes-1)*10*int64(long/interval)*11/10)
	})
}

// While nothing moves, nobody is woken: renewals are no news.
func TestWake_RenewalsAreNoNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := &net{}
		ships := fleettest.New(t, fleet.WithName("ships"), fleet.WithShards(12), fleet.WithLeaseManager(lease.NewManager(newUnheard())))
		for _, name := range []string{"a", "b", "c"} {
			net.join(ships, name)
		}
		ships.Settle()
		asked, told := net.asked.Load(), net.told.Load()
		assert.NotZero(t, asked)
		time.Sleep(2 * time.Minute)
		assert.Equal(t, asked, net.asked.Load())
		assert.Equal(t, told, net.told.Load())
	})
}
