// Package failure has what the packages that classify the errors of a service or a database do alike.
package failure

import (
	"context"
	"errors"
	"fmt"

	"github.com/cloudlease/leader/lease"
)

// WithCause returns the error of a call with the reason why its context ended in front, unless the error has it already. It
// returns err itself, also nil, while ctx goes on. Clients say "context canceled" for every reason.
func WithCause(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if err == nil || cause == nil || errors.Is(err, cause) {
		return err
	}
	return fmt.Errorf("%w: %w", cause, err)
}

// Ended reports whether a call has failed because its context ended. A connection that times out by itself returns a
// context.DeadlineExceeded, too, while the context goes on.
func Ended(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded))
}

// Misconfigured returns a permanent error that no client has reported: why nothing was sent, and what to do.
func Misconfigured(why, advice string) error {
	return &lease.MisconfiguredError{Err: errors.New(why), Advice: advice}
}
