package leasetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cloudlease/leader/lease"
)

// A slowCall is a call to the manager for one who has the lease, or has seen its holder.
type slowCall struct {
	what   string
	asks   bool // of a holder that can be asked
	before func(t testing.TB, s *scene, held lease.Lease) lease.Info
	call   func(ctx context.Context, m lease.Manager, held lease.Lease, seen lease.Info) error
}

var (
	slowRenew = slowCall{"Renew", false, unseen, func(ctx context.Context, m lease.Manager, held lease.Lease, _ lease.Info) error {
		_, err := m.Renew(ctx, held)
		return err
	}}
	slowRelease = slowCall{"Release", false, unseen, func(ctx context.Context, m lease.Manager, held lease.Lease, _ lease.Info) error {
		return m.Release(ctx, held)
	}}
	slowBreak = slowCall{"Break", false, looked, func(ctx context.Context, m lease.Manager, _ lease.Lease, seen lease.Info) error {
		return lease.Break(ctx, m, seen)
	}}
	slowAsk = slowCall{"Ask", true, looked, func(ctx context.Context, m lease.Manager, _ lease.Lease, seen lease.Info) error {
		return lease.Ask(ctx, m, seen, handover)
	}}
	slowWithdraw = slowCall{"Withdraw", true, asked, func(ctx context.Context, m lease.Manager, _ lease.Lease, seen lease.Info) error {
		return lease.Withdraw(ctx, m, seen)
	}}
)

func unseen(testing.TB, *scene, lease.Lease) lease.Info { return lease.Info{} }

func looked(t testing.TB, s *scene, held lease.Lease) lease.Info {
	return inspect(t, s.Manager(), held.Name)
}

func asked(t testing.TB, s *scene, held lease.Lease) lease.Info {
	ask(t, s.Manager(), looked(t, s, held), handover)
	return looked(t, s, held)
}

// overtakenCall: while a call waits for an answer, the lease passes to another holder. What the answer shows is over, so the call must not
// write by it: the other goes on to hold the lease as it was (R4). The call itself may succeed, as its write may have been in time.
func overtakenCall(c slowCall) func(t testing.TB, s *scene) {
	return func(t testing.TB, s *scene) {
		for _, older := range []bool{false, true} {
			for nth := 1; nth <= 3 && s.overtakesCall(t, c, older, nth); nth++ {
			}
		}
	}
}

// overtakesCall holds the nth answer back, and reports whether there was one. older is that the call knows an older version of the lease.
func (s *scene) overtakesCall(t testing.TB, c slowCall, older bool, nth int) (arrives bool) {
	t.Helper()
	var a answers
	m, other := s.Slow(a.answered), s.Manager()
	request := s.request
	if c.asks {
		request = func(name, holder string) lease.Request { return s.heeding(s.request(name, holder)) }
	}
	held := acquire(t, other, request(newName(), "one"))
	seen := c.before(t, s, held)
	if older {
		renew(t, other, held)
	}
	arrived, release := a.hold(nth)
	defer release()
	outcome := make(chan error, 1)
	go func() { outcome <- c.call(t.Context(), m, held, seen) }()
	select {
	case <-arrived:
	case <-outcome:
		return false
	}
	time.Sleep(s.limits.WriteEvery) // the call may just have written
	if err := other.Release(t.Context(), held); err != nil && !errors.Is(err, lease.ErrLost) {
		t.Fatalf("Release during a %s: %v", c.what, err)
	}
	next, err := other.Acquire(t.Context(), request(held.Name, "two"))
	time.Sleep(s.limits.WriteEvery) // nothing but the rules keeps the call from writing
	release()
	failed := <-outcome
	if errors.Is(err, lease.ErrHeld) && c.what == "Break" {
		return true // it was broken before, and is left to run out
	}
	if err != nil {
		t.Fatalf("Acquire of a lease that was released during a %s: %v", c.what, err)
	}
	after := fmt.Sprintf("after a %s of the holder before, whose answer %d was slow, error %v", c.what, nth, failed)
	got, err := other.Renew(t.Context(), next)
	if err != nil || got.ID != next.ID || got.Token != next.Token || got.Wish.Kind != "" {
		t.Fatalf("Renew %s: ID %q, token %d, wish %v, error %v; want %q, %d, none: the lease is still this holder's",
			after, got.ID, got.Token, got.Wish, err, next.ID, next.Token)
	}
	s.wantInfo(t, "HeldError "+after, wantHeld(t, s.Manager(), s.request(held.Name, "three")), lease.Held, next)
	return true
}

// takeoverGivesWay: an answer shows that the lease has run out, and the holder renews it before the standby has it. It is the holder's then,
// for a length (R1).
func takeoverGivesWay(t testing.TB, s *scene) {
	var a answers
	holder, m := s.Manager(), s.Slow(a.answered)
	name := newName()
	sent := time.Now()
	held := acquire(t, holder, s.brief(name, "one"))
	if _, by := s.try(t, m, s.brief(name, "two"), sent); by == nil {
		s.excuse(t, "asking")
		return
	}
	time.Sleep(s.length)
	var all sync.WaitGroup
	defer all.Wait() // a call that fails undoes what it has done, also when the check is over
	arrived, release := a.hold(1)
	defer release()
	outcome := make(chan error, 1)
	all.Go(func() { _, err := m.Acquire(t.Context(), s.brief(name, "two")); outcome <- err })
	select {
	case <-arrived:
	case err := <-outcome:
		t.Fatalf("Acquire by a standby: %v, before it had the answer to a request", err)
	}
	again := time.Now()
	if _, err := holder.Renew(t.Context(), held); err != nil && !errors.Is(err, lease.ErrLost) {
		t.Fatalf("Renew of a lease that has run out: %v", err)
	} else if err != nil {
		return // the standby has it with its first request, or the service has ended it
	}
	time.Sleep(s.limits.WriteEvery) // nothing but the rules keeps the standby from writing
	release()
	err := <-outcome
	if passed := time.Since(again); passed >= s.length {
		s.excuse(t, "hearing the answer")
	} else if !errors.Is(err, lease.ErrHeld) {
		t.Errorf("Acquire by a standby, %v after its holder has renewed it: %v; want ErrHeld, though an earlier answer showed that it had run out", passed, err)
	}
}
