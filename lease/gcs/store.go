package gcs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/storage"
	"google.golang.org/api/iterator"

	"github.com/cloudlease/leader/lease"
)

const (
	// chunk is more than a cell has, and the least there is (https://pkg.go.dev/cloud.google.com/go/storage#Writer). So the
	// client has read all of the data before it sends its one request: their checksum is in it, and the service refuses what
	// was damaged or cut short on its way. With no chunks at all, a damaged cell would be an error, and stay.
	chunk = 256 << 10
)

// Store is a lease.Store in a bucket. It has no state but what is there. Make it with NewStore. It is safe for concurrent
// use.
type Store struct {
	client *storage.Client
	bucket string
	handle *storage.BucketHandle // each of its calls is one attempt; nil without a client
	prefix string
	close  func() error // nil: the client is the caller's
	page   int          // objects to a page of a list; 0: as many as the service likes
}

// NewStore returns the Store in the bucket. What New says of it holds here, too.
func NewStore(client *storage.Client, bucket string, opts ...Option) *Store {
	s := &Store{client: client, bucket: bucket}
	if client != nil {
		s.handle = client.Bucket(bucket).Retryer(storage.WithPolicy(storage.RetryNever))
	}
	for _, opt := range opts {
		opt(s)
	}
	return s
}

// String names the store in errors: gs://bucket/prefix.
func (s *Store) String() string { return strings.TrimSuffix(s.url(s.prefix), "/") }

func (s *Store) url(object string) string { return "gs://" + s.bucket + "/" + object }

// Limits implements lease.Limiter: an object may be written once a second
// (https://cloud.google.com/storage/quotas#objects).
func (s *Store) Limits() lease.Limits { return lease.Limits{WriteEvery: time.Second} }

// Close implements lease.Closer: it closes the client that lease.Open made. One that was passed in stays open.
func (s *Store) Close() error {
	if s.close == nil {
		return nil
	}
	return s.close()
}

// check begins every call: it says what is wrong with the store itself.
func (s *Store) check() error {
	problem := checkPrefix(s.prefix)
	switch {
	case s.client == nil || s.bucket == "":
		return fmt.Errorf("%w: there is no client or no bucket: pass both to gcs.New", lease.ErrMisconfigured)
	case problem != "":
		return fmt.Errorf("%w: the prefix %.40q: %s: pass another to gcs.WithPrefix", lease.ErrMisconfigured, s.prefix, problem)
	}
	return nil
}

// Load implements lease.Store. In a bucket that does not exist there are no cells: only Swap finds out. An object of more
// than 16 KiB is an ErrRecord.
func (s *Store) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	if err := errors.Join(s.check(), lease.CheckName(name)); err != nil {
		return lease.Snapshot{}, err
	}
	object := s.objectOf(name)
	dated, date := withDate(ctx)
	r, err := s.handle.Object(object).NewReader(dated)
	if errors.Is(err, storage.ErrObjectNotExist) {
		return lease.Snapshot{}, nil
	}
	if err != nil {
		return lease.Snapshot{}, s.explain(ctx, "read "+s.url(object), err)
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, lease.MaxCell+1))
	switch {
	case err != nil: // also ErrObjectNotExist, of a generation that was replaced while it was read: the cell is not gone
		return lease.Snapshot{}, s.explain(ctx, "read "+s.url(object), err)
	case len(data) > lease.MaxCell:
		return lease.Snapshot{}, fmt.Errorf("%w: %s has more than %d bytes; it is left as it is: move it away while nobody runs",
			lease.ErrRecord, s.url(object), lease.MaxCell)
	}
	return lease.Snapshot{Data: data, Version: versionOf(r.Attrs.Generation), Age: date.age(r.Attrs.LastModified)}, nil
}

// Swap implements lease.Store. Data that is not UTF-8 text of at most 16 KiB is an ErrInvalid.
func (s *Store) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	if err := errors.Join(s.check(), lease.CheckName(name)); err != nil {
		return "", err
	}
	if err := lease.CheckCell(data); err != nil {
		return "", err
	}
	object := s.objectOf(name)
	expected, ok := conditions(old)
	if !ok {
		return "", fmt.Errorf("%w: %q was never a version of %s", lease.ErrConflict, old, s.url(object))
	}
	w := s.handle.Object(object).If(expected).NewWriter(ctx)
	w.ChunkSize, w.ContentType, w.CacheControl = chunk, "text/plain; charset=utf-8", "no-store"
	_, err := w.Write(data)
	if closed := w.Close(); err == nil {
		err = closed
	}
	code, reason := answer(err)
	switch {
	case err == nil:
		return versionOf(w.Attrs().Generation), nil
	case code == http.StatusPreconditionFailed && reason != orgPolicy, code == http.StatusNotFound && old != "":
		return "", fmt.Errorf("%w: %s is not what was read: %w", lease.ErrConflict, s.url(object), err)
	}
	return "", s.explain(ctx, "write "+s.url(object), err)
}

// versionOf is the generation: each write gets its own, also one of an object that was deleted meanwhile
// (https://cloud.google.com/storage/docs/metadata#generation-number).
func versionOf(generation int64) lease.Version {
	return lease.Version(strconv.FormatInt(generation, 10))
}

// conditions are what has to hold for a write to replace the version; not ok: it is none.
func conditions(old lease.Version) (c storage.Conditions, ok bool) {
	if old == "" {
		return storage.Conditions{DoesNotExist: true}, true
	}
	generation, err := strconv.ParseInt(string(old), 10, 64)
	return storage.Conditions{GenerationMatch: generation}, err == nil && generation > 0
}

// List implements lease.Lister, in the order of the objects' names: one request for a page of at most a thousand, and
// one for each cell. Objects that are not this package's are passed over.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[lease.Cell, error] {
	return func(yield func(lease.Cell, error) bool) {
		if err := s.check(); err != nil {
			yield(lease.Cell{}, err)
			return
		}
		query := &storage.Query{Prefix: s.objectOf(prefix)}
		_ = query.SetAttrSelection([]string{"Name"}) // there is such an attribute
		objects := s.handle.Objects(ctx, query)
		objects.PageInfo().MaxSize = s.page
		for {
			attrs, err := objects.Next()
			if errors.Is(err, iterator.Done) {
				return
			}
			if err != nil {
				yield(lease.Cell{}, s.explain(ctx, "list "+s.url(query.Prefix)+"*", err))
				return
			}
			name, isLease := s.nameOf(attrs.Name)
			if !isLease {
				continue
			}
			snapshot, err := s.Load(ctx, name)
			if ctx.Err() != nil {
				yield(lease.Cell{}, context.Cause(ctx))
				return
			}
			if err == nil && snapshot.Version == "" {
				continue // gone meanwhile
			}
			if !yield(lease.Cell{Name: name, Snapshot: snapshot, Err: err}, nil) {
				return
			}
		}
	}
}
