package lease_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

func (n *node) inspect(t testing.TB) lease.Info {
	t.Helper()
	info, err := lease.Inspect(n.ctx, n.manager, name)
	require.NoError(t, err)
	return info
}

// heldBy is that somebody else holds the lease, and what was told about that.
func heldBy(t testing.TB, err error) lease.Info {
	t.Helper()
	by, ok := errors.AsType[*lease.HeldError](err)
	require.True(t, ok, "%v", err)
	return by.Info
}

// looks are the ways to look at a lease without a write that would prove anything.
var looks = map[string]func(t *testing.T, n *node) lease.Info{
	"Inspect": func(t *testing.T, n *node) lease.Info { return n.inspect(t) },
	"Break": func(t *testing.T, n *node) lease.Info {
		return heldBy(t, lease.Break(n.ctx, n.manager, lease.Info{Name: name, ID: "another"}))
	},
	"a lost renewal": func(t *testing.T, n *node) lease.Info {
		other := held()
		n.script(undecided)
		_, err := n.renew(other)
		return lost(t, err, lease.LostTaken).Now
	},
}

// R1: an answer was slow, and the holder has renewed meanwhile. What no write will prove is as old as the question.
func TestR1_ASlowAnswerProvesNothing(t *testing.T) {
	for what, look := range looks {
		t.Run(what, func(t *testing.T) {
			inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
				ctx, keeper := lease.StartTerm(t.Context(), held, lease.Now(t.Context()))
				defer keeper.End(nil)
				term, _ := lease.TermFrom(ctx)
				require.Equal(t, lease.Held, look(t, standby).State)
				time.Sleep(length - 2*time.Second)
				standby.scriptLoads(slowly(3 * time.Second)) // it reads what there is, and takes its time
				done := make(chan lease.Info)
				go func() { done <- look(t, standby) }()
				time.Sleep(time.Second / 2)
				sent := lease.Now(t.Context())
				held, err := holder.renew(held)
				require.NoError(t, err)
				keeper.Extend(held, sent)

				info := <-done
				require.Equal(t, lease.Held, info.State)
				require.Equal(t, length-2*time.Second, info.Age)
				require.Equal(t, time.Duration(1), info.RetryAfter, "a write will tell")
				require.NoError(t, term.Check())
				require.Equal(t, length, standby.refused(t).RetryAfter)
			})
		})
	}
}

// R1: what a write will prove counts to the answer, as ever.
func TestR1_AWriteProvesWhatASlowAnswerDoesNot(t *testing.T) {
	inBubble(t, func(t *testing.T, _, standby *node, held lease.Lease) {
		standby.refused(t)
		time.Sleep(length - 2*time.Second)
		standby.scriptLoads(slowly(3*time.Second), slowly(3*time.Second))
		require.Equal(t, lease.Held, standby.inspect(t).State)
		require.Equal(t, held.Token+1, standby.mustAcquire(t).Token)
	})
	inBubble(t, func(t *testing.T, _, standby *node, _ lease.Lease) {
		standby.scriptLoads(func(_ context.Context, read func() (lease.Snapshot, error)) (lease.Snapshot, error) {
			snapshot, err := read()
			snapshot.Age = length // at the answer's moment
			return snapshot, err
		})
		require.Equal(t, lease.Expired, standby.inspect(t).State)
	})
}

// A slow Inspect that is overtaken shows what was, and is forgotten.
func TestR1_AnAnswerThatWasOvertakenChangesNothing(t *testing.T) {
	olds := map[string]func(t *testing.T, holder *node, held lease.Lease) lease.Lease{
		"of a renewal": func(_ *testing.T, _ *node, held lease.Lease) lease.Lease { return held },
		"of no lease":  nil,
		"of a free lease": func(t *testing.T, h *node, held lease.Lease) lease.Lease {
			require.NoError(t, h.release(held))
			return held
		},
		"of another term": func(t *testing.T, h *node, held lease.Lease) lease.Lease { return held },
	}
	for what, before := range olds {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cells := memory.NewStore()
				holder, standby := newNode(t.Context(), cells), newNode(t.Context(), cells)
				var held lease.Lease
				if before != nil {
					held = before(t, holder, holder.mustAcquire(t))
				}
				standby.scriptLoads(slowly(6 * time.Second))
				late := make(chan lease.Info)
				go func() { late <- standby.inspect(t) }()
				time.Sleep(time.Second)
				switch what {
				case "of a renewal":
					_, err := holder.renew(held)
					require.NoError(t, err)
				case "of another term":
					require.NoError(t, holder.release(held))
					holder.mustAcquire(t)
				default:
					holder.mustAcquire(t)
				}
				require.Equal(t, length, standby.refused(t).RetryAfter)
				<-late
				require.Equal(t, length-5*time.Second, standby.refused(t).RetryAfter, "it goes on counting")
				time.Sleep(length - 5*time.Second)
				standby.mustAcquire(t)
			})
		})
	}
}

