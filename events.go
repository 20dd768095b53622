package leader

import (
	"time"

	"github.com/cloudlease/leader/lease"
)

// An Event tells what happened to a Leader: it is a StateEvent, RequestEvent, HolderEvent, WishEvent, OverrunEvent or DroppedEvent. There
// may be more kinds later. All observers get the same errors: an observer that changes what an error carries, such as the attributes in a
// lease.HeldError, copies it first.
type Event interface{ event() }

// Origin tells where and when an event happened.
type Origin struct {
	Lease string
	Node  string
	At    time.Time // by this node's wall clock
}

// A StateEvent tells of a change of this node's state. It is never dropped. If the lease is lost while the work is still
// stopping, one more event tells so, from Stopping to Stopping.
type StateEvent struct {
	Origin
	From, To State
	Token    uint64 // of the term that begins or ends; 0 if there is none
	Cause    error  // the reason; nil for an expected change
}

// A RequestEvent tells of a call of the lease manager that has returned, or that was given up.
type RequestEvent struct {
	Origin
	Op   Op
	Took time.Duration
	Err  error // as the manager returned it; errors.Is lease.ErrHeld for a poll of a lease that is held
}

// Op names the method of the manager that a request called.
type Op string

// The kinds of requests.
const (
	OpAcquire Op = "acquire"
	OpRenew   Op = "renew"
	OpRelease Op = "release"
	OpInspect Op = "inspect" // a look at the lease by a node that sits out, or that must not take it yet
)

// A HolderEvent tells that this node has found another holder of the lease than before, or none.
type HolderEvent struct {
	Origin
	Seen lease.Info
}

// A WishEvent tells that somebody asks something of this node, which leads, through the lease's record (lease.Ask), and whether this node
// acts on it.
type WishEvent struct {
	Origin
	Token   uint64 // of the term
	Wish    lease.Wish
	Refused error // the reason why this node does not act on it; nil if it does
}

// An OverrunEvent tells that the work has not returned although its context was cancelled. One comes after each lease length
// until the work returns.
type OverrunEvent struct {
	Origin
	Token uint64
	After time.Duration // since the context was cancelled
}

// A DroppedEvent tells an observer that it was too slow, and how many events it has missed since the last DroppedEvent.
type DroppedEvent struct {
	Origin
	Count int
}

func (StateEvent) event()   {}
func (RequestEvent) event() {}
func (HolderEvent) event()  {}
func (WishEvent) event()    {}
func (OverrunEvent) event() {}
func (DroppedEvent) event() {}
