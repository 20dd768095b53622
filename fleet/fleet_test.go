package fleet_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/fleet/fleettest"
	"github.com/cloudlease/leader/leadertest"
)

const (
	length   = fleet.DefaultLeaseLength
	interval = length / 3
)

// inFleet runs a test of a fleet of 12 parts in virtual time.
func inFleet(t *testing.T, test func(t *testing.T, f *fleettest.Fleet), opts ...fleet.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(t, fleettest.New(t, append([]fleet.Option{fleet.WithName("ships"), fleet.WithShards(12)}, opts...)...))
	})
}

func TestFleet_DividesMovesAndDrains(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		a, b, c := f.Join("a", fleettest.Wait), f.Join("b", fleettest.Wait), f.Join("c", fleettest.Wait)
		f.Settle()
		require.Equal(t, map[string]int{"a": 4, "b": 4, "c": 4}, f.Loads())
		require.Equal(t, 12, f.Begun(), "nothing moves at a start")

		require.NoError(t, a.Leave())
		f.Settle()
		require.Equal(t, map[string]int{"b": 6, "c": 6}, f.Loads())
		require.Equal(t, 16, f.Begun())

		d := f.Join("d", fleettest.Wait)
		f.Settle()
		require.Equal(t, map[string]int{"b": 4, "c": 4, "d": 4}, f.Loads())
		require.Equal(t, 20, f.Begun(), "no more moves than balance needs")

		require.NoError(t, c.Leave())
		require.NoError(t, b.Leave())
		require.NoError(t, d.Leave())
		require.Empty(t, f.Loads())
	})
}

// FL1: each part of a dead node is worked on within a lease length, two intervals and a few requests.
func TestFL1_ACrash(t *testing.T) {
	for range 10 {
		inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
			nodes := map[string]*fleettest.Node{}
			for _, name := range []string{"a", "b", "c"} {
				nodes[name] = f.Join(name, fleettest.Wait)
			}
			f.Settle()
			for name, n := range nodes {
				if !n.Status().Coordinates {
					n.Crash()
					died := time.Now()
					for len(f.Where()) < 12 {
						time.Sleep(time.Second / 10)
						require.Less(t, time.Since(died), length+2*interval+time.Second, "%s died: %v", name, f.Loads())
					}
					require.Len(t, f.Loads(), 2)
					return
				}
			}
		})
	}
}

// FL2: when the coordinator dies, its parts are worked on within two lease lengths and four intervals.
func TestFL2_TheCoordinatorCrashes(t *testing.T) {
	for range 10 {
		inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
			var nodes []*fleettest.Node
			for _, name := range []string{"a", "b", "c"} {
				nodes = append(nodes, f.Join(name, fleettest.Wait))
			}
			f.Settle()
			for _, n := range nodes {
				if n.Status().Coordinates {
					n.Crash()
					died := time.Now()
					for len(f.Where()) < 12 {
						time.Sleep(time.Second / 10)
						require.Less(t, time.Since(died), 2*length+4*interval+2*time.Second, "%v", f.Loads())
					}
					return
				}
			}
			t.Fatal("nobody coordinates")
		})
	}
}

// A node that cannot reach the store loses its parts, and gets parts again when it can.
func TestFleet_ANodeIsCutOff(t *testing.T) {
	for what, fault := range map[string]leadertest.Fault{"cut off": leadertest.CutOff, "hang": leadertest.Hang, "no answers": leadertest.LoseAnswers} {
		t.Run(what, func(t *testing.T) {
			inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
				a := f.Join("a", fleettest.Wait)
				f.Join("b", fleettest.Wait)
				f.Join("c", fleettest.Wait)
				f.Settle()
				a.Store.Set(fault)
				f.Settle()
				require.Equal(t, map[string]int{"b": 6, "c": 6}, f.Loads())
				a.Store.Set(leadertest.None)
				f.Settle()
				require.Equal(t, map[string]int{"a": 4, "b": 4, "c": 4}, f.Loads())
			})
		})
	}
}

func TestFleet_AMachineSleeps(t *testing.T) {
	for _, d := range []time.Duration{interval, length, 2 * length, 10 * length} {
		t.Run(d.String(), func(t *testing.T) {
			inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
				a := f.Join("a", fleettest.Wait)
				f.Join("b", fleettest.Wait)
				f.Join("c", fleettest.Wait)
				f.Settle()
				begun := f.Begun()
				a.Sleep(d)
				time.Sleep(d)
				f.Settle()
				require.Equal(t, map[string]int{"a": 4, "b": 4, "c": 4}, f.Loads())
				if d < length-interval {
					require.Equal(t, begun, f.Begun(), "a nap is no reason to move")
				}
			})
		})
	}
}

// Everybody goes at once, without a word; and comes again.
func TestFleet_EverybodyCrashes(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		a, b := f.Join("a", fleettest.Wait), f.Join("b", fleettest.Wait)
		f.Settle()
		a.Crash()
		b.Crash()
		f.Join("a2", fleettest.Wait)
		f.Join("b2", fleettest.Wait)
		f.Settle()
		require.Equal(t, map[string]int{"a2": 6, "b2": 6}, f.Loads())
		require.Equal(t, 24, f.Begun(), "nothing moves at a start")
	})
}
