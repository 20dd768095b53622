package lease_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// trouble has the faults that one call meets: of its Swaps and of its Loads, in their order.
type trouble struct {
	what  string
	swaps []swapFault
	loads []loadFault
	err   error // what the call returns; nil: it succeeds all the same
}

// troubles of a Renew or a Release, the requests of which are: Swap, and after a conflict Load and Swap again.
func (n *node) troubles() []trouble {
	return []trouble{
		{what: "the write fails", swaps: []swapFault{failed}, err: errDown},
		{what: "its answer is lost", swaps: []swapFault{lostAnswer}, err: errDown},
		{what: "it is applied later", swaps: []swapFault{n.later}, err: errDown},
		{what: "it hangs", swaps: []swapFault{hung}, err: context.DeadlineExceeded},
		{what: "it hangs, and is applied later", swaps: []swapFault{n.hungLater}, err: context.DeadlineExceeded},
		{what: "it is sent twice", swaps: []swapFault{n.sentTwice}},
		{what: "the client's own repetition conflicts", swaps: []swapFault{conflicted}},
		{what: "so does that of the write after it", swaps: []swapFault{conflicted, conflicted}},
		{what: "a conflict without a change", swaps: []swapFault{undecided, undecided}},
		{what: "a conflict, then no read", swaps: []swapFault{undecided}, loads: []loadFault{unread}, err: errDown},
		{what: "own conflict, then no read", swaps: []swapFault{conflicted}, loads: []loadFault{unread}, err: errDown},
		{what: "own conflict, then the read hangs", swaps: []swapFault{conflicted}, loads: []loadFault{unanswered}, err: context.DeadlineExceeded},
		{what: "own conflict, then garbage is read", swaps: []swapFault{conflicted}, loads: []loadFault{garbled}, err: lease.ErrRecord},
		{what: "conflict, then the write fails", swaps: []swapFault{undecided, failed}, err: errDown},
		{what: "conflict, then its answer is lost", swaps: []swapFault{undecided, lostAnswer}, err: errDown},
		{what: "conflict, then it is applied later", swaps: []swapFault{undecided, n.later}, err: errDown},
	}
}

// meet has the node's next call meet the trouble, and gives it a second.
func (n *node) meet(trouble trouble) context.CancelFunc {
	n.script(trouble.swaps...)
	n.scriptLoads(trouble.loads...)
	whole := n.ctx
	ctx, cancel := context.WithTimeout(whole, time.Second)
	n.ctx = ctx
	return func() {
		cancel()
		n.ctx = whole
		n.script()
		n.scriptLoads()
	}
}

// inTrouble runs the test in every trouble, each time on a new holder and a new standby.
func inTrouble(t *testing.T, test func(t *testing.T, trouble trouble, holder, standby *node, held lease.Lease)) {
	for i, trouble := range (&node{faulty: &faulty{}}).troubles() {
		t.Run(trouble.what, func(t *testing.T) {
			inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
				test(t, holder.troubles()[i], holder, standby, held)
			})
		})
	}
}

func TestR4_AnUnclearRenewalIsNotALoss(t *testing.T) {
	inTrouble(t, func(t *testing.T, trouble trouble, holder, standby *node, held lease.Lease) {
		recovered := holder.meet(trouble)
		renewed, err := holder.renew(held)
		recovered()
		if trouble.err == nil {
			require.NoError(t, err)
			require.Equal(t, renewed.Version, holder.stored(t).Version)
			held = renewed
		} else {
			require.ErrorIs(t, err, trouble.err)
			require.NotErrorIs(t, err, lease.ErrLost)
			require.Zero(t, renewed)
		}
		holder.land()

		renewed, err = holder.renew(held)
		require.NoError(t, err, "try again, with the same lease")
		require.Equal(t, held.ID, renewed.ID)
		require.Equal(t, held.Token, renewed.Token)
		require.Equal(t, renewed.Version, holder.stored(t).Version)
		require.Equal(t, length, standby.refused(t).RetryAfter)
		require.NoError(t, holder.release(renewed))
	})
}

