package lease

import (
	"context"
	"time"
)

// A Manager takes, keeps and gives back leases in one place: a table, a bucket, a directory.
//
// Success means that a write sent during the call stands. So a caller that reads the clock just before Acquire or Renew
// may count the lease from that reading (R2).
//
// A Manager is safe for concurrent use, by any number of goroutines and for any number of leases. It returns soon
// after the context ends; a failed Acquire may take an [UndoTimeout] more. Anybody may implement it;
// [github.com/cloudlease/leader/lease/leasetest] tests whether an implementation keeps the rules.
type Manager interface {
	// Acquire makes one attempt to take the lease, and returns at once. If another holder has it, the error is a
	// *HeldError (errors.Is ErrHeld), also if a look after a failure shows that. The same holder does not re-enter: its
	// own lease is held, too. After any other error the caller does not hold the lease, even if a write that was sent
	// lands later.
	//
	// Each acquisition has a greater Token than the one before, and by exactly one if the manager offers Inspect and its Info is not
	// Timed. There, only the Token tells leader.RunOnce, which takes over from a process that has crashed, that no other node has done the
	// job since. If a number is left out, RunOnce gives the lease back, and does not run the job.
	Acquire(ctx context.Context, req Request) (Lease, error)

	// Renew makes one attempt to begin the lease's length anew, and returns the Lease to renew or release next. If the
	// caller no longer holds it, the error is a *LostError (errors.Is ErrLost). After any other error the lease may have
	// been renewed or not: try again, with the same Lease. The caller may change its Attributes and Value, and raises
	// ValueNumber with each change. It changes nothing else: others count by the Length that they read. If an earlier call has
	// stored a greater ValueNumber, late, that value and those attributes stay, and the returned Lease has them (V3). If somebody has
	// asked something of the holder that it acts on (Ask), Renew notes in the record that this has begun, and the returned Lease has the Wish.
	Renew(ctx context.Context, held Lease) (Lease, error)

	// Release makes one attempt to give the lease back. It never takes the lease from another holder: if the caller no
	// longer holds it, the error is a *LostError (errors.Is ErrLost). After any other error it is safe to try again.
	Release(ctx context.Context, held Lease) error
}

// A Request asks for a lease.
type Request struct {
	Name       string            // which lease: 1 to 255 bytes of UTF-8 without control characters
	Holder     string            // a label of the node that asks, for people; the same characters as in a name
	Length     time.Duration     // how long the lease holds from each renewal, within the manager's Limits
	Attributes map[string]string // published with the lease: at most 1 KiB of UTF-8, keys included; nil: none
	RenewEvery time.Duration     // how often the holder is going to renew: a hint for standbys, published with the lease; 0: not said
	Heeds      []string          // the kinds of wishes that the holder acts on (Ask), published with the lease; nil: none

	// HoldAtLeast is published with the lease, for people, and nothing is decided by it: the holder keeps the lease for at least so long
	// after it acquired it, and may then let it run out instead of releasing it, as a job does that runs once. 0: not said.
	HoldAtLeast time.Duration

	// Yield is a courtesy to the node that the last holder named when it released the lease (Lease.Next). For so long after the
	// manager first saw that record, Acquire leaves the lease to that node, unless Holder is its name: it returns a *HeldError whose
	// Info is Free, with Next and RetryAfter. 0: not at all. Long enough is the interval at which nodes ask, and a request.
	Yield time.Duration
}

