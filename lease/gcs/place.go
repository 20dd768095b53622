package gcs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"cloud.google.com/go/storage"
	"google.golang.org/api/iterator"

	"github.com/cloudlease/leader/internal/failure"
	"github.com/cloudlease/leader/lease"
)

// FindPlace implements lease.PlaceFinder. The answer to a read may be the same for a missing bucket as for a missing object, so
// FindPlace lists the bucket. It returns nil if the credentials lack the permission to list.
func (s *Store) FindPlace(ctx context.Context) error {
	if s.problem != nil {
		return s.problem
	}
	_, err := s.find(ctx)
	return err
}

// find looks for the bucket. If it is there, or may be, but this process may not look into it, hidden is the refusal.
func (s *Store) find(ctx context.Context) (hidden, err error) {
	c := &call{Context: ctx, lists: true}
	objects := s.handle.Objects(c, &storage.Query{Prefix: s.objectOf(""), Projection: storage.ProjectionNoACL})
	objects.PageInfo().MaxSize = 1
	attrs, err := next(objects)
	r := s.refusalOf(err)
	switch {
	case err == nil && (attrs == nil || !s.isOf(attrs, attrs.Name)):
		return nil, notGoogles("it lists an object that was not asked for")
	case errors.Is(err, iterator.Done) && !c.heard:
		return nil, s.reached(ctx, s.objectOf(""))
	case err == nil || errors.Is(err, iterator.Done):
		return nil, nil
	case r.code == http.StatusForbidden || r.code == http.StatusUnauthorized:
		return s.classify(ctx, err), nil
	}
	return nil, s.classify(ctx, err)
}

// mine returns nil if the bucket is there and its objects can be listed. All buckets of the world share the names, so one that hides
// them may be somebody else's.
func (s *Store) mine(ctx context.Context) error {
	hidden, err := s.find(ctx)
	if hidden == nil {
		return err
	}
	refused, ok := errors.AsType[*lease.MisconfiguredError](hidden)
	if !ok { // something else than the service answered
		return hidden
	}
	return &lease.MisconfiguredError{
		Err:    fmt.Errorf("the bucket is there, and hides its objects: %w", refused.Err),
		Advice: "name another bucket, if this one is somebody else's; if not, " + refused.Advice,
	}
}

// projectVariable is where Google's tools look for the project
// (https://cloud.google.com/docs/authentication/application-default-credentials).
const projectVariable = "GOOGLE_CLOUD_PROJECT"

// MakePlace implements lease.PlaceMaker. The bucket belongs to the project that GOOGLE_CLOUD_PROJECT names, or else to the user
// project. Soft delete is off, so that it keeps no overwritten records, and it is not public. The location is a region or a
// multi-region; empty: US. A bucket that is there, and whose objects this process may not list, is an ErrMisconfigured: it may be
// somebody else's.
func (s *Store) MakePlace(ctx context.Context, location string) (made bool, err error) {
	if s.problem != nil {
		return false, s.problem
	}
	project := cmp.Or(os.Getenv(projectVariable), s.project)
	if project == "" {
		hidden, err := s.find(ctx)
		if hidden == nil && (err == nil || !errors.Is(err, lease.ErrMisconfigured)) {
			return false, err
		}
		return false, failure.Misconfigured("a bucket belongs to a project, and none is named", "set "+projectVariable)
	}
	err = s.handle.Create(ctx, project, &storage.BucketAttrs{
		Location:                 location,
		PublicAccessPrevention:   storage.PublicAccessPreventionEnforced,
		SoftDeletePolicy:         &storage.SoftDeletePolicy{},
		UniformBucketLevelAccess: storage.UniformBucketLevelAccess{Enabled: true},
	})
	if s.refusalOf(err).code == http.StatusConflict {
		return false, s.mine(ctx)
	}
	if err != nil {
		return false, s.classify(ctx, err)
	}
	return s.made(ctx)
}

// made looks for the bucket after an answer that says that it was made: the storage client does not show what else the answer says. The
// service's own refusal to list it shows that the service is reached.
func (s *Store) made(ctx context.Context) (bool, error) {
	hidden, err := s.find(ctx)
	switch {
	case s.refusalOf(err).code == http.StatusNotFound && errors.Is(err, lease.ErrMisconfigured):
		return false, notGoogles("it says that the bucket was made, and there is none")
	case err == nil && !errors.Is(hidden, lease.ErrMisconfigured):
		err = hidden
	}
	return err == nil, err
}
