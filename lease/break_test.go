package lease_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

func TestBreak(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
		seen := standby.stored(t)
		standby.sent()
		require.NoError(t, lease.Break(t.Context(), standby.manager, seen))
		require.Equal(t, "1 loads, 1 swaps", standby.sent())

		_, err := holder.renew(held)
		taken := lost(t, err, lease.LostTaken)
		require.Equal(t, "nobody", taken.Now.Holder)
		require.Equal(t, map[string]string{"broken": held.Holder}, taken.Now.Attributes)
		lost(t, holder.release(held), lease.LostTaken)

		time.Sleep(length - 1)
		_, err = standby.acquire()
		require.ErrorIs(t, err, lease.ErrHeld)
		time.Sleep(time.Nanosecond)
		require.Greater(t, standby.mustAcquire(t).Token, held.Token)
	})
}

// R1: a holder that cannot renew has the length of its lease, from before the lease was broken, and nobody starts
// before that.
func TestBreak_NobodyStartsBeforeTheTermIsOver(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
		ctx, keeper := lease.StartTerm(t.Context(), held, lease.Now())
		defer keeper.End(nil)
		term, _ := lease.TermFrom(ctx)
		require.NoError(t, lease.Break(t.Context(), standby.manager, standby.stored(t)))
		for {
			_, err := standby.acquire()
			if err == nil {
				break
			}
			time.Sleep(length / 100)
		}
		require.ErrorIs(t, term.Check(), lease.ErrLost)
	})
}

func TestBreak_WhatIsNotThere(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
		seen := standby.stored(t)
		require.NoError(t, holder.release(held))
		free := standby.stored(t)
		require.NoError(t, lease.Break(t.Context(), standby.manager, seen), "nobody holds it")
		require.Equal(t, free.Version, standby.stored(t).Version)

		next := holder.mustAcquire(t)
		err := lease.Break(t.Context(), standby.manager, seen)
		by, ok := errors.AsType[*lease.HeldError](err)
		require.True(t, ok, "%v", err)
		require.Equal(t, next.ID, by.Info.ID)
		require.Equal(t, next.Version, standby.stored(t).Version)

		require.ErrorIs(t, lease.Break(t.Context(), standby.manager, lease.Info{Name: "\x00"}), lease.ErrInvalid)
		require.ErrorIs(t, lease.Break(t.Context(), justManager{}, seen), errors.ErrUnsupported)
	})
}

type justManager struct{ lease.Manager }

// R4: a renewal that lands meanwhile, an answer that is lost, a write that its client's library repeats.
func TestBreak_UnclearAnswers(t *testing.T) {
	faults := map[string]swapFault{
		"conflict with itself": conflicted,
		"nothing has changed":  undecided,
	}
	for what, fault := range faults {
		t.Run(what, func(t *testing.T) {
			inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
				seen := standby.stored(t)
				standby.script(fault)
				require.NoError(t, lease.Break(t.Context(), standby.manager, seen))
				_, err := holder.renew(held)
				lost(t, err, lease.LostTaken)
			})
		})
	}
	inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
		seen := standby.stored(t)
		standby.script(after(func() {
			var err error
			held, err = holder.renew(held)
			require.NoError(t, err)
		}))
		require.NoError(t, lease.Break(t.Context(), standby.manager, seen))
		_, err := holder.renew(held)
		lost(t, err, lease.LostTaken)
	})
	inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
		seen := standby.stored(t)
		standby.script(lostAnswer)
		require.ErrorIs(t, lease.Break(t.Context(), standby.manager, seen), errDown)
		broken := standby.stored(t)
		require.NoError(t, lease.Break(t.Context(), standby.manager, seen))
		require.Equal(t, broken.Version, standby.stored(t).Version, "it is broken once: nobody waits any longer")
	})
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t.Context(), memory.NewStore())
		n.scriptLoads(unread)
		require.ErrorIs(t, lease.Break(context.Background(), n.manager, lease.Info{Name: "any"}), errDown)
	})
}
