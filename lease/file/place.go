package file

import (
	"context"
	"fmt"
	"os"

	"github.com/cloudlease/leader/internal/failure"
	"github.com/cloudlease/leader/lease"
)

// FindPlace implements lease.PlaceFinder: to Load, a missing directory has no cells, and Swap makes it.
func (s *Store) FindPlace(context.Context) error {
	if s.problem != nil {
		return s.problem
	}
	if _, err := s.disk.stat(s.dir); missing(err) {
		return failure.Misconfigured("there is no such directory", "make the directory, or name another")
	}
	return nil
}

// MakePlace implements lease.PlaceMaker. The directory is for this user alone (0700), and has no location.
func (s *Store) MakePlace(ctx context.Context, location string) (made bool, err error) {
	switch err := s.FindPlace(ctx); {
	case s.problem != nil:
		return false, s.problem
	case location != "":
		return false, fmt.Errorf("%w: a directory has no location", lease.ErrInvalid)
	default:
		made = err != nil
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return false, s.classify(ctx, err)
	}
	return made, nil
}
