package lease_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

var toB = lease.Wish{Kind: lease.WishHandover, For: "b", By: "an operator"}

// heeding is inBubble with a holder that acts on hand-overs and drains.
func heeding(t *testing.T, test func(t *testing.T, holder, standby *node, held lease.Lease)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cells := memory.NewStore()
		holder, standby := newNode(t.Context(), cells), newNode(t.Context(), cells)
		held, err := holder.manager.Acquire(t.Context(), lease.Request{
			Name: name, Holder: "a", Length: length, RenewEvery: length / 4, Heeds: []string{lease.WishHandover, "drain"},
		})
		require.NoError(t, err)
		holder.sent()
		test(t, holder, standby, held)
	})
}

func (n *node) ask(seen lease.Info, w lease.Wish) error { return lease.Ask(n.ctx, n.manager, seen, w) }

func (n *node) withdraw(seen lease.Info) error { return lease.Withdraw(n.ctx, n.manager, seen) }

// mustAsk asks for toB, and returns the lease as it is then.
func (n *node) mustAsk(t testing.TB) lease.Info {
	t.Helper()
	require.NoError(t, n.ask(n.stored(t), toB))
	return n.stored(t)
}

func refusedFor(t testing.TB, err error, why lease.RefusedReason, says string) {
	t.Helper()
	refused, ok := errors.AsType[*lease.RefusedError](err)
	require.True(t, ok, "%v", err)
	require.ErrorIs(t, err, lease.ErrRefused)
	require.Equal(t, why, refused.Reason)
	require.ErrorContains(t, err, says)
}

func asked(w lease.Wish) []string { return []string{w.Kind, w.For, w.By, string(w.State)} }

// The holder's next renewal finds the wish, and says so in the record. Only that renewal takes more than one request.
func TestWish(t *testing.T) {
	heeding(t, func(t *testing.T, holder, operator *node, held lease.Lease) {
		seen := operator.stored(t)
		require.Equal(t, []string{lease.WishHandover, "drain"}, seen.Heeds)
		require.Zero(t, seen.Wish)
		operator.sent()
		require.NoError(t, operator.ask(seen, toB))
		require.Equal(t, "1 loads, 1 swaps", operator.sent())
		waits := operator.stored(t)
		require.Equal(t, []string{"handover", "b", "an operator", "asked"}, asked(waits.Wish))
		require.Equal(t, []any{seen.ID, seen.Token, seen.Renewed}, []any{waits.ID, waits.Token, waits.Renewed})
		require.WithinDuration(t, time.Now(), waits.Wish.At, time.Second)

		held, err := holder.renew(set(held, "a value"))
		require.NoError(t, err)
		require.Equal(t, "1 loads, 2 swaps", holder.sent())
		for range 2 {
			require.Equal(t, []string{"handover", "b", "an operator", "begun"}, asked(held.Wish))
			require.Equal(t, held.Wish, operator.stored(t).Wish)
			require.Equal(t, "a value", operator.stored(t).Value)
			held, err = holder.renew(held)
			require.NoError(t, err)
			require.Equal(t, "0 loads, 1 swaps", holder.sent())
		}
		held.Wish = lease.Wish{}
		held, err = holder.renew(held)
		require.NoError(t, err)
		require.Zero(t, operator.stored(t).Wish, "the holder has dropped it")
		operator.mustAsk(t)
		held.Heeds = []string{"drain"}
		held, err = holder.renew(held)
		require.NoError(t, err)
		require.Zero(t, held.Wish, "it heeds no such wishes any more")
		require.Zero(t, operator.stored(t).Wish)
	})
}

// No acquisition and no release takes a wish over: it was asked of one term.
func TestWish_EndsWithTheTerm(t *testing.T) {
	ends := map[string]func(t *testing.T, holder, standby *node, held lease.Lease){
		"release": func(t *testing.T, holder, _ *node, held lease.Lease) {
			require.NoError(t, holder.release(held))
			require.Zero(t, holder.stored(t).Wish)
		},
		"expiry": func(_ *testing.T, _, standby *node, _ lease.Lease) {
			_, _ = standby.acquire()
			time.Sleep(length)
		},
		"a Break": func(t *testing.T, _, standby *node, _ lease.Lease) {
			require.NoError(t, lease.Break(t.Context(), standby.manager, standby.stored(t)))
			require.Zero(t, standby.stored(t).Wish)
			require.Empty(t, standby.stored(t).Heeds)
			standby.refused(t)
			time.Sleep(length)
		},
	}
	for what, end := range ends {
		for _, begun := range []bool{false, true} {
			t.Run(what, func(t *testing.T) {
				heeding(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
					standby.mustAsk(t)
					if begun {
						var err error
						held, err = holder.renew(held)
						require.NoError(t, err)
					}
					end(t, holder, standby, held)
					require.Zero(t, standby.mustAcquire(t).Wish)
					require.Zero(t, standby.stored(t).Wish)
				})
			})
		}
	}
}