// A Lease is the result of one acquisition. It does not say whether the lease is still held; a [Term] does.
type Lease struct {
	Name       string
	Holder     string
	ID         string // unique to one acquisition
	Token      uint64 // the fencing token: greater than that of every earlier acquisition of this name (see Manager.Acquire)
	Length     time.Duration
	Attributes map[string]string
	RenewEvery time.Duration // as requested
	Acquired   time.Time     // by the holder's wall clock, for people only; zero if the manager does not tell
	Version    Version       // belongs to the manager that made it

	Value       string // text that outlives the holder: each acquisition inherits it (V1); within Limits.MaxValue
	ValueNumber uint64 // counts the changes of Value and Attributes in this term (V3); 0: they are as acquired

	History History  // of the terms before this one, for people; the manager passes it on from renewal to renewal
	Heeds   []string // as requested
	Wish    Wish     // what somebody asks of this holder, as the latest Renew that met it found it; zero: nothing. The caller sets it to zero to drop it
	Next    string   // for Release alone: the holder to whom the others leave the lease first (Request.Yield); empty: to nobody

	HoldAtLeast time.Duration // as requested
}

// A Version names one state of a cell or lease. Only the store or manager that made it can read it. The empty Version
// stands for a cell that does not exist.
type Version string

// Limits are a manager's bounds on leases. Zero values mean no limit, except in MaxValue.
type Limits struct {
	MinLength  time.Duration // the shortest lease
	MaxLength  time.Duration // the longest lease
	LengthStep time.Duration // a lease's length is a multiple of this
	WriteEvery time.Duration // one lease may be written once in this time, not more often
	MaxValue   int           // the longest value, in bytes; its JSON may be a twelfth longer. 0: this manager keeps no values
}

// Margin returns the part of a lease's length that its holder leaves unused: a tenth (R2). It covers clocks that run at
// different rates, and the time that a process waits for its processor.
func Margin(length time.Duration) time.Duration { return length / 10 }

// IntervalsPerLength is how many renew intervals, and how many acquire intervals, a lease's length has by default.
const IntervalsPerLength = 3

// State tells whether an observer may take a lease.
type State int

const (
	Free    State = iota // never taken, or given back
	Held                 // a node may hold it, as far as the observer can know
	Expired              // not given back, but certainly over before the observer looked
)

// String returns the state's name in lower case.
func (s State) String() string {
	switch s {
	case Free:
		return "free"
	case Held:
		return "held"
	case Expired:
		return "expired"
	}
	return "unknown"
}

// Info describes a lease as one look at it showed. Times of day are by the holder's wall clock: they are for people, and
// nothing is decided by them.
type Info struct {
	Name       string
	State      State
	Holder     string // the last holder, if the lease is free; likewise ID, Length and Attributes
	ID         string
	Token      uint64 // the latest token; 0 if the lease was never taken
	Length     time.Duration
	Attributes map[string]string
	Value      string // what the holder keeps in the lease; it stays after the holder
	Version    Version
	Acquired   time.Time     // when the holder got the lease; zero: unknown
	Renewed    time.Time     // when the holder last renewed it, or released it; zero: unknown
	Age        time.Duration // a lower bound on the record's age when the look was sent; 0: unknown
	RetryAfter time.Duration // how soon a held lease may be free, if its holder does not renew it; for how long others leave it to Next; 0: unknown
	LookAfter  time.Duration // a hint: a look after this time shows the holder's next renewal as soon as it lands; 0: none
	RenewEvery time.Duration // a hint: how often the holder renews, by its own word; 0: not said
	Timed      bool          // the store tells how old the record is, or ends leases itself: a process that has just started knows as much as one that has watched
	Broken     bool          // Break wrote the record: it is nobody's acquisition, and runs out
	Next       string        // of a released lease: to whom others leave it at first (Request.Yield); empty: to nobody
	Heeds      []string      // the kinds of wishes that the holder acts on (Ask)
	Wish       Wish          // what somebody asks of the holder; zero: nothing
	NoTerm     bool          // nobody leads or led by this record: Break wrote it, or a failed acquisition, which was undone
	History    History       // of the terms before the one that Holder, ID and Token tell of; for people
	Err        error         // from List: why this lease could not be read; only Name is set then

	HoldAtLeast time.Duration // by the holder's own word: it may let the lease run out (Request.HoldAtLeast, MayRunOut); 0: not said
}
