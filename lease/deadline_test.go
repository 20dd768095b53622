package lease_test

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/internal/hosttest"
	"github.com/cloudlease/leader/lease"
)

// usable is the part of a lease's length that its holder may use: all but the margin of a tenth.
const usable = length - length/10

// held is a lease as a manager would return it.
func held() lease.Lease {
	return lease.Lease{Name: name, Holder: "worker", ID: "an ID", Token: 7, Length: length, Version: "1"}
}

// onMachine runs the test in virtual time, with a term on a machine of its own that has just begun.
func onMachine(t *testing.T, bootClock bool, test func(t *testing.T, m *hosttest.Machine, term lease.Term, keeper *lease.Keeper)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := hosttest.New(bootClock)
		ctx := host.With(t.Context(), m)
		ctx, keeper := lease.StartTerm(ctx, held(), lease.Now(ctx))
		defer keeper.End(nil)
		term, ok := lease.TermFrom(ctx)
		require.True(t, ok)
		test(t, m, term, keeper)
	})
}

func suspend(m *hosttest.Machine, d time.Duration) {
	m.Suspend()
	time.Sleep(d)
	m.Resume()
}

func TestR2_TheMarginIsATenth(t *testing.T) {
	require.Equal(t, 1500*time.Millisecond, lease.Margin(15*time.Second))
	synctest.Test(t, func(t *testing.T) {
		ctx, keeper := lease.StartTerm(t.Context(), held(), lease.Now(t.Context()))
		defer keeper.End(nil)
		term, _ := lease.TermFrom(ctx)
		require.Equal(t, usable, term.Remaining())
		require.Equal(t, time.Now().Add(usable), term.Deadline())
		time.Sleep(usable - 1)
		require.NoError(t, term.Check())
		require.Equal(t, time.Duration(1), term.Remaining())
		time.Sleep(time.Nanosecond)
		lost(t, term.Check(), lease.LostExpired)
		require.Zero(t, term.Remaining())
		require.Zero(t, term.Deadline())
	})
}

func TestR2_CountedFromBeforeTheRequest(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, _ *node, held lease.Lease) {
		require.NoError(t, holder.release(held))
		sent := lease.Now(t.Context())
		holder.script(slow(3 * time.Second))
		held = holder.mustAcquire(t)
		ctx, keeper := lease.StartTerm(t.Context(), held, sent)
		defer keeper.End(nil)
		term, _ := lease.TermFrom(ctx)
		require.Equal(t, usable-3*time.Second, term.Remaining())

		sent = lease.Now(t.Context())
		holder.script(slow(2 * time.Second))
		held, err := holder.renew(held)
		require.NoError(t, err)
		keeper.Extend(held, sent)
		require.Equal(t, usable-2*time.Second, term.Remaining())
		time.Sleep(usable - 2*time.Second)
		lost(t, term.Check(), lease.LostExpired)
	})
}

func TestR2_AnOldRenewalThatIsFoundIsWrittenAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
		holder.script(lostAnswer)
		_, err := holder.renew(held)
		require.ErrorIs(t, err, errDown)
		before := holder.stored(t).Version
		time.Sleep(time.Second)
		holder.sent()
		renewed, err := holder.renew(held)
		require.NoError(t, err)
		require.Equal(t, "1 loads, 2 swaps", holder.sent())
		require.Equal(t, renewed.Version, holder.stored(t).Version)
		require.NotEqual(t, before, renewed.Version, "the renewal that was found was sent long ago")
		require.Equal(t, length, standby.refused(t).RetryAfter)
	})
}

func TestR2_OwnWriteBehindAConflictIsWrittenAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, _ *node, held lease.Lease) {
		holder.script(conflicted)
		holder.sent()
		held, err := holder.renew(held)
		require.NoError(t, err)
		require.Equal(t, "1 loads, 2 swaps", holder.sent())
		require.Equal(t, held.Version, holder.stored(t).Version)

		require.NoError(t, holder.release(held))
		holder.script(conflicted)
		holder.sent()
		again := holder.mustAcquire(t)
		require.Equal(t, "2 loads, 2 swaps", holder.sent())
		require.Equal(t, again.Version, holder.stored(t).Version)
		require.Equal(t, held.Token+1, again.Token, "both writes are one acquisition")
	})
}

func TestR2_ARenewalCountedFromEarlierShortensNothing(t *testing.T) {
	onMachine(t, true, func(t *testing.T, _ *hosttest.Machine, term lease.Term, keeper *lease.Keeper) {
		early := lease.Now(t.Context())
		time.Sleep(2 * time.Second)
		keeper.Extend(held(), lease.Now(t.Context()))
		require.Equal(t, usable, term.Remaining())
		keeper.Extend(held(), early) // its answer came late
		require.Equal(t, usable, term.Remaining())
		keeper.Extend(held(), lease.Instant{}) // infinitely long ago
		require.Equal(t, usable, term.Remaining())
	})
}

