package lease

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Stores may have these methods, and so may managers that keep no Store. They are about the place of the records: a table, a
// bucket, a container or a directory. Their errors do not name the place: FindPlace and MakePlace add it.
type (
	// A PlaceFinder is a store whose reads do not tell a missing place from a place without records. Its FindPlace does: it
	// returns an ErrMisconfigured if the place is certainly not there, and nil also if this process may not find out.
	PlaceFinder interface {
		FindPlace(ctx context.Context) error
	}
	// A PlaceMaker can make the place, configured for leases. MakePlace leaves a place that exists as it is, and reports whether
	// this call made it. The location says where the service is to keep a new place, in the service's words, such as a region of
	// GCS; empty leaves it to the service. If the store's URL or account decides that, a location is an ErrInvalid.
	PlaceMaker interface {
		MakePlace(ctx context.Context, location string) (made bool, err error)
	}
)

// MakeTimeout is the longest time that MakePlace waits until a new place can be used. Mostly that takes seconds.
const MakeTimeout = 5 * time.Minute

// PlaceOf returns the name of the manager's place, as errors and a node's status show it: the URL that Open takes, if there is
// one, without credentials and options. It calls the String method of the manager, or of the manager that it wraps, and returns
// the manager's type if there is no such method.
func PlaceOf(m Manager) string {
	if named, ok := Find[fmt.Stringer](m); ok {
		return named.String()
	}
	return fmt.Sprintf("%T", m)
}

// FindPlace returns an ErrMisconfigured if the place of the manager's records, a table, a bucket, a container or a directory, is
// not there. Some services do not tell that when a record is read: there, Inspect shows each lease as one that was never taken.
// FindPlace returns nil for a manager that is no PlaceFinder: its other methods return the error.
func FindPlace(ctx context.Context, m Manager) error {
	f, ok := Find[PlaceFinder](m)
	if !ok {
		return nil
	}
	if err := f.FindPlace(ctx); err != nil {
		return fmt.Errorf("%s: look for it: %w", PlaceOf(m), err)
	}
	return nil
}

// MakePlace makes the place of the manager's records, a table, a bucket, a container or a directory, unless it is there, and
// reports whether it did. PlaceMaker says what location means. The error is errors.ErrUnsupported if the manager cannot make it.
func MakePlace(ctx context.Context, m Manager, location string) (made bool, err error) {
	p, ok := Find[PlaceMaker](m)
	if !ok {
		return false, fmt.Errorf("%s: make it: %w", PlaceOf(m), errors.ErrUnsupported)
	}
	if made, err = p.MakePlace(ctx, location); err != nil {
		return made, fmt.Errorf("%s: make it: %w", PlaceOf(m), err)
	}
	return made, nil
}

func (m *manager) FindPlace(ctx context.Context) error {
	if f, ok := m.store.(PlaceFinder); ok {
		return f.FindPlace(ctx)
	}
	return nil
}

func (m *manager) MakePlace(ctx context.Context, location string) (bool, error) {
	if p, ok := m.store.(PlaceMaker); ok {
		return p.MakePlace(ctx, location)
	}
	return false, errors.ErrUnsupported
}
