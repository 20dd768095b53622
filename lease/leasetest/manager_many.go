package leasetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloudlease/leader/lease"
)

// acquireRace lets many ask for one lease at once. At most one may get it, and the others find it held.
func (s *scene) acquireRace(t testing.TB, managers []lease.Manager, name string) (won []lease.Lease) {
	t.Helper()
	var leases [racers]lease.Lease
	var errs [racers]error
	_ = s.pace.write(name, func() error {
		race(racers, func(i int) {
			leases[i], errs[i] = unpaced(managers[i%len(managers)]).Acquire(t.Context(), s.request(name, fmt.Sprintf("racer-%d", i)))
		})
		if slices.Contains(errs[:], nil) {
			return nil
		}
		return lease.ErrHeld
	})
	for i, err := range errs {
		switch {
		case err == nil:
			won = append(won, leases[i])
		case !errors.Is(err, lease.ErrHeld):
			t.Errorf("Acquire in a race: %v; want ErrHeld or success", err)
		}
	}
	if len(won) > 1 {
		t.Fatalf("Acquire in a race: %d got the lease, %q with token %d and %q with token %d among them",
			len(won), won[0].Holder, won[0].Token, won[1].Holder, won[1].Token)
	}
	return won
}

func acquireRace(t testing.TB, s *scene) {
	managers := []lease.Manager{s.Manager(), s.Manager()}
	for range 3 {
		won := s.acquireRace(t, managers, newName())
		if len(won) == 0 {
			t.Fatalf("Acquire in a race for a free lease: nobody got it")
		}
		s.wantInfo(t, "HeldError after a race", wantHeld(t, s.Manager(), s.request(won[0].Name, "late")), lease.Held, won[0])
	}
}

// renewReleaseRace releases a lease during a renewal, as a holder does that gives up the renewal: it may still be under
// way, and must not outlive the release (R6).
func renewReleaseRace(t testing.TB, s *scene) {
	m, other := s.Manager(), s.Manager()
	refused := func(err error) bool { return s.limits.WriteEvery > 0 && err != nil && !errors.Is(err, lease.ErrLost) }
	for range 10 {
		name := newName()
		held := acquire(t, m, s.request(name, "one"))
		var renewed, released error
		_ = s.pace.write(name, func() error {
			race(2, func(i int) {
				if i == 0 {
					_, renewed = unpaced(m).Renew(t.Context(), held)
				} else {
					released = unpaced(m).Release(t.Context(), held)
				}
			})
			return nil
		})
		if refused(released) {
			released = m.Release(t.Context(), held)
		}
		if released != nil {
			t.Errorf("Release during a renewal of the same lease: %v", released)
		}
		if renewed != nil && !refused(renewed) {
			wantLost(t, "Renew during the release of the same lease", renewed, held, lease.LostReleased)
		}
		next := acquire(t, other, s.request(name, "two"))
		s.wantNext(t, held, next)
		release(t, other, next)
	}
}

func manyLeases(t testing.TB, s *scene) {
	const n = 100
	m := s.Manager()
	var leases [n]lease.Lease
	race(n, func(i int) {
		req := s.request(newName(), fmt.Sprintf("holder-%d", i))
		l, err := m.Acquire(t.Context(), req)
		if err != nil {
			t.Errorf("Acquire of one of %d leases: %v", n, err)
			return
		}
		leases[i] = l
		for range 2 {
			if l, err = m.Renew(t.Context(), l); err != nil || l.Name != req.Name || l.Holder != req.Holder || l.ID != leases[i].ID {
				t.Errorf("Renew of one of %d leases: %+v, error %v; want %+v", n, l, err, leases[i])
				return
			}
		}
		if _, err := m.Acquire(t.Context(), req); !errors.Is(err, lease.ErrHeld) {
			t.Errorf("Acquire of one of %d leases, which is held: %v; want ErrHeld", n, err)
		}
		if err := m.Release(t.Context(), l); err != nil {
			t.Errorf("Release of one of %d leases: %v", n, err)
		}
	})
	ids := map[string]bool{}
	for _, l := range leases {
		ids[l.ID] = true
	}
	if len(ids) != n {
		t.Errorf("%d leases have %d IDs", n, len(ids))
	}
}

// leaseNames uses awkward names as they are, unless the store has been checked with them.
func leaseNames(t testing.TB, s *scene) {
	prefix := ""
	if s.Store != nil {
		prefix = newName() + "/"
	}
	m := s.Manager()
	held := make(chan lease.Lease, len(awkwardNames))
	forEach(awkwardNames, func(name string) {
		if lease.CheckName(prefix+name) != nil {
			return
		}
		l, err := m.Acquire(t.Context(), s.request(prefix+name, "one"))
		if err != nil {
			t.Errorf("Acquire of %s: %v", short(prefix+name), err)
			return
		}
		held <- l
	})
	close(held)
	var leases []lease.Lease
	for l := range held {
		leases = append(leases, l)
	}
	found := map[string]uint64{}
	for info, err := range lease.List(t.Context(), m, prefix) {
		if errors.Is(err, errors.ErrUnsupported) {
			found = nil
			break
		}
		if err != nil {
			t.Fatalf("List: %v", err)
		}
		found[info.Name] = info.Token
	}
	forEach(leases, func(l lease.Lease) {
		if found != nil && found[l.Name] != l.Token {
			t.Errorf("List: the lease %s has token %d; want %d", short(l.Name), found[l.Name], l.Token)
		}
		if err := m.Release(t.Context(), l); err != nil {
			t.Errorf("Release of %s: %v", short(l.Name), err)
		}
	})
}

