package fleet_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/fleet/fleettest"
	"github.com/cloudlease/leader/leadertest"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// asked runs a test of a fleet with three nodes and 12 parts.
func asked(t *testing.T, test func(t *testing.T, ships *fleettest.Fleet, nodes map[string]*fleettest.Node)) {
	synctest.Test(t, func(t *testing.T) {
		ships := fleettest.New(t, fleet.WithName("ships"), fleet.WithShards(12))
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

func pinnedTo(t *testing.T, ships *fleettest.Fleet, part string) string {
	o, err := fleet.Inspect(t.Context(), ships.Store(), "ships")
	require.NoError(t, err)
	for _, p := range o.Parts {
		if p.Part == part {
			return p.Pinned
		}
	}
	return "?"
}

// A part that is pinned goes to its node within two intervals, stays there, and comes back after the node was away. Once it is unpinned, it moves
// as any other.
func TestMove(t *testing.T) {
	asked(t, func(t *testing.T, ships *fleettest.Fleet, nodes map[string]*fleettest.Node) {
		part := partOf(ships, "a")
		require.NoError(t, fleet.Move(anHour(t), ships.Store(), "ships", part, "b"))
		assert.Equal(t, "b", pinnedTo(t, ships, part))
		time.Sleep(2 * interval)
		assert.Equal(t, "b", ships.Where()[part])
		ships.Settle()
		assert.Equal(t, "b", ships.Where()[part])
		assert.Equal(t, map[string]int{"a": 4, "b": 4, "c": 4}, ships.Loads(), "another part has moved for balance")
		before := ships.Begun()
		require.NoError(t, fleet.Move(anHour(t), ships.Store(), "ships", part, "b"), "it is there")
		ships.Settle()
		assert.Equal(t, before, ships.Begun())

		require.NoError(t, nodes["b"].Leave())
		ships.Settle()
		assert.NotEqual(t, "b", ships.Where()[part])
		nodes["b"] = ships.Join("b", fleettest.Wait)
		ships.Settle()
		assert.Equal(t, "b", ships.Where()[part])

		for other, at := range ships.Where() {
			if at != "b" {
				require.NoError(t, fleet.Move(anHour(t), ships.Store(), "ships", other, "b"))
			}
		}
		ships.Settle()
		assert.Equal(t, 12, ships.Loads()["b"]+ships.Loads()["a"]+ships.Loads()["c"])
		assert.GreaterOrEqual(t, ships.Loads()["b"], 8)
		for other := range ships.Where() {
			require.NoError(t, fleet.Move(anHour(t), ships.Store(), "ships", other, ""))
			assert.Empty(t, pinnedTo(t, ships, other))
		}
		ships.Settle()
		assert.Equal(t, map[string]int{"a": 4, "b": 4, "c": 4}, ships.Loads())
	})
}

// F1, F5: a part is moved away and back while its node reads no plans. The node never knew; yet the part has come back under a new token, so the
// work under the old one is cancelled, and one under the new one begins.
func TestMove_AwayAndBackUnseen(t *testing.T) {
	asked(t, func(t *testing.T, ships *fleettest.Fleet, nodes map[string]*fleettest.Node) {
		var unseeing, other *fleettest.Node
		for _, n := range nodes {
			switch {
			case n.Status().Coordinates:
			case unseeing == nil:
				unseeing = n
			default:
				other = n
			}
		}
		part, seat := partOf(ships, unseeing.Name), unseeing.Status().Token
		before := tokenOf(t, ships, part)
		unseeing.Store.Set(leadertest.CutOff, leadertest.Acquire, leadertest.Inspect)
		require.NoError(t, fleet.Move(anHour(t), ships.Store(), "ships", part, other.Name))
		require.NoError(t, fleet.Move(anHour(t), ships.Store(), "ships", part, unseeing.Name))
		require.Equal(t, before, workedOnUnder(unseeing, part))
		unseeing.Store.Set(leadertest.None)
		ships.Settle()
		require.Equal(t, seat, unseeing.Status().Token, "it has kept its seat")
		require.Equal(t, unseeing.Name, ships.Where()[part])
		after := tokenOf(t, ships, part)
		require.Greater(t, after, before)
		require.Equal(t, after, workedOnUnder(unseeing, part))
	})
}

// workedOnUnder returns the token under which a node works on a part.
func workedOnUnder(n *fleettest.Node, part string) uint64 {
	for _, p := range n.Status().Parts {
		if p.Part == part {
			return p.Token
		}
	}
	return 0
}

// tokenOf returns a part's token by the plan.
func tokenOf(t *testing.T, ships *fleettest.Fleet, part string) uint64 {
	o, err := fleet.Inspect(t.Context(), ships.Store(), "ships")
	require.NoError(t, err)
	for _, p := range o.Parts {
		if p.Part == part {
			return p.Token
		}
	}
	return 0
}

func TestMove_Refuses(t *testing.T) {
	asked(t, func(t *testing.T, ships *fleettest.Fleet, nodes map[string]*fleettest.Node) {
		move := func(part, node string) error { return fleet.Move(anHour(t), ships.Store(), "ships", part, node) }
		err := move("99", "a")
		require.EqualError(t, err, `invalid lease request: fleet "ships" has no part "99"`)
		err = move("1", "x")
		require.ErrorIs(t, err, lease.ErrInvalid)
		require.ErrorContains(t, err, `no node "x" of fleet "ships" can take part "1": there are "a", "b", "c"`)
		require.NoError(t, move("1", ""), "it is not pinned")
		long := strings.Repeat("ä", 100)
		other := ships.Join(long, fleettest.Wait)
		ships.Settle()
		require.ErrorContains(t, move("1", long), `invalid lease request: fleet "ships": pin part "1" to node "`+long+`": the two names have 601 bytes, escaped as in a URL's query, and 254 at most can be asked for`)
		require.NoError(t, other.Leave())
		require.ErrorContains(t, fleet.Move(anHour(t), ships.Store(), "whales", "1", "a"), `fleet "whales" has no part "1"`)

		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		for _, n := range nodes {
			n.Crash()
		}
		time.Sleep(2 * length)
		require.ErrorIs(t, fleet.Move(ctx, ships.Store(), "ships", "1", ""), nil)
		err = fleet.Move(ctx, ships.Store(), "ships", "1", "a")
		require.ErrorContains(t, err, "none that can")
	})
}

// The coordinator dies after it was asked: the next one is asked.
func TestMove_TheCoordinatorDies(t *testing.T) {
	asked(t, func(t *testing.T, ships *fleettest.Fleet, nodes map[string]*fleettest.Node) {
		var coordinator, other *fleettest.Node
		for _, n := range nodes {
			if n.Status().Coordinates {
				coordinator = n
			} else {
				other = n
			}
		}
		part := partOf(ships, coordinator.Name)
		done := make(chan error, 1)
		go func() { done <- fleet.Move(anHour(t), ships.Store(), "ships", part, other.Name) }()
		synctest.Wait()
		coordinator.Crash()
		err := <-done
		if err != nil { // nobody held the office for a moment, and so it was refused
			require.ErrorIs(t, err, lease.ErrRefused)
			time.Sleep(length)
			require.NoError(t, fleet.Move(anHour(t), ships.Store(), "ships", part, other.Name))
		}
		ships.Settle()
		assert.Equal(t, other.Name, ships.Where()[part])
	})
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
