// Package scenario is the one story that runs on every store: of three leaders one loses its connection and one is
// stopped, and when the last is gone, a fresh process comes.
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
// A store with a server cuts a connection with a wire.Proxy of that manager's own, so that it is the SDK that is cut
// off. A store that has no connection uses [Cut].
package scenario

import (
	"cmp"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/cloudlease/leader/lease"
)

// A Place is a place that keeps leases, such as a table or a bucket. Its methods are called from the goroutine that
// called Run, so they may end the test.
type Place struct {
	// Connect returns a manager as one more process would have it, and what cuts its connection for good: after cut,
	// nothing that this manager sends arrives, and no answer does. What either needs is cleaned up by t. Required.
	Connect func(t testing.TB) (m lease.Manager, cut func())

	// Token reads the token of a lease's latest term by the store's own means, its SDK say, and not by way of this
	// library. There has been a term. Required.
	Token func(t testing.TB, name string) uint64

	// Length is the lease's. 0: 3 s, or the least above it that the manager's Limits allow.
	Length time.Duration

	// Age says that whoever asks for a lease that is long over gets it at once, without having watched it: the store
	// supplies Snapshot.Age, or expires leases by itself.
	Age bool
}

// grain is how much older than its lease a record may have to be before the store's clock proves that the lease is over:
// two seconds of skew, one of grain, and one that was cut off from each of the two times.
const grain = 5 * time.Second

// length is the lease's, within the manager's limits.
func (p Place) length(limits lease.Limits) time.Duration {
	length := max(cmp.Or(p.Length, 3*time.Second), limits.MinLength)
	if step := limits.LengthStep; step > 0 {
		length = (length + step - 1) / step * step
	}
	return length
}

// Run tells the story, and fails t where it goes wrong. It takes some five lengths of the lease, and a few seconds. All
// along, no two terms hold at once (S1), each term's token is greater than that of the one before (S2), and the store
// has it.
func Run(t testing.TB, place Place) {
	s := newStory(t, place)
	defer s.over()
	for _, name := range []string{"one", "two", "three"} {
		s.start(s.node(name))
	}
	first := s.next("three leaders start", s.every)
	second := s.loses(first)
	third := s.stops(second)
	if place.Age {
		s.freshAtOnce(third)
	} else {
		s.freshWatches(third)
	}
}

// loses: the leader's connection is cut. It stops by itself, and a standby takes over in time (L1). The leader is cut off
// right after a renewal, which is when the others have longest to wait.
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

// stops: the leader is stopped, and its work takes its time. The lease is its own until the work has returned (S3), and
// somebody else's soon after (L1): sooner than a lease that has just been renewed could run out.
func (s *story) stops(old *reign) *reign {
	before := s.refusals()
	old.node.cancel()
	// One refusal may be the answer to a question from before.
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

// freshAtOnce: nobody is left who has watched the lease. Each time, a process starts that asks once, as a serverless one
// does, and one of them gets it, soon after it is over.
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
		if !errors.Is(err, lease.ErrHeld) {
			s.Fatalf("RunOnce by a fresh process: %v", err)
		}
		if time.Since(from) > patience {
			s.Fatalf("RunOnce by fresh processes: still held, %v after the leader lost its connection: %v", patience, err)
		}
	}
	s.next("a process started that ran once", 0)
}

// freshWatches: nobody is left who has watched the lease, so the process that starts watches it for its length.
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
