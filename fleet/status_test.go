package fleet_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/fleet/fleettest"
	"github.com/cloudlease/leader/leadertest"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// Heard grows while a node reads no plan, and is less than an interval or two otherwise.
func TestStatus_Heard(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		a, b := f.Join("a", fleettest.Wait), f.Join("b", fleettest.Wait)
		f.Settle()
		require.Less(t, a.Status().Heard, 2*interval)
		require.Less(t, b.Status().Heard, 2*interval)
		b.Store.Set(leadertest.CutOff)
		time.Sleep(2 * length)
		require.Less(t, a.Status().Heard, 2*interval)
		require.Greater(t, b.Status().Heard, length)
		b.Store.Set(leadertest.None)
		f.Settle()
		require.Less(t, b.Status().Heard, 2*interval)
	})
}

// Validate says what Run says, and runs nothing.
func TestValidate(t *testing.T) {
	f := fleet.New(fleet.WithShards(0))
	require.ErrorContains(t, f.Validate(), "WithShards: 0 shards")
	require.Equal(t, f.Run(t.Context()), f.Validate())
}

// What is not there is refused before anything begins, also a nil pointer in an interface; and attributes that no seat can carry.
func TestOptions_WhatIsNotThere(t *testing.T) {
	for _, m := range []lease.Manager{nil, (*memory.Manager)(nil), (*leadertest.Manager)(nil)} {
		err := fleet.New(fleet.WithLeaseManager(m), fleet.WithShards(1), fleet.WhenAssigned(fleettest.Wait)).Run(t.Context())
		require.ErrorContains(t, err, "WithLeaseManager: there is no manager", "%T", m)
	}
	err := fleet.New(fleet.WithLeaseManager(leadertest.NewManager(nil)), fleet.WithShards(1), fleet.WhenAssigned(fleettest.Wait),
		fleet.WithAttributes(map[string]string{"address": strings.Repeat("a", 2000)})).Run(t.Context())
	require.ErrorIs(t, err, lease.ErrInvalid)
	require.ErrorContains(t, err, "attributes")
}

func TestSeatOf(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"ships/seats/1": "ships 1", "a/seats/b/seats/12": "a/seats/b 12", "ships/seats/65536": "ships 65536",
		"ships": "", "/seats/1": "", "ships/seats/": "", "ships/seats/0": "", "ships/seats/01": "", "ships/seats/+1": "", "ships/seats/-1": "",
		"ships/seats/65537": "", "ships/seats/x": "", "ships/parts/1": "", "ships/seats/1/x": "", "": "",
	} {
		got := ""
		if of, seat, ok := fleet.SeatOf(name); ok {
			got = fmt.Sprint(of, " ", seat)
		}
		require.Equal(t, want, got, "%q", name)
	}
}

// Run panics for a nil context, as it must, and leaves a Fleet that can be used.
func TestRun_WithoutAContext(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		a := fleet.New(fleet.WithShards(1), fleet.WithLeaseManager(f.Store()), quiet(), fleet.WhenAssigned(fleettest.Wait))
		var none context.Context
		require.Panics(t, func() { _ = a.Run(none) })
		answered := make(chan fleet.Status, 1)
		go func() { answered <- a.Status() }()
		select {
		case s := <-answered:
			require.False(t, s.Running)
		case <-time.After(time.Hour):
			t.Fatal("the status waits for ever")
		}
		ctx, cancel := context.WithTimeout(t.Context(), length)
		defer cancel()
		require.NoError(t, a.Run(ctx))
	})
}