func TestWish_Withdrawn(t *testing.T) {
	heeding(t, func(t *testing.T, holder, operator *node, held lease.Lease) {
		require.NoError(t, operator.withdraw(operator.stored(t)), "there is nothing to withdraw")
		seen := operator.mustAsk(t)
		operator.sent()
		require.NoError(t, operator.withdraw(seen))
		require.Equal(t, "1 loads, 1 swaps", operator.sent())
		require.Equal(t, lease.WishWithdrawn, operator.stored(t).Wish.State)
		require.False(t, operator.stored(t).Wish.Stands())
		require.NoError(t, operator.withdraw(seen), "once more")
		refusedFor(t, operator.ask(seen, toB), lease.RefusedPending, "try again in a moment")

		held, err := holder.renew(held)
		require.NoError(t, err)
		require.Zero(t, held.Wish)
		require.Zero(t, operator.stored(t).Wish)
		seen = operator.mustAsk(t)
		other := seen
		other.Wish.For = "c"
		refusedFor(t, operator.withdraw(other), lease.RefusedPending, `another wish stands (handover to "b", asked by "an operator")`)
		_, err = holder.renew(held)
		require.NoError(t, err)
		refusedFor(t, operator.withdraw(seen), lease.RefusedBegun, "acts on the wish already")
	})
}

func TestWish_Refused(t *testing.T) {
	heeding(t, func(t *testing.T, holder, operator *node, held lease.Lease) {
		seen := operator.stored(t)
		refusedFor(t, operator.ask(seen, lease.Wish{Kind: "move"}), lease.RefusedUnheeded, `its holder "a" does not act on wishes of the kind "move": update`)
		require.NoError(t, operator.ask(seen, toB))
		before := operator.stored(t).Version
		require.NoError(t, operator.ask(seen, toB), "the same again")
		refusedFor(t, operator.ask(seen, lease.Wish{Kind: lease.WishHandover, For: "c"}), lease.RefusedPending, "withdraw it first")
		require.Equal(t, before, operator.stored(t).Version)

		other := seen
		other.ID, other.Token = "another", seen.Token-1
		for _, call := range []error{operator.ask(other, toB), operator.withdraw(other)} {
			require.Equal(t, "a", heldBy(t, call).Holder)
		}
		require.NoError(t, holder.release(held))
		for _, call := range []error{operator.ask(seen, toB), operator.withdraw(seen)} {
			refusedFor(t, call, lease.RefusedFree, "nobody holds it")
		}
		holder.mustAcquire(t) // by a program that knows of no wishes
		refusedFor(t, operator.ask(operator.stored(t), toB), lease.RefusedUnheeded, "update")
		require.NoError(t, lease.Break(t.Context(), operator.manager, operator.stored(t)))
		refusedFor(t, operator.ask(operator.stored(t), toB), lease.RefusedFree, "nobody holds it")

		require.ErrorIs(t, operator.ask(lease.Info{Name: "\x00"}, toB), lease.ErrInvalid)
		require.ErrorIs(t, operator.withdraw(lease.Info{Name: "\x00"}), lease.ErrInvalid)
		for _, bad := range []lease.Wish{{}, {Kind: "Drain"}, {Kind: strings.Repeat("x", 33)}, {Kind: "drain", For: "\n"}, {Kind: "drain", By: strings.Repeat("x", 256)}} {
			require.ErrorIs(t, operator.ask(seen, bad), lease.ErrInvalid)
		}
		require.ErrorIs(t, lease.Ask(t.Context(), justManager{}, seen, toB), errors.ErrUnsupported)
		require.ErrorIs(t, lease.Withdraw(t.Context(), justManager{}, seen), errors.ErrUnsupported)
		require.ErrorIs(t, lease.Ask(t.Context(), nil, seen, toB), errors.ErrUnsupported)
	})
}

