package fleet_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/fleet/fleettest"
	"github.com/cloudlease/leader/leadertest"
	"github.com/cloudlease/leader/lease"
)

// The store answers no more once Reset holds the office: it returns all the same.
func TestReset_TheStoreStopsAnswering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := leadertest.NewManager(nil)
		m.Set(leadertest.Hang, leadertest.Renew, leadertest.Release)
		ctx, cancel := context.WithTimeout(t.Context(), interval)
		defer cancel()
		returned := make(chan error, 1)
		go func() { returned <- fleet.Reset(ctx, m, "ships", 41) }()
		time.Sleep(length)
		select {
		case err := <-returned:
			require.ErrorIs(t, err, context.DeadlineExceeded)
		default:
			t.Fatal("it has not returned")
		}
	})
}

// The caller waits no more once the new plan stands: the office is given back all the same, so that nodes which start then need not wait for it.
func TestReset_TheCallerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := leadertest.NewManager(nil)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		require.NoError(t, fleet.Reset(ctx, renewing{m, cancel}, "ships", 41))
		office, err := lease.Inspect(t.Context(), m, "ships")
		require.NoError(t, err)
		require.Equal(t, lease.Free, office.State)
		require.Contains(t, office.Value, `"epoch":42`)
	})
}

// A renewing manager tells when a lease was renewed.
type renewing struct {
	lease.Manager
	renewed func()
}

func (m renewing) Unwrap() lease.Manager { return m.Manager }

func (m renewing) Renew(ctx context.Context, held lease.Lease) (lease.Lease, error) {
	l, err := m.Manager.Renew(ctx, held)
	m.renewed()
	return l, err
}

// FS2: while Reset looks at the seats, a node comes, coordinates and leaves. Its plan has a greater epoch than the one that Reset has seen, which
// does not take its place: the tokens of the parts go on growing.
func TestReset_ANodeComesAndGoes(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		require.NoError(t, f.Join("a", fleettest.Wait).Leave())
		var between fleet.Overview
		m := looking{f.Store(), func(name string) {
			if name != fleet.SeatLease("ships", 4) {
				return
			}
			b := f.Join("b", fleettest.Wait)
			f.Settle()
			require.NoError(t, b.Leave())
			var err error
			between, err = fleet.Inspect(t.Context(), f.Store(), "ships")
			require.NoError(t, err)
		}}
		err := fleet.Reset(t.Context(), m, "ships", 0)
		require.ErrorIs(t, err, lease.ErrHeld)
		require.ErrorContains(t, err, "a node has published another plan meanwhile")
		now, err := fleet.Inspect(t.Context(), f.Store(), "ships")
		require.NoError(t, err)
		require.Equal(t, between.Epoch, now.Epoch)
		require.Equal(t, lease.Free, now.Coordinator.State)
		require.NoError(t, fleet.Reset(t.Context(), f.Store(), "ships", 0))
		f.Join("c", fleettest.Wait) // the fleet checks the tokens
		f.Settle()
		require.Equal(t, map[string]int{"c": 12}, f.Loads())
	})
}

// A looking manager tells of each lease before it is looked at.
type looking struct {
	lease.Manager
	looks func(name string)
}

func (m looking) Unwrap() lease.Manager { return m.Manager }

func (m looking) Inspect(ctx context.Context, name string) (lease.Info, error) {
	m.looks(name)
	return lease.Inspect(ctx, m.Manager, name)
}