// awkwardAttributes have all that is allowed, 1 KiB of them.
func awkwardAttributes() map[string]string {
	attributes := map[string]string{
		"address": "10.0.0.1:8080", "zone": "a", "Zone": "b", "empty": "", " ": "  spaces at both ends  ",
		"ключ 🔑": `"значение" = 'x' & <y>`,
		"a=b&c":  "%2F+", "a.b-c/d\\e": "\ufeff\u2028", "e\u0301": "é", "é": "e\u0301", "0": "=?utf-8?q?x?=",
	}
	size := 0
	for k, v := range attributes {
		size += len(k) + len(v)
	}
	attributes["long"] = strings.Repeat("x", 1024-size-len("long"))
	return attributes
}

func attributesExact(t testing.TB, s *scene) {
	m := s.Manager()
	for _, want := range []map[string]string{nil, awkwardAttributes()} {
		req := s.request(newName(), "one")
		req.Attributes = maps.Clone(want)
		l := acquire(t, m, req)
		if req.Attributes != nil {
			req.Attributes["address"] = "changed" // by its owner, who may do so
		}
		held := renew(t, m, l)
		for _, returned := range []lease.Lease{renew(t, m, held), held} { // the returned maps are not shared either
			for key := range returned.Attributes {
				returned.Attributes[key] = "changed"
			}
			if !maps.Equal(l.Attributes, want) {
				t.Fatalf("attributes that Acquire returned, when those that Renew returned were changed: %q; want %q", l.Attributes, want)
			}
		}
		held = renew(t, m, l)
		got := map[string]map[string]string{
			"Acquire": l.Attributes, "Renew": held.Attributes,
			"HeldError":                         wantHeld(t, s.Manager(), s.request(req.Name, "two")).Attributes,
			"the HeldError of the same manager": wantHeld(t, m, s.request(req.Name, "two")).Attributes,
		}
		for where, attributes := range got {
			if !maps.Equal(attributes, want) {
				t.Errorf("attributes in %s: %q; want %q", where, attributes, want)
			}
		}
	}
}

func lengthsExact(t testing.TB, s *scene) {
	m := s.Manager()
	lengths := []time.Duration{
		time.Nanosecond, 999 * time.Millisecond, time.Second + time.Nanosecond, 15 * time.Second, 17*time.Second + 123456789,
		59 * time.Second, time.Hour + time.Millisecond, lease.Forever, s.limits.MinLength, s.limits.MaxLength,
	}
	for _, length := range lengths {
		req := lease.Request{Name: newName(), Holder: "one", Length: length}
		if req.Validate(s.limits) != nil {
			continue
		}
		sent := time.Now()
		l := acquire(t, m, req)
		held, kept := s.keep(t, m, l, sent)
		if l.Length != length || held.Length != length {
			t.Errorf("a lease of %v has length %v, and %v when renewed", length, l.Length, held.Length)
		}
		if !kept {
			continue
		}
		if s.Store == nil || length < 10*time.Second {
			continue
		}
		if info := wantHeld(t, s.Manager(), s.request(req.Name, "two")); info.Length != length {
			t.Errorf("HeldError of a lease of %v: its length is %v", length, info.Length)
		}
	}
}

// requests checks R7.
func requests(t testing.TB, s *scene) {
	ctx := t.Context()
	holder, standby := s.Manager(), s.Manager()
	name := newName()
	var held lease.Lease
	first := func() { held = acquire(t, holder, s.request(name, "one")) }
	if s.Store != nil {
		s.wantRequests(t, "Acquire of a new lease", 1, s.acquireWrites, first)
	} else {
		first() // the manager may have to create something first
	}
	s.wantRequests(t, "five polls of a held lease", 5, 0, func() {
		for range 5 {
			wantHeld(t, standby, s.request(name, "two"))
		}
	})
	s.wantRequests(t, "three renewals", 0, 3, func() {
		for range 3 {
			held = renew(t, holder, held)
		}
	})
	s.wantRequests(t, "Release", 0, 1, func() { release(t, holder, held) })
	s.wantRequests(t, "Acquire of a released lease", 1, s.acquireWrites, func() { held = acquire(t, standby, s.request(name, "two")) })
	s.wantRequests(t, "Acquire by a fresh manager", 1, 0, func() { wantHeld(t, s.Manager(), s.request(name, "one")) })
	if _, err := lease.Inspect(ctx, holder, name); !errors.Is(err, errors.ErrUnsupported) {
		s.wantRequests(t, "Inspect", 1, 0, func() { inspect(t, holder, name) })
	}
}

func takeoverRequests(t testing.TB, s *scene) {
	name := newName()
	sent := time.Now()
	acquire(t, s.Manager(), s.brief(name, "one"))
	standby := &pollCounter{Manager: s.Manager()}
	readsBefore, writesBefore := s.Requests()
	s.takeOver(t, standby, s.brief(name, "two"), sent)
	reads, writes := s.Requests()
	if reads-readsBefore != standby.polls || writes-writesBefore != s.acquireWrites {
		t.Errorf("a takeover in %d polls sent %d reads and %d writes; want %d and %d",
			standby.polls, reads-readsBefore, writes-writesBefore, standby.polls, s.acquireWrites)
	}
}

type pollCounter struct {
	lease.Manager
	polls int
}

func (c *pollCounter) Acquire(ctx context.Context, req lease.Request) (lease.Lease, error) {
	c.polls++
	return c.Manager.Acquire(ctx, req)
}

func invalidSendsNothing(t testing.TB, s *scene) {
	m := s.Manager()
	s.wantRequests(t, "what is invalid", 0, 0, func() {
		for _, req := range s.invalid() {
			_, _ = m.Acquire(t.Context(), req)
		}
		_, _ = m.Renew(t.Context(), lease.Lease{})
		_ = m.Release(t.Context(), lease.Lease{})
	})
}
