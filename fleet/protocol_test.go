package fleet_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/fleet/fleettest"
	"github.com/cloudlease/leader/leadertest"
	"github.com/cloudlease/leader/lease"
)

const leadertestCutOff = leadertest.CutOff

func runtimeGoexit() { runtime.Goexit() }

func quiet() fleet.Option { return fleet.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))) }

// overwrite changes the value of a lease that somebody holds, as nobody should.
func overwrite(t *testing.T, f *fleettest.Fleet, name, value string) {
	t.Helper()
	m := f.Store()
	info, err := lease.Inspect(t.Context(), m, name)
	require.NoError(t, err)
	_, err = m.Renew(t.Context(), lease.Lease{
		Name: name, Holder: info.Holder, ID: info.ID, Token: info.Token, Length: info.Length, Version: info.Version, Value: value, ValueNumber: 1 << 40,
	})
	require.NoError(t, err)
}

// F4, F8: a plan that nobody understands is never replaced. No node coordinates, and all sessions end; when it is gone, all goes on.
func TestF4_AValueThatIsNoPlan(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		a := f.Join("a", fleettest.Wait)
		f.Join("b", fleettest.Wait)
		f.Settle()
		before, err := lease.Inspect(t.Context(), f.Store(), "ships")
		require.NoError(t, err)
		overwrite(t, f, "ships", `{"kind":"fleet plan","format":99}`)
		f.Settle()
		require.Empty(t, f.Loads(), "F8: nobody reads a plan")
		require.Error(t, a.Status().Err)
		now, err := lease.Inspect(t.Context(), f.Store(), "ships")
		require.NoError(t, err)
		require.Equal(t, `{"kind":"fleet plan","format":99}`, now.Value)
		require.NotEqual(t, lease.Held, now.State, "nobody coordinates")
		_, err = fleet.Inspect(t.Context(), f.Store(), "ships")
		require.ErrorIs(t, err, lease.ErrRecord)

		m := f.Store()
		l, err := m.Acquire(t.Context(), lease.Request{Name: "ships", Holder: "operator", Length: length})
		require.NoError(t, err)
		l.Value, l.ValueNumber = before.Value, 1
		require.NoError(t, m.Release(t.Context(), l))
		f.Settle()
		require.Equal(t, map[string]int{"a": 6, "b": 6}, f.Loads())
	})
}

// F8: a coordinator that cannot look at the seats steps down, and another one takes over.
func TestF8_ACoordinatorThatSeesNothing(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		a := f.Join("a", fleettest.Wait)
		f.Settle()
		f.Join("b", fleettest.Wait)
		f.Settle()
		require.True(t, a.Status().Coordinates)
		a.Store.Set(leadertest.CutOff, leadertest.Inspect)
		f.Settle()
		require.False(t, a.Status().Coordinates)
		require.Equal(t, map[string]int{"a": 6, "b": 6}, f.Loads(), "it can do everything else")
	})
}

// F8: a node that can renew its seat, but reads no plan, ends its session; and if a work does not return, the seat runs out.
func TestF8_ADeafNode(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		a := f.Join("a", fleettest.Wait)
		f.Settle()
		require.True(t, a.Status().Coordinates)
		release := make(chan struct{})
		lost := make(chan fleet.SeatEvent, 10)
		b := f.Join("b", func(ctx context.Context, _ string) error { <-release; <-ctx.Done(); return nil }, fleet.WithObserver(func(e fleet.Event) {
			if seat, ok := e.(fleet.SeatEvent); ok && !seat.Held {
				lost <- seat
			}
		}))
		f.Settle()
		require.Equal(t, map[string]int{"a": 6, "b": 6}, f.Loads())
		b.Store.Set(leadertest.CutOff, leadertest.Acquire, leadertest.Inspect)
		f.Settle()
		require.Equal(t, map[string]int{"a": 12}, f.Loads(), "others have the parts, though b's works go on")
		close(release)
		require.Error(t, (<-lost).Err, "that is no seat given back")
		b.Store.Set(leadertest.None)
		f.Settle()
		require.Equal(t, map[string]int{"a": 6, "b": 6}, f.Loads())
	})
}

