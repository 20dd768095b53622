package lease_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

const part = "shop/parts/eu"

// within begins a term inside that of a lease that is held.
func within(t *testing.T) (outer *lease.Keeper, ctx context.Context, inner *lease.Keeper) {
	_, outer = lease.StartTerm(t.Context(), held(), lease.Now(t.Context()))
	ctx, inner = lease.StartWithin(t.Context(), outer.Term(), part, 3)
	return outer, ctx, inner
}

func TestWithin_HoldsWhileTheOuterTermDoes(t *testing.T) {
	for how, end := range map[string]struct {
		end    func(*lease.Keeper)
		reason lease.LostReason
	}{
		"released": {func(k *lease.Keeper) { k.End(nil) }, lease.LostReleased},
		"taken":    {func(k *lease.Keeper) { k.End(&lease.LostError{Name: name, Token: 7, Reason: lease.LostTaken}) }, lease.LostTaken},
		"expired":  {func(k *lease.Keeper) { time.Sleep(k.Term().Remaining()); synctest.Wait() }, lease.LostExpired},
	} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				outer, ctx, inner := within(t)
				term, ok := lease.TermFrom(ctx)
				require.True(t, ok)
				require.Equal(t, inner.Term(), term)
				require.Equal(t, part, term.Name())
				require.Equal(t, uint64(3), term.Token())
				require.NoError(t, term.Check())
				require.Equal(t, outer.Term().Remaining(), term.Remaining())
				require.Equal(t, outer.Term().Deadline(), term.Deadline())
				time.Sleep(outer.Term().Remaining() / 2)
				outer.Extend(held(), lease.Now(t.Context()))
				require.Equal(t, outer.Term().Remaining(), term.Remaining(), "it is renewed with the outer one")

				end.end(outer)
				err := over(t, term, end.reason)
				require.Equal(t, part, err.Name)
				require.Equal(t, uint64(3), err.Token)
				require.ErrorIs(t, err, lease.ErrLost)
				require.Equal(t, error(err), context.Cause(ctx), "its context is cancelled at once")
			})
		})
	}
}

func TestWithin_EndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outer, ctx, inner := within(t)
		other, kept := lease.StartWithin(t.Context(), outer.Term(), "shop/parts/us", 4)
		defer kept.End(nil)
		inner.Extend(held(), lease.Now(t.Context()))
		inner.Failed(errors.New("no"))
		inner.End(nil)
		over(t, inner.Term(), lease.LostReleased)
		require.Error(t, ctx.Err())
		require.NoError(t, outer.Term().Check())
		require.NoError(t, kept.Term().Check())
		require.NoError(t, other.Err())
		outer.End(nil)
		over(t, kept.Term(), lease.LostReleased)
	})
}

func TestWithin_CancelAndTheEndOfItsContextLeaveTheTerm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outer, ctx, inner := within(t)
		moved := errors.New("moved")
		inner.Cancel(moved)
		require.Equal(t, moved, context.Cause(ctx))
		require.NoError(t, inner.Term().Check())
		flushed := false
		require.True(t, lease.BeforeEnd(ctx, func(context.Context) { flushed = true }))
		inner.BeforeEnd(t.Context())
		require.True(t, flushed, "what is flushed last belongs to the inner term")
		require.False(t, outer.HasBeforeEnd())
		outer.End(nil)
	})
}

func TestWithin_ATermThatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outer, _, inner := within(t)
		outer.End(nil)
		require.Error(t, inner.Term().Check())
		ctx, late := lease.StartWithin(t.Context(), outer.Term(), part, 5)
		over(t, late.Term(), lease.LostReleased)
		require.Error(t, ctx.Err())
		ctx, none := lease.StartWithin(t.Context(), lease.Term{}, part, 5)
		over(t, none.Term(), lease.LostGone)
		require.Error(t, ctx.Err())
	})
}

// Terms end and are asked about in any order: there is no deadlock, and each has one end.
func TestWithin_Concurrently(t *testing.T) {
	for range 200 {
		_, outer := lease.StartTerm(t.Context(), held(), lease.Now(t.Context()))
		var all sync.WaitGroup
		for n := range uint64(4) {
			ctx, inner := lease.StartWithin(t.Context(), outer.Term(), part, n+1)
			all.Go(func() { <-ctx.Done(); <-inner.Term().Done() })
			all.Go(func() {
				for inner.Term().Check() == nil {
					_ = inner.Term().Remaining()
				}
			})
			if n%2 == 0 {
				all.Go(func() { inner.End(nil) })
			}
		}
		all.Go(func() { outer.End(nil) })
		all.Wait()
	}
}
