package fleet_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
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

// A cancelled work that does not return ends Run, and the seat is left to run out.
func TestStopTimeout(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		release, cancelled := make(chan struct{}), make(chan time.Time, 12)
		defer close(release)
		stuck := func(ctx context.Context, part string) error {
			<-ctx.Done()
			if errors.Is(context.Cause(ctx), fleet.ErrMoved) {
				cancelled <- time.Now()
				<-release
			}
			return nil
		}
		var log bytes.Buffer
		a := f.Join("a", stuck, fleet.WithStopTimeout(length), fleet.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		f.Settle()
		seat := fleet.SeatLease("ships", a.Status().Seat)
		f.Join("b", fleettest.Wait)
		require.ErrorIs(t, a.Result(), fleet.ErrStopTimeout)
		require.InDelta(t, length.Seconds(), time.Since(<-cancelled).Seconds(), 1, "no second wait for the same works")
		info, err := lease.Inspect(t.Context(), f.Store(), seat)
		require.NoError(t, err)
		require.Equal(t, lease.Held, info.State, "it is not given back: works run in it")
		require.False(t, holds(t, a, seat))
		require.Contains(t, log.String(), "this node lets its seat run out")
		require.NotContains(t, log.String(), "has lost its seat")
		f.Settle()
		require.Equal(t, map[string]int{"b": 12}, f.Loads())
	})
}

// holds reports whether the node tells others that it has the lease.
func holds(t *testing.T, n *fleettest.Node, name string) bool {
	t.Helper()
	for now := range n.Holdings(t.Context(), name) {
		return now.Held
	}
	return false
}

// A node that is cut off does not go on telling others that it has its seat, and the office.
func TestHoldings_TheLeaseRunsOut(t *testing.T) {
	for _, requests := range [][]leadertest.Op{nil, {leadertest.Renew, leadertest.Acquire, leadertest.Release}} {
		inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
			a := f.Join("a", fleettest.Wait)
			f.Settle()
			seat := fleet.SeatLease("ships", a.Status().Seat)
			require.True(t, holds(t, a, seat))
			require.True(t, holds(t, a, "ships"))
			a.Store.Set(leadertest.CutOff, requests...)
			time.Sleep(2 * length)
			require.False(t, holds(t, a, seat))
			require.False(t, holds(t, a, "ships"))
		})
	}
}

// A lateManager keeps the answers of renewals back while it is stuck, whatever their contexts say.
type lateManager struct {
	lease.Manager
	stuck   atomic.Bool
	release chan struct{}
}

func (m *lateManager) Unwrap() lease.Manager { return m.Manager }

func (m *lateManager) Renew(ctx context.Context, held lease.Lease) (lease.Lease, error) {
	l, err := m.Manager.Renew(ctx, held)
	if m.stuck.Load() {
		<-m.release
	}
	return l, err
}

// A renewal that is answered after the release does not make a node tell others that it has its seat, and the office, again.
func TestHoldings_ARenewalIsAnsweredLate(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		m := &lateManager{Manager: f.Store(), release: make(chan struct{})}
		a := f.Join("a", fleettest.Wait, fleet.WithLeaseManager(m), fleet.WithDrainTimeout(0))
		f.Settle()
		seat := fleet.SeatLease("ships", a.Status().Seat)
		m.stuck.Store(true)
		time.Sleep(interval)
		require.NoError(t, a.Leave())
		require.False(t, holds(t, a, seat))
		require.False(t, holds(t, a, "ships"))
		close(m.release)
		synctest.Wait()
		require.False(t, holds(t, a, seat))
		require.False(t, holds(t, a, "ships"))
	})
}

// WithStopTimeout counts from when a work is cancelled, also if nothing else happens before that: it may be shorter than an interval, and a
// node that is cut off hears nothing.
func TestStopTimeout_IsNoticedInTime(t *testing.T) {
	for what, takeAway := range map[string]func(f *fleettest.Fleet, a *fleettest.Node){
		"the plan":         func(f *fleettest.Fleet, _ *fleettest.Node) { f.Join("b", fleettest.Wait) },
		"the seat is lost": func(_ *fleettest.Fleet, a *fleettest.Node) { a.Store.Set(leadertest.CutOff) },
	} {
		t.Run(what, func(t *testing.T) {
			inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
				release, cancelled := make(chan struct{}), make(chan time.Time, 12)
				defer close(release)
				a := f.Join("a", func(ctx context.Context, _ string) error {
					<-ctx.Done()
					cancelled <- time.Now()
					<-release
					return nil
				}, fleet.WithStopTimeout(interval/10), fleet.WithEndTimeout(interval/10))
				f.Settle()
				takeAway(f, a)
				began := <-cancelled
				require.ErrorIs(t, a.Result(), fleet.ErrStopTimeout)
				require.LessOrEqual(t, time.Since(began), interval/5, "the timeout, twice if only some works were cancelled at first")
			})
		})
	}
}