func TestR4_AnUnclearReleaseCanBeTriedAgain(t *testing.T) {
	inTrouble(t, func(t *testing.T, trouble trouble, holder, standby *node, held lease.Lease) {
		recovered := holder.meet(trouble)
		err := holder.release(held)
		recovered()
		if trouble.err == nil {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, trouble.err)
			require.NotErrorIs(t, err, lease.ErrLost)
			holder.land()
			if err := holder.release(held); err != nil {
				lost(t, err, lease.LostReleased)
			}
		}
		require.Equal(t, lease.Free, holder.stored(t).State)
		require.Equal(t, held.Token, holder.stored(t).Token)
		standby.mustAcquire(t)
	})
}

func TestR4_AnUnclearAcquisition(t *testing.T) {
	inTrouble(t, func(t *testing.T, trouble trouble, holder, standby *node, held lease.Lease) {
		require.NoError(t, holder.release(held))
		if len(trouble.loads) > 0 {
			trouble.loads = append([]loadFault{nil}, trouble.loads...) // the one before the write
		}
		recovered := holder.meet(trouble)
		acquired, err := holder.acquire()
		recovered()
		if trouble.err == nil {
			require.NoError(t, err)
			require.Equal(t, acquired.Version, holder.stored(t).Version)
			require.Equal(t, acquired.ID, standby.refused(t).ID)
			return
		}
		require.ErrorIs(t, err, trouble.err)
		require.Zero(t, acquired)
		require.Equal(t, lease.Free, holder.stored(t).State, "what was applied is released (R6)")
		holder.land()
		acquired = holder.mustAcquire(t)
		require.Greater(t, acquired.Token, held.Token)
	})
}

func TestR4_ConflictStormsEnd(t *testing.T) {
	storm := make([]swapFault, 100)
	for i := range storm {
		storm[i] = undecided
	}
	calls := map[string]func(n *node, held lease.Lease) error{
		"Renew":   func(n *node, held lease.Lease) error { _, err := n.renew(held); return err },
		"Release": func(n *node, held lease.Lease) error { return n.release(held) },
		"Acquire": func(n *node, held lease.Lease) error {
			n.script()
			_ = n.release(held)
			n.script(storm...)
			n.sent()
			_, err := n.acquire()
			return err
		},
	}
	want := map[string]string{
		"Renew": "8 loads, 8 swaps", "Release": "8 loads, 8 swaps", "Acquire": "10 loads, 8 swaps", // and one to abandon it
	}
	for call, send := range calls {
		t.Run(call, func(t *testing.T) {
			inBubble(t, func(t *testing.T, holder, _ *node, held lease.Lease) {
				holder.sent()
				holder.script(storm...)
				err := send(holder, held)
				require.ErrorIs(t, err, lease.ErrConflict)
				require.NotErrorIs(t, err, lease.ErrLost)
				require.NotErrorIs(t, err, lease.ErrHeld)
				require.Equal(t, want[call], holder.sent())
			})
		})
	}
}

func TestR4_RenewNeverCreates(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, _ *node, held lease.Lease) {
		holder.store = memory.NewStore() // somebody deleted the record
		holder.sent()
		_, err := holder.renew(held)
		gone := lost(t, err, lease.LostGone)
		require.Equal(t, held.Token, gone.Token)
		require.Equal(t, "1 loads, 1 swaps", holder.sent())
		require.Zero(t, holder.stored(t).Version)
		lost(t, holder.release(held), lease.LostGone)
		require.Zero(t, holder.stored(t).Version)
	})
}

