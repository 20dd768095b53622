package fleet_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
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

// deafManager is a manager whose looks at seats do not return when it is stuck, whatever their contexts say.
type deafManager struct {
	lease.Manager
	stuck   atomic.Bool
	release chan struct{}
}

func (m *deafManager) Unwrap() lease.Manager { return m.Manager }

func (m *deafManager) Inspect(ctx context.Context, name string) (lease.Info, error) {
	if m.stuck.Load() && strings.Contains(name, "/seats/") {
		<-m.release
	}
	return lease.Inspect(ctx, m.Manager, name)
}

// A manager that does not return when its context ends is left behind.
func TestEnd_TheManagerDoesNotReturn(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		var log bytes.Buffer
		m := &deafManager{Manager: f.Store(), release: make(chan struct{})}
		defer close(m.release)
		a := f.Join("a", fleettest.Wait, fleet.WithLeaseManager(m), fleet.WithEndTimeout(interval), fleet.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		f.Settle()
		m.stuck.Store(true)
		time.Sleep(2 * interval)
		began := time.Now()
		left := make(chan error, 1)
		go func() { left <- a.Leave() }()
		select {
		case err := <-left:
			require.NoError(t, err)
		case <-time.After(10 * length):
			t.Fatal("Run still waits for the manager")
		}
		require.Less(t, time.Since(began), length+interval+time.Second, "the drain, and the end")
		require.Contains(t, log.String(), `part="a request to the lease manager"`)
	})
}

// WithEndTimeout is for the end in all: the seat, the office and the observers share it.
func TestEnd_InAll(t *testing.T) {
	const end = 100 * time.Millisecond
	for what, fault := range map[string][]leadertest.Op{
		"releases hang": {leadertest.Release},
		"all hang":      nil,
	} {
		t.Run(what, func(t *testing.T) {
			inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
				stuck := make(chan struct{})
				defer close(stuck)
				leaving := make(chan struct{})
				a := f.Join("a", fleettest.Wait, fleet.WithEndTimeout(end), fleet.WithDrainTimeout(0), fleet.WithObserver(func(fleet.Event) {
					select {
					case <-leaving:
						<-stuck
					default:
					}
				}))
				f.Settle()
				require.True(t, a.Status().Coordinates)
				close(leaving)
				a.Store.Set(leadertest.Hang, fault...)
				began := time.Now()
				require.NoError(t, a.Leave())
				require.LessOrEqual(t, time.Since(began), end+end/10)
			})
		})
	}
}

// What the end of the seat leaves of the time is the office's: both are given back where the store answers.
func TestEnd_BothAreGivenBack(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		f.SetLatency(interval / 4)
		a := f.Join("a", fleettest.Wait, fleet.WithEndTimeout(interval))
		f.Settle()
		require.NoError(t, a.Leave())
		o, err := fleet.Inspect(t.Context(), f.Store(), "ships")
		require.NoError(t, err)
		require.Equal(t, lease.Free, o.Coordinator.State)
		for _, n := range o.Nodes {
			require.Equal(t, lease.Free, n.State)
		}
	})
}

// The release of a seat that was swept ends with Run: nothing of it goes on.
func TestEnd_ASweepHangs(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		const end = 100 * time.Millisecond
		a := f.Join("a", fleettest.Wait, fleet.WithEndTimeout(end), fleet.WithDrainTimeout(0))
		f.Settle()
		b := f.Join("b", fleettest.Wait)
		f.Settle()
		seat := b.Status().Seat
		a.Store.Set(leadertest.Hang, leadertest.Release)
		b.Crash()
		for holder := "b"; holder != "a"; time.Sleep(interval / 50) {
			info, err := lease.Inspect(t.Context(), f.Store(), fleet.SeatLease("ships", seat))
			require.NoError(t, err)
			holder = info.Holder
		}
		began := time.Now()
		require.NoError(t, a.Leave())
		require.LessOrEqual(t, time.Since(began), end+end/10)
	})
}

// A stuck observer does not take the logger's time: the log says who is stuck before Run returns.
func TestEnd_AStuckObserverIsLogged(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		var log bytes.Buffer
		stuck := make(chan struct{})
		defer close(stuck)
		a := f.Join("a", fleettest.Wait, fleet.WithEndTimeout(interval), fleet.WithObserver(func(fleet.Event) { <-stuck }),
			fleet.WithLogger(slog.New(slowHandler{slog.NewTextHandler(&log, nil)})))
		f.Settle()
		began := time.Now()
		require.NoError(t, a.Leave())
		require.LessOrEqual(t, time.Since(began), length+interval)
		require.Contains(t, log.String(), `part="an observer"`)
		require.NotContains(t, log.String(), `part="the logger"`)
	})
}

// A node that loses its seat says what it goes on with: it takes another one only if it is to take part.
func TestEnd_TheSeatIsLost(t *testing.T) {
	for says, set := range map[string]func(a *fleettest.Node, sick *atomic.Bool){
		"and it takes another seat\"":                    func(*fleettest.Node, *atomic.Bool) {},
		"and it takes another seat when it is healthy\"": func(_ *fleettest.Node, sick *atomic.Bool) { sick.Store(true) },
		"and it leaves\"":                                func(a *fleettest.Node, _ *atomic.Bool) { go func() { _ = a.Leave() }() },
	} {
		t.Run(says, func(t *testing.T) {
			inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
				var log bytes.Buffer
				var sick atomic.Bool
				a := f.Join("a", fleettest.Wait, fleet.WithLogger(slog.New(slog.NewTextHandler(&log, nil))), fleet.WithHealth(func(context.Context) error {
					if sick.Load() {
						return errors.New("sick")
					}
					return nil
				}))
				f.Settle()
				a.Store.Set(leadertest.CutOff)
				set(a, &sick)
				time.Sleep(2 * length)
				synctest.Wait()
				require.Contains(t, log.String(), "this node has lost its seat: its parts go to others, "+says)
			})
		})
	}
}

// A slowHandler takes a millisecond for each line.
type slowHandler struct{ slog.Handler }

func (h slowHandler) Handle(ctx context.Context, r slog.Record) error {
	time.Sleep(time.Millisecond)
	return h.Handler.Handle(ctx, r)
}

func (h slowHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return slowHandler{h.Handler.WithAttrs(attrs)}
}
