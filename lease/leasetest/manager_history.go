package leasetest

import (
	"strings"
	"testing"
	"time"

	"github.com/cloudlease/leader/lease"
)

// keepsHistory reports whether the manager keeps the last terms in its records. It need not.
func (s *scene) keepsHistory(t testing.TB) bool {
	m, name := s.Manager(), newName()
	release(t, m, acquire(t, m, s.request(name, "one")))
	release(t, m, acquire(t, m, s.request(name, "two")))
	return inspect(t, m, name).History != ""
}

// wantHistory fails unless the record's history begins with these terms, the latest first.
func (s *scene) wantHistory(t testing.TB, when, name string, want ...lease.PastTerm) {
	t.Helper()
	for _, m := range []lease.Manager{s.Manager(), s.Manager()} {
		got := inspect(t, m, name).History.Terms()
		if len(got) < len(want) {
			t.Errorf("the history %s has %d terms; want %d", when, len(got), len(want))
			continue
		}
		for i, w := range want {
			if g := got[i]; g.Token != w.Token || g.Holder != w.Holder || g.How != w.How || !near(g.Begun, w.Begun) {
				t.Errorf("the history %s has as term %d back: %+v; want %+v", when, i+1, g, w)
			}
		}
	}
}

// near reports whether two times of day of one machine are the same, but for what a record rounds away.
func near(a, b time.Time) bool { return a.Sub(b).Abs() < 2*time.Second }

func pastTerm(l lease.Lease, how lease.Ending) lease.PastTerm {
	return lease.PastTerm{Token: l.Token, Holder: l.Holder, Begun: l.Acquired, How: how}
}

// historyKept: each acquisition writes the term before into the history, and renewals and releases keep it.
func historyKept(t testing.TB, s *scene) {
	m, name := s.Manager(), newName()
	first := acquire(t, m, s.request(name, "one"))
	s.wantHistory(t, "of the first term", name)
	release(t, m, renew(t, m, first))
	second := acquire(t, s.Manager(), s.request(name, "a node: \"two\"; é"))
	s.wantHistory(t, "of the second term", name, pastTerm(first, lease.EndReleased))
	second = renew(t, m, second)
	if s.limits.MaxValue > 0 {
		second = renew(t, m, withValue(second, "a value"))
	}
	s.wantHistory(t, "after renewals", name, pastTerm(first, lease.EndReleased))
	release(t, s.Manager(), second)
	s.wantHistory(t, "after a release", name, pastTerm(first, lease.EndReleased))
	third := acquire(t, m, s.request(name, "three"))
	s.wantHistory(t, "of the third term", name, pastTerm(second, lease.EndReleased), pastTerm(first, lease.EndReleased))
	release(t, m, third)
}

// historyStaysSmall: a history grows no record beyond 1 KB, and no record that is larger already.
func historyStaysSmall(t testing.TB, s *scene) {
	m, name := s.Manager(), newName()
	const terms = 30
	var last lease.Lease
	for range terms {
		last = acquire(t, m, s.request(name, "a node"))
		release(t, m, last)
	}
	info := inspect(t, m, name)
	if got := info.History.Terms(); len(got) < 3 || len(got) >= terms || got[0].Token >= last.Token {
		t.Errorf("after %d terms the history has %d; want some of the latest, as many as fit into 1 KB", terms, len(got))
	}
	if s.Store != nil {
		if size := len(load(t, s.Store, name).Data); size >= 1<<10 {
			t.Errorf("the record with its history has %d bytes; want less than 1024", size)
		}
	}
	req := s.request(name, "one")
	req.Attributes = map[string]string{"k": strings.Repeat("x", 1000)}
	held := acquire(t, m, req)
	if got := inspect(t, m, name).History.Terms(); len(got) > 0 {
		t.Errorf("a record that has 1 KB of attributes has a history of %d terms; want none", len(got))
	}
	release(t, m, renew(t, m, held))
}

// historyOfEndings: a term that ran out and one that was broken are in the history as what they were.
func historyOfEndings(t testing.TB, s *scene) {
	name := newName()
	sent := time.Now()
	first := acquire(t, s.Manager(), s.brief(name, "one"))
	standby := s.Manager()
	second := s.takeOver(t, standby, s.brief(name, "two"), sent)
	s.wantHistory(t, "after a crash", name, pastTerm(first, lease.EndExpired))
	sent = time.Now()
	if _, kept := s.keep(t, standby, second, s.asked); !kept {
		return
	}
	if err := lease.Break(t.Context(), standby, inspect(t, standby, name)); err != nil {
		t.Fatalf("Break: %v", err)
	}
	if time.Since(sent) >= s.length {
		s.excuse(t, "breaking the lease")
		return
	}
	s.takeOver(t, standby, s.brief(name, "three"), sent)
	s.wantHistory(t, "after a Break", name, pastTerm(second, lease.EndBroken), pastTerm(first, lease.EndExpired))
}
