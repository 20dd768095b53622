package lease

import (
	"context"
	"time"
)

// A Manager takes, keeps and gives back leases in one place: a table, a bucket, a directory.
//
// Success means that a write sent during the call stands. So whoever reads the clock just before calling Acquire or
// Renew may count the lease from there (R2).
//
// A Manager is safe for concurrent use, by any number of goroutines and for any number of leases. It returns soon
// after the context ends. Everybody may implement it; [github.com/cloudlease/leader/lease/leasetest] says whether an
// implementation keeps the rules.
type Manager interface {
	// Acquire makes one attempt to take the lease, and returns at once. A lease that somebody else holds is a
	// *HeldError (errors.Is ErrHeld), also if that is found only after a failure. The same holder does not re-enter:
	// its own lease is held, too. After any other error the lease is not ours, even if a write that was sent lands
	// later.
	Acquire(ctx context.Context, req Request) (Lease, error)

	// Renew makes one attempt to begin the lease's length anew, and returns what to renew or release next. A lease
	// that is no longer ours is a *LostError (errors.Is ErrLost). Any other error leaves open whether the lease was
	// renewed: try again, with the same Lease. The caller changes nothing in it, its Attributes excepted: a term must
	// not outlast what others read of its length.
	Renew(ctx context.Context, held Lease) (Lease, error)

	// Release makes one attempt to give the lease back. It never takes it from somebody else: a lease that is no
	// longer ours is a *LostError (errors.Is ErrLost). It is safe to try again after any other error.
	Release(ctx context.Context, held Lease) error
}

// A Request asks for a lease.
type Request struct {
	Name       string            // which lease: 1 to 255 bytes of UTF-8 without control characters
	Holder     string            // who asks: a label for people, written like a name
	Length     time.Duration     // how long the lease holds from each renewal, within the manager's Limits
	Attributes map[string]string // published with the lease: at most 1 KiB of UTF-8, keys included; nil: none
	RenewEvery time.Duration     // how often the holder is going to renew: a hint for standbys, published with the lease; 0: not said
}

// A Lease is what one acquisition got. It says nothing about whether it still holds: that is what a [Term] is for.
type Lease struct {
	Name       string
	Holder     string
	ID         string // unique to one acquisition
	Token      uint64 // the fencing token: greater than that of every earlier acquisition of this name
	Length     time.Duration
	Attributes map[string]string
	RenewEvery time.Duration // as requested
	Acquired   time.Time     // by the holder's wall clock, for people only; zero if the manager does not tell
	Version    Version       // belongs to the manager that made it
}

// A Version names one state of a cell or lease. Only its maker can read it. The empty Version is that of a cell that
// does not exist.
type Version string

// Limits is what a manager allows. Zero values mean no limit.
type Limits struct {
	MinLength  time.Duration // the shortest lease
	MaxLength  time.Duration // the longest lease
	LengthStep time.Duration // a lease's length is a multiple of this
	WriteEvery time.Duration // one lease may be written once in this time, not more often
}

// Margin is the part of a lease's length that its holder leaves unused, for clocks that run at different rates and
// for scheduling: a tenth (R2).
func Margin(length time.Duration) time.Duration { return length / 10 }

// State is what a lease is to somebody who looks at it.
type State int

const (
	Free    State = iota // never taken, or given back
	Held                 // somebody's, as far as the observer can know
	Expired              // not given back, but surely over since before the observer looked
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

// Info is what one look at a lease showed. Times of day are by the holder's wall clock: for people, never to decide by.
type Info struct {
	Name       string
	State      State
	Holder     string // of a free lease: who held it last; likewise ID, Length and Attributes
	ID         string
	Token      uint64 // the latest token; 0 if the lease was never taken
	Length     time.Duration
	Attributes map[string]string
	Version    Version
	Acquired   time.Time
	Renewed    time.Time
	Age        time.Duration // at least so old the record was when the look was sent; 0: unknown
	RetryAfter time.Duration // when a held lease may be free for the taking, if it is not renewed until then; 0: unknown
	LookAfter  time.Duration // a hint: a look after so long shows the holder's next renewal as soon as it lands; 0: none
	RenewEvery time.Duration // how often the holder says that it renews: a hint; 0: not said
	Timed      bool          // the store itself tells how long the record has stood, or ends leases itself: who has just started knows as much as who has watched
	Broken     bool          // the record is that of a Break: nobody's acquisition, left to run out
	Err        error         // from List: why this lease could not be read; only Name is set then
}
