package leasetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/cloudlease/leader/lease"
)

// A lookFunc looks at a lease without touching it.
type lookFunc func(ctx context.Context, m lease.Manager, name string) (lease.Info, error)

func listOne(ctx context.Context, m lease.Manager, name string) (lease.Info, error) {
	for info, err := range lease.List(ctx, m, name) {
		if err == nil {
			err = info.Err
		}
		return info, err
	}
	return lease.Info{}, errors.New("the list has no such lease")
}

// A look whose answer is held back.
type heldLook struct {
	release func()
	outcome chan error
	info    lease.Info // once there is an outcome
}

// lookSlowly has m look, and returns when the answer is held back. It is nil if m looks without a request.
func (a *answers) lookSlowly(t testing.TB, m lease.Manager, name string, look lookFunc) *heldLook {
	t.Helper()
	arrived, release := a.hold(1)
	l := &heldLook{release: release, outcome: make(chan error, 1)}
	go func() {
		var err error
		l.info, err = look(t.Context(), m, name)
		l.outcome <- err
	}()
	select {
	case <-arrived:
		return l
	case err := <-l.outcome:
		if err != nil {
			t.Fatalf("Inspect or List: %v", err)
		}
		return nil
	}
}

func (l *heldLook) result(t testing.TB) lease.Info {
	t.Helper()
	l.release()
	if err := <-l.outcome; err != nil {
		t.Fatalf("Inspect or List whose answer was slow: %v", err)
	}
	return l.info
}

// slowAnswer: an answer shows the lease as it was when the request was sent, and the holder may have renewed since (R1).
func slowAnswer(what string, look lookFunc) func(t testing.TB, s *scene) {
	return func(t testing.TB, s *scene) {
		var a answers
		holder, m := s.Manager(), s.Slow(a.answered)
		name := newName()
		sent := time.Now()
		held := acquire(t, holder, s.brief(name, "one"))
		if info, err := look(t.Context(), m, name); err != nil || info.State != lease.Held && time.Since(sent) < s.length {
			t.Fatalf("%s of a lease that was just taken: %s, error %v; want held", what, info.State, err)
		}
		seen := time.Now()
		time.Sleep(time.Until(sent.Add(s.length * 3 / 4)))
		slow := a.lookSlowly(t, m, name, look)
		if slow == nil {
			return // it does not ask
		}
		defer slow.release()
		if time.Since(sent) >= s.length {
			s.excuse(t, "asking")
			return
		}
		again := time.Now()
		if _, kept := s.keep(t, holder, held, sent); !kept {
			return
		}
		sent = again
		time.Sleep(time.Until(seen.Add(s.length + s.tick)))
		info := slow.result(t)
		if since := time.Since(sent); since >= s.length {
			s.excuse(t, "hearing the answer")
		} else if info.State != lease.Held {
			t.Errorf("%s, whose answer was slow: %s %v after the holder's last request; it is held for %v", what, info.State, since, s.length)
		}
	}
}

// overtaken: an answer that comes after that of a later request changes nothing.
func overtaken(what string, look lookFunc) func(t testing.TB, s *scene) {
	return func(t testing.TB, s *scene) {
		var a answers
		holder, m := s.Manager(), s.Slow(a.answered)
		name := newName()
		begun := time.Now()
		held := acquire(t, holder, s.brief(name, "one"))
		slow := a.lookSlowly(t, m, name, look)
		if slow == nil {
			return
		}
		defer slow.release()
		time.Sleep(s.tick)
		sent := time.Now()
		held, kept := s.keep(t, holder, held, begun)
		if !kept {
			return
		}
		_, by := s.try(t, m, s.brief(name, "two"), sent)
		if by == nil {
			s.excuse(t, "asking")
			return
		}
		seen := time.Now()
		slow.result(t)
		if s.Store == nil {
			s.takeOver(t, m, s.brief(name, "two"), sent)
			return
		}
		time.Sleep(time.Until(seen.Add(by.Info.RetryAfter)))
		if next, err := m.Acquire(t.Context(), s.brief(name, "two")); err == nil {
			s.wantNext(t, held, next)
		} else {
			t.Errorf("Acquire %v after an Acquire that said RetryAfter %v: %v; want success, though the answer to an older %s came in between",
				time.Since(seen), by.Info.RetryAfter, err, what)
		}
	}
}

