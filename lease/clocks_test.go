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

// busy is a machine whose processor is never free: who reads its clocks, one after another, may have to wait in between.
// Nothing else takes time.
type busy struct {
	host.Host
	now   time.Duration
	boot  bool
	draws func() time.Duration // how long the wait is
}

func (b *busy) Read() (r host.Reading) {
	for _, clock := range []*time.Duration{&r.Mono, &r.Wall, &r.Boot} {
		b.now += b.draws()
		*clock = b.now
	}
	if !b.boot {
		r.Boot = 0
	}
	return r
}

func (b *busy) Now() time.Time                             { return time.Unix(0, int64(b.now)) }
func (b *busy) AfterFunc(time.Duration, func()) host.Timer { return b }
func (b *busy) Stop() bool                                 { return true }
func (b *busy) chance(percent int, wait func() time.Duration) { // to wait at each clock
	b.draws = func() time.Duration {
		if random(100) < time.Duration(percent) {
			return wait()
		}
		return 30 + random(100)
	}
}

// R3: however often Check is called, a term holds within a hundredth as long as it would if it were never called.
func TestR3_CountingDoesNotRunFastBecauseItIsReadOften(t *testing.T) {
	const long = 1 << 50
	for what, b := range map[string]*busy{
		"nobody else":                   {boot: true},
		"nobody else, no boot":          {},
		"a slice now and then":          {boot: true},
		"a slice at every second clock": {boot: true},
		"the same without boot":         {},
		"throttled":                     {boot: true},
	} {
		switch what {
		case "nobody else", "nobody else, no boot":
			b.chance(0, nil)
		case "a slice now and then":
			b.chance(1, func() time.Duration { return random(4 * time.Millisecond) })
		case "throttled": // a tenth of a processor: nine of ten hundredths of a second away
			b.chance(1, func() time.Duration { return 90 * time.Millisecond })
		default:
			b.chance(50, func() time.Duration { return random(20 * time.Millisecond) })
		}
		t.Run(what, func(t *testing.T) {
			ctx := host.With(t.Context(), b)
			began := b.now
			l := held()
			l.Length = long
			ctx, keeper := lease.StartTerm(ctx, l, lease.Now(ctx))
			defer keeper.End(nil)
			term, _ := lease.TermFrom(ctx)
			before := term.Remaining()
			for range 300_000 {
				remaining := term.Remaining()
				if remaining > before {
					t.Fatalf("Remaining grew from %v to %v", before, remaining)
				}
				before = remaining
			}
			counted, passed := long-lease.Margin(long)-before, b.now-began
			t.Logf("%v passed, %v were counted: %+.3f %%", passed, counted, 100*float64(counted-passed)/float64(passed))
			require.LessOrEqual(t, counted, passed+passed/100)
			require.GreaterOrEqual(t, counted, passed-3*90*time.Millisecond, "what the last reading took may not be counted yet")
		})
	}
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
