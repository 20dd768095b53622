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
		ctx, keeper := lease.StartTerm(t.Context(), held, lease.Now(t.Context()))
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

// A broken lease is nobody's: it cannot be broken again, and a node that waits for it gets it.
func TestBreak_NotTwice(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
		seen := standby.stored(t)
		require.False(t, seen.Broken)
		require.NoError(t, lease.Break(t.Context(), standby.manager, seen))
		broken := standby.stored(t)
		require.True(t, broken.Broken)
		require.Len(t, broken.ID, 32, "an ID as any")
		require.Equal(t, lease.Held, broken.State)
		require.True(t, standby.refused(t).Broken)
		for range 20 {
			time.Sleep(length / 20)
			for _, info := range []lease.Info{seen, broken, standby.stored(t), {Name: name, ID: "another"}} {
				require.NoError(t, lease.Break(t.Context(), holder.manager, info))
				require.NoError(t, lease.Break(t.Context(), standby.manager, info))
			}
		}
		require.Equal(t, broken.Version, standby.stored(t).Version)
		next := standby.mustAcquire(t)
		require.Equal(t, broken.Token+1, next.Token)
		require.False(t, standby.stored(t).Broken)
		for _, info := range []lease.Info{seen, broken} {
			require.Equal(t, next.ID, heldBy(t, lease.Break(t.Context(), holder.manager, info)).ID)
		}
	})
}

// Programs of before said it in the ID.
func TestBreak_RecordsOfBefore(t *testing.T) {
	inBubble(t, func(t *testing.T, _, standby *node, held lease.Lease) {
		_, err := standby.store.Swap(t.Context(), name, held.Version,
			[]byte(`{"format":1,"token":2,"id":"broken-x","holder":"nobody","length":"10s","nonce":"n","released":false}`))
		require.NoError(t, err)
		seen := standby.stored(t)
		require.True(t, seen.Broken)
		require.NoError(t, lease.Break(t.Context(), standby.manager, seen))
		require.Equal(t, seen.Version, standby.stored(t).Version)
	})
}

// Break says that nobody holds the lease only if that is proved: not by a slow answer, while the holder renews.
func TestBreak_ASlowAnswer(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
		seen := standby.inspect(t)
		time.Sleep(length - 2*time.Second)
		standby.scriptLoads(slowly(3 * time.Second))
		broken := make(chan error)
		go func() { broken <- lease.Break(t.Context(), standby.manager, seen) }()
		time.Sleep(time.Second / 2)
		held, err := holder.renew(held)
		require.NoError(t, err)
		require.NoError(t, <-broken)
		_, err = holder.renew(held)
		lost(t, err, lease.LostTaken)
		require.True(t, standby.stored(t).Broken)
	})
}
