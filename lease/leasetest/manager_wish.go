package leasetest

import (
	"errors"
	"testing"
	"time"

	"github.com/cloudlease/leader/lease"
)

// asks reports whether wishes reach holders through the manager's records. They need not.
func (s *scene) asks(t testing.TB) bool {
	err := lease.Ask(t.Context(), s.Manager(), lease.Info{Name: newName()}, handover)
	return !errors.Is(err, errors.ErrUnsupported)
}

var handover = lease.Wish{Kind: lease.WishHandover, For: "a node: \"3\"; é", By: "somebody & co"}

func (s *scene) heeding(req lease.Request) lease.Request {
	req.Heeds = []string{lease.WishHandover, "drain"}
	return req
}

// wantWish fails unless the record shows that the wish has come so far; empty: that there is none.
func wantWish(t testing.TB, when string, m lease.Manager, name string, state lease.WishState) {
	t.Helper()
	want := handover
	if want.State = state; state == "" {
		want = lease.Wish{}
	}
	got := inspect(t, m, name).Wish
	if got.At.IsZero() == (state != "") || got.At.After(time.Now().Add(time.Minute)) {
		t.Errorf("%s the wish was asked at %v; want when it was, and nothing if there is none", when, got.At)
	}
	if got.At = want.At; got != want {
		t.Errorf("%s Inspect shows the wish %+v; want %+v", when, got, want)
	}
}

func ask(t testing.TB, m lease.Manager, seen lease.Info, w lease.Wish) {
	t.Helper()
	if err := lease.Ask(t.Context(), m, seen, w); err != nil {
		t.Fatalf("Ask for a %v: %v", w, err)
	}
}

func wantRefused(t testing.TB, what string, err error, reason lease.RefusedReason) {
	t.Helper()
	var refused *lease.RefusedError
	if !errors.As(err, &refused) || refused.Reason != reason || !errors.Is(err, lease.ErrRefused) {
		t.Errorf("%s: %v; want a *RefusedError, because: %s", what, err, reason)
	}
}

// wishReaches: the holder's next renewal finds what was asked, and everybody sees that. The holder may drop it. An older version does not matter.
func wishReaches(t testing.TB, s *scene) {
	holder, other := s.Manager(), s.Manager()
	first := acquire(t, holder, s.heeding(s.request(newName(), "one")))
	held := renew(t, holder, first)
	for range 2 {
		seen := inspect(t, other, first.Name)
		if len(seen.Heeds) != 2 || seen.Heeds[0] != lease.WishHandover || seen.Heeds[1] != "drain" {
			t.Errorf("Inspect shows that the holder heeds %q; want what it said", seen.Heeds)
		}
		ask(t, other, seen, handover)
		ask(t, other, seen, handover) // does nothing
		wantWish(t, "after Ask", other, first.Name, lease.WishAsked)
		for range 2 {
			held = renew(t, holder, held)
			if got := held.Wish; got.Kind != handover.Kind || got.For != handover.For || got.By != handover.By || got.State != lease.WishBegun {
				t.Fatalf("Renew after Ask returned the wish %+v; want %v, begun", got, handover)
			}
			wantWish(t, "after a renewal", other, first.Name, lease.WishBegun)
		}
		held.Wish = lease.Wish{}
		if held = renew(t, holder, held); held.Wish.Kind != "" {
			t.Errorf("Renew returned the wish %v that its holder has dropped", held.Wish)
		}
		wantWish(t, "after its holder has dropped it", other, first.Name, "")
	}
	ask(t, other, inspect(t, other, first.Name), handover)
	if held = renew(t, s.Manager(), first); !held.Wish.Stands() {
		t.Error("Renew with an older version finds no wish")
	}
	release(t, holder, held)
}

// wishEnds: a wish was asked of one term, and no other has it.
func wishEnds(t testing.TB, s *scene) {
	holder, other := s.Manager(), s.Manager()
	for _, begun := range []bool{false, true} {
		held := acquire(t, holder, s.heeding(s.request(newName(), "one")))
		ask(t, other, inspect(t, other, held.Name), handover)
		if begun {
			held = renew(t, holder, held)
		}
		release(t, holder, held)
		wantWish(t, "after a release", other, held.Name, "")
		held = acquire(t, other, s.heeding(s.request(held.Name, "two")))
		if held.Wish.Kind != "" {
			t.Errorf("Acquire returned the wish %v that was asked of another term", held.Wish)
		}
		wantWish(t, "after an acquisition", other, held.Name, "")
		if held = renew(t, other, held); held.Wish.Kind != "" {
			t.Errorf("Renew returned the wish %v that was asked of another term", held.Wish)
		}
	}
}

