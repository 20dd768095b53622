package leasetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cloudlease/leader/lease"
)

// A scene is the place of one check, with its lengths and intervals.
type scene struct {
	Place
	limits        lease.Limits
	pace          *pace
	length        time.Duration // of a lease whose end is waited for
	long          time.Duration // of one that must not end during the check
	tick          time.Duration // between two polls
	slack         time.Duration // for scheduling and requests, beyond the time that the rules allow
	acquireWrites int
	asked         time.Time // when try sent its latest request
}

func (h Harness) scene(t testing.TB) *scene {
	s := &scene{
		Place: h.Open(t), length: h.Length, long: time.Minute, slack: 5 * time.Second, acquireWrites: max(h.AcquireWrites, 1),
	}
	s.limits = lease.LimitsOf(s.Manager())
	s.keepPace()
	step := max(s.limits.LengthStep, 1)
	whole := func(d time.Duration) time.Duration { return (d + step - 1) / step * step }
	shortest := whole(max(500*time.Millisecond, s.limits.MinLength))
	if s.limits.MaxLength > 0 {
		s.long = min(s.long, s.limits.MaxLength)
	}
	s.long = max(s.long/step*step, shortest, s.length)
	if s.length == 0 {
		s.length = max(shortest, min(whole(acquisitionsPerLength*s.acquisition(t)), s.long))
	}
	s.tick = max(s.length/20, 25*time.Millisecond)
	if h.Virtual {
		s.slack = s.tick // nothing takes any time
	}
	return s
}

// keepPace has all managers of the scene write no more often than the service allows.
func (s *scene) keepPace() {
	s.pace = &pace{every: s.limits.WriteEvery, next: map[string]time.Time{}}
	manager, slow := s.Manager, s.Slow
	s.Manager = func() lease.Manager { return paced{manager(), s.pace} }
	if slow != nil {
		s.Slow = func(answered func() error) lease.Manager { return paced{slow(answered), s.pace} }
	}
}

// acquisitionsPerLength is how many acquisitions fit into a length at least. So a standby that takes a lease when half of its length is
// over has it before the whole is over, whatever the requests of both nodes take, and is found out.
const acquisitionsPerLength = 10

// acquisition returns how long an acquisition takes at least, with the time until the next write. The first one may have to connect.
func (s *scene) acquisition(t testing.TB) time.Duration {
	t.Helper()
	m, quickest := s.Manager(), s.long
	for range 2 {
		from := time.Now()
		acquire(t, m, s.request(newName(), "one"))
		quickest = min(quickest, time.Since(from))
	}
	return max(quickest, s.limits.WriteEvery)
}

// request is for a lease that lasts.
func (s *scene) request(name, holder string) lease.Request {
	return lease.Request{Name: name, Holder: holder, Length: s.long}
}

// brief is for a lease whose end is waited for.
func (s *scene) brief(name, holder string) lease.Request {
	return lease.Request{Name: name, Holder: holder, Length: s.length}
}

// poll asks for the lease again and again, for as long as d, and reports whether it got it. The holder sent its last
// request at the time sent, so getting it sooner than a lease length after that is a failure.
func (s *scene) poll(t testing.TB, m lease.Manager, req lease.Request, sent time.Time, d time.Duration) (lease.Lease, bool) {
	t.Helper()
	for from := time.Now(); ; time.Sleep(s.tick) {
		l, held := s.try(t, m, req, sent)
		if held == nil || time.Since(from) >= d {
			return l, held == nil
		}
	}
}

// try polls once. It returns the lease or its holder.
func (s *scene) try(t testing.TB, m lease.Manager, req lease.Request, sent time.Time) (lease.Lease, *lease.HeldError) {
	t.Helper()
	s.asked = time.Now()
	l, err := m.Acquire(t.Context(), req)
	passed := time.Since(sent)
	if err == nil && passed < s.length {
		t.Fatalf("Acquire by a standby got the lease %v after its holder's last request; it is held for %v", passed, s.length)
	}
	var held *lease.HeldError
	if err != nil && !errors.As(err, &held) {
		t.Fatalf("Acquire by a standby: %v; want a *HeldError or success", err)
	}
	return l, held
}