func TestR4_WhatIsNotARecordIsNotALossEither(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
		before, err := holder.store.Load(t.Context(), name)
		require.NoError(t, err)
		broken, err := holder.store.Swap(t.Context(), name, before.Version, []byte("garbage"))
		require.NoError(t, err)
		for range 2 {
			_, err = holder.renew(held)
			require.ErrorIs(t, err, lease.ErrRecord)
			require.NotErrorIs(t, err, lease.ErrLost)
			err = holder.release(held)
			require.ErrorIs(t, err, lease.ErrRecord)
			require.NotErrorIs(t, err, lease.ErrLost)
			_, err = standby.acquire()
			require.ErrorIs(t, err, lease.ErrRecord)
			require.NotErrorIs(t, err, lease.ErrHeld)
			time.Sleep(2 * length)
		}
		left, err := holder.store.Load(t.Context(), name)
		require.NoError(t, err)
		require.Equal(t, lease.Snapshot{Data: []byte("garbage"), Version: broken}, left, "it is never overwritten")

		_, err = holder.store.Swap(t.Context(), name, broken, before.Data) // somebody repairs it
		require.NoError(t, err)
		_, err = holder.renew(held)
		require.NoError(t, err)
	})
}

func TestR4_TheIDDecides(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
		standby.refused(t) // though its holder has the same name
		standby.refused(t)
		time.Sleep(length)
		next := standby.mustAcquire(t)
		require.Equal(t, held.Holder, next.Holder)
		require.NotEqual(t, held.ID, next.ID)
		_, err := holder.renew(held)
		taken := lost(t, err, lease.LostTaken)
		require.Equal(t, next.ID, taken.Now.ID)
		require.Equal(t, next.Token, taken.Now.Token)
		require.Equal(t, held.Token, taken.Token)
		lost(t, holder.release(held), lease.LostTaken)
		require.Equal(t, next.Version, holder.stored(t).Version)
	})
}

func TestR4_AReleasedLeaseIsLost(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, _ *node, held lease.Lease) {
		require.NoError(t, holder.release(held))
		free := holder.stored(t)
		_, err := holder.renew(held)
		lost(t, err, lease.LostReleased)
		lost(t, holder.release(held), lease.LostReleased)
		require.Equal(t, free, holder.stored(t), "and nothing was written")
	})
}

func TestR4_AnAcquisitionThatMeetsAnother(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
		require.NoError(t, holder.release(held))
		var between lease.Lease
		standby.script(after(func() { between = holder.mustAcquire(t) }))
		require.Equal(t, between.ID, standby.refused(t).ID)
		require.NoError(t, holder.release(between))

		standby.script(after(func() { between = holder.mustAcquire(t); require.NoError(t, holder.release(between)) }))
		standby.sent()
		acquired := standby.mustAcquire(t)
		require.Equal(t, between.Token+1, acquired.Token, "a whole term came and went")
		require.Equal(t, "2 loads, 2 swaps", standby.sent())
	})
}

// A client repeats a write by itself and answers "conflict"; the first send arrives only after the cell has been read.
func TestR4_ASendThatLandsBehindItsOwnConflict(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
		sends := []swapFault{
			func(ctx context.Context, apply func() (lease.Version, error)) (lease.Version, error) {
				holder.postpone(apply)
				return undecided(ctx, apply)
			},
			after(holder.land),
		}
		holder.script(sends...)
		held, err := holder.renew(held)
		require.NoError(t, err)
		require.Equal(t, held.Version, holder.stored(t).Version)
		require.NoError(t, holder.release(held))
		holder.script(sends...)
		again := holder.mustAcquire(t)
		require.Equal(t, held.Token+1, again.Token)
		require.Equal(t, again.Version, holder.stored(t).Version)
		require.Equal(t, again.ID, standby.refused(t).ID)
	})
}

func TestR4_RenewWritesWhatTheLeaseSays(t *testing.T) {
	inBubble(t, func(t *testing.T, holder, _ *node, held lease.Lease) {
		held.Length, held.Attributes = 2*length, map[string]string{"address": "10.0.0.1"}
		renewed, err := holder.renew(held)
		require.NoError(t, err)
		held.Version = renewed.Version
		require.Equal(t, held, renewed)
		info := holder.stored(t)
		require.Equal(t, held.Length, info.Length)
		require.Equal(t, held.Attributes, info.Attributes)
		require.Equal(t, held.Acquired, info.Acquired)
		renewed.Attributes["address"] = "changed"
		require.Equal(t, "10.0.0.1", held.Attributes["address"], "the maps are apart")
	})
}
