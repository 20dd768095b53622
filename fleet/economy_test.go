package fleet_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/fleet/fleettest"
)

// F7: while a part moves, the coordinator looks at its giver, and its receiver at the plan, four times in an interval each. So a part is worked
// on again within half an interval of its giver's return, whenever that is; without these looks it would be up to two intervals.
func TestF7_WhatMovesIsLookedAtMoreOften(t *testing.T) {
	for _, coordinates := range []string{"giver", "receiver", "third"} {
		t.Run("the coordinator is the "+coordinates, func(t *testing.T) {
			for n := range 8 { // the giver returns at other moments between the polls
				inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
					gap := gapOfAMove(t, f, coordinates, interval+time.Duration(n)*interval/8)
					require.LessOrEqual(t, gap, interval/2+interval/8, "%d eighths of an interval after the first", n)
				}, fleet.WithShards(1))
			}
		})
	}
}

// gapOfAMove has the node with the one part leave, whose work takes so long to return. It returns how long nobody worked on the part.
func gapOfAMove(t *testing.T, f *fleettest.Fleet, coordinates string, takes time.Duration) time.Duration {
	t.Helper()
	var returned, begun atomic.Int64 // in nanoseconds
	join := func(name string, weight int) *fleettest.Node {
		n := f.Join(name, func(ctx context.Context, _ string) error {
			begun.Store(time.Now().UnixNano())
			<-ctx.Done()
			time.Sleep(takes)
			returned.Store(time.Now().UnixNano())
			return nil
		}, fleet.WithWeight(weight))
		f.Settle()
		return n
	}
	first := 1
	if coordinates != "giver" {
		first = 0 // it gets the office, being the first, and has the part only while it is alone
	}
	giver := join("a", first)
	switch coordinates {
	case "giver":
		join("b", 1)
	case "receiver":
		giver = join("b", 1)
	case "third":
		giver = join("b", 1)
		join("c", 1)
	}
	require.Equal(t, map[string]string{"0": giver.Name}, f.Where())
	require.Equal(t, coordinates == "giver", giver.Status().Coordinates)
	require.NoError(t, giver.Leave())
	f.Settle()
	require.Len(t, f.Where(), 1)
	return time.Duration(begun.Load() - returned.Load())
}