// takeOver polls until the lease is m's, and fails if that is too early or too late.
func (s *scene) takeOver(t testing.TB, m lease.Manager, req lease.Request, sent time.Time) lease.Lease {
	t.Helper()
	most := s.length + s.tick + s.slack
	l, ok := s.poll(t, m, req, sent, most)
	if !ok {
		t.Fatalf("Acquire by a standby: still held after %v of polling, though the holder left its lease of %v behind", most, s.length)
	}
	return l
}

// excuse logs that a check ends before it has shown what it should, because the service or this machine was too slow.
func (s *scene) excuse(t testing.TB, from string) {
	t.Helper()
	t.Logf("the rest was not checked: this process was kept from %s for the whole length of a lease, %v", from, s.length)
}

// keep renews a lease whose end is waited for. It reports whether it did: a holder that was kept from renewing for the whole length, by a
// service or a machine that is slow, may have lost the lease though nobody else has taken it. sent is when its request before was sent.
func (s *scene) keep(t testing.TB, m lease.Manager, held lease.Lease, sent time.Time) (lease.Lease, bool) {
	t.Helper()
	l, err := m.Renew(t.Context(), held)
	if errors.Is(err, lease.ErrLost) && time.Since(sent) >= held.Length {
		s.excuse(t, "renewing")
		return held, false
	}
	if err != nil {
		t.Fatalf("Renew by %q, %v after its last request of a lease of %v with token %d: %v", held.Holder, time.Since(sent), held.Length, held.Token, err)
	}
	return l, true
}

// giveBack releases a lease whose end is waited for. That may fail as keep may, and nobody holds the lease then, either.
func (s *scene) giveBack(t testing.TB, m lease.Manager, held lease.Lease, sent time.Time) {
	t.Helper()
	if err := m.Release(t.Context(), held); err != nil && (!errors.Is(err, lease.ErrLost) || time.Since(sent) < held.Length) {
		t.Fatalf("Release by %q, %v after its last request of a lease of %v with token %d: %v", held.Holder, time.Since(sent), held.Length, held.Token, err)
	}
}

// wantRequests fails unless f makes the managers send exactly so much. Only with Place.Requests.
func (s *scene) wantRequests(t testing.TB, what string, reads, writes int, f func()) {
	t.Helper()
	readsBefore, writesBefore := s.Requests()
	f()
	readsAfter, writesAfter := s.Requests()
	if r, w := readsAfter-readsBefore, writesAfter-writesBefore; r != reads || w != writes {
		t.Errorf("%s sent %d reads and %d writes; want %d and %d", what, r, w, reads, writes)
	}
}

// wantUntouched fails if f changes what is stored for the lease. Only with Place.Store.
func (s *scene) wantUntouched(t testing.TB, name, what string, f func()) {
	t.Helper()
	before := load(t, s.Store, name)
	f()
	after := load(t, s.Store, name)
	if before.Version != after.Version || string(before.Data) != string(after.Data) {
		t.Errorf("%s changed the record from %s to %s", what, before.Data, after.Data)
	}
}

// edit changes a record by hand. Only with Place.Store.
func (s *scene) edit(t testing.TB, name string, change func(record string) string) {
	t.Helper()
	_ = s.pace.write(name, func() error {
		before := load(t, s.Store, name)
		swap(t, s.Store, name, before.Version, change(string(before.Data)))
		return nil
	})
}

func (s *scene) remove(t testing.TB, name string) {
	t.Helper()
	err := s.pace.write(name, func() error { return s.Delete(context.WithoutCancel(t.Context()), name) })
	if err != nil {
		t.Fatalf("Delete(%q): %v", name, err)
	}
}
