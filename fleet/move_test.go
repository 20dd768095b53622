package fleet_test

import (
	"context"
	"encoding/hex"
	"math/rand/v2"
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
)

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

// The coordinator dies after it was asked, or leaves before it has found the wish: the next one is asked, once there is one.
func TestMove_TheCoordinatorGoes(t *testing.T) {
	for how, end := range map[string]func(*testing.T, *fleettest.Node){
		"it dies":   func(_ *testing.T, n *fleettest.Node) { n.Crash() },
		"it leaves": func(t *testing.T, n *fleettest.Node) { require.NoError(t, n.Leave()) },
	} {
		t.Run(how, func(t *testing.T) {
			inFleet(t, func(t *testing.T, ships *fleettest.Fleet) {
				coordinator := ships.Join("spare", fleettest.Wait, fleet.WithWeight(0)) // which has nothing to give
				ships.Settle()
				ships.Join("a", fleettest.Wait)
				ships.Join("b", fleettest.Wait)
				ships.Settle()
				require.True(t, coordinator.Status().Coordinates)
				part := partOf(ships, "a")
				done := make(chan error, 1)
				go func() { done <- fleet.Move(anHour(t), ships.Store(), "ships", part, "b") }()
				synctest.Wait()
				require.Empty(t, done)
				end(t, coordinator)
				require.NoError(t, <-done)
				ships.Settle()
				assert.Equal(t, "b", ships.Where()[part])
			})
		})
	}
}

// wish has another operator ask the coordinator for a move.
func wish(t *testing.T, ships *fleettest.Fleet, move string) {
	t.Helper()
	office, err := lease.Inspect(t.Context(), ships.Store(), "ships")
	require.NoError(t, err)
	require.NoError(t, lease.Ask(t.Context(), ships.Store(), office, lease.Wish{Kind: "move", For: move}))
}

// The coordinator dies with all others while another wish stands: nobody can be asked, and Move says so.
func TestMove_BehindAWishThatNobodyHears(t *testing.T) {
	asked(t, func(t *testing.T, ships *fleettest.Fleet, nodes map[string]*fleettest.Node) {
		part := partOf(ships, "a")
		other := partOf(ships, "c") + "=a"
		for _, n := range nodes {
			n.Crash()
		}
		wish(t, ships, other)
		time.Sleep(length / 2)
		require.ErrorIs(t, fleet.Move(anHour(t), ships.Store(), "ships", part, "b"), lease.ErrRefused)
	})
}

// A part is pinned to a node that has come back, and waits until the fleet is calm. An operator who wants it to move now is heard, also behind another
// wish.
func TestMove_BehindAnotherWish(t *testing.T) {
	asked(t, func(t *testing.T, ships *fleettest.Fleet, nodes map[string]*fleettest.Node) {
		part := partOf(ships, "b")
		require.NoError(t, fleet.Move(anHour(t), ships.Store(), "ships", part, "b"))
		require.NoError(t, nodes["b"].Leave())
		ships.Settle()
		ships.Join("b", fleettest.Wait)
		ships.Settle()
		require.NotEqual(t, "b", ships.Where()[part], "it waits")
		wish(t, ships, partOf(ships, "c")+"=a")
		require.NoError(t, fleet.Move(anHour(t), ships.Store(), "ships", part, "b"))
		time.Sleep(2 * interval)
		require.Equal(t, "b", ships.Where()[part])
	}, fleet.WithCalm(time.Hour))
}

// The part leaves the list while the coordinator has not decided yet: it gets no pin any more.
func TestMove_ThePartLeavesTheList(t *testing.T) {
	withoutParts(t, func(t *testing.T, ships *fleettest.Fleet) {
		var gone atomic.Bool
		list := fleet.WithPartsFrom(interval/8, func(context.Context) ([]string, error) {
			if gone.Load() {
				return []string{"0", "1"}, nil
			}
			return []string{"0", "1", "2"}, nil
		})
		ships.Join("a", fleettest.Wait, list)
		ships.Join("b", fleettest.Wait, list)
		ships.Settle()
		to := "a"
		if ships.Where()["2"] == to {
			to = "b"
		}
		renewed := func() time.Time {
			office, err := lease.Inspect(t.Context(), ships.Store(), "ships")
			require.NoError(t, err)
			return office.Renewed
		}
		for before := renewed(); before.Equal(renewed()); { // so that it hears of the wish after it has the new list
			time.Sleep(interval / 64)
		}
		began := time.Now()
		done := make(chan error, 1)
		go func() { done <- fleet.Move(anHour(t), ships.Store(), "ships", "2", to) }()
		synctest.Wait()
		require.Empty(t, done)
		gone.Store(true)
		require.EqualError(t, <-done, `invalid lease request: fleet "ships" has no part "2"`)
		require.LessOrEqual(t, time.Since(began), 4*interval)
	})
}

// There is room for one pin more, and another operator uses it up while the coordinator has not heard of this one.
func TestMove_TheRoomIsUsedUp(t *testing.T) {
	withoutParts(t, func(t *testing.T, ships *fleettest.Fleet) {
		var parts []string
		text := rand.NewChaCha8([32]byte{})
		for range 60 {
			name := make([]byte, 110)
			_, _ = text.Read(name)
			parts = append(parts, hex.EncodeToString(name))
		}
		ships.Join("a", fleettest.Wait, fleet.WithParts(parts...))
		ships.Join("b", fleettest.Wait, fleet.WithParts(parts...))
		ships.Settle()
		move := func(part, node string) error { return fleet.Move(anHour(t), ships.Store(), "ships", part, node) }
		n := 0
		for ; ; n++ {
			if err := move(parts[n], "a"); err != nil {
				require.ErrorIs(t, err, lease.ErrInvalid)
				require.ErrorContains(t, err, "its pins take")
				break
			}
		}
		require.NoError(t, move(parts[n-1], ""))
		wish(t, ships, parts[n-1]+"=a")
		began := time.Now()
		err := move(parts[n], "a")
		require.ErrorIs(t, err, lease.ErrInvalid)
		require.ErrorContains(t, err, "has no room")
		require.LessOrEqual(t, time.Since(began), 10*interval)
		require.Equal(t, "a", pinnedTo(t, ships, parts[n-1]))
		require.Empty(t, pinnedTo(t, ships, parts[n]))
	})
}
