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
	// A PlaceFinder has reads that do not tell a place that is missing from one without records. FindPlace does: it is an
	// ErrMisconfigured if the place is certainly not there. It is nil also if this process may not find out.
	PlaceFinder interface {
		FindPlace(ctx context.Context) error
	}
	// A PlaceMaker can make the place, as leases want it. It reports whether this call did; one that is there is left as it is.
	// The location is where the service is to keep it, in the service's words, if it is made here and has not been said before;
	// empty leaves it to the service.
	PlaceMaker interface {
		MakePlace(ctx context.Context, location string) (made bool, err error)
	}
)

// MakeTimeout bounds the wait of MakePlace until a new place can be used. It takes seconds, mostly.
const MakeTimeout = 5 * time.Minute

// PlaceOf returns the name of the place that errors name, and a node's status: the URL that Open takes for it, if there is one,
// without what only opens it. It is the String of the manager, or of the manager that it wraps; its type if none has one.
func PlaceOf(m Manager) string {
	if named, ok := Find[fmt.Stringer](m); ok {
		return named.String()
	}
	return fmt.Sprintf("%T", m)
}

// FindPlace returns an ErrMisconfigured if what the manager keeps its records in is not there: a table, a bucket, a container or
// a directory. Inspect may show a lease of such a place as one that was never taken. It is nil for a manager that has other
// errors for it, or none.
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

// MakePlace makes what the manager keeps its records in, a table, a bucket, a container or a directory, unless it is there. It
// reports whether it did. It is errors.ErrUnsupported if the manager cannot. PlaceMaker says what location is.
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
