package fleet_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/fleet/fleettest"
	"github.com/cloudlease/leader/lease"
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

// F7: once a move is over, nobody looks more often than before.
func TestF7_AMoveIsOver(t *testing.T) {
	asked(t, func(t *testing.T, f *fleettest.Fleet, _ map[string]*fleettest.Node) {
		readsOf := func(times int) int64 {
			var reads, writes atomic.Int64
			f.Count(&reads, &writes)
			time.Sleep(time.Duration(times) * interval)
			return reads.Load()
		}
		const moves = 10
		after := int64(0)
		for range moves {
			part := partOf(f, "a")
			require.NoError(t, fleet.Move(anHour(t), f.Store(), "ships", part, "b"))
			for f.Where()[part] != "b" {
				time.Sleep(interval / 64)
			}
			after += readsOf(3)
			require.NoError(t, fleet.Move(anHour(t), f.Store(), "ships", part, "a"))
			f.Settle()
		}
		require.LessOrEqual(t, after, readsOf(3*moves)+3*moves) // a round of looks falls into the time, or not
	}, fleet.WithCalm(time.Hour))
}

// F7: a coordinator that takes the office while a part moves looks at the giver as often as the one before would have done.
func TestF7_TheOfficeChangesHandsDuringAMove(t *testing.T) {
	for n := range 8 { // the giver returns at other moments between the looks
		inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
			var returned, begun atomic.Int64
			cancelled, release := make(chan struct{}, 9), make(chan struct{})
			work := func(ctx context.Context, _ string) error {
				begun.Store(time.Now().UnixNano())
				<-ctx.Done()
				if errors.Is(context.Cause(ctx), fleet.ErrMoved) {
					cancelled <- struct{}{}
					<-release
					returned.Store(time.Now().UnixNano())
				}
				return nil
			}
			f.Join("a", fleettest.Wait, fleet.WithWeight(0))
			f.Settle()
			giver := f.Join("b", work)
			f.Settle()
			require.Equal(t, map[string]string{"0": "b"}, f.Where())
			c := f.Join("c", work)
			f.Settle()
			go func() { _ = giver.Leave() }()
			<-cancelled
			office, err := lease.Inspect(t.Context(), f.Store(), "ships")
			require.NoError(t, err)
			require.NoError(t, lease.Ask(t.Context(), f.Store(), office, lease.Wish{Kind: lease.WishHandover, For: "c"}))
			for !c.Status().Coordinates {
				time.Sleep(interval / 64)
			}
			time.Sleep(interval + time.Duration(n)*interval/8)
			close(release)
			f.Settle()
			require.Equal(t, map[string]string{"0": "c"}, f.Where())
			require.LessOrEqual(t, time.Duration(begun.Load()-returned.Load()), interval/2+interval/8, "%d eighths of an interval later", n)
		}, fleet.WithShards(1))
	}
}
