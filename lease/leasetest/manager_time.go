package leasetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cloudlease/leader/lease"
)

func lastsItsLength(t testing.TB, s *scene) {
	holder, standby := s.Manager(), s.Manager()
	name := newName()
	sent := time.Now()
	held := acquire(t, holder, s.brief(name, "one"))
	next := s.takeOver(t, standby, s.brief(name, "two"), sent)
	s.wantNext(t, held, next)
}

func renewalBeginsAnew(t testing.TB, s *scene) {
	holder, standby := s.Manager(), s.Manager()
	name := newName()
	sent := time.Now()
	held := acquire(t, holder, s.brief(name, "one"))
	for range 5 {
		if _, ok := s.poll(t, standby, s.brief(name, "two"), sent, s.length/lease.IntervalsPerLength); ok {
			s.excuse(t, "renewing")
			return
		}
		again := time.Now()
		var kept bool
		if held, kept = s.keep(t, holder, held, sent); !kept {
			return
		}
		sent = again
	}
	s.takeOver(t, standby, s.brief(name, "two"), sent)
}

// lateRenewal renews as a holder whose latest renewal was applied although its answer was lost. That it was does not count: success
// means that a write of this call stands (R2, R4).
func lateRenewal(t testing.TB, s *scene) {
	holder, standby := s.Manager(), s.Manager()
	sent := time.Now()
	held := acquire(t, holder, s.brief(newName(), "one"))
	if _, kept := s.keep(t, holder, held, sent); !kept {
		return
	}
	if _, by := s.try(t, standby, s.brief(held.Name, "two"), sent); by == nil {
		s.excuse(t, "asking")
		return
	}
	time.Sleep(time.Until(sent.Add(s.length * 3 / 4)))
	again := time.Now()
	if _, kept := s.keep(t, holder, held, sent); kept {
		s.takeOver(t, standby, s.brief(held.Name, "two"), again)
	}
}

// lateStandby begins to watch when half of the lease is over. Unless the store tells the age of a record, it has to watch
// for a whole length (R1). If it began later, one that watches for less could not be found out: the lease would be over.
func lateStandby(t testing.TB, s *scene) {
	name := newName()
	sent := time.Now()
	acquire(t, s.Manager(), s.brief(name, "one"))
	time.Sleep(time.Until(sent.Add(s.length / 2)))
	s.takeOver(t, s.Manager(), s.brief(name, "two"), sent)
}

// tokensGrow goes through all ways in which one term follows another (R5).
func tokensGrow(t testing.TB, s *scene) {
	first, second := s.Manager(), s.Manager()
	name := newName()
	sent := time.Now()
	one := acquire(t, first, s.brief(name, "one"))
	s.giveBack(t, first, one, sent)

	sent = time.Now()
	two := acquire(t, second, s.brief(name, "two"))
	s.wantNext(t, one, two)

	three := s.takeOver(t, first, s.brief(name, "one"), sent)
	s.wantNext(t, two, three)
	sent = time.Now()
	if held, kept := s.keep(t, first, three, s.asked); kept {
		s.giveBack(t, first, held, sent)
	}

	restarted := s.Manager()
	sent = time.Now()
	four := acquire(t, restarted, s.brief(name, "three"))
	s.wantNext(t, three, four)
	five := s.takeOver(t, s.Manager(), s.brief(name, "four"), sent)
	s.wantNext(t, four, five)
}

// takeoverIsFinal lets the old holder come back.
func takeoverIsFinal(t testing.TB, s *scene) {
	holder, standby := s.Manager(), s.Manager()
	name := newName()
	begun := time.Now()
	stale := acquire(t, holder, s.brief(name, "one"))
	sent := time.Now()
	held, kept := s.keep(t, holder, stale, begun)
	if !kept {
		return
	}
	next := s.takeOver(t, standby, s.request(name, "two"), sent)
	for _, old := range []lease.Lease{held, stale} {
		for _, m := range []lease.Manager{holder, standby, s.Manager()} {
			_, err := m.Renew(t.Context(), old)
			wantLost(t, "Renew after a takeover", err, old, lease.LostTaken)
			wantLost(t, "Release after a takeover", m.Release(t.Context(), old), old, lease.LostTaken)
		}
	}
	_, err := holder.Renew(t.Context(), held)
	var lost *lease.LostError
	if errors.As(err, &lost) && (lost.Now.Holder != "two" || lost.Now.Token != next.Token) {
		t.Errorf("LostError: now %q holds it with token %d; want %q, %d", lost.Now.Holder, lost.Now.Token, "two", next.Token)
	}
	info := wantHeld(t, s.Manager(), s.request(name, "three"))
	s.wantInfo(t, "HeldError after a takeover", info, lease.Held, next)
	release(t, standby, renew(t, standby, next))
}