// F3a: somebody breaks a seat: its node's parts go to others once it is certainly over, and it comes again.
func TestF3a_ABrokenSeat(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		f.Join("a", fleettest.Wait)
		b := f.Join("b", fleettest.Wait)
		f.Settle()
		name := "ships/seats/" + strconv.Itoa(b.Status().Seat)
		info, err := lease.Inspect(t.Context(), f.Store(), name)
		require.NoError(t, err)
		require.NoError(t, lease.Break(t.Context(), f.Store(), info))
		f.Settle()
		require.Equal(t, map[string]int{"a": 6, "b": 6}, f.Loads())
	})
}

// F10: the list of parts may change; a coordinator with an older version leaves it alone.
func TestF10_TheListChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fleettest.New(t, fleet.WithName("ships"))
		var parts atomic.Value
		parts.Store([]string{"eu", "us"})
		from := func(context.Context) ([]string, error) {
			p := parts.Load().([]string)
			if len(p) == 1 && p[0] == "error" {
				return nil, errors.New("no list")
			}
			return p, nil
		}
		f.Join("a", fleettest.Wait, fleet.WithPartsFrom(interval, from), fleet.WithPartsVersion(2))
		f.Settle()
		require.Equal(t, map[string]string{"eu": "a", "us": "a"}, f.Where())
		parts.Store([]string{"us", "asia", "africa"})
		f.Settle()
		require.Equal(t, map[string]string{"africa": "a", "asia": "a", "us": "a"}, f.Where())
		for _, bad := range [][]string{{}, {"error"}, {"x", "x"}} {
			parts.Store(bad)
			f.Settle()
			require.Equal(t, map[string]string{"africa": "a", "asia": "a", "us": "a"}, f.Where(), "%q changes nothing", bad)
		}
	})
}

// Capacity bounds what a node takes; what fits nowhere is nobody's, and that is reported.
func TestCapacity(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		a := f.Join("a", fleettest.Wait, fleet.WithCapacity(5))
		f.Settle()
		require.Equal(t, map[string]int{"a": 5}, f.Loads())
		require.Len(t, a.Status().Unplaced, 7)
		o, err := fleet.Inspect(t.Context(), f.Store(), "ships")
		require.NoError(t, err)
		nobodys := 0
		for _, p := range o.Parts {
			if p.Seat == 0 {
				require.NotEmpty(t, p.Why)
				nobodys++
			}
		}
		require.Equal(t, 7, nobodys)
		f.Join("b", fleettest.Wait)
		f.Settle()
		require.Len(t, f.Where(), 12)
		require.Empty(t, a.Status().Unplaced)
	})
}

// Weights, and spares.
func TestWeight(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		spare := f.Join("spare", fleettest.Wait, fleet.WithWeight(0))
		f.Settle()
		require.Equal(t, map[string]int{"spare": 12}, f.Loads(), "nobody else is there")
		f.Join("small", fleettest.Wait)
		big := f.Join("big", fleettest.Wait, fleet.WithWeight(2))
		f.Settle()
		require.Equal(t, map[string]int{"small": 4, "big": 8}, f.Loads())
		require.NoError(t, big.Leave())
		f.Settle()
		require.Equal(t, map[string]int{"small": 12}, f.Loads())
		require.NoError(t, spare.Leave())
	})
}

// F7: a node costs one write and one read in an interval, the coordinator the seats' reads more; nothing grows with the parts.
func TestF7_Requests(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		var loads, swaps atomic.Int64
		f.Count(&loads, &swaps)
		const nodes = 5
		for n := range nodes {
			f.Join("n"+strconv.Itoa(n), fleettest.Wait)
		}
		f.Settle()
		o, err := fleet.Inspect(t.Context(), f.Store(), "ships")
		require.NoError(t, err)
		loads.Store(0)
		swaps.Store(0)
		const intervals = 100
		time.Sleep(intervals * interval)
		require.InDelta(t, intervals*(nodes+1), float64(swaps.Load()), intervals*0.1)
		reads := float64(intervals * (nodes - 1 + o.Width))
		require.InDelta(t, reads*1.04, float64(loads.Load()), reads*0.05)
	})
}

