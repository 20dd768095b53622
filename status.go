package leader

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// State tells what a node is doing.
type State int

const (
	Idle     State = iota // Run is not running
	Standby               // asking for the lease, or sitting out
	Leading               // the term holds and the work runs
	Stopping              // the work is to return, or has returned and the lease is not released yet; or Run is about to return
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

// Status describes a node and what it is doing.
type Status struct {
	Lease        string
	Node         string
	Store        string        // the lease manager's name for its store; empty if it has none
	Length       time.Duration // of the lease
	RenewEvery   time.Duration // how often this node renews it while it leads
	AcquireEvery time.Duration // how often this node asks for it as a standby
	StopTimeout  time.Duration // how long a cancelled work may take to return; 0: for ever
	State        State
	Since        time.Time  // when the state began, by this node's wall clock
	Term         lease.Term // the latest term; its Check says whether it still holds
	Seen         lease.Info // the lease, as this node last heard of it
	Contact      time.Time  // when the lease manager last gave a clear answer; zero: never
	Err          error      // of the latest request; nil if it got a clear answer
	Paused       bool       // by Pause: this node does not campaign
	Health       error      // why this node is unhealthy (errors.Is ErrUnhealthy); nil if it is healthy
}

// board keeps a leader's Status.
type board struct {
	mu     sync.Mutex
	status Status
	host   host.Host // its clock
	lapsed time.Time // when the term was first seen to be over while the state is still Leading; zero: never

	own   lease.Term    // of the lease that this node acquired last, also if it did not lead by that
	ownID string        // of that lease
	known bool          // Seen was heard of since Run began
	news  chan struct{} // closed when Seen next changes; nil: nobody waits
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

// enter changes the state, and returns the one before. If Status has shown the term to be over before the run noticed, the
// node has been stopping since then.
func (b *board) enter(to State, at time.Time) (from State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	from = b.status.State
	if from == Leading && to == Stopping && !b.lapsed.IsZero() {
		at = b.lapsed
	}
	if to == Idle {
		b.known = false
	}
	if from != to {
		b.status.State, b.status.Since = to, at
	}
	b.lapsed = time.Time{}
	return from
}

// changesHands reports whether another holder has the lease than before, or none.
func changesHands(before, now lease.Info) bool {
	return before.ID != now.ID || before.State != now.State
}

// tellsMore reports whether Leaders has something to tell: another holder, or other attributes of a node that leads, such as its address.
func tellsMore(before, now lease.Info) bool {
	return changesHands(before, now) || now.State == lease.Held && !maps.Equal(before.Attributes, now.Attributes)
}

// acquired notes that this node has acquired a lease.
func (b *board) acquired(id string, term lease.Term) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.own, b.ownID = term, id
}

// found notes what was heard of the lease. It returns that as this node knows it, and whether another holder has the lease than before,
// or none. A lease that this node has not given back runs out: a look shows it as held, but its term is over (R8).
func (b *board) found(seen lease.Info) (known lease.Info, changed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if seen.State == lease.Held && !seen.Broken && seen.ID != "" && seen.ID == b.ownID && b.own.Check() != nil {
		seen.State = lease.Expired
	}
	if b.news != nil && (!b.known || tellsMore(b.status.Seen, seen)) {
		close(b.news)
		b.news = nil
	}
	changed = changesHands(b.status.Seen, seen)
	b.status.Seen, b.known = copied(seen), true
	return seen, changed
}

// copied returns an Info that shares nothing with the lease that this node holds, nor with the Info: who gets it may change it.
func copied(seen lease.Info) lease.Info {
	seen.Attributes, seen.Heeds = maps.Clone(seen.Attributes), slices.Clone(seen.Heeds)
	return seen
}

// seen returns what was last heard of the lease, whether that was since Run began, and a channel that is closed at the next change.
func (b *board) seen() (seen lease.Info, known bool, news <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.news == nil {
		b.news = make(chan struct{})
	}
	return copied(b.status.Seen), b.known, b.news
}

// read returns the status as it is now: a node whose term has run out does not lead any more, even if the run has not noticed
// yet. The caller may change what it gets.
func (b *board) read() Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.status
	s.Seen = copied(s.Seen)
	if s.State == Leading && s.Term.Check() != nil {
		if b.lapsed.IsZero() {
			b.lapsed = b.host.Now()
		}
		s.State, s.Since = Stopping, b.lapsed
	}
	return s
}