func takeoverRace(t testing.TB, s *scene) {
	name := newName()
	sent := time.Now()
	held := acquire(t, s.Manager(), s.brief(name, "one"))
	standbys := []lease.Manager{s.Manager(), s.Manager()}
	for _, m := range standbys {
		if _, ok := s.poll(t, m, s.brief(name, "two"), sent, 0); ok {
			s.excuse(t, "asking")
			return
		}
	}
	for from := time.Now(); time.Since(from) <= s.length+s.tick+s.slack; time.Sleep(s.tick) {
		won := s.acquireRace(t, standbys, name)
		if len(won) == 0 {
			continue
		}
		if passed := time.Since(sent); passed < s.length {
			t.Errorf("Acquire by a standby got the lease %v after its holder's last request; it is held for %v", passed, s.length)
		}
		s.wantNext(t, held, won[0])
		return
	}
	t.Errorf("Acquire by many standbys: still held long after the holder left its lease of %v behind", s.length)
}

func retryAfter(t testing.TB, s *scene) {
	name := newName()
	sent := time.Now()
	acquire(t, s.Manager(), s.brief(name, "one"))
	standby := s.Manager()
	_, first := s.try(t, standby, s.brief(name, "two"), sent)
	if first == nil || first.Info.RetryAfter == 0 && s.Store == nil {
		return // unknown to a service that expires leases by itself
	}
	wait := first.Info.RetryAfter / 3
	time.Sleep(wait)
	_, second := s.try(t, standby, s.brief(name, "two"), sent)
	if second == nil {
		s.excuse(t, "asking")
		return
	}
	if second.Info.RetryAfter > first.Info.RetryAfter-wait {
		t.Errorf("RetryAfter is %v, and %v when %v of it are over", first.Info.RetryAfter, second.Info.RetryAfter, wait)
	}
	time.Sleep(second.Info.RetryAfter)
	if _, third := s.try(t, standby, s.brief(name, "two"), sent); third != nil {
		t.Errorf("Acquire after the RetryAfter of a lease that was not renewed: %v", third)
	}
}

// ownLeaseRunsOut: a manager's own write counts as watched, for every holder that asks through it (R1).
func ownLeaseRunsOut(t testing.TB, s *scene) {
	m := s.Manager()
	req := s.brief(newName(), "one")
	sent := time.Now()
	held, kept := s.keep(t, m, acquire(t, m, req), sent)
	if !kept {
		return
	}
	time.Sleep(s.length)
	if s.Store != nil {
		s.wantNext(t, held, acquire(t, m, req))
		return
	}
	s.takeOver(t, m, req, time.Now().Add(-s.length))
}

// freshManager asks through one manager after another, none of which has seen the lease before. The clocks of a
// service may be seconds apart, and some show only seconds, so it may take a few seconds more than the length.
func freshManager(t testing.TB, s *scene) {
	name := newName()
	sent := time.Now()
	held := acquire(t, s.Manager(), s.brief(name, "one"))
	const grain = 5 * time.Second
	for time.Since(sent) <= s.length+grain+s.slack {
		if next, ok := s.poll(t, s.Manager(), s.brief(name, "two"), sent, 0); ok {
			s.wantNext(t, held, next)
			return
		}
		time.Sleep(s.tick)
	}
	t.Errorf("Acquire by fresh managers: still held after %v, though the holder left its lease of %v behind",
		time.Since(sent), s.length)
}

