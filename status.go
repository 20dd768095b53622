package leader

import (
	"maps"
	"sync"
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// State is what a node is doing.
type State int

const (
	Idle     State = iota // Run is not running
	Standby               // asking for the lease, or sitting out
	Leading               // the term holds and the work runs
	Stopping              // the work is to return, or has, and the lease is not given back yet; or Run is about to return
)

// String returns the state's name in lower case.
func (s State) String() string {
	switch s {
	case Idle:
		return "idle"
	case Standby:
		return "standby"
	case Leading:
		return "leading"
	case Stopping:
		return "stopping"
	}
	return "unknown"
}

// Status is what a node says of itself.
type Status struct {
	Lease        string
	Node         string
	Store        string        // the lease manager's name of itself; empty if it has none
	Length       time.Duration // of the lease
	RenewEvery   time.Duration // how often it is renewed by its holder
	AcquireEvery time.Duration // how often a standby asks for it
	StopTimeout  time.Duration // how long a cancelled work may take to return; 0: for ever
	State        State
	Since        time.Time  // when the state began, by this node's wall clock
	Term         lease.Term // the latest term; its Check says whether it still holds
	Holder       lease.Info // who holds the lease, as this node last heard
	Contact      time.Time  // when the lease manager last gave a clear answer; zero: never
	Err          error      // of the latest request; nil if it got a clear answer
	Health       error      // the reason for which this node is unhealthy (errors.Is ErrUnhealthy); nil if it is not
}

// board keeps a leader's Status.
type board struct {
	mu     sync.Mutex
	status Status
	host   host.Host // its clock
	lapsed time.Time // when it was first seen that the term of the state Leading is over; zero: it is not
}

func (b *board) change(f func(*Status)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(&b.status)
}

func (b *board) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.host.Now()
}

// enter changes the state, and returns the one before. A term that was seen to be over before anybody told has been
// stopping since then.
func (b *board) enter(to State, at time.Time) (from State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	from = b.status.State
	if from == Leading && to == Stopping && !b.lapsed.IsZero() {
		at = b.lapsed
	}
	if from != to {
		b.status.State, b.status.Since = to, at
	}
	b.lapsed = time.Time{}
	return from
}

// read returns the status as it is now: a term that has run out is not led any more, even if nobody has noticed yet. The
// caller may do with it what it likes.
func (b *board) read() Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.status
	s.Holder.Attributes = maps.Clone(s.Holder.Attributes)
	if s.State == Leading && s.Term.Check() != nil {
		if b.lapsed.IsZero() {
			b.lapsed = b.host.Now()
		}
		s.State, s.Since = Stopping, b.lapsed
	}
	return s
}
