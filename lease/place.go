package lease

import (
	"context"
	"errors"
	"fmt"
)

// Stores, and managers of their own, may have these methods as well. They are about the place of the records: a table, a bucket,
// a container or a directory.
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

// FindPlace returns an ErrMisconfigured if what the manager keeps its records in is not there: a table, a bucket, a container or
// a directory. Inspect may show a lease of such a place as one that was never taken. It is nil for a manager that has other
// errors for it, or none.
func FindPlace(ctx context.Context, m Manager) error {
	if f, ok := Find[PlaceFinder](m); ok {
		return f.FindPlace(ctx)
	}
	return nil
}

// MakePlace makes what the manager keeps its records in, a table, a bucket, a container or a directory, unless it is there. It
// reports whether it did. It is errors.ErrUnsupported if the manager cannot. PlaceMaker says what location is.
func MakePlace(ctx context.Context, m Manager, location string) (made bool, err error) {
	if p, ok := Find[PlaceMaker](m); ok {
		return p.MakePlace(ctx, location)
	}
	return false, fmt.Errorf("make the place of the records: %T: %w", m, errors.ErrUnsupported)
}

func (m *manager) FindPlace(ctx context.Context) error {
	f, ok := m.store.(PlaceFinder)
	if !ok {
		return nil
	}
	if err := f.FindPlace(ctx); err != nil {
		return fmt.Errorf("%s: %w", m.place, err)
	}
	return nil
}

func (m *manager) MakePlace(ctx context.Context, location string) (bool, error) {
	p, ok := m.store.(PlaceMaker)
	if !ok {
		return false, fmt.Errorf("%s: make the place of the records: %w", m.place, errors.ErrUnsupported)
	}
	made, err := p.MakePlace(ctx, location)
	if err != nil {
		return made, fmt.Errorf("%s: %w", m.place, err)
	}
	return made, nil
}