// A late answer to an own write is that of what was before a look that was sent later.
func TestR1_AnOwnWriteThatWasOvertakenChangesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, _ *node, held lease.Lease) {
		holder.script(slow(6 * time.Second))
		late := make(chan error)
		go func() { _, err := holder.renew(held); late <- err }()
		time.Sleep(time.Second)
		_, err := holder.renew(held) // R4: the next attempt begins, whatever has become of that one
		require.NoError(t, err)
		require.NoError(t, <-late)
		time.Sleep(length - 5*time.Second)
		holder.mustAcquire(t)
	})
	inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
		holder.script(slow(6 * time.Second))
		late := make(chan error)
		go func() { late <- holder.release(held) }()
		time.Sleep(time.Second)
		standby.mustAcquire(t)
		require.Equal(t, length, holder.refused(t).RetryAfter)
		require.NoError(t, <-late)
		require.Equal(t, length-5*time.Second, holder.refused(t).RetryAfter)
	})
}

// A look that was sent while an own write was under way may show what the write replaced.
func TestR1_AnOwnWriteCountsThoughALookShowedWhatWasBefore(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, _ *node, held lease.Lease) {
		time.Sleep(time.Second)
		holder.script(func(_ context.Context, apply func() (lease.Version, error)) (lease.Version, error) {
			time.Sleep(time.Second)
			return apply()
		})
		renewed := make(chan error)
		go func() { _, err := holder.renew(held); renewed <- err }()
		time.Sleep(time.Second / 2)
		holder.refused(t)
		require.NoError(t, <-renewed)
		time.Sleep(length)
		holder.mustAcquire(t)
	})
}

// paged is a store whose list was answered when it began, and whose reader takes its time.
type paged struct {
	ageless
	pause time.Duration
}

func (p paged) List(ctx context.Context, prefix string) iter.Seq2[lease.Cell, error] {
	return func(yield func(lease.Cell, error) bool) {
		var page []lease.Cell
		for c, err := range p.ageless.List(ctx, prefix) {
			if err != nil {
				panic(err)
			}
			page = append(page, c)
		}
		for _, c := range page {
			time.Sleep(p.pause)
			if !yield(c, nil) {
				return
			}
		}
	}
}

// A list whose reader is slow shows old pages: they neither replace what was seen since, nor prove anything.
func TestR1_ASlowListChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cells := memory.NewStore()
		holder := newNode(t.Context(), cells)
		held := holder.mustAcquire(t)
		standby := newNode(t.Context(), cells)
		standby.store = paged{ageless{cells}, 6 * time.Second}
		for range lease.List(t.Context(), standby.manager, "") {
			break // a first look
		}
		time.Sleep(length - 7*time.Second)
		next, stop := iter.Pull2(lease.List(t.Context(), standby.manager, ""))
		defer stop()
		renewed := make(chan lease.Lease)
		go func() {
			time.Sleep(time.Second)
			renewed <- func() lease.Lease { l, err := holder.renew(held); require.NoError(t, err); return l }()
			require.Equal(t, length, standby.refused(t).RetryAfter)
		}()
		go func() { <-renewed }()
		info, err, ok := next()
		require.True(t, ok)
		require.NoError(t, err)
		require.Equal(t, lease.Held, info.State, "the page is as old as the list")
		require.Equal(t, length-5*time.Second, standby.refused(t).RetryAfter)
		time.Sleep(length - 5*time.Second)
		standby.mustAcquire(t)
	})
}

