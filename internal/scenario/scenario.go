// Package scenario runs one story on every store. Three leaders start; one loses its connection, and one is stopped. When the
// last is gone, a fresh process comes.
//
//	func TestScenario(t *testing.T) {
//		t.Parallel()
//		scenario.Run(t, scenario.Place{
//			Connect: func(t testing.TB) (lease.Manager, func()) { ... },
//			Token:   func(t testing.TB, name string) uint64 { ... },
//			Age:     true,
//		})
//	}
//
// A store with a server cuts a connection with a wire.Proxy that only this manager uses, so that the SDK itself is cut off. A
// store without a connection uses [Cut].
package scenario

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/cloudlease/leader/lease"
)

// A Place keeps leases, for example a table or a bucket. Its functions may end the test by the testing.TB that they get, and by no
// other.
type Place struct {
	// Connect returns a manager, as one more process would have it, and a function that cuts its connection permanently: after
	// cut, nothing arrives that this manager sends, and no answer comes back. t cleans up what either needs. Required.
	Connect func(t testing.TB) (m lease.Manager, cut func())

	// Token reads the token of a lease's latest term directly from the store, for example with its SDK, and not through this
	// library. There has been a term. Required.
	Token func(t testing.TB, name string) uint64

	// Length is the lease's length. 0: 6 s, so that a term outlasts an emulator that stalls for 2 s, or the least above that which
	// the manager's Limits allow.
	Length time.Duration

	// Age means that a process which asks for a lease that is long over gets it at once, without having watched it: the store
	// supplies Snapshot.Age, or expires leases by itself.
	Age bool
}

// grain is how much older than its lease a record may have to be before the store's clock proves that the lease is over: two
// seconds of skew, one of grain, and one that was cut off from each of the two times.
const grain = 5 * time.Second

// length returns the lease's length, within the manager's limits.
func (p Place) length(limits lease.Limits) time.Duration {
	length := max(cmp.Or(p.Length, 6*time.Second), limits.MinLength)
	if limits.MaxLength > 0 {
		length = min(length, limits.MaxLength)
	}
	if step := limits.LengthStep; step > 0 {
		length = (length + step - 1) / step * step
	}
	return length
}

// Run runs the story, and fails t where it goes wrong. It takes about five lengths of the lease, and a few seconds. Throughout,
// no two terms hold at once (S1), each term's token is greater than that of the one before (S2), and the store shows that
// token. The other promises are for a store that answers: if it stalled in a story that went wrong, that proves nothing, and
// the story is told again, with a lease twice as long, which leaves twice as much time for each request.
func Run(t testing.TB, place Place) {
	t.Helper()
	for n := 1; ; n++ {
		a := &attempt{TB: t}
		stalls := a.tell(place)
		switch {
		case len(a.failures) == 0:
			return
		case stalls == 0 || n == attempts || a.unsafe():
			for _, failure := range a.failures {
				t.Errorf("%s", failure)
			}
			return
		}
		place.Length = max(place.Length, min(2*a.length, longest))
		t.Logf("the store or this machine stalled %d times, so the story is told again, with a lease of %v: %q", stalls, place.Length, a.failures)
	}
}

// story tells it.
func (s *story) story() {
	for _, name := range []string{"one", "two", "three"} {
		s.start(s.node(name))
	}
	first := s.next("three leaders start", s.every)
	second := s.loses(first)
	third := s.stops(second)
	if s.place.Age {
		s.freshAtOnce(third)
	} else {
		s.freshWatches(third)
	}
}

// loses cuts the leader's connection, right after a renewal, when the standbys have longest to wait. The leader stops by
// itself, and a standby takes over in time (L1).
func (s *story) loses(old *reign) *reign {
	s.renews(old)
	old.node.cut()
	next := s.next("the leader lost its connection", s.length+s.every)
	s.eventually("the work of the leader that lost its connection returns", old.returned)
	if !errors.Is(old.cause(), lease.ErrLost) {
		s.Errorf("the work of the leader that lost its connection was stopped by %v; want lease.ErrLost", old.cause())
	}
	return next
}

// stops stops the leader, whose work takes its time. It keeps the lease until the work has returned (S3). Soon after, another
// node has the lease (L1): sooner than a lease that has just been renewed could run out.
func (s *story) stops(old *reign) *reign {
	before := s.refusals()
	old.node.cancel()
	// One refusal may be the answer to an earlier request.
	s.eventually("a standby asks for the lease while the leader's work comes to its end", func() bool {
		return s.refusals() >= before+2
	})
	s.renews(old)
	if err := old.term.Check(); err != nil {
		s.Errorf("S3: the leader was told to stop, its work has not returned, and its term is over: %v", err)
	}
	close(old.node.letGo)
	next := s.next("the leader was stopped", s.every)
	if !old.returned() {
		s.Errorf("S3: %s leads before the work of %s has returned", next.node.name, old.node.name)
	}
	if err := s.ended(old.node); err != nil {
		s.Errorf("Run of the leader that was stopped: %v", err)
	}
	return next
}

// freshAtOnce cuts off the last node that has watched the lease. Processes start that ask once, as a serverless one does, until
// one of them gets the lease, soon after it is over.
func (s *story) freshAtOnce(old *reign) {
	s.renews(old)
	old.node.cut()
	patience := s.length + grain + s.slack
	for from := time.Now(); ; <-time.After(s.every / 3) {
		n := s.node("fresh " + rand.Text()[:4])
		close(n.letGo)
		err := n.RunOnce(s.Context())
		if err == nil {
			break
		}
		if !errors.Is(err, lease.ErrHeld) && !errors.Is(err, context.DeadlineExceeded) { // an emulator may be slow
			s.Fatalf("RunOnce by a fresh process: %v", err)
		}
		if time.Since(from) > patience {
			s.Fatalf("RunOnce by fresh processes: still held, %v after the leader lost its connection: %v", patience, err)
		}
	}
	s.next("a process started that ran once", 0)
}

// freshWatches cuts off the last node that has watched the lease. So the process that starts watches it for its length.
func (s *story) freshWatches(old *reign) {
	s.renews(old)
	old.node.cut()
	n := s.node("fresh")
	s.start(n)
	s.next("a process started", s.length+s.every)
	close(n.letGo)
	n.cancel()
	if err := s.ended(n); err != nil {
		s.Errorf("Run of the fresh process: %v", err)
	}
}
