package fleet_test

import (
	"context"
	"errors"
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

func TestMove_Refuses(t *testing.T) {
	asked(t, func(t *testing.T, ships *fleettest.Fleet, nodes map[string]*fleettest.Node) {
		move := func(part, node string) error { return fleet.Move(anHour(t), ships.Store(), "ships", part, node) }
		err := move("99", "a")
		require.ErrorIs(t, err, lease.ErrInvalid)
		require.ErrorContains(t, err, `fleet "ships" has no part "99"`)
		err = move("1", "x")
		require.ErrorIs(t, err, lease.ErrInvalid)
		require.ErrorContains(t, err, `no node "x" of fleet "ships" can take part "1": there are "a", "b", "c"`)
		require.NoError(t, move("1", ""), "it is not pinned")
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