// GCS answers the losers of a race with 429. They look once, to undo what they may have done, and say who won.
func TestALostRaceSaysHeld(t *testing.T) {
	throttled := errors.New("429: the rate limit for this object was exceeded")
	inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
		require.NoError(t, holder.release(held))
		standby.sent()
		standby.script(func(context.Context, func() (lease.Version, error)) (lease.Version, error) {
			held = holder.mustAcquire(t)
			return "", throttled
		})
		_, err := standby.acquire()
		require.ErrorIs(t, err, lease.ErrHeld)
		require.ErrorIs(t, err, throttled)
		require.ErrorContains(t, err, `lease "orders" is held by "worker" with token 2, and the attempt to get it failed: 429`)
		by := heldBy(t, err)
		require.Equal(t, held.ID, by.ID)
		require.Equal(t, lease.Held, by.State)
		require.Equal(t, length, by.RetryAfter)
		require.Equal(t, "2 loads, 1 swaps", standby.sent(), "R7: the look that undoes is all there is")
	})
	for what, test := range map[string]struct {
		meanwhile func(t *testing.T, holder *node)
		loads     []loadFault
		err       error
	}{
		"nobody won":             {func(*testing.T, *node) {}, nil, throttled},
		"the winner has left":    {func(t *testing.T, h *node) { require.NoError(t, h.release(h.mustAcquire(t))) }, nil, throttled},
		"the look fails, too":    {func(t *testing.T, h *node) { h.mustAcquire(t) }, []loadFault{nil, unread}, throttled},
		"the error is permanent": {func(t *testing.T, h *node) { h.mustAcquire(t) }, nil, fmt.Errorf("%w: access denied", lease.ErrMisconfigured)},
	} {
		t.Run(what, func(t *testing.T) {
			inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
				require.NoError(t, holder.release(held))
				standby.scriptLoads(test.loads...)
				standby.script(func(context.Context, func() (lease.Version, error)) (lease.Version, error) {
					test.meanwhile(t, holder)
					return "", test.err
				})
				_, err := standby.acquire()
				require.ErrorIs(t, err, test.err)
				require.NotErrorIs(t, err, lease.ErrHeld)
			})
		})
	}
}

// What the store itself tells of its records is told on.
func TestTimed(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
		require.False(t, standby.refused(t).Timed)
		standby.scriptLoads(aged(1), aged(1), aged(time.Second), aged(length))
		info := standby.refused(t)
		require.True(t, info.Timed)
		require.Equal(t, length, info.RetryAfter, "a nanosecond proves nothing")
		require.True(t, standby.inspect(t).Timed)
		require.True(t, standby.refused(t).Timed)
		info = standby.inspect(t)
		require.Equal(t, lease.Expired, info.State)
		require.True(t, info.Timed)
		require.NoError(t, holder.release(held))
		standby.scriptLoads(aged(time.Second))
		require.False(t, standby.inspect(t).Timed, "of a free lease, nobody needs to know")
	})
}

// The renew interval is published with every write of a term.
func TestRenewEveryIsPublished(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
		require.NoError(t, holder.release(held))
		held, err := holder.manager.Acquire(t.Context(), lease.Request{Name: name, Holder: "worker", Length: length, RenewEvery: 3 * time.Second})
		require.NoError(t, err)
		require.Equal(t, 3*time.Second, held.RenewEvery)
		require.Equal(t, 3*time.Second, standby.refused(t).RenewEvery)
		held, err = holder.renew(held)
		require.NoError(t, err)
		require.Equal(t, 3*time.Second, held.RenewEvery)
		require.Equal(t, 3*time.Second, standby.stored(t).RenewEvery)
		held.RenewEvery = -1
		_, err = holder.renew(held)
		require.ErrorIs(t, err, lease.ErrInvalid)
		require.ErrorIs(t, holder.release(held), lease.ErrInvalid)
		held.RenewEvery = 4 * time.Second
		require.NoError(t, holder.release(held))
		require.Equal(t, 4*time.Second, standby.stored(t).RenewEvery)
		_, err = holder.manager.Acquire(t.Context(), lease.Request{Name: name, Holder: "worker", Length: length, RenewEvery: -time.Second})
		require.ErrorIs(t, err, lease.ErrInvalid)
	})
}