// R1: a wish is no renewal. A standby that has seen the holder's latest one takes over when that is a length old, however often it is asked.
func TestR1_AWishRenewsNothing(t *testing.T) {
	heeding(t, func(t *testing.T, _, standby *node, _ lease.Lease) {
		standby.refused(t)
		begun := time.Now()
		time.Sleep(length / 5)
		operator := standby.restarted()
		seen := operator.mustAsk(t)
		standby.refused(t)
		time.Sleep(length / 5)
		require.NoError(t, operator.withdraw(seen))
		for standby.inspect(t).State == lease.Held {
			time.Sleep(length / 1000)
		}
		require.Equal(t, length, time.Since(begun))
		standby.mustAcquire(t)
	})
}

// R1: nor does it end one: a standby that sees a renewal behind it counts anew, and one that has not seen what was there before counts from the wish.
func TestR1_AWishShortensNothing(t *testing.T) {
	heeding(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
		standby.refused(t)
		time.Sleep(length / 5)
		_, err := holder.renew(held)
		require.NoError(t, err)
		standby.restarted().mustAsk(t)
		time.Sleep(length / 5)
		begun := time.Now()
		standby.refused(t)
		for time.Since(begun) < length-length/1000 {
			time.Sleep(length / 1000)
			standby.refused(t)
		}
		time.Sleep(length / 1000)
		standby.mustAcquire(t)
	})
}

// A dead holder's lease is not kept by asking again and again, also not where every look is by somebody who knows nothing: such as a command.
func TestWish_OfTheDead(t *testing.T) {
	heeding(t, func(t *testing.T, _, operator *node, held lease.Lease) {
		withAge := func() lease.Manager { return lease.NewManager(operator.store.(ageless).Store) }
		look := func() lease.Info {
			info, err := lease.Inspect(t.Context(), withAge(), name)
			require.NoError(t, err)
			return info
		}
		writes := 0
		version := look().Version
		for begun := time.Now(); look().State == lease.Held; time.Sleep(length / 50) {
			require.Less(t, time.Since(begun), 3*length)
			for _, w := range []lease.Wish{toB, {Kind: "drain"}} {
				_ = lease.Ask(t.Context(), withAge(), look(), w)
				_ = lease.Withdraw(t.Context(), withAge(), look())
			}
			if now := look().Version; now != version {
				version, writes = now, writes+1
			}
		}
		require.Equal(t, 1, writes, "it is asked once, and that is withdrawn")
	})
	heeding(t, func(t *testing.T, holder, _ *node, held lease.Lease) {
		m := lease.NewManager(holder.store.(ageless).Store)
		seen := holder.stored(t)
		time.Sleep(length/2 - 1)
		require.NoError(t, lease.Ask(t.Context(), m, seen, toB))
		held, err := holder.renew(held)
		require.NoError(t, err)
		held.Wish = lease.Wish{}
		_, err = holder.renew(held)
		require.NoError(t, err)
		time.Sleep(length / 2)
		refusedFor(t, lease.Ask(t.Context(), m, seen, toB), lease.RefusedLate, `its holder "a" has not renewed it for 5s, and may be dead`)
	})
}

