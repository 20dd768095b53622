package lease_test

import (
	"context"
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/internal/hosttest"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// The record says how long a standby waits; the term must not outlast it.
func TestR2_ARenewalWithAShorterLengthShortensTheTerm(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
		ctx, keeper := lease.StartTerm(t.Context(), held, lease.Now(t.Context()))
		defer keeper.End(nil)
		term, _ := lease.TermFrom(ctx)
		held.Length = length / 5
		sent := lease.Now(t.Context())
		held, err := holder.renew(held)
		require.NoError(t, err)
		keeper.Extend(held, sent)
		standby.refused(t)
		time.Sleep(length / 5)
		standby.mustAcquire(t)
		lost(t, term.Check(), lease.LostExpired)
	})
}

func TestR3_AnAbsurdStepOfTheWallClockCountsToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := hosttest.New(true)
		since := lease.Now(host.With(t.Context(), m))
		m.StepWall(-200 * 365 * 24 * time.Hour)
		time.Sleep(2 * time.Second)
		since = since.Sample()
		m.StepWall(math.MaxInt64 - time.Second)
		require.Equal(t, time.Duration(math.MaxInt64), since.Elapsed())
	})
}

// What time.Time.Sub says if an answer has no Date.
func TestR1_AnAgeFarBelowZeroProvesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cells, machine := memory.NewStore(), hosttest.New(true)
		newNode(t.Context(), cells).mustAcquire(t)
		standby := newNode(host.With(t.Context(), machine), cells)
		time.Sleep(time.Second)
		standby.scriptLoads(aged(math.MinInt64))
		require.Equal(t, length, standby.refused(t).RetryAfter)
		time.Sleep(length)
		standby.mustAcquire(t)
	})
}

func TestR6_AFailedAcquisitionThatWasSeenIsNobodys(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, _ *node, held lease.Lease) {
		require.NoError(t, holder.release(held))
		holder.script(conflicted, failed)    // its own write is read, and written again in vain
		holder.scriptLoads(nil, nil, unread) // and cannot be released at once
		_, err := holder.acquire()
		require.ErrorIs(t, err, errDown)
		holder.mustAcquire(t)
	})
}

func TestR8_TheErrorOfCheckIsALostError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, keeper := lease.StartTerm(t.Context(), held(), lease.Now(t.Context()))
		term, _ := lease.TermFrom(ctx)
		keeper.End(fmt.Errorf("renewal: %w", lease.ErrLost)) // of somebody's own Manager
		var lost *lease.LostError
		require.ErrorAs(t, term.Check(), &lost)
		require.Equal(t, uint64(7), lost.Token)
	})
}

// timers is a host whose timers fire when the test says so, also too late to be stopped.
type timers struct {
	host.Host
	mu      sync.Mutex
	pending []*handTimer
}

type handTimer struct {
	of *timers
	f  func()
}

func (h *timers) AfterFunc(_ time.Duration, f func()) host.Timer {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := &handTimer{of: h, f: f}
	h.pending = append(h.pending, t)
	return t
}

func (t *handTimer) Stop() bool {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	for i, p := range t.of.pending {
		if p == t {
			t.of.pending = append(t.of.pending[:i], t.of.pending[i+1:]...)
			return true
		}
	}
	return false
}

// A sample that is due while the term is extended sets no second timer beside the one that Extend sets.
func TestATermHasOneTimer(t *testing.T) {
	h := &timers{Host: host.System}
	_, keeper := lease.StartTerm(host.With(context.Background(), h), held(), lease.Now(t.Context()))
	require.Len(t, h.pending, 1)
	due := h.pending[0]
	require.True(t, due.Stop()) // it has fired, and its function is about to run
	keeper.Extend(held(), lease.Now(t.Context()))
	due.f()
	require.Len(t, h.pending, 1)
	keeper.End(nil)
	require.Empty(t, h.pending)
}

func TestStartTermWithANegativeLength(t *testing.T) {
	bad := held()
	bad.Length = -time.Hour
	ctx, _ := lease.StartTerm(context.Background(), bad, lease.Instant{})
	term, _ := lease.TermFrom(ctx)
	require.Error(t, term.Check())
}

func TestOpenHidesWhatItCannotParse(t *testing.T) {
	for _, url := range []string{"s3://user:secret/part@bucket", "s3://user:secret%zz@bucket", "s3://user:%se@bucket"} {
		_, err := lease.Open(t.Context(), url)
		require.ErrorIs(t, err, lease.ErrMisconfigured)
		require.NotContains(t, err.Error(), "secret")
		require.NotContains(t, err.Error(), "%se")
	}
}

// R5: a token that has no successor ends the succession, and its record stays readable.
func TestTheLastToken(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
		held.Token = math.MaxUint64 - 1 // by hand
		held, err := holder.renew(held)
		require.NoError(t, err)
		require.NoError(t, holder.release(held))
		last := standby.mustAcquire(t)
		require.EqualValues(t, uint64(math.MaxUint64), last.Token)
		require.NoError(t, standby.release(last))
		_, err = standby.acquire()
		require.ErrorIs(t, err, lease.ErrRecord)
		require.ErrorContains(t, err, "no successor")
		require.Equal(t, lease.Free, standby.stored(t).State)
	})
}

// S3 answers 409 while the first send is still on its way; it arrives once the cell has been read.
func TestR4_AReleaseThatLandsBehindItsOwnConflict(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, _ *node, held lease.Lease) {
		holder.script(func(ctx context.Context, apply func() (lease.Version, error)) (lease.Version, error) {
			holder.postpone(apply)
			return undecided(ctx, apply)
		}, after(holder.land))
		require.NoError(t, holder.release(held))
		require.Equal(t, lease.Free, holder.stored(t).State)
	})
}
