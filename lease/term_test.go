package lease_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/hosttest"
	"github.com/cloudlease/leader/lease"
)

// over is that the term has ended, in every way that one can ask.
func over(t *testing.T, term lease.Term, reason lease.LostReason) *lease.LostError {
	t.Helper()
	err := lost(t, term.Check(), reason)
	require.Zero(t, term.Remaining())
	require.Zero(t, term.Deadline())
	select {
	case <-term.Done():
	default:
		t.Fatal("Done is open")
	}
	return err
}

func TestR8_EndEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, keeper := lease.StartTerm(t.Context(), held(), lease.Now(t.Context()))
		term, _ := lease.TermFrom(ctx)
		require.NoError(t, term.Check())
		require.Equal(t, name, term.Name())
		require.Equal(t, uint64(7), term.Token())
		select {
		case <-term.Done():
			t.Fatal("Done is closed")
		default:
		}

		keeper.End(nil)
		err := over(t, term, lease.LostReleased)
		require.Equal(t, &lease.LostError{Name: name, Token: 7, Reason: lease.LostReleased}, err)
		require.Equal(t, error(err), context.Cause(ctx))
		require.Equal(t, name, term.Name())
		require.Equal(t, uint64(7), term.Token())
	})
}

func TestR8_TheFirstCauseStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, keeper := lease.StartTerm(t.Context(), held(), lease.Now(t.Context()))
		term, _ := lease.TermFrom(ctx)
		first := &lease.LostError{Name: name, Token: 7, Reason: lease.LostTaken}
		keeper.End(first)
		keeper.End(&lease.LostError{Name: name, Token: 7, Reason: lease.LostGone})
		keeper.End(nil)
		keeper.Failed(errDown)
		time.Sleep(length)
		require.Same(t, first, over(t, term, lease.LostTaken))
		require.Equal(t, error(first), context.Cause(ctx))
	})
}

func TestR8_CausesAreWrapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, keeper := lease.StartTerm(t.Context(), held(), lease.Now(t.Context()))
		term, _ := lease.TermFrom(ctx)
		keeper.End(fmt.Errorf("the work is done: %w", errDown))
		require.ErrorIs(t, over(t, term, lease.LostReleased), errDown)
		require.ErrorIs(t, context.Cause(ctx), errDown)
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, keeper := lease.StartTerm(t.Context(), held(), lease.Now(t.Context()))
		term, _ := lease.TermFrom(ctx)
		keeper.End(fmt.Errorf("renewal: %w", &lease.LostError{Name: name, Token: 7, Reason: lease.LostTaken}))
		over(t, term, lease.LostTaken)
	})
}

func TestR8_TheDeadlineEndsItOnce(t *testing.T) {
	onMachine(t, true, func(t *testing.T, _ *hosttest.Machine, term lease.Term, keeper *lease.Keeper) {
		keeper.Failed(errDown)
		time.Sleep(usable)
		synctest.Wait()
		err := over(t, term, lease.LostExpired)
		require.ErrorIs(t, err, errDown, "it says why the lease was not renewed")
		keeper.End(nil)
		require.Same(t, err, over(t, term, lease.LostExpired))
	})
}

func TestR8_EndAfterTheDeadlineIsTooLate(t *testing.T) {
	onMachine(t, true, func(t *testing.T, m *hosttest.Machine, term lease.Term, keeper *lease.Keeper) {
		suspend(m, usable)
		keeper.End(nil)
		over(t, term, lease.LostExpired)
	})
}

func TestR8_NoLaterAnswerRevives(t *testing.T) {
	ends := map[string]func(m *hosttest.Machine, keeper *lease.Keeper) lease.LostReason{
		"after End": func(_ *hosttest.Machine, keeper *lease.Keeper) lease.LostReason {
			keeper.End(nil)
			return lease.LostReleased
		},
		"after the deadline": func(*hosttest.Machine, *lease.Keeper) lease.LostReason {
			time.Sleep(usable)
			return lease.LostExpired
		},
		"after the deadline, before anybody has noticed": func(m *hosttest.Machine, _ *lease.Keeper) lease.LostReason {
			suspend(m, usable)
			return lease.LostExpired
		},
	}
	for when, end := range ends {
		t.Run(when, func(t *testing.T) {
			onMachine(t, true, func(t *testing.T, m *hosttest.Machine, term lease.Term, keeper *lease.Keeper) {
				reason := end(m, keeper)
				keeper.Extend(held(), lease.Now(t.Context()))
				over(t, term, reason)
				time.Sleep(time.Second)
				keeper.Extend(held(), lease.Now(t.Context()))
				over(t, term, reason)
			})
		})
	}
}