// WithStopTimeout bounds the works of a session that this node has ended, too, whatever the reason is.
func TestStopTimeout_OfAnEndedSession(t *testing.T) {
	for what, end := range map[string]func(a *fleettest.Node){
		"Run's context ends": func(a *fleettest.Node) { _ = a.Leave() },
		"Drain":              func(a *fleettest.Node) { _ = a.Drain(context.Background()) },
	} {
		t.Run(what, func(t *testing.T) {
			inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
				release := make(chan struct{})
				defer close(release)
				a := f.Join("a", func(ctx context.Context, _ string) error { <-ctx.Done(); <-release; return nil }, fleet.WithStopTimeout(length))
				f.Settle()
				began := time.Now()
				go end(a)
				left := make(chan error, 1)
				go func() { left <- a.Result() }()
				select {
				case err := <-left:
					require.ErrorIs(t, err, fleet.ErrStopTimeout)
				case <-time.After(10 * length):
					t.Fatal("Run still waits for the works")
				}
				require.Less(t, time.Since(began), length+length+2*interval, "the drain, and the timeout")
			})
		})
	}
}

// WithStopTimeout bounds the works alone: what one that has returned writes last has the time of WithEndTimeout.
func TestStopTimeout_WhatIsWrittenLastIsNoWork(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		var saved atomic.Int32
		a := f.Join("a", func(ctx context.Context, _ string) error {
			term, _ := lease.TermFrom(ctx)
			lease.BeforeEnd(ctx, func(ctx context.Context) {
				<-ctx.Done()
				if term.Check() == nil {
					saved.Add(1)
				}
			})
			<-ctx.Done()
			return nil
		}, fleet.WithStopTimeout(interval/4), fleet.WithEndTimeout(interval))
		f.Settle()
		f.Join("b", fleettest.Wait)
		f.Settle()
		require.Equal(t, map[string]int{"a": 6, "b": 6}, f.Loads())
		require.True(t, a.Status().Running)
		require.Equal(t, int32(6), saved.Load())
		require.NoError(t, a.Leave())
		require.Equal(t, int32(12), saved.Load())
	})
}

// A panic of one work ends Run, also if the work of another part ignores that it is cancelled.
func TestStopTimeout_APanicBesideAStuckWork(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		release, got := make(chan struct{}), make(chan any, 1)
		defer close(release)
		a := fleet.New(fleet.WithName("ships"), fleet.WithShards(3), fleet.WithLeaseManager(f.Store()), quiet(), fleet.WithStopTimeout(length),
			fleet.WhenAssigned(func(ctx context.Context, part string) error {
				if part == "1" {
					panic("out of luck")
				}
				<-release
				return nil
			}))
		go func() {
			defer func() { got <- recover() }()
			_ = a.Run(t.Context())
		}()
		select {
		case how := <-got:
			require.Equal(t, "out of luck", how)
		case <-time.After(10 * length):
			t.Fatal("Run still waits for the works")
		}
	})
}

// When one work is given up, those beside it are told to return, have as long, and may save until they have returned.
func TestStopTimeout_TheWorksBeside(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		release := make(chan struct{})
		defer close(release)
		var saved atomic.Int32
		a := f.Join("a", func(ctx context.Context, _ string) error {
			<-ctx.Done()
			if errors.Is(context.Cause(ctx), fleet.ErrMoved) {
				<-release
				return nil
			}
			time.Sleep(length - interval)
			if term, _ := lease.TermFrom(ctx); term.Check() == nil {
				saved.Add(1)
			}
			return nil
		}, fleet.WithStopTimeout(length))
		f.Settle()
		f.Join("b", fleettest.Wait)
		require.ErrorIs(t, a.Result(), fleet.ErrStopTimeout)
		require.Equal(t, int32(6), saved.Load())
	})
}

// A work that was given up may still have effects: no Run begins its part again in this process before it has returned.
func TestStopTimeout_RunAgain(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		release := make(chan struct{})
		a := f.Join("a", func(context.Context, string) error { <-release; return nil }, fleet.WithStopTimeout(length))
		f.Settle()
		require.ErrorIs(t, a.Leave(), fleet.ErrStopTimeout)
		ctx, cancel := context.WithTimeout(t.Context(), 10*length)
		defer cancel()
		err := a.Run(ctx)
		close(release)
		require.ErrorIs(t, err, fleet.ErrStopTimeout)
		synctest.Wait()
		begun := f.Begun()
		ctx, cancel = context.WithTimeout(t.Context(), 10*length)
		defer cancel()
		require.NoError(t, a.Run(ctx), "nothing is left behind")
		require.Equal(t, begun+12, f.Begun())
	})
}
