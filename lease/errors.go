package lease

import (
	"errors"
	"fmt"
	"strings"
)

// What errors.Is finds in the errors of this package and of every manager.
var (
	ErrHeld          = errors.New("lease is held by somebody else") // see HeldError
	ErrLost          = errors.New("lease is lost")                  // see LostError
	ErrInvalid       = errors.New("invalid lease request")          // a name, length or attribute breaks a rule; nothing was sent
	ErrMisconfigured = errors.New("lease store is misconfigured")   // the store refuses for good; trying again does not help
	ErrRecord        = errors.New("not a lease record")             // what is stored cannot be read; it was left as it is
	ErrConflict      = errors.New("cell was changed meanwhile")     // from Store.Swap: the cell is not what was read
)

// A HeldError says who holds the lease that was asked for. errors.Is finds ErrHeld in it, and whatever Err wraps.
type HeldError struct {
	Info Info
	Err  error // with what the attempt failed, if only a look after that showed who holds the lease; mostly nil
}

func (e *HeldError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "lease %q is held", e.Info.Name)
	if e.Info.Holder != "" {
		fmt.Fprintf(&b, " by %q", e.Info.Holder)
	}
	if e.Info.Token != 0 {
		fmt.Fprintf(&b, " with token %d", e.Info.Token)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ", and the attempt to get it failed: %v", e.Err)
	}
	return b.String()
}

// Is makes errors.Is find ErrHeld.
func (e *HeldError) Is(target error) bool { return target == ErrHeld }

// Unwrap returns with what the attempt failed.
func (e *HeldError) Unwrap() error { return e.Err }

// LostReason is how a lease came to be lost.
type LostReason string

const (
	LostExpired  LostReason = "expired"  // its holder could not renew it before its own deadline
	LostTaken    LostReason = "taken"    // the record is somebody else's
	LostReleased LostReason = "released" // it was given back
	LostGone     LostReason = "gone"     // there is no record any more
)

// A LostError says how a lease was lost. errors.Is finds ErrLost in it, and whatever Err wraps.
type LostError struct {
	Name   string
	Token  uint64 // of the lease that was lost
	Reason LostReason
	Now    Info  // the lease as it was found; zero if it was not looked at
	Err    error // what led to it, the failure of the latest renewal say; nil if there is nothing to tell
}

func (e *LostError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "lease %q with token %d is lost: ", e.Name, e.Token)
	switch e.Reason {
	case LostExpired:
		if errors.Is(e.Err, ErrClockStepped) {
			b.WriteString("its holder cannot tell any more when it ends")
		} else {
			b.WriteString("it was not renewed before its deadline")
		}
	case LostTaken:
		if e.Now.Holder == "" {
			b.WriteString("somebody else has it")
		} else {
			fmt.Fprintf(&b, "%q holds it with token %d", e.Now.Holder, e.Now.Token)
		}
	case LostReleased:
		b.WriteString("it was released")
	case LostGone:
		b.WriteString("its record is gone")
	default:
		b.WriteString(string(e.Reason))
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Is makes errors.Is find ErrLost.
func (e *LostError) Is(target error) bool { return target == ErrLost }

// Unwrap returns what led to the loss.
func (e *LostError) Unwrap() error { return e.Err }