func TestR8_ATermWhoseDeadlineHasPassedDoesNotBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := lease.Now(t.Context())
		time.Sleep(usable)
		for what, sent := range map[string]lease.Instant{"a slow answer": sent, "the zero Instant": {}} {
			ctx, keeper := lease.StartTerm(t.Context(), held(), sent)
			require.Error(t, ctx.Err(), "before anybody checks")
			term, _ := lease.TermFrom(ctx)
			err := over(t, term, lease.LostExpired)
			require.Equal(t, error(err), context.Cause(ctx), what)
			keeper.Extend(held(), lease.Now(t.Context()))
			over(t, term, lease.LostExpired)
		}
		ctx, _ := lease.StartTerm(t.Context(), lease.Lease{Name: name}, lease.Now(t.Context()))
		term, _ := lease.TermFrom(ctx)
		over(t, term, lease.LostExpired)
	})
}

func TestR8_TheContextEndsWithTheTerm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, _ := lease.StartTerm(t.Context(), held(), lease.Now(t.Context()))
		begun := time.Now()
		<-ctx.Done()
		require.Equal(t, usable, time.Since(begun))
		lost(t, context.Cause(ctx), lease.LostExpired)
	})
}

func TestR8_TheParentsEndIsNotTheTerms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := errors.New("stop")
		parent, cancel := context.WithCancelCause(t.Context())
		ctx, keeper := lease.StartTerm(parent, held(), lease.Now(t.Context()))
		term, _ := lease.TermFrom(ctx)
		cancel(stop)
		require.Equal(t, stop, context.Cause(ctx))
		require.NoError(t, term.Check(), "the work is still cleaning up, under its lease")
		time.Sleep(time.Second)
		keeper.Extend(held(), lease.Now(t.Context()))
		require.Equal(t, usable, term.Remaining())
		time.Sleep(usable)
		over(t, term, lease.LostExpired)
		require.Equal(t, stop, context.Cause(ctx))
	})
}

func TestCancelIsNotTheTermsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, keeper := lease.StartTerm(t.Context(), held(), lease.Now(t.Context()))
		term, _ := lease.TermFrom(ctx)
		first := errors.New("first")
		keeper.Cancel(first)
		require.Equal(t, first, context.Cause(ctx))
		require.NoError(t, term.Check())
		keeper.Cancel(errors.New("second"))
		keeper.End(nil)
		over(t, term, lease.LostReleased)
		require.Equal(t, first, context.Cause(ctx))
		keeper.Cancel(nil) // after the end, it changes nothing
		over(t, term, lease.LostReleased)
	})
}

func TestR8_TheZeroTermHasEnded(t *testing.T) {
	over(t, lease.Term{}, lease.LostGone)
	require.Empty(t, lease.Term{}.Name())
	require.Zero(t, lease.Term{}.Token())
	term, ok := lease.TermFrom(context.Background())
	require.False(t, ok)
	require.Error(t, term.Check())
}

func TestR8_ManyCheckersSeeOneEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, keeper := lease.StartTerm(t.Context(), held(), lease.Now(t.Context()))
		term, _ := lease.TermFrom(ctx)
		errs := make(chan error)
		for range 8 {
			go func() {
				for term.Check() == nil {
					time.Sleep(time.Millisecond)
				}
				errs <- term.Check()
			}()
			go keeper.Extend(held(), lease.Now(t.Context()))
			go keeper.Failed(nil)
		}
		time.Sleep(time.Second)
		go keeper.End(nil)
		go keeper.End(errDown)
		first := <-errs
		for range 7 {
			require.Same(t, first, <-errs)
		}
		require.Equal(t, first, context.Cause(ctx))
	})
}

func TestExtendClearsTheFailure(t *testing.T) {
	onMachine(t, true, func(t *testing.T, _ *hosttest.Machine, term lease.Term, keeper *lease.Keeper) {
		keeper.Failed(errDown)
		time.Sleep(time.Second)
		keeper.Extend(held(), lease.Now(t.Context()))
		time.Sleep(usable)
		require.NotErrorIs(t, over(t, term, lease.LostExpired), errDown)
	})
}
