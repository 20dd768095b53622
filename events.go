package leader

import (
	"time"

	"github.com/cloudlease/leader/lease"
)

// An Event is something that happened to a leader: a StateEvent, RequestEvent, HolderEvent, OverrunEvent or DroppedEvent.
// There may be more kinds later.
type Event interface{ event() }

// Origin is where and when an event happened.
type Origin struct {
	Lease string
	Node  string
	At    time.Time // by this node's wall clock
}

// A StateEvent is a change of this node's state. It is never dropped. A lease that is lost while its work is still
// stopping is told by one more event, from Stopping to Stopping.
type StateEvent struct {
	Origin
	From, To State
	Token    uint64 // of the term that begins or ends; 0 if there is none
	Cause    error  // the reason; nil for an expected change
}

// A RequestEvent is a call of the lease manager that has returned, or that was given up.
type RequestEvent struct {
	Origin
	Op   Op
	Took time.Duration
	Err  error // as the manager returned it; errors.Is lease.ErrHeld for a poll of a lease that is held
}

// Op is what a request was to do.
type Op string

// The kinds of requests.
const (
	OpAcquire Op = "acquire"
	OpRenew   Op = "renew"
	OpRelease Op = "release"
	OpInspect Op = "inspect" // a look at the lease by a node that sits out, or that must not take it yet
)

// A HolderEvent is this node finding that the lease has another holder than it knew of.
type HolderEvent struct {
	Origin
	Holder lease.Info
}

// An OverrunEvent is a work that has not returned for another lease length after its context was cancelled.
type OverrunEvent struct {
	Origin
	Token uint64
	After time.Duration // since the context was cancelled
}

// A DroppedEvent tells an observer that it was too slow: so many events were not delivered to it, besides those that an earlier
// DroppedEvent told of.
type DroppedEvent struct {
	Origin
	Count int
}

func (StateEvent) event()   {}
func (RequestEvent) event() {}
func (HolderEvent) event()  {}
func (OverrunEvent) event() {}
func (DroppedEvent) event() {}
