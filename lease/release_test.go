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

func TestR6_ReleaseReachesALateRenewal(t *testing.T) {
	lands := map[string]func(n *node){
		"landed before the release":   func(n *node) { n.land() },
		"landed just before its swap": func(n *node) { n.script(after(n.land)) },
		"landed after its conflict":   func(n *node) { n.script(undecided, after(n.land)) },
	}
	for when, land := range lands {
		t.Run(when, func(t *testing.T) {
			inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
				holder.script(holder.later)
				_, err := holder.renew(held)
				require.ErrorIs(t, err, errDown)
				land(holder)
				require.NoError(t, holder.release(held))
				standby.mustAcquire(t)
			})
		})
	}
}

func TestR6_ARenewalThatLandsAfterTheReleaseIsVoid(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, _ *node, held lease.Lease) {
		holder.script(holder.later)
		_, err := holder.renew(held)
		require.ErrorIs(t, err, errDown)
		require.NoError(t, holder.release(held))
		holder.land()
		require.Equal(t, lease.Free, holder.stored(t).State)
	})
}

func TestR6_ReleaseNeverTakesFromSomebodyElse(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
		standby.scriptLoads(aged(length))
		next := standby.mustAcquire(t)
		holder.sent()
		taken := lost(t, holder.release(held), lease.LostTaken)
		require.Equal(t, next.ID, taken.Now.ID)
		require.Equal(t, "1 loads, 1 swaps", holder.sent())
		require.Equal(t, next.Version, holder.stored(t).Version)
	})
}

func TestR6_NotEvenWhileItLooksForALateRenewal(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
		holder.script(holder.later)
		_, err := holder.renew(held)
		require.ErrorIs(t, err, errDown)
		var next lease.Lease
		standby.scriptLoads(aged(length))
		holder.script(after(holder.land), after(func() { next = standby.mustAcquire(t) }))
		lost(t, holder.release(held), lease.LostTaken)
		require.Equal(t, next.Version, holder.stored(t).Version)
		require.Equal(t, lease.Held, holder.stored(t).State)
	})
}

func TestR6_AFailedAcquisitionIsReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t.Context(), memory.NewStore())
		n.script(lostAnswer)
		_, err := n.acquire()
		require.ErrorIs(t, err, errDown)
		require.Equal(t, "2 loads, 2 swaps", n.sent())
		info := n.stored(t)
		require.Equal(t, lease.Free, info.State)
		require.Equal(t, uint64(1), info.Token)
		require.Equal(t, uint64(2), newNode(t.Context(), n.store).mustAcquire(t).Token, "anybody may have it")
	})
}

func TestR6_AFailedAcquisitionIsReleasedAfterItsContextHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := errors.New("stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		n := newNode(ctx, memory.NewStore())
		n.script(func(_ context.Context, apply func() (lease.Version, error)) (lease.Version, error) {
			_, _ = apply()
			cancel(stop)
			return "", context.Cause(ctx)
		})
		_, err := n.acquire()
		require.ErrorIs(t, err, stop)
		require.Equal(t, lease.Free, n.stored(t).State)
	})
}

func TestR6_AnEndedContextAcquiresNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := errors.New("stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(stop)
		n := newNode(ctx, memory.NewStore())
		_, err := n.acquire()
		require.ErrorIs(t, err, stop)
		require.Equal(t, "1 loads, 0 swaps", n.sent())
		require.Zero(t, n.stored(t).Version)
	})
}

// acquiredTooLate is a free lease after an acquisition of the node's that failed and landed all the same.
func acquiredTooLate(t *testing.T, test func(t *testing.T, n, other *node)) {
	t.Helper()
	inBubble(t, func(t *testing.T, holder, other *node, held lease.Lease) {
		require.NoError(t, holder.release(held))
		holder.script(holder.later)
		_, err := holder.acquire()
		require.ErrorIs(t, err, errDown)
		holder.land()
		require.Equal(t, lease.Held, holder.stored(t).State)
		require.Equal(t, held.Token+1, holder.stored(t).Token)
		test(t, holder, other)
	})
}