// wishWithdrawn: a wish can be withdrawn before its holder has begun, and is not found then.
func wishWithdrawn(t testing.TB, s *scene) {
	holder, other := s.Manager(), s.Manager()
	held := acquire(t, holder, s.heeding(s.request(newName(), "one")))
	ask(t, other, inspect(t, other, held.Name), handover)
	seen := inspect(t, other, held.Name)
	for range 2 {
		if err := lease.Withdraw(t.Context(), other, seen); err != nil {
			t.Errorf("Withdraw: %v", err)
		}
		wantWish(t, "after Withdraw", other, held.Name, lease.WishWithdrawn)
	}
	wantRefused(t, "Ask before the holder has renewed", lease.Ask(t.Context(), other, seen, handover), lease.RefusedPending)
	if held = renew(t, holder, held); held.Wish.Kind != "" {
		t.Errorf("Renew after Withdraw returned the wish %v", held.Wish)
	}
	wantWish(t, "after a renewal", other, held.Name, "")
	ask(t, other, seen, handover)
	renew(t, holder, held)
	unseen := seen
	unseen.Wish = lease.Wish{}
	wantRefused(t, "Withdraw of a wish that was not seen", lease.Withdraw(t.Context(), other, unseen), lease.RefusedPending)
	seen = inspect(t, other, held.Name)
	wantRefused(t, "Withdraw of a wish that was begun", lease.Withdraw(t.Context(), other, seen), lease.RefusedBegun)
	wantWish(t, "after Withdraw was refused", other, held.Name, lease.WishBegun)
}

// wishRefused: only the holder is asked that was seen, while it holds the lease and acts on such wishes.
func wishRefused(t testing.TB, s *scene) {
	holder, other := s.Manager(), s.Manager()
	name := newName()
	wantRefused(t, "Ask about a lease that was never taken", lease.Ask(t.Context(), other, lease.Info{Name: name}, handover), lease.RefusedFree)
	held := acquire(t, holder, s.heeding(s.request(name, "one")))
	seen := inspect(t, other, name)
	wantRefused(t, "Ask for what the holder does not heed", lease.Ask(t.Context(), other, seen, lease.Wish{Kind: "move"}), lease.RefusedUnheeded)
	for what, w := range map[string]lease.Wish{"no kind": {}, "a name with a newline": {Kind: lease.WishHandover, For: "\n"}} {
		if err := lease.Ask(t.Context(), other, seen, w); !errors.Is(err, lease.ErrInvalid) {
			t.Errorf("Ask with %s: %v; want ErrInvalid", what, err)
		}
	}
	ask(t, other, seen, handover)
	wantRefused(t, "Ask for something else", lease.Ask(t.Context(), other, seen, lease.Wish{Kind: "drain"}), lease.RefusedPending)
	wantWish(t, "after another was refused", other, name, lease.WishAsked)
	release(t, holder, held)
	wantRefused(t, "Ask about a released lease", lease.Ask(t.Context(), other, seen, handover), lease.RefusedFree)
	next := acquire(t, holder, s.request(name, "two"))
	for what, err := range map[string]error{
		"Ask": lease.Ask(t.Context(), other, seen, handover), "Withdraw": lease.Withdraw(t.Context(), other, seen),
	} {
		var by *lease.HeldError
		if !errors.As(err, &by) || by.Info.Token != next.Token || by.Info.Holder != "two" {
			t.Errorf("%s about a lease that another holder has by now: %v; want a *HeldError that names it", what, err)
		}
	}
	wantRefused(t, "Ask of a holder that heeds nothing", lease.Ask(t.Context(), other, inspect(t, other, name), handover), lease.RefusedUnheeded)
	wantWish(t, "after every Ask was refused", other, name, "")
	release(t, holder, next)
}

// wishRenewsNothing: a lease lasts as long as without what was asked, no shorter and no longer.
func wishRenewsNothing(t testing.TB, s *scene) {
	standby, other := s.Manager(), s.Manager()
	req := s.heeding(s.brief(newName(), "one"))
	sent := time.Now()
	held := acquire(t, s.Manager(), req)
	_, by := s.try(t, standby, s.brief(held.Name, "two"), sent)
	if by == nil {
		s.excuse(t, "asking")
		return
	}
	looked := time.Now()
	time.Sleep(time.Until(sent.Add(s.length / 2)))
	seen := inspect(t, other, held.Name)
	if err := lease.Ask(t.Context(), other, seen, handover); errors.Is(err, lease.ErrRefused) && time.Since(sent) >= s.length {
		s.excuse(t, "asking for a wish") // it may have run out before
		return
	} else if err != nil {
		t.Fatalf("Ask for a %v: %v", handover, err)
	}
	next := s.takeOver(t, standby, s.brief(held.Name, "two"), sent)
	if took, most := time.Since(looked), s.length+s.tick+s.slack; took > most {
		t.Errorf("the lease of %v was taken over %v after a standby began to watch it; want at most %v", s.length, took, most)
	}
	if next.Wish.Kind != "" {
		t.Errorf("the takeover inherits the wish %v", next.Wish)
	}
	wantWish(t, "after a takeover", other, held.Name, "")
}

// wishRequests: a wish costs its asker a read and a write, and its holder as much once. Other renewals cost as much as before.
func wishRequests(t testing.TB, s *scene) {
	holder, other := s.Manager(), s.Manager()
	held := acquire(t, holder, s.heeding(s.request(newName(), "one")))
	seen := inspect(t, other, held.Name)
	s.wantRequests(t, "a renewal", 0, 1, func() { held = renew(t, holder, held) })
	s.wantRequests(t, "Ask", 1, 1, func() { ask(t, other, seen, handover) })
	s.wantRequests(t, "the renewal that finds the wish", 1, 2, func() { held = renew(t, holder, held) })
	s.wantRequests(t, "a renewal after that", 0, 1, func() { held = renew(t, holder, held) })
}
