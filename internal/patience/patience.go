// Package patience bounds how long a store may take for an answer, also a store that does not mind the end of a context.
package patience

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"
)

const (
	// Default is how long a store may take for one answer, unless a user says otherwise. Most clients have no limit.
	Default = 30 * time.Second
	// grace is how long a call whose time is up may take to return its error. After that it is left behind: a read in a
	// directory of a dead file server, for one, does not end.
	grace = time.Second
)

// ErrSilent is the error of a store that has not answered in time.
var ErrSilent = errors.New("the store has not answered")

func silence(limit time.Duration) error {
	return fmt.Errorf("%w within %v: check the URL, the network, and proxies and firewalls on the way", ErrSilent, limit)
}

// unlisted is silence in the middle of a list, which may have another reason: a store that keeps much else is searched for long.
func unlisted(limit time.Duration) error {
	return fmt.Errorf("%w, or has found none of the list in much else that it keeps", silence(limit))
}

// Ask asks a store a question. It returns an error if there is no answer within the limit, even if the question does not mind the end of
// its context.
func Ask[T any](ctx context.Context, limit time.Duration, question func(context.Context) (T, error)) (T, error) {
	silent := silence(limit)
	limited, cancel := context.WithTimeoutCause(ctx, limit, silent)
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		defer cancel()
		value, err := question(limited)
		answers <- answer{value, err}
	}()
	var a answer
	select {
	case a = <-answers:
	case <-limited.Done():
		select {
		case a = <-answers:
		case <-time.After(grace):
			a.err = context.Cause(limited)
		}
	}
	if a.err != nil && errors.Is(context.Cause(limited), silent) && !errors.Is(a.err, silent) {
		return a.value, fmt.Errorf("%w: %w", silent, a.err)
	}
	return a.value, a.err
}

// Tell is Ask for what has no answer but an error.
func Tell(ctx context.Context, limit time.Duration, what func(context.Context) error) error {
	_, err := Ask(ctx, limit, func(ctx context.Context) (struct{}, error) { return struct{}{}, what(ctx) })
	return err
}

// Each goes through a list, each of whose elements comes within the limit.
func Each[T any](ctx context.Context, limit time.Duration, all func(context.Context) iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		next := pull(ctx, all(ctx))
		for {
			select {
			case i, more := <-next:
				if !more || !yield(i.value, i.err) {
					return
				}
			case <-ctx.Done():
				yield(none, context.Cause(ctx))
				return
			case <-time.After(limit):
				silent := unlisted(limit)
				cancel(silent)
				yield(none, fromLast(next, silent))
				return
			}
		}
	}
}

// listed is one of a list.
type listed[T any] struct {
	value T
	err   error
}

// pull goes through the list by itself, so that nobody has to wait for it. When ctx has ended, what went wrong is there for a
// moment.
func pull[T any](ctx context.Context, all iter.Seq2[T, error]) <-chan listed[T] {
	next := make(chan listed[T])
	go func() {
		defer close(next)
		for value, err := range all {
			var late <-chan time.Time
			for sent := false; !sent; {
				select {
				case next <- listed[T]{value, err}:
					sent = true
				case <-ctx.Done():
					ctx, late = context.WithoutCancel(ctx), time.After(grace)
				case <-late:
					return
				}
			}
		}
	}()
	return next
}

// fromLast adds what the list itself says went wrong, if it does.
func fromLast[T any](next <-chan listed[T], silent error) error {
	select {
	case last := <-next:
		if last.err != nil && !errors.Is(last.err, silent) {
			return fmt.Errorf("%w: %w", silent, last.err)
		}
	case <-time.After(grace):
	}
	return silent
}

// Wait waits for d. It returns false if ctx ends first.
func Wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