func TestR6_ALateAcquisitionIsNobodys(t *testing.T) {
	acquiredTooLate(t, func(t *testing.T, n, _ *node) {
		late := n.stored(t)
		info, err := lease.Inspect(n.ctx, n.manager, name)
		require.NoError(t, err)
		require.Equal(t, lease.Expired, info.State)
		n.sent()
		require.Equal(t, late.Token+1, n.mustAcquire(t).Token, "its manager knows, and takes it over at once")
		require.Equal(t, "1 loads, 1 swaps", n.sent())
		n.refused(t) // what it holds now is not
	})
	acquiredTooLate(t, func(t *testing.T, _, other *node) {
		require.Equal(t, length, other.refused(t).RetryAfter, "nobody else can know")
		time.Sleep(length)
		other.mustAcquire(t)
	})
	acquiredTooLate(t, func(t *testing.T, n, other *node) {
		other.scriptLoads(aged(length))
		taken := other.mustAcquire(t)
		require.Equal(t, taken.ID, n.refused(t).ID, "what was taken over is somebody's")
	})
	acquiredTooLate(t, func(t *testing.T, n, other *node) {
		info, err := lease.Inspect(n.ctx, n.manager, name)
		require.NoError(t, err)
		require.Equal(t, lease.Expired, info.State)
		other.scriptLoads(aged(length))
		taken := other.mustAcquire(t)
		require.Equal(t, taken.ID, n.refused(t).ID, "also if it was seen before")
	})
	acquiredTooLate(t, func(t *testing.T, n, _ *node) {
		n = n.restarted()
		require.Equal(t, length, n.refused(t).RetryAfter, "nor can its own next process")
	})
}

func TestR6_SeveralFailedAcquisitionsAreNobodys(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, _ *node, held lease.Lease) {
		require.NoError(t, holder.release(held))
		for range 3 {
			holder.script(holder.later)
			_, err := holder.acquire()
			require.ErrorIs(t, err, errDown)
			holder.script(failed)
			_, err = holder.acquire()
			require.ErrorIs(t, err, errDown)
		}
		holder.land()
		holder.mustAcquire(t)
	})
}

func TestR6_WhatCannotBeReleasedAtOnceIsNobodys(t *testing.T) {
	tests := map[string]struct {
		loads []loadFault
		swaps []swapFault
	}{
		"no read":                 {loads: []loadFault{nil, unread}, swaps: []swapFault{lostAnswer}},
		"no write":                {swaps: []swapFault{lostAnswer, failed}},
		"a write that comes late": {swaps: []swapFault{lostAnswer, nil}},
	}
	for what, test := range tests {
		t.Run(what, func(t *testing.T) {
			inBubble(t, func(t *testing.T, holder, _ *node, held lease.Lease) {
				require.NoError(t, holder.release(held))
				if len(test.swaps) > 1 && test.swaps[1] == nil {
					test.swaps[1] = holder.later
				}
				holder.script(test.swaps...)
				holder.scriptLoads(test.loads...)
				_, err := holder.acquire()
				require.ErrorIs(t, err, errDown)
				again := holder.mustAcquire(t)
				require.Equal(t, held.Token+2, again.Token)
				holder.land()
				require.Equal(t, again.Version, holder.stored(t).Version, "the late release is of the dead one only")
			})
		})
	}
}

func TestR6_SomebodyElsesLeaseIsNoGhost(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
		require.NoError(t, holder.release(held))
		standby.script(standby.later)
		_, err := standby.acquire()
		require.ErrorIs(t, err, errDown)
		held = holder.mustAcquire(t)
		standby.land() // it is void: what it was to replace is gone
		require.Equal(t, held.ID, standby.refused(t).ID)
		_, err = holder.renew(held)
		require.NoError(t, err)
		standby.refused(t)
	})
}

func TestR6_TheMemoryOfTheDeadIsBounded(t *testing.T) {
	for _, test := range []struct {
		dead       int
		remembered bool
	}{{16, true}, {17, false}} {
		inBubble(t, func(t *testing.T, holder, _ *node, held lease.Lease) {
			require.NoError(t, holder.release(held))
			for range test.dead {
				holder.script(holder.later)
				_, err := holder.acquire()
				require.ErrorIs(t, err, errDown)
			}
			holder.land() // the first one is; the others come too late
			if !test.remembered {
				require.Equal(t, length, holder.refused(t).RetryAfter, "what is forgotten is waited for")
				time.Sleep(length)
			}
			holder.mustAcquire(t)
		})
	}
}

func TestR6_GivingUpTakesBoundedTime(t *testing.T) {
	for of, atMost := range map[time.Duration]time.Duration{
		6 * time.Second: 2 * time.Second, // a third of the length
		time.Minute:     5 * time.Second,
	} {
		for what, loads := range map[string][]loadFault{"no answer to the read": {nil, unanswered}, "none to the write": nil} {
			t.Run(what, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := newNode(t.Context(), memory.NewStore())
					n.script(lostAnswer, hung)
					n.scriptLoads(loads...)
					ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
					defer cancel()
					begun := time.Now()
					_, err := n.manager.Acquire(ctx, lease.Request{Name: name, Holder: "worker", Length: of})
					require.ErrorIs(t, err, errDown)
					require.Equal(t, atMost, time.Since(begun))
				})
			})
		}
	}
}
