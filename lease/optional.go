package lease

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/cloudlease/leader/internal/absent"
)

// A wrapper around a Manager that has a method Unwrap() Manager hides nothing: the functions below look through it with Find.

// Inspect reads a lease without touching it. A lease that does not exist is Free. The error is errors.ErrUnsupported if
// the manager has no Inspect.
func Inspect(ctx context.Context, m Manager, name string) (Info, error) {
	type inspector interface {
		Inspect(ctx context.Context, name string) (Info, error)
	}
	if i, ok := Find[inspector](m); ok {
		return i.Inspect(ctx, name)
	}
	return Info{}, fmt.Errorf("inspect: %T: %w", m, errors.ErrUnsupported)
}

// List reads the leases whose names begin with prefix, in no special order, without touching them. A lease that cannot
// be read is an Info with Err, and the list goes on; an error of the sequence ends it. A manager may leave out the leases' values,
// where each would take one more request: Inspect shows them. The error is
// errors.ErrUnsupported if the manager has no List.
func List(ctx context.Context, m Manager, prefix string) iter.Seq2[Info, error] {
	type lister interface {
		List(ctx context.Context, prefix string) iter.Seq2[Info, error]
	}
	if l, ok := Find[lister](m); ok {
		return l.List(ctx, prefix)
	}
	return func(yield func(Info, error) bool) {
		yield(Info{}, fmt.Errorf("list: %T: %w", m, errors.ErrUnsupported))
	}
}

// LimitsOf returns the manager's limits. A manager without a Limits method has none.
func LimitsOf(m Manager) Limits {
	if l, ok := Find[Limiter](m); ok {
		return l.Limits()
	}
	return Limits{}
}

// Close closes the resources that the manager opened by itself, such as the client that Open made. It releases no lease. Call nothing
// else on the manager after it. The error is errors.ErrUnsupported if the manager has no Close.
func Close(m Manager) error {
	if c, ok := Find[Closer](m); ok {
		return c.Close()
	}
	return fmt.Errorf("close: %T: %w", m, errors.ErrUnsupported)
}

// StoreOf returns the store of the manager, for data that a program keeps beside its leases, as package checkpoint does. It reports
// false if the manager has none.
func StoreOf(m Manager) (Store, bool) {
	if k, ok := Find[interface{ Store() Store }](m); ok {
		return k.Store(), true
	}
	return nil, false
}

// Find returns m as a T, an optional interface such as Closer. If m is none, Find looks in the manager that m wraps, as far as
// the wrappers' Unwrap methods lead. It finds nothing in a nil Manager, nor in a nil pointer as one.
func Find[T any](m Manager) (t T, ok bool) {
	for !absent.Is(m) {
		if t, ok = m.(T); ok {
			return t, true
		}
		w, wraps := m.(interface{ Unwrap() Manager })
		if !wraps {
			break
		}
		m = w.Unwrap()
	}
	return t, false
}