func TestR3_SuspensionCounts(t *testing.T) {
	for what, bootClock := range map[string]bool{"by the boot clock": true, "by the wall clock": false} {
		t.Run(what, func(t *testing.T) {
			onMachine(t, bootClock, func(t *testing.T, m *hosttest.Machine, term lease.Term, _ *lease.Keeper) {
				time.Sleep(time.Second)
				suspend(m, 4*time.Second)
				require.Equal(t, usable-5*time.Second, term.Remaining())
				suspend(m, usable-5*time.Second)
				lost(t, term.Check(), lease.LostExpired) // before any timer ran
			})
		})
	}
}

func TestR3_TheBootClockSeesThroughASteppedWallClock(t *testing.T) {
	onMachine(t, true, func(t *testing.T, m *hosttest.Machine, term lease.Term, _ *lease.Keeper) {
		m.StepWall(-time.Hour)
		suspend(m, usable)
		lost(t, term.Check(), lease.LostExpired)
	})
}

// Over the whole time, the step back and the sleep cancel out: no difference between the ends shows either.
func TestR3_TheSumOfTheSamplesCounts(t *testing.T) {
	onMachine(t, false, func(t *testing.T, m *hosttest.Machine, term lease.Term, _ *lease.Keeper) {
		m.StepWall(-time.Hour)
		time.Sleep(1001 * time.Millisecond) // one sample
		suspend(m, time.Hour)
		lost(t, term.Check(), lease.LostExpired)
	})
}

// A step forward may have been time, and is counted as soon as a Check sees it, whatever becomes of it later.
func TestR3_EveryCheckIsASample(t *testing.T) {
	onMachine(t, true, func(t *testing.T, m *hosttest.Machine, term lease.Term, _ *lease.Keeper) {
		time.Sleep(time.Second)
		for range 2 {
			m.StepWall(3 * time.Second)
			require.NoError(t, term.Check())
			m.StepWall(-3 * time.Second)
			require.NoError(t, term.Check())
		}
		require.Equal(t, usable-7*time.Second, term.Remaining())
	})
}

func TestR3_WallClockSteps(t *testing.T) {
	onMachine(t, true, func(t *testing.T, m *hosttest.Machine, term lease.Term, _ *lease.Keeper) {
		time.Sleep(time.Second)
		m.StepWall(-time.Hour)
		require.Equal(t, usable-time.Second, term.Remaining(), "a step back does not lengthen the term")
		m.StepWall(2 * time.Second)
		require.Equal(t, usable-3*time.Second, term.Remaining(), "a step forward may have been time, so it shortens the term")
		m.StepWall(time.Hour)
		lost(t, term.Check(), lease.LostExpired)
	})
}

func TestR3_AnInstantKeptOverALongRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := hosttest.New(false)
		sent := lease.Now(host.With(t.Context(), m))
		m.StepWall(time.Minute)
		time.Sleep(time.Second)
		sent = sent.Sample()
		suspend(m, time.Minute)
		sent = sent.Sample()
		time.Sleep(time.Second)
		require.Equal(t, 2*time.Minute+2*time.Second, sent.Elapsed())
		require.Equal(t, 2*time.Minute+2*time.Second, sent.Elapsed(), "a look changes nothing")
	})
}

func TestR3_WhatARequestTookCountsWithItsSleep(t *testing.T) {
	onMachine(t, true, func(t *testing.T, m *hosttest.Machine, term lease.Term, keeper *lease.Keeper) {
		sent := lease.Now(host.With(t.Context(), m))
		time.Sleep(time.Second)
		suspend(m, 2*time.Second)
		keeper.Extend(held(), sent)
		require.Equal(t, usable-3*time.Second, term.Remaining())
	})
}

func TestR3_AfterAResumeTheTermEndsWithinASecond(t *testing.T) {
	onMachine(t, true, func(t *testing.T, m *hosttest.Machine, term lease.Term, _ *lease.Keeper) {
		time.Sleep(time.Second / 2)
		suspend(m, time.Hour)
		time.Sleep(time.Second)
		synctest.Wait()
		select {
		case <-term.Done():
		default:
			t.Fatal("the term goes on")
		}
	})
}

func TestInstant(t *testing.T) {
	require.Equal(t, time.Duration(math.MaxInt64), lease.Instant{}.Elapsed(), "infinitely long ago")
	require.Equal(t, time.Duration(math.MaxInt64), lease.Instant{}.Sample().Sample().Elapsed())
	synctest.Test(t, func(t *testing.T) {
		now, in := lease.Now(t.Context()), lease.Now(context.Background())
		time.Sleep(time.Minute)
		require.Equal(t, time.Minute, now.Elapsed())
		require.Equal(t, time.Minute, in.Elapsed())
	})
}
