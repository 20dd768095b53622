package leader

import (
	"sync"
	"time"

	"github.com/cloudlease/leader/lease"
)

// State is what a node is doing.
type State int

const (
	Idle     State = iota // Run is not running
	Standby               // asking for the lease, or sitting out
	Leading               // the term holds and the work runs
	Stopping              // the work is to return, or has, and the lease is not given back yet
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
	Lease   string
	Node    string
	Store   string        // the lease manager's name of itself; empty if it has none
	Length  time.Duration // of the lease
	State   State
	Since   time.Time  // when the state began, by this node's wall clock
	Term    lease.Term // the latest term; its Check says whether it still holds
	Holder  lease.Info // who holds the lease, as this node last heard
	Contact time.Time  // when the lease manager last gave a clear answer; zero: never
	Err     error      // of the latest request; nil if it got a clear answer
	Health  error      // what the health check said last, wrapped in ErrUnhealthy; nil if it is well, or there is none
}

// board keeps a leader's Status.
type board struct {
	mu     sync.Mutex
	status Status
}

func (b *board) change(f func(*Status)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(&b.status)
}

// read returns the status as it is now: a term that has run out is not led any more, even if nobody has noticed yet.
func (b *board) read() Status {
	b.mu.Lock()
	s := b.status
	b.mu.Unlock()
	if s.State == Leading && s.Term.Check() != nil {
		s.State = Stopping
	}
	return s
}
