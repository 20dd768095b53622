package gcs

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"os"

	"cloud.google.com/go/storage"
	"google.golang.org/api/iterator"

	"github.com/cloudlease/leader/internal/failure"
)

// FindPlace implements lease.PlaceFinder. The answer to a read may be the same for a missing bucket as for a missing object, so
// FindPlace lists the bucket. It returns nil if the credentials lack the permission to list.
func (s *Store) FindPlace(ctx context.Context) error {
	if s.problem != nil {
		return s.problem
	}
	objects := s.handle.Objects(&call{Context: ctx, lists: true}, &storage.Query{Prefix: s.objectOf("")})
	objects.PageInfo().MaxSize = 1
	_, err := next(objects)
	if r := s.refusalOf(err); errors.Is(err, iterator.Done) || r.code == http.StatusForbidden || r.code == http.StatusUnauthorized {
		return nil
	}
	if err != nil {
		return s.classify(ctx, err)
	}
	return nil
}

// projectVariable is where Google's tools look for the project
// (https://cloud.google.com/docs/authentication/application-default-credentials).
const projectVariable = "GOOGLE_CLOUD_PROJECT"

// MakePlace implements lease.PlaceMaker. The bucket belongs to the project that GOOGLE_CLOUD_PROJECT names, or else to the user
// project. Soft delete is off, so that it keeps no overwritten records, and it is not public. The location is a region or a
// multi-region; empty: US.
func (s *Store) MakePlace(ctx context.Context, location string) (made bool, err error) {
	if s.problem != nil {
		return false, s.problem
	}
	project := cmp.Or(os.Getenv(projectVariable), s.project)
	if project == "" {
		if err := s.FindPlace(ctx); err == nil {
			return false, nil
		}
		return false, failure.Misconfigured("a bucket belongs to a project, and none is named", "set "+projectVariable)
	}
	err = s.handle.Create(ctx, project, &storage.BucketAttrs{
		Location:                 location,
		PublicAccessPrevention:   storage.PublicAccessPreventionEnforced,
		SoftDeletePolicy:         &storage.SoftDeletePolicy{},
		UniformBucketLevelAccess: storage.UniformBucketLevelAccess{Enabled: true},
	})
	if s.refusalOf(err).code == http.StatusConflict { // it may be another's: all buckets of the world share the names
		return false, s.FindPlace(ctx)
	}
	if err != nil {
		return false, s.classify(ctx, err)
	}
	return true, nil
}
