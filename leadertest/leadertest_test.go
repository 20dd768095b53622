package leadertest_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/leadertest"
	"github.com/cloudlease/leader/lease"
)

func TestTermHoldsUntilLost(t *testing.T) {
	ctx, lose := leadertest.Context(t, 7)
	term, ok := lease.TermFrom(ctx)
	require.True(t, ok)
	require.Equal(t, uint64(7), term.Token())
	require.Equal(t, t.Name(), term.Name())
	require.NoError(t, term.Check())
	require.NoError(t, ctx.Err())
	require.Greater(t, term.Remaining(), 24*time.Hour)

	lose(nil)
	require.ErrorIs(t, term.Check(), lease.ErrLost)
	require.ErrorIs(t, ctx.Err(), context.Canceled)
	require.Equal(t, term.Check(), context.Cause(ctx))
}

// A work keeps nothing in a lease that is not there, and hears why.
func TestSetValue(t *testing.T) {
	ctx, _ := leadertest.Context(t, 7)
	err := leader.SetValue(ctx, "x")
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorContains(t, err, "leader: SetValue: no Leader made the term of this context (a part of a fleet or leadertest.Context did, say)")
}

func TestCauses(t *testing.T) {
	full := errors.New("disk full")
	own := &lease.LostError{Name: "orders", Token: 7, Reason: lease.LostExpired, Err: full}
	for _, test := range []struct {
		name   string
		cause  error
		reason lease.LostReason
		err    error
	}{
		{"none", nil, lease.LostTaken, nil},
		{"ErrLost itself", lease.ErrLost, lease.LostTaken, nil},
		{"another error", full, lease.LostTaken, full},
		{"a LostError", own, lease.LostExpired, full},
		{"a wrapped LostError", fmt.Errorf("renewing: %w", own), lease.LostExpired, full},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, lose := leadertest.Context(t, 7)
			lose(test.cause)
			lost, ok := errors.AsType[*lease.LostError](context.Cause(ctx))
			require.True(t, ok)
			require.Equal(t, test.reason, lost.Reason)
			require.Equal(t, uint64(7), lost.Token)
			require.Equal(t, test.err, lost.Err)
		})
	}
}

func TestLostOnce(t *testing.T) {
	ctx, lose := leadertest.Context(t, 7)
	first := errors.New("first")
	lose(first)
	lose(errors.New("second"))
	require.ErrorIs(t, context.Cause(ctx), first)
}

func TestTermHoldsInCleanupAndEndsAfterIt(t *testing.T) {
	var ctx context.Context
	t.Run("test", func(t *testing.T) {
		ctx, _ = leadertest.Context(t, 7)
		t.Cleanup(func() {
			term, _ := lease.TermFrom(ctx)
			require.Error(t, t.Context().Err(), "the test's own context has ended")
			require.NoError(t, term.Check())
			require.NoError(t, ctx.Err())
		})
	})
	lost, ok := errors.AsType[*lease.LostError](context.Cause(ctx))
	require.True(t, ok)
	require.Equal(t, lease.LostReleased, lost.Reason)
}

func TestInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, lose := leadertest.Context(t, 7)
		term, _ := lease.TermFrom(ctx)
		go func() { <-ctx.Done() }()
		time.Sleep(24 * time.Hour)
		require.NoError(t, term.Check())
		go lose(nil)
		synctest.Wait()
		require.Error(t, term.Check())
	})
}

// A bubble cannot end while a goroutine in it waits: the term ends with the test, not when its time has come.
func TestBubbleEndsWithoutLosing(t *testing.T) {
	var waited time.Duration
	synctest.Test(t, func(t *testing.T) {
		ctx, _ := leadertest.Context(t, 7)
		began := time.Now()
		go func() {
			<-ctx.Done()
			waited = time.Since(began)
		}()
	})
	require.Zero(t, waited)
}

func TestTokenZeroFailsTheTest(t *testing.T) {
	fake := &fatal{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		leadertest.Context(fake, 0)
	}()
	<-done
	require.Contains(t, fake.said, "no term has token 0")
}

// fatal is a test that fails without failing this one.
type fatal struct {
	testing.TB
	said string
}

func (f *fatal) Fatal(args ...any) {
	f.said = fmt.Sprint(args...)
	runtime.Goexit()
}
