package leaderotel

import (
	"context"
	"errors"
	"slices"

	"github.com/cloudlease/leader/lease"
)

// reasons has all reasons for the loss of a lease.
var reasons = []lease.LostReason{lease.LostExpired, lease.LostTaken, lease.LostReleased, lease.LostGone}

func reasonOf(lost *lease.LostError) string {
	if slices.Contains(reasons, lost.Reason) {
		return string(lost.Reason)
	}
	return other
}

// errorType returns one of a few words, whatever the error says: each value of an attribute is a time series.
func errorType(err error) string {
	for _, known := range []struct {
		err  error
		name string
	}{
		{lease.ErrMisconfigured, "misconfigured"},
		{lease.ErrRecord, "record"},
		{lease.ErrInvalid, "invalid"},
		{lease.ErrConflict, "conflict"},
		{context.Canceled, "canceled"},
	} {
		if errors.Is(err, known.err) {
			return known.name
		}
	}
	// context.DeadlineExceeded, os.ErrDeadlineExceeded and the net package's errors have this method.
	type timeout interface {
		error
		Timeout() bool
	}
	if t, ok := errors.AsType[timeout](err); ok && t.Timeout() {
		return "timeout"
	}
	return other
}