// releaseLate: a holder that comes back after its deadline releases a lease that may still be its own (R6).
func releaseLate(t testing.TB, s *scene) {
	m := s.Manager()
	name := newName()
	held := acquire(t, m, s.brief(name, "one"))
	time.Sleep(s.length + s.tick)
	if err := m.Release(t.Context(), held); err != nil && (s.Store != nil || !errors.Is(err, lease.ErrLost)) {
		t.Errorf("Release of a lease that ran out, and that nobody has taken: %v", err)
	}
	s.wantNext(t, held, acquire(t, s.Manager(), s.brief(name, "two")))
}

// failedAcquire ends the context of one acquisition after another, each a little later, so that some end
// after a write (R6), and the last one later than an acquisition takes.
func failedAcquire(t testing.TB, s *scene) {
	m := s.Manager()
	var failed []string
	most := max(50*time.Millisecond, 2*s.length/acquisitionsPerLength)
	for after := time.Duration(0); after < most; after += after/4 + 100*time.Microsecond {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		req := s.brief(newName(), "one")
		sent := time.Now()
		switch l, err := m.Acquire(ctx, req); {
		case err == nil:
			s.giveBack(t, m, l, sent)
		case ctx.Err() == nil:
			t.Errorf("Acquire of a free lease: %v", err)
		}
		failed = append(failed, req.Name)
		cancel()
	}
	forEach(failed, func(name string) {
		other := s.Manager()
		for from := time.Now(); ; time.Sleep(s.tick) {
			_, err := other.Acquire(t.Context(), s.brief(name, "two"))
			if err == nil {
				return
			}
			if passed := time.Since(from); !errors.Is(err, lease.ErrHeld) || passed > s.length+s.tick+s.slack {
				t.Errorf("Acquire, %v after somebody's acquisition failed: %v", passed, err)
				return
			}
		}
	})
}

// notBrokenAgain: nobody holds a broken lease. If it could be broken again and again, nobody would ever get it.
func (s *scene) notBrokenAgain(t testing.TB, name string) {
	t.Helper()
	again := func() {
		for range 2 {
			seen := inspect(t, s.Manager(), name)
			if s.Store != nil && !seen.Broken {
				t.Errorf("Inspect of a lease that was broken does not say so: %+v", seen)
			}
			if err := lease.Break(t.Context(), s.Manager(), seen); err != nil {
				t.Errorf("Break of a lease that was broken: %v; want nil, as nobody holds it", err)
			}
		}
	}
	if s.Store == nil {
		again()
		return
	}
	s.wantUntouched(t, name, "Break of a lease that was broken", again)
}

// brokenLease takes a lease away from its holder, who has just renewed it.
func brokenLease(t testing.TB, s *scene) {
	holder, standby := s.Manager(), s.Manager()
	name := newName()
	begun := time.Now()
	held := acquire(t, holder, s.brief(name, "one"))
	seen := inspect(t, s.Manager(), name)
	sent := time.Now()
	held, kept := s.keep(t, holder, held, begun)
	if !kept {
		return
	}
	for range 2 { // it is safe to do it again
		if err := lease.Break(t.Context(), s.Manager(), seen); err != nil {
			t.Fatalf("Break of a held lease: %v", err)
		}
	}
	if time.Since(sent) >= s.length {
		s.excuse(t, "breaking the lease") // it may have run out before: then nobody held it, and Break did nothing
		return
	}
	if _, err := holder.Renew(t.Context(), held); !errors.Is(err, lease.ErrLost) {
		t.Errorf("Renew of a lease that was broken: %v; want ErrLost", err)
	}
	s.notBrokenAgain(t, name)
	next := s.takeOver(t, standby, s.request(name, "two"), sent)
	if next.Token <= held.Token {
		t.Errorf("the token after a lease that was broken is %d; want more than the %d before", next.Token, held.Token)
	}
	if err := lease.Break(t.Context(), s.Manager(), seen); !errors.Is(err, lease.ErrHeld) {
		t.Errorf("Break of a lease that somebody else holds by now: %v; want ErrHeld", err)
	}
	release(t, standby, next)
	if err := lease.Break(t.Context(), s.Manager(), seen); err != nil {
		t.Errorf("Break of a lease that nobody holds: %v", err)
	}
}
