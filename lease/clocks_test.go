package lease_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/internal/hosttest"
	"github.com/cloudlease/leader/lease"
)

// R3: where no clock counts suspension, a step back of the wall clock may hide a sleep of any length: the term is over, and
// says why.
func TestR3_AStepBackWithoutABootClockEndsTheTerm(t *testing.T) {
	for what, happens := range map[string]func(m *hosttest.Machine){
		"before a sleep":     func(m *hosttest.Machine) { m.StepWall(-time.Hour); suspend(m, 2*length) },
		"after a sleep":      func(m *hosttest.Machine) { suspend(m, 2*length); m.StepWall(-time.Hour) },
		"alone":              func(m *hosttest.Machine) { m.StepWall(-time.Second) },
		"by hardly anything": func(m *hosttest.Machine) { m.StepWall(-200 * time.Millisecond) },
		"to another century": func(m *hosttest.Machine) { m.StepWall(-200 * 365 * 24 * time.Hour) },
	} {
		t.Run(what, func(t *testing.T) {
			onMachine(t, false, func(t *testing.T, m *hosttest.Machine, term lease.Term, keeper *lease.Keeper) {
				time.Sleep(time.Second / 2)
				keeper.Failed(errDown)
				happens(m)
				err := lost(t, term.Check(), lease.LostExpired)
				require.ErrorIs(t, err, lease.ErrClockStepped)
				require.ErrorContains(t, err, "cannot tell any more when it ends")
				require.Zero(t, term.Remaining())
				keeper.Extend(held(), lease.Now(t.Context()))
				require.ErrorIs(t, term.Check(), lease.ErrClockStepped, "R8")
			})
			onMachine(t, false, func(t *testing.T, m *hosttest.Machine, term lease.Term, _ *lease.Keeper) {
				happens(m) // and nobody asks
				time.Sleep(time.Second)
				synctest.Wait()
				over(t, term, lease.LostExpired)
			})
		})
	}
}

func TestR3_WhatIsNoStepBackDoesNotEndTheTerm(t *testing.T) {
	tests := map[string]struct {
		boot    bool
		happens func(m *hosttest.Machine)
	}{
		"with a boot clock": {true, func(m *hosttest.Machine) { m.StepWall(-time.Hour) }},
		"a slew": {false, func(m *hosttest.Machine) {
			for range 50 { // by a twelfth of the time, as chrony may
				time.Sleep(100 * time.Millisecond)
				m.StepWall(-100 * time.Millisecond / 12)
			}
		}},
		"a slew that nobody looks at":  {false, func(m *hosttest.Machine) { time.Sleep(time.Second); m.StepWall(-time.Second / 12) }},
		"a tick":                       {false, func(m *hosttest.Machine) { m.StepWall(-16 * time.Millisecond) }},
		"a step forward that it keeps": {false, func(m *hosttest.Machine) { m.StepWall(time.Second) }},
		"a sleep":                      {false, func(m *hosttest.Machine) { suspend(m, 2*time.Second) }},
	}
	for what, test := range tests {
		t.Run(what, func(t *testing.T) {
			onMachine(t, test.boot, func(t *testing.T, m *hosttest.Machine, term lease.Term, _ *lease.Keeper) {
				time.Sleep(time.Second / 2)
				require.NoError(t, term.Check())
				test.happens(m)
				require.NoError(t, term.Check())
				time.Sleep(time.Second)
				require.NoError(t, term.Check())
			})
		})
	}
}

// What was sent before the step is infinitely long ago: it neither begins a term nor extends one.
func TestR3_AnInstantBeforeAStepBackIsInfinitelyLongAgo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := hosttest.New(false)
		ctx := host.With(t.Context(), m)
		sent, unseen := lease.Now(ctx), lease.Now(ctx)
		time.Sleep(time.Second / 2)
		m.StepWall(-time.Minute)
		require.Equal(t, time.Duration(math.MaxInt64), sent.Elapsed())
		sent = sent.Sample()
		m.StepWall(time.Minute)
		time.Sleep(time.Second / 2)
		require.Equal(t, time.Duration(math.MaxInt64), sent.Elapsed(), "also when the clock is right again")
		require.Equal(t, time.Duration(math.MaxInt64), sent.Sample().Elapsed())
		require.Equal(t, time.Second, unseen.Elapsed(), "what no sample has shown is not known")

		work, keeper := lease.StartTerm(ctx, held(), sent)
		require.ErrorIs(t, context.Cause(work), lease.ErrClockStepped)
		keeper.Extend(held(), lease.Now(ctx))
		term, _ := lease.TermFrom(work)
		require.ErrorIs(t, term.Check(), lease.ErrClockStepped)

		work, keeper = lease.StartTerm(ctx, held(), lease.Now(ctx))
		defer keeper.End(nil)
		term, _ = lease.TermFrom(work)
		keeper.Extend(held(), sent)
		require.Equal(t, usable, term.Remaining())
		shorter := held()
		shorter.Length /= 2
		keeper.Extend(shorter, sent) // the record says less, and the renewal may have been sent at any time
		require.ErrorIs(t, term.Check(), lease.ErrClockStepped)
	})
}

// Whether a step is seen does not depend on how often anybody looks: a sample that is not yet added up is one.
func TestR3_LooksInBetweenHideNothing(t *testing.T) {
	onMachine(t, true, func(t *testing.T, m *hosttest.Machine, term lease.Term, _ *lease.Keeper) {
		for range 1000 {
			time.Sleep(time.Millisecond)
			require.NoError(t, term.Check())
		}
		require.Equal(t, usable-time.Second, term.Remaining())
		suspend(m, 4*time.Second)
		require.Equal(t, usable-5*time.Second, term.Remaining())
		suspend(m, 5*time.Millisecond)
		require.Equal(t, usable-5*time.Second-5*time.Millisecond, term.Remaining())
	})
	onMachine(t, false, func(t *testing.T, m *hosttest.Machine, term lease.Term, _ *lease.Keeper) {
		time.Sleep(time.Millisecond)
		require.NoError(t, term.Check())
		m.StepWall(-time.Minute)
		require.True(t, errors.Is(term.Check(), lease.ErrClockStepped))
	})
}