// loserSaysHeld: a node that finds a lease free, and is not the first to take it, says that it is held, also if its attempt failed.
func loserSaysHeld(t testing.TB, s *scene) {
	for _, c := range []struct {
		what     string
		released bool
		fate     func() error // of the answer after the one that shows the lease free
	}{
		{"a new lease", false, nil},
		{"a released lease", true, nil},
		{"a released lease, with an answer that was lost", true, func() error { return io.ErrUnexpectedEOF }},
	} {
		for tries := 1; !s.losesAcquire(t, c.what, c.released, c.fate, tries == 5); tries++ {
		}
	}
}

// losesAcquire reports whether a loser has shown what it says. It has not, unless it is the last time, if its attempt failed and took so
// long that the look after that, which has a fraction of lease.UndoTimeout, may have failed, too: the service was too slow to tell.
func (s *scene) losesAcquire(t testing.TB, what string, released bool, fate func() error, last bool) (told bool) {
	t.Helper()
	var a answers
	other, m := s.Manager(), s.Slow(a.answered)
	name := newName()
	if released {
		release(t, other, acquire(t, other, s.request(name, "one")))
	}
	var won lease.Lease
	var failed error
	var since time.Time
	a.onNext(func() error {
		won, failed = other.Acquire(t.Context(), s.request(name, "winner"))
		time.Sleep(s.limits.WriteEvery) // the limit is not why the loser fails
		a.onNext(fate)
		since = time.Now()
		return nil
	})
	loser := s.request(name, "loser")
	_, err := m.Acquire(t.Context(), loser)
	if err == nil && errors.Is(failed, lease.ErrHeld) {
		return true // it takes the lease with its first request
	}
	if failed != nil {
		t.Errorf("Acquire of %s while somebody else asks for it: %v", what, failed)
		return true
	}
	what = fmt.Sprintf("Acquire of %s that somebody else has taken meanwhile", what)
	by, held := errors.AsType[*lease.HeldError](err)
	switch {
	case held && errors.Is(err, lease.ErrHeld):
		s.wantInfo(t, what, by.Info, lease.Held, won)
	case !last && time.Since(since) > lease.UndoTimeout(loser.Length)/4:
		return false
	default:
		t.Errorf("%s: %v; want a *HeldError", what, err)
		return true
	}
	release(t, other, won)
	return true
}

// undoneAcquire: the answer to a request of an acquisition is lost, or its context ends meanwhile. The call undoes what its write has
// done (R6), as soon as the service takes another write, so that nobody waits for the lease to run out.
func undoneAcquire(t testing.TB, s *scene) {
	for _, ends := range []bool{false, true} {
		for nth := 1; s.undoesAcquire(t, nth, ends); nth++ {
		}
	}
}

// undoesAcquire loses the nth answer, and reports whether there was one.
func (s *scene) undoesAcquire(t testing.TB, nth int, ends bool) (lost bool) {
	t.Helper()
	var a answers
	m, other := s.Slow(a.answered), s.Manager()
	name := newName()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var since time.Time
	a.onNth(nth, func() error {
		lost, since = true, time.Now()
		if ends {
			cancel()
		}
		return io.ErrUnexpectedEOF
	})
	l, err := m.Acquire(ctx, s.request(name, "one"))
	took := time.Since(since)
	a.onNext(nil)
	switch {
	case err == nil:
		release(t, m, l)
		return lost
	case !lost:
		t.Fatalf("Acquire of a free lease: %v", err)
	}
	what := fmt.Sprintf("Acquire after answer %d to somebody's acquisition was lost, whose context has ended: %t", nth, ends)
	for most, every := lease.UndoTimeout(s.long), s.limits.WriteEvery; ; time.Sleep(s.tick) {
		next, err := other.Acquire(t.Context(), s.request(name, "two"))
		switch {
		case err == nil:
			release(t, other, next)
			return true
		case errors.Is(err, lease.ErrHeld) && time.Since(since) <= most+s.slack:
			continue
		case errors.Is(err, lease.ErrHeld) && (took-every > most/4 || every >= most):
			t.Logf("%s: not checked, as the service was slow, or its limit leaves no time to release the lease", what)
			return true
		}
		t.Fatalf("%s: %v, %v later; want the lease, as the call should have released it", what, err, time.Since(since))
	}
}
