package fleet_test

import (
	"context"
	"errors"
	"slices"
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
	"github.com/cloudlease/leader/lease/memory"
)

// asked runs a test of a fleet with three nodes and 12 parts.
func asked(t *testing.T, test func(t *testing.T, ships *fleettest.Fleet, nodes map[string]*fleettest.Node), opts ...fleet.Option) {
	synctest.Test(t, func(t *testing.T) {
		ships := fleettest.New(t, append(opts, fleet.WithName("ships"), fleet.WithShards(12))...)
		nodes := map[string]*fleettest.Node{}
		for _, name := range []string{"a", "b", "c"} {
			nodes[name] = ships.Join(name, fleettest.Wait)
		}
		ships.Settle()
		require.Equal(t, map[string]int{"a": 4, "b": 4, "c": 4}, ships.Loads())
		test(t, ships, nodes)
	})
}

// anHour is how long a test waits for what it asks.
func anHour(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	t.Cleanup(cancel)
	return ctx
}

func partOf(ships *fleettest.Fleet, node string) string {
	for part, at := range ships.Where() {
		if at == node {
			return part
		}
	}
	return ""
}

// A node that is drained gives all its parts away and gets none, until it is told to go on, or its process begins anew.
func TestDrain_FromElsewhere(t *testing.T) {
	asked(t, func(t *testing.T, ships *fleettest.Fleet, nodes map[string]*fleettest.Node) {
		a := nodes["a"]
		seat := a.Status().Seat
		require.NoError(t, fleet.Drain(anHour(t), ships.Store(), "ships", seat))
		assert.Zero(t, ships.Loads()["a"])
		assert.True(t, a.Status().Draining)
		require.NoError(t, nodes["c"].Leave())
		ships.Settle()
		assert.Equal(t, map[string]int{"b": 12}, ships.Loads(), "also when others go")
		assert.Equal(t, seat, a.Status().Seat, "it keeps its seat")
		require.NoError(t, fleet.Drain(anHour(t), ships.Store(), "ships", seat), "it is drained already")

		require.NoError(t, fleet.Resume(anHour(t), ships.Store(), "ships", seat))
		ships.Settle()
		assert.Equal(t, map[string]int{"a": 6, "b": 6}, ships.Loads())
		assert.False(t, a.Status().Draining)
		err := fleet.Resume(anHour(t), ships.Store(), "ships", a.Status().Seat)
		require.ErrorIs(t, err, lease.ErrInvalid)
		require.ErrorContains(t, err, "does not drain")

		require.NoError(t, fleet.Drain(anHour(t), ships.Store(), "ships", a.Status().Seat))
		require.NoError(t, a.Leave(), "a node that is drained leaves")
		nodes["a"] = ships.Join("a", fleettest.Wait)
		ships.Settle()
		assert.Equal(t, map[string]int{"a": 6, "b": 6}, ships.Loads(), "a new process takes parts")
		free := 0
		for k := 1; free == 0; k++ {
			if info, err := lease.Inspect(t.Context(), ships.Store(), fleet.SeatLease("ships", k)); err == nil && info.State != lease.Held {
				free = k
			}
		}
		require.ErrorIs(t, fleet.Drain(anHour(t), ships.Store(), "ships", free), lease.ErrRefused)
		require.ErrorIs(t, fleet.Resume(anHour(t), ships.Store(), "ships", free), lease.ErrRefused)
	})
}

// A work that takes long to return is waited for. A node that was drained and loses its seat drains in the next one, too.
func TestDrain_Waits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ships := fleettest.New(t, fleet.WithName("ships"), fleet.WithShards(4))
		a := ships.Join("a", func(ctx context.Context, _ string) error {
			<-ctx.Done()
			time.Sleep(time.Minute)
			return nil
		})
		ships.Settle()
		ships.Join("b", fleettest.Wait)
		ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Second, context.DeadlineExceeded)
		defer cancel()
		seat := a.Status().Seat
		err := fleet.Drain(ctx, ships.Store(), "ships", seat)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, `the node "a" in seat`)
		began := time.Now()
		require.NoError(t, fleet.Drain(anHour(t), ships.Store(), "ships", seat))
		assert.Greater(t, time.Since(began), 30*time.Second)
		time.Sleep(2 * interval)
		assert.Equal(t, map[string]int{"b": 4}, ships.Loads())
		begun := ships.Begun()
		a.Sleep(2 * length)
		ships.Settle()
		assert.Equal(t, map[string]int{"b": 4}, ships.Loads())
		assert.Equal(t, begun, ships.Begun(), "also in its next seat it gets nothing")
	})
}

// Drain returns as soon as the node has nothing, where the store tells of changes; elsewhere at the next of four looks in an interval. Either way it
// looks seldom.
func TestDrain_ReturnsAtOnce(t *testing.T) {
	late := func(store lease.Store, rounds int) (longest time.Duration, reads int64) {
		asks := &readCounter{Store: store}
		synctest.Test(t, func(t *testing.T) {
			ships := fleettest.New(t, fleet.WithName("ships"), fleet.WithShards(12), fleet.WithLeaseManager(lease.NewManager(store)))
			a := joinThree(ships)
			for range rounds {
				ships.Settle()
				seat, done := a.Status().Seat, make(chan time.Time, 1)
				go func() { done <- whenDrained(t, lease.NewManager(store), seat) }()
				require.NoError(t, fleet.Drain(anHour(t), lease.NewManager(asks), "ships", seat))
				returned := time.Now()
				longest = max(longest, returned.Sub(<-done))
				require.NoError(t, fleet.Resume(anHour(t), lease.NewManager(asks), "ships", seat))
			}
		})
		return longest, asks.reads.Load() / int64(rounds)
	}
	heard, reads := late(memory.NewStore(), 4)
	unheard, more := late(newUnheard(), 8)
	t.Logf("with hints %v late at most, %d reads; without %v, %d reads", heard, reads, unheard, more)
	assert.LessOrEqual(t, heard, interval/50)
	assert.Greater(t, unheard, interval/10)
	assert.LessOrEqual(t, reads, 2*more)
}

