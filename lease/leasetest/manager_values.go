package leasetest

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/cloudlease/leader/lease"
)

// withValue is the lease with its next value, as a holder makes it before it renews.
func withValue(held lease.Lease, value string) lease.Lease {
	held.Value = value
	held.ValueNumber++
	return held
}

// wantValue fails unless the lease is stored with the value, as every look shows it.
func (s *scene) wantValue(t testing.TB, when, name, want string) {
	t.Helper()
	for _, m := range []lease.Manager{s.Manager(), s.Manager()} {
		if got := inspect(t, m, name).Value; got != want {
			t.Errorf("the value %s: %s; want %s", when, short(got), short(want))
		}
	}
}

// valueInherited: each acquisition has the value of the one before, however that ended (V1).
func valueInherited(t testing.TB, s *scene) {
	m, other := s.Manager(), s.Manager()
	req := s.request(newName(), "one")
	held := acquire(t, m, req)
	if held.Value != "" || held.ValueNumber != 0 {
		t.Errorf("the first lease has the value %s, number %d; want none", short(held.Value), held.ValueNumber)
	}
	held = renew(t, m, withValue(held, "a value"))
	if held.Value != "a value" || held.ValueNumber != 1 {
		t.Errorf("Renew returned the value %s, number %d; want what it wrote, 1", short(held.Value), held.ValueNumber)
	}
	s.wantValue(t, "of a held lease", req.Name, "a value")
	release(t, m, renew(t, m, held))
	s.wantValue(t, "of a released lease", req.Name, "a value")
	next := acquire(t, other, s.request(req.Name, "two"))
	if next.Value != "a value" || next.ValueNumber != 0 {
		t.Errorf("the lease after a release has the value %s, number %d; want that of the lease before, and 0", short(next.Value), next.ValueNumber)
	}
	s.wantValue(t, "of the next lease", req.Name, "a value")
}

// valueOutlives: a value stays after a crash, and after a Break (V1).
func valueOutlives(t testing.TB, s *scene) {
	m, name := s.Manager(), newName()
	begun := time.Now()
	held := acquire(t, m, s.brief(name, "one"))
	sent := time.Now()
	if _, kept := s.keep(t, m, withValue(held, "a value"), begun); !kept {
		return
	}
	next := s.takeOver(t, s.Manager(), s.request(name, "two"), sent)
	if next.Value != "a value" {
		t.Errorf("the lease after one that ran out has the value %s; want that of the lease before", short(next.Value))
	}
	if err := lease.Break(t.Context(), m, inspect(t, m, name)); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		t.Fatalf("Break: %v", err)
	}
	s.wantValue(t, "after a Break", name, "a value")
}

// valuesGoForward: a renewal or a release that is late takes no newer value back (V3).
func valuesGoForward(t testing.TB, s *scene) {
	m := s.Manager()
	held := acquire(t, m, s.request(newName(), "one"))
	older := withValue(held, "older")
	older.Attributes = map[string]string{"of": "older"}
	newer := withValue(older, "newer")
	newer.Attributes = map[string]string{"of": "newer"}
	renew(t, m, newer)
	got := renew(t, m, older)
	if got.Value != "newer" || got.ValueNumber != newer.ValueNumber || !maps.Equal(got.Attributes, newer.Attributes) {
		t.Errorf("Renew with an older value returned %s, number %d, attributes %v; want the newer ones that it found",
			short(got.Value), got.ValueNumber, got.Attributes)
	}
	s.wantValue(t, "after a late renewal", held.Name, "newer")
	release(t, m, older)
	s.wantValue(t, "after a late release", held.Name, "newer")
	if got := inspect(t, m, held.Name).Attributes; !maps.Equal(got, newer.Attributes) {
		t.Errorf("attributes after a late release: %v; want %v", got, newer.Attributes)
	}
}

// valueReleased: a value that no renewal has stored is stored by the release (V2).
func valueReleased(t testing.TB, s *scene) {
	m := s.Manager()
	held := renew(t, m, withValue(acquire(t, m, s.request(newName(), "one")), "stored"))
	release(t, m, withValue(held, "set last"))
	s.wantValue(t, "after a release with a new one", held.Name, "set last")
}

func valuesExact(t testing.TB, s *scene) {
	m := s.Manager()
	held := acquire(t, m, s.request(newName(), "one"))
	for _, want := range []string{
		"x", "", " \t\r\n", "é e\u0301 \u2028 \U0001f600", `{"json": "<&>\\"}`, "\x00\x1f\x7f", strings.Repeat("<", s.limits.MaxValue), "",
	} {
		if held = renew(t, m, withValue(held, want)); held.Value != want {
			t.Errorf("Renew returned the value %s; want %s", short(held.Value), short(want))
		}
		s.wantValue(t, "of a held lease", held.Name, want)
	}
}

// valuesRefused: what does not fit is refused, and the lease goes on. A manager that keeps no values says so, and loses none.
func valuesRefused(t testing.TB, s *scene) {
	m := s.Manager()
	held := acquire(t, m, s.request(newName(), "one"))
	if _, ok := lease.Find[lease.Limiter](m); !ok {
		return // it does not say what it keeps
	}
	if _, err := m.Renew(t.Context(), withValue(held, "x")); s.limits.MaxValue == 0 && !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Renew with a value, by a manager whose Limits.MaxValue is 0: %v; want errors.ErrUnsupported", err)
	}
	for _, bad := range []string{strings.Repeat("x", s.limits.MaxValue+1), "\xff"} {
		if _, err := m.Renew(t.Context(), withValue(held, bad)); !errors.Is(err, lease.ErrInvalid) {
			t.Errorf("Renew with the value %s: %v; want ErrInvalid", short(bad), err)
		}
	}
	renew(t, m, held)
}