// R4: whatever answer gets lost, the wish reaches the holder once, and a withdrawn one not at all, unless it had begun.
func TestR4_WishesAndUnclearAnswers(t *testing.T) {
	for _, fault := range []swapFault{conflicted, undecided, lostAnswer} {
		heeding(t, func(t *testing.T, holder, operator *node, held lease.Lease) {
			seen := operator.stored(t)
			operator.script(fault)
			if err := operator.ask(seen, toB); err != nil {
				require.ErrorIs(t, err, errDown)
				require.NoError(t, operator.ask(seen, toB))
			}
			holder.script(nil, fault)
			got, err := holder.renew(held)
			if err != nil {
				require.ErrorIs(t, err, errDown)
				got, err = holder.renew(held)
			}
			require.NoError(t, err)
			require.Equal(t, lease.WishBegun, got.Wish.State)
			require.Equal(t, got.Wish, operator.stored(t).Wish)
		})
	}
	heeding(t, func(t *testing.T, holder, operator *node, held lease.Lease) { // withdrawn while the holder takes it up
		seen := operator.mustAsk(t)
		holder.script(nil, after(func() { require.NoError(t, operator.withdraw(seen)) }))
		held, err := holder.renew(held)
		require.NoError(t, err)
		require.Zero(t, held.Wish)
		require.Zero(t, operator.stored(t).Wish)
	})
	heeding(t, func(t *testing.T, holder, operator *node, held lease.Lease) { // taken up while it is withdrawn
		seen := operator.mustAsk(t)
		operator.script(after(func() {
			got, err := holder.renew(held)
			require.NoError(t, err)
			require.Equal(t, lease.WishBegun, got.Wish.State)
		}))
		refusedFor(t, operator.withdraw(seen), lease.RefusedBegun, "acts on the wish already")
	})
	heeding(t, func(t *testing.T, holder, operator *node, held lease.Lease) { // asked of a holder that is replaced meanwhile
		seen := operator.stored(t)
		operator.script(after(func() {
			require.NoError(t, holder.release(held))
			holder.mustAcquire(t)
		}))
		heldBy(t, operator.ask(seen, toB))
		require.Zero(t, operator.stored(t).Wish)
	})
}

// R4: a renewal accepts no more than before: a wish in somebody else's record, or in a released one, is none.
func TestR4_AWishInAnothersRecord(t *testing.T) {
	heeding(t, func(t *testing.T, holder, operator *node, held lease.Lease) {
		for _, edit := range [][2]string{{held.ID, "another"}, {`"released":false`, `"released":true`}} {
			before := operator.mustAsk(t)
			found, err := operator.store.Load(t.Context(), name)
			require.NoError(t, err)
			changed := strings.Replace(string(found.Data), edit[0], edit[1], 1)
			version, err := operator.store.Swap(t.Context(), name, before.Version, []byte(changed))
			require.NoError(t, err)
			got, err := holder.renew(held)
			require.ErrorIs(t, err, lease.ErrLost)
			require.Zero(t, got)
			_, err = operator.store.Swap(t.Context(), name, version, found.Data)
			require.NoError(t, err)
		}
	})
}

func TestHeedsAreChecked(t *testing.T) {
	n := newNode(t.Context(), memory.NewStore())
	for _, bad := range [][]string{{""}, {"A"}, {"a b"}, strings.Split("a b c d e f g h i", " ")} {
		_, err := n.manager.Acquire(t.Context(), lease.Request{Name: name, Holder: "a", Length: length, Heeds: bad})
		require.ErrorIs(t, err, lease.ErrInvalid)
	}
	held := n.mustAcquire(t)
	held.Wish = lease.Wish{Kind: "?"}
	_, err := n.renew(held)
	require.ErrorIs(t, err, lease.ErrInvalid)
}

// R1: only the nonce tells that a version is a wish's. A record that has none was written by another program, and each version of it is watched anew.
func TestR1_ARecordWithoutANonceIsWatchedAnew(t *testing.T) {
	heeding(t, func(t *testing.T, holder, standby *node, held lease.Lease) {
		from := held.Version
		write := func(renewed string) {
			var err error
			from, err = holder.store.Swap(t.Context(), name, from, []byte(`{"format":1,"token":2,"id":"x","holder":"h","length":"10s","renewed":"`+renewed+`"}`))
			require.NoError(t, err)
		}
		write("2026-01-01T00:00:00Z")
		standby.refused(t)
		time.Sleep(length / 2)
		write("2026-01-01T00:00:05Z")
		standby.refused(t)
		time.Sleep(length - 1)
		standby.refused(t)
		time.Sleep(time.Nanosecond)
		standby.mustAcquire(t)
	})
}

// R6: a failed acquisition of a manager stays dead when somebody asks something of it.
func TestR6_AWishReachesNoDeadAcquisition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cells := memory.NewStore()
		n, operator := newNode(t.Context(), cells), newNode(t.Context(), cells)
		n.script(n.later)
		ctx := t.Context()
		_, err := n.manager.Acquire(ctx, lease.Request{Name: name, Holder: "a", Length: length, Heeds: []string{lease.WishHandover}})
		require.ErrorIs(t, err, errDown)
		n.land()
		require.Equal(t, lease.Expired, n.inspect(t).State, "it is dead, as its manager knows")
		operator.mustAsk(t)
		n.mustAcquire(t)
	})
}
