package leasetest

import (
	"errors"
	"testing"
	"time"

	"github.com/cloudlease/leader/lease"
)

// namesNext reports whether the manager stores whom a release names. It need not.
func (s *scene) namesNext(t testing.TB) bool {
	m := s.Manager()
	held := acquire(t, m, s.request(newName(), "one"))
	held.Next = "three"
	release(t, m, held)
	return inspect(t, m, held.Name).Next != ""
}

// leftToNext: a node that yields leaves a released lease to the node that the release names, for as long as it says, and to no other.
func leftToNext(t testing.TB, s *scene) {
	m, other := s.Manager(), s.Manager()
	held := acquire(t, m, s.request(newName(), "one"))
	for _, next := range []string{"three", "a node: \"3\"; é"} {
		held.Next = next
		release(t, m, held)
		for range 2 {
			var left *lease.HeldError
			_, err := other.Acquire(t.Context(), s.yielding(held.Name, "two", time.Hour))
			switch {
			case !errors.As(err, &left):
				t.Fatalf("Acquire of a lease that is left to another: %v; want a *HeldError", err)
			case left.Info.State != lease.Free || left.Info.Next != next || left.Info.RetryAfter <= 0 || left.Info.RetryAfter > time.Hour:
				t.Errorf("Acquire of a lease that is left to another shows state %s, next %q, RetryAfter %v; want free, %q, and up to an hour",
					left.Info.State, left.Info.Next, left.Info.RetryAfter, next)
			}
		}
		held = acquire(t, s.Manager(), s.yielding(held.Name, next, time.Hour))
		if seen := inspect(t, other, held.Name); seen.Next != "" {
			t.Errorf("a held lease is left to %q", seen.Next)
		}
	}
}

// yieldEnds: who does not yield takes the lease at once, and who yields takes it when its time has passed. The name lasts no longer than
// the release that said it.
func yieldEnds(t testing.TB, s *scene) {
	m := s.Manager()
	held := acquire(t, m, s.request(newName(), "one"))
	held.Next = "three"
	release(t, m, held)
	held = acquire(t, s.Manager(), s.request(held.Name, "two"))
	held.Next = "three"
	release(t, m, held)
	req := s.yielding(held.Name, "two", 4*s.tick)
	for begun := time.Now(); ; time.Sleep(s.tick) {
		next, err := m.Acquire(t.Context(), req)
		if err == nil {
			release(t, m, next)
			break
		}
		if passed := time.Since(begun); !errors.Is(err, lease.ErrHeld) || passed > req.Yield+s.slack {
			t.Fatalf("Acquire of a lease that was left to another %v ago, by who yields for %v: %v", passed, req.Yield, err)
		}
	}
	acquire(t, m, s.yielding(held.Name, "two", time.Hour))
}

func (s *scene) yielding(name, holder string, yield time.Duration) lease.Request {
	req := s.request(name, holder)
	req.Yield = yield
	return req
}