// Options that are wrong are named, all at once.
func TestOptions(t *testing.T) {
	err := fleet.New(nil, fleet.WithShards(0), fleet.WithParts("a", "a"), fleet.WithName("x/seats/y"), fleet.WithWeight(-1), fleet.WithCapacity(-1),
		fleet.WithCalm(-1), fleet.WithInterval(15), fleet.WithLogger(nil), fleet.WithObserver(nil), fleet.WithHealth(nil)).Run(t.Context())
	for _, want := range []string{"an option is nil", "WhenAssigned", "WithLeaseManager", "WithShards: 0", `"a" is there twice`, "given twice", "/seats/", "WithWeight", "WithCapacity", "WithCalm", "WithInterval: 15ns", "WithLogger", "WithObserver", "WithHealth"} {
		require.ErrorContains(t, err, want)
	}
	err = fleet.New(quiet(), fleet.WithLeaseManager(valueless{leadertest.NewManager(nil)}), fleet.WithShards(2), fleet.WhenAssigned(fleettest.Wait)).Run(t.Context())
	require.ErrorContains(t, err, "keeps no values")
}

type valueless struct{ lease.Manager }

func (valueless) Limits() lease.Limits { return lease.Limits{} }

// A second Run waits for nothing.
func TestRunning(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		a := f.Join("a", fleettest.Wait)
		f.Settle()
		require.ErrorIs(t, a.Run(t.Context()), fleet.ErrRunning)
	})
}

// F4: an operator replaces a plan when nobody is there, and the tokens go on growing.
func TestReset(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		a := f.Join("a", fleettest.Wait)
		f.Settle()
		require.ErrorIs(t, fleet.Reset(t.Context(), f.Store(), "ships", 0), lease.ErrHeld)
		before, err := fleet.Inspect(t.Context(), f.Store(), "ships")
		require.NoError(t, err)
		require.NoError(t, a.Leave())
		require.NoError(t, fleet.Reset(t.Context(), f.Store(), "ships", 0))
		now, err := fleet.Inspect(t.Context(), f.Store(), "ships")
		require.NoError(t, err)
		require.Greater(t, now.Epoch, before.Epoch)
		require.Empty(t, now.Parts)
		for _, above := range []uint64{1<<62 + 1, math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64} {
			require.ErrorIs(t, fleet.Reset(t.Context(), f.Store(), "ships", above), lease.ErrInvalid, above)
		}
		f.Join("b", fleettest.Wait)
		f.Settle()
		require.Equal(t, map[string]int{"b": 12}, f.Loads())
		require.NoError(t, fleet.Reset(t.Context(), f.Store(), "boats", 1<<62))
	})
}

// F9: a session whose seat somebody has broken is given nothing, though its record still shows it: it is lost, and its node does not know yet.
func TestF9_ABrokenSeatIsGivenNothing(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		nodes := []*fleettest.Node{f.Join("a", fleettest.Wait), f.Join("b", fleettest.Wait), f.Join("c", fleettest.Wait)}
		f.Settle()
		var coordinator, broken, leaves *fleettest.Node
		for _, n := range nodes {
			switch {
			case n.Status().Coordinates:
				coordinator = n
			case broken == nil:
				broken = n
			default:
				leaves = n
			}
		}
		broken.Store.Set(leadertest.CutOff)
		seat, err := lease.Inspect(t.Context(), f.Store(), seatOf(broken))
		require.NoError(t, err)
		require.NoError(t, lease.Break(t.Context(), f.Store(), seat))
		require.NoError(t, leaves.Leave())
		o, err := fleet.Inspect(t.Context(), f.Store(), "ships")
		require.NoError(t, err)
		had := 0
		for _, p := range o.Parts {
			if p.Node == coordinator.Name {
				had++
			}
		}
		require.Equal(t, 8, had, "all that the one who has left had, and its parts")
		broken.Store.Set(leadertest.None)
		f.Settle()
		require.Equal(t, map[string]int{coordinator.Name: 6, broken.Name: 6}, f.Loads())
	})
}
