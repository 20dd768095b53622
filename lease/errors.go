package lease

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
)

// errors.Is finds these in the errors of this package and of every manager.
var (
	ErrHeld          = errors.New("lease is held by somebody else") // see HeldError
	ErrLost          = errors.New("lease is lost")                  // see LostError
	ErrInvalid       = errors.New("invalid lease request")          // a name, length or attribute breaks a rule; nothing was sent
	ErrMisconfigured = errors.New("lease store is misconfigured")   // a permanent error of the store; see MisconfiguredError
	ErrRecord        = errors.New("not a lease record")             // the cell cannot be read as a record; it was left as it is
	ErrNewer         = errors.New("update the program")             // beside ErrRecord: a newer program wrote it, and nobody is to repair it
	ErrConflict      = errors.New("cell was changed meanwhile")     // from Store.Swap: the cell has changed since it was read
)

// A MisconfiguredError is a permanent error of a store: trying again does not help until somebody has followed the advice.
// errors.Is finds ErrMisconfigured in it, and what Err wraps.
//
// A store returns one for each permanent error of its service. Err says what is wrong, mostly in the words of the service's
// SDK. Advice says what to do, and begins with a verb: "create the bucket, or name another". Neither ends in a full stop,
// names the store's place or shows a secret. The manager adds the place and what was tried, so that all errors read alike
// (see Explain).
type MisconfiguredError struct {
	Err    error
	Advice string
}

// Error returns the cause, and then the advice.
func (e *MisconfiguredError) Error() string {
	return fmt.Sprintf("%v: %s", cmp.Or(e.Err, ErrMisconfigured), e.Advice)
}

// Is makes errors.Is find ErrMisconfigured.
func (e *MisconfiguredError) Is(target error) bool { return target == ErrMisconfigured }

// Unwrap returns the cause.
func (e *MisconfiguredError) Unwrap() error { return e.Err }

// Explain returns an error of a Manager's method in the form that all errors of managers have: the place, what was tried on
// which lease, the cause and, if it is permanent, the advice. For example:
//
//	s3://leases/prod: acquire lease "orders": operation error S3: GetObject, ... NoSuchBucket: create the bucket, or name another
//
// The place is the manager's String; what was tried is like "acquire lease". Explain returns nil for nil, and a HeldError, a
// LostError or a RefusedError as it is: each says enough by itself.
func Explain(place, tried, name string, err error) error {
	if err == nil || errors.Is(err, ErrHeld) || errors.Is(err, ErrLost) || errors.Is(err, ErrRefused) {
		return err
	}
	return fmt.Errorf("%s: %s %q: %w", place, tried, name, err)
}

// A HeldError names the holder of the lease that was asked for, or the node that it is left to (Request.Yield). errors.Is finds ErrHeld
// in it, and the errors that Err wraps.
type HeldError struct {
	Info Info
	Err  error // the failure of the attempt, if only a look after that showed the holder; mostly nil
}

// Error says which lease is held, by whom, and under which token.
func (e *HeldError) Error() string {
	var b strings.Builder
	if e.Info.State == Free && e.Info.Next != "" {
		return fmt.Sprintf("lease %q is free, and is left to %q at first", e.Info.Name, e.Info.Next)
	}
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

// Unwrap returns the failure of the attempt; nil if there was none.
func (e *HeldError) Unwrap() error { return e.Err }

// LostReason tells how a lease was lost.
type LostReason string

const (
	LostExpired  LostReason = "expired"  // its holder could not renew it before its own deadline
	LostTaken    LostReason = "taken"    // the record shows another acquisition
	LostReleased LostReason = "released" // it was given back
	LostGone     LostReason = "gone"     // there is no record any more
)

// A LostError tells how a lease was lost. errors.Is finds ErrLost in it, and what Err wraps.
type LostError struct {
	Name   string
	Token  uint64 // of the lease that was lost
	Reason LostReason
	Now    Info  // the lease as it was found; zero if it was not looked at
	Err    error // what led to the loss, such as the failure of the latest renewal; nil if nothing is known
}

// Error says which lease is lost, under which token, and how.
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

// Unwrap returns what led to the loss; nil if nothing is known.
func (e *LostError) Unwrap() error { return e.Err }
