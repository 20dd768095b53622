package fleet_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/fleet/fleettest"
)

// An observer may ask for the Status at each event, also at the last ones: Run's end does not wait for it to give up.
func TestObserver_AsksForTheStatus(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		var a *fleettest.Node
		heard := 0
		ready := make(chan struct{})
		a = f.Join("a", fleettest.Wait, fleet.WithEndTimeout(time.Hour), fleet.WithObserver(func(fleet.Event) {
			<-ready
			time.Sleep(time.Millisecond)
			a.Status()
			heard++
		}))
		close(ready)
		f.Settle()
		began := time.Now()
		require.NoError(t, a.Leave())
		require.Less(t, time.Since(began), time.Minute)
		require.Positive(t, heard)
	})
}

// A stuck observer or logger holds up nothing but the end of Run, and that for as long as WithEndTimeout says.
func TestObserver_Stuck(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		var log bytes.Buffer
		stuck := make(chan struct{})
		var dropped, moves int
		a := f.Join("a", fleettest.Wait, fleet.WithEndTimeout(time.Minute), fleet.WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
			fleet.WithObserver(func(e fleet.Event) {
				<-stuck
				if e, ok := e.(fleet.DroppedEvent); ok {
					dropped += e.Count
				}
			}), fleet.WithObserver(func(e fleet.Event) {
				if _, ok := e.(fleet.PartEvent); ok {
					moves++
				}
			}))
		for range 5 {
			b := f.Join("b", fleettest.Wait)
			f.Settle()
			require.Equal(t, map[string]int{"a": 120, "b": 120}, f.Loads())
			require.NoError(t, b.Leave())
			f.Settle()
		}
		require.Greater(t, moves, 1024, "the other observer hears everything")
		require.Zero(t, dropped)
		began := time.Now()
		require.NoError(t, a.Leave())
		require.InDelta(t, 65, time.Since(began).Seconds(), 10, "nearly a minute for the observer, and what it takes to leave")
		close(stuck)
		synctest.Wait()
		require.Positive(t, dropped, "it hears how much it has missed")
		require.Contains(t, log.String(), `leaves this behind: it does not return" fleet=ships node=a part="an observer"`)
	}, fleet.WithShards(240))
}

func TestLogger_Stuck(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		stuck := stuckHandler{slog.DiscardHandler, make(chan struct{})}
		a := f.Join("a", fleettest.Wait, fleet.WithEndTimeout(time.Second), fleet.WithLogger(slog.New(stuck)))
		f.Join("b", fleettest.Wait)
		f.Settle()
		require.Equal(t, map[string]int{"a": 6, "b": 6}, f.Loads())
		require.NoError(t, a.Leave())
		close(stuck.until)
	})
}

type stuckHandler struct {
	slog.Handler
	until chan struct{}
}

func (h stuckHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h stuckHandler) Handle(context.Context, slog.Record) error {
	<-h.until
	return nil
}

func (h stuckHandler) WithAttrs([]slog.Attr) slog.Handler { return h }

func (h stuckHandler) WithGroup(string) slog.Handler { return h }