// whenDrained returns when the session in a seat had nothing any more.
func whenDrained(t *testing.T, m lease.Manager, seat int) time.Time {
	for ; ; time.Sleep(interval / 100) {
		o, err := fleet.Inspect(t.Context(), m, "ships")
		if !assert.NoError(t, err) {
			return time.Now()
		}
		i := slices.IndexFunc(o.Nodes, func(n fleet.NodeInfo) bool { return n.Seat == seat })
		waits := slices.ContainsFunc(o.Parts, func(p fleet.PartInfo) bool { return p.From == o.Nodes[i].Node })
		if o.Nodes[i].Draining && o.Nodes[i].Parts == 0 && !waits {
			return time.Now()
		}
	}
}

// A readCounter counts the reads, and gives the hints of the store behind it, if that does.
type readCounter struct {
	lease.Store
	reads atomic.Int64
}

// Load reads a cell.
func (c *readCounter) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	c.reads.Add(1)
	return c.Store.Load(ctx, name)
}

// Watch tells of changes.
func (c *readCounter) Watch(ctx context.Context, name string) (<-chan struct{}, error) {
	if w, ok := c.Store.(lease.Watcher); ok {
		return w.Watch(ctx, name)
	}
	return nil, errors.ErrUnsupported
}

// The last node can be drained, too: then its parts are nobody's.
func TestDrain_TheLastNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ships := fleettest.New(t, fleet.WithName("ships"), fleet.WithShards(4))
		a := ships.Join("a", fleettest.Wait)
		ships.Settle()
		require.NoError(t, fleet.Drain(anHour(t), ships.Store(), "ships", a.Status().Seat))
		assert.Empty(t, ships.Where())
		require.NoError(t, fleet.Resume(anHour(t), ships.Store(), "ships", a.Status().Seat))
		ships.Settle()
		assert.Equal(t, map[string]int{"a": 4}, ships.Loads())
	})
}

// The only node comes back. While the coordinator waits for others, nobody has a part: no event says that each one has a node.
func TestDrain_WhatNobodyHasIsToldTruly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var told []int
		ships := fleettest.New(t, fleet.WithName("ships"), fleet.WithShards(4), fleet.WithCapacity(3), fleet.WithObserver(func(e fleet.Event) {
			if e, ok := e.(fleet.UnplacedEvent); ok {
				mu.Lock()
				defer mu.Unlock()
				told = append(told, len(e.Parts))
			}
		}))
		a := ships.Join("a", fleettest.Wait)
		until(t, "it has what it takes", func() bool { return ships.Loads()["a"] == 3 })
		require.NoError(t, fleet.Drain(anHour(t), ships.Store(), "ships", a.Status().Seat))
		require.NoError(t, fleet.Resume(anHour(t), ships.Store(), "ships", a.Status().Seat))
		ships.Settle() // the coordinator is new, so it waits a while for other nodes before it hands out parts
		ships.Join("b", fleettest.Wait)
		ships.Settle()
		mu.Lock()
		defer mu.Unlock()
		require.Equal(t, []int{1, 4, 1, 0}, told)
	})
}

// F10: a list that came with an error changes nothing.
func TestF10_AListWithAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fails atomic.Bool
		ships := fleettest.New(t, fleet.WithName("ships"), fleet.WithPartsFrom(interval, func(context.Context) ([]string, error) {
			if fails.Load() {
				return []string{"1"}, errors.New("the connection broke after the first row")
			}
			return []string{"1", "2", "3"}, nil
		}))
		ships.Join("a", fleettest.Wait)
		ships.Settle()
		require.Equal(t, map[string]int{"a": 3}, ships.Loads())
		fails.Store(true)
		ships.Settle()
		require.Equal(t, map[string]int{"a": 3}, ships.Loads())
	})
}

// A seat is not handed over: its node is drained. The office is.
func TestWhatIsHeeded(t *testing.T) {
	asked(t, func(t *testing.T, ships *fleettest.Fleet, nodes map[string]*fleettest.Node) {
		w := lease.Wish{Kind: lease.WishHandover, For: "somebody"}
		seat, err := lease.Inspect(t.Context(), ships.Store(), seatOf(nodes["a"]))
		require.NoError(t, err)
		refused, is := errors.AsType[*lease.RefusedError](lease.Ask(t.Context(), ships.Store(), seat, w))
		require.True(t, is)
		require.Equal(t, lease.RefusedUnheeded, refused.Reason)

		office, err := lease.Inspect(t.Context(), ships.Store(), "ships")
		require.NoError(t, err)
		w.For = "b"
		if office.Holder == "b" {
			w.For = "c"
		}
		require.NoError(t, lease.Ask(t.Context(), ships.Store(), office, w))
		time.Sleep(3 * interval)
		office, err = lease.Inspect(t.Context(), ships.Store(), "ships")
		require.NoError(t, err)
		require.Equal(t, w.For, office.Holder, "the node that is to coordinate does")
		require.Equal(t, map[string]int{"a": 4, "b": 4, "c": 4}, ships.Loads())
	})
}
