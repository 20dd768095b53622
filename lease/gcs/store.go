package gcs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"cloud.google.com/go/storage"
	"google.golang.org/api/iterator"

	"github.com/cloudlease/leader/internal/failure"
	"github.com/cloudlease/leader/internal/storeurl"
	"github.com/cloudlease/leader/lease"
)

const (
	// chunk is larger than a cell, and the smallest possible value
	// (https://pkg.go.dev/cloud.google.com/go/storage#Writer). So the client has read all of the data before it sends
	// its one request, and adds their checksum. Then the service refuses data that were damaged or cut short on the
	// way. Without chunks, it would store a damaged cell and then report an error.
	chunk = 256 << 10
)

// Store is a lease.Store in a bucket. It keeps no state outside the bucket. Make it with NewStore. It is safe for
// concurrent use.
type Store struct {
	bucket  string
	project string // the project to bill; empty: the bucket's own
	prefix  string
	age     trust
	handle  *storage.BucketHandle // makes one attempt for each call; nil without a client
	problem error                 // the reason why no call can work
	close   func() error          // nil: the client is the caller's
	page    int                   // objects per page of a list; 0: the service's default
	hears   atomic.Bool           // an answer has shown that the client is one of NewClient
}

// trust says which Date counts as the service's.
type trust int

const (
	googles  trust = iota // the Date of an answer from Google's own host
	anybodys              // WithAge
	nobodys               // WithoutAge
)

// NewStore returns a Store in the bucket. Like New, it never fails and sends nothing.
func NewStore(client *storage.Client, bucket string, opts ...Option) *Store {
	s := &Store{bucket: bucket}
	s.problem = failure.Apply(s, opts)
	if s.problem = cmp.Or(s.problem, s.problemWith(client)); s.problem == nil {
		s.handle = client.Bucket(bucket).UserProject(s.project).Retryer(storage.WithPolicy(storage.RetryNever))
	}
	return s
}

// problemWith returns an error for arguments of NewStore that cannot be used.
func (s *Store) problemWith(client *storage.Client) error {
	if client == nil || s.bucket == "" {
		return failure.Misconfigured("there is no client or no bucket", "pass both to gcs.New")
	}
	if problem := checkPrefix(s.prefix); problem != "" {
		return failure.Misconfigured(fmt.Sprintf("the prefix %.40q: %s", s.prefix, problem), "pass another to gcs.WithPrefix")
	}
	if s.project != "" && !projectID.MatchString(s.project) {
		return failure.Misconfigured(fmt.Sprintf("the user project %.40q is no project's ID or number", s.project), "pass another to gcs.WithUserProject")
	}
	return checkClient(client)
}

// String returns the place as the URL that lease.Open takes: gs://bucket/folder.
func (s *Store) String() string { return storeurl.PlaceIn("gs", s.bucket, "", s.prefix, nil) }

// Limits implements lease.Limiter: an object may be written once a second
// (https://cloud.google.com/storage/quotas#objects).
func (s *Store) Limits() lease.Limits { return lease.Limits{WriteEvery: time.Second} }

// Close implements lease.Closer. It closes the client that lease.Open made, and leaves a client of the caller's open.
func (s *Store) Close() error {
	if s.close == nil {
		return nil
	}
	return s.close()
}

// check comes first in every call on a cell: it says what is wrong with the store or with the name.
func (s *Store) check(name string) error {
	if s.problem != nil {
		return s.problem
	}
	return lease.CheckName(name)
}

// Load implements lease.Store. A bucket that does not exist is an ErrMisconfigured if the answer says so. Otherwise it
// seems to have no cells, and only Swap notices. An object of more than 64 KiB is an ErrRecord.
//
// Load sends one request. If there is no cell, and the client is not one of NewClient, it sends two: such a client
// hides who answered "not found", so Load also asks for the object's metadata.
func (s *Store) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	if err := s.check(name); err != nil {
		return lease.Snapshot{}, err
	}
	object := s.objectOf(name)
	for range 2 {
		snapshot, err := s.read(ctx, object)
		if !errors.Is(err, errUnproven) {
			return snapshot, err
		}
		if exists, err := s.look(ctx, object); !exists {
			return lease.Snapshot{}, err
		}
	}
	return lease.Snapshot{}, notGoogles("the object is not found, and its metadata are")
}

// read does the work of Load, but returns errUnproven if the answer does not prove that a cell is missing.
func (s *Store) read(ctx context.Context, object string) (lease.Snapshot, error) {
	c := &call{Context: ctx}
	limited, brokeOff := context.Context(c), func() bool { return false }
	if !s.hears.Load() {
		var cancel context.CancelFunc
		limited, brokeOff, cancel = bounded(c)
		defer cancel()
	}
	r, err := s.handle.Object(object).NewReader(limited)
	if err != nil {
		return lease.Snapshot{}, s.noReader(c, object, err, brokeOff())
	}
	defer r.Close()
	if c.heard {
		s.hears.Store(true)
	}
	if r.Attrs.Generation <= 0 {
		return lease.Snapshot{}, notGoogles("its object has no generation")
	}
	data, err := readCell(r)
	switch {
	case brokeOff():
		return lease.Snapshot{}, fmt.Errorf("read: %w", errBrokeOff)
	case err != nil: // also ErrObjectNotExist, if the generation was replaced during the read: the cell still exists
		return lease.Snapshot{}, fmt.Errorf("read: %w", s.classify(ctx, err))
	case len(data) > lease.MaxCell:
		return lease.Snapshot{}, fmt.Errorf("%w: object %q has more than %d bytes; it is left as it is: move it away while nobody runs",
			lease.ErrRecord, object, lease.MaxCell)
	case !fits(data, r.Attrs):
		return lease.Snapshot{}, errors.New("read: the data do not match the object's size and checksum")
	}
	return lease.Snapshot{Data: data, Version: versionOf(r.Attrs.Generation), Age: s.ageIn(c, r.Attrs.LastModified)}, nil
}

// noReader explains why there was nothing to read. A nil error means that there is no such object.
func (s *Store) noReader(c *call, object string, err error, brokeOff bool) error {
	switch {
	case brokeOff:
		return fmt.Errorf("read: %w", errBrokeOff)
	case !errors.Is(err, storage.ErrObjectNotExist):
		return fmt.Errorf("read: %w", s.classify(c.Context, err))
	}
	r := s.refusalOf(err)
	if c.heard {
		s.hears.Store(true)
		r = s.checked(c.refusal)
	}
	if !r.own {
		return errUnproven
	}
	return none(r)
}

// readCell reads all of a cell, and at most one byte more than a cell may have.
func readCell(r *storage.Reader) ([]byte, error) {
	size := r.Attrs.Size
	if size < 0 || size > lease.MaxCell {
		return io.ReadAll(io.LimitReader(r, lease.MaxCell+1))
	}
	data := make([]byte, size+1) // one byte more, to reach the end, where the client compares the checksum
	n, err := io.ReadFull(r, data)
	if err == nil || err == io.EOF || err == io.ErrUnexpectedEOF { //nolint:errorlint // ReadFull's own: the end
		return data[:n], nil
	}
	return nil, err
}

// look asks for the metadata of an object, to learn whether it exists.
func (s *Store) look(ctx context.Context, object string) (exists bool, err error) {
	attrs, err := s.handle.Object(object).Attrs(ctx)
	if err == nil {
		if !s.isOf(attrs, object) {
			return false, notGoogles("it has the metadata of another object")
		}
		return true, nil
	}
	if r := s.refusalOf(err); r.own && errors.Is(err, storage.ErrObjectNotExist) {
		return false, none(r)
	}
	return false, fmt.Errorf("read metadata: %w", s.classify(ctx, err))
}

// Swap implements lease.Store. Data that is not UTF-8 text of at most 64 KiB is an ErrInvalid.
func (s *Store) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	if err := s.check(name); err != nil {
		return "", err
	}
	if err := lease.CheckCell(data); err != nil {
		return "", err
	}
	object := s.objectOf(name)
	expected, ok := conditions(old)
	if !ok {
		return "", fmt.Errorf("%w: %q was never a version of object %q", lease.ErrConflict, old, object)
	}
	w := s.handle.Object(object).If(expected).NewWriter(ctx)
	w.ChunkSize, w.ContentType, w.CacheControl = chunk, "text/plain; charset=utf-8", "no-store"
	w.CRC32C, w.SendCRC32C = crc32.Checksum(data, castagnoli), true // older clients send none by themselves
	_, err := w.Write(data)
	if closed := w.Close(); err == nil {
		err = closed
	}
	if err == nil {
		if !s.wrote(data, object, expected, w.Attrs()) {
			return "", notGoogles("it does not show what was written")
		}
		return versionOf(w.Attrs().Generation), nil
	}
	r := s.refusalOf(err)
	refused := r.code == http.StatusPreconditionFailed && r.reason != orgPolicy || r.code == http.StatusNotFound && old != ""
	if r.own && refused {
		return "", fmt.Errorf("%w: object %q is not what was read: %w", lease.ErrConflict, object, said{r, err})
	}
	return "", fmt.Errorf("write: %w", s.classify(ctx, err))
}

// versionOf returns the generation as a version. Each write gets its own generation, even if the object was deleted
// before (https://cloud.google.com/storage/docs/metadata#generation-number).
func versionOf(generation int64) lease.Version {
	return lease.Version(strconv.FormatInt(generation, 10))
}

// conditions returns the conditions for a write that replaces the version; not ok: it is no version.
func conditions(old lease.Version) (c storage.Conditions, ok bool) {
	if old == "" {
		return storage.Conditions{DoesNotExist: true}, true
	}
	generation, err := strconv.ParseInt(string(old), 10, 64)
	return storage.Conditions{GenerationMatch: generation}, err == nil && generation > 0
}

// List implements lease.Lister, in the order of the objects' names. It sends one request for each page of at most a
// thousand objects, and one for each cell. If the list is empty, and the client is not one of NewClient, it sends one
// more. It skips objects that are not this package's.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[lease.Cell, error] {
	return func(yield func(lease.Cell, error) bool) {
		if s.problem != nil {
			yield(lease.Cell{}, s.problem)
			return
		}
		c := &call{Context: ctx, lists: true}
		query := &storage.Query{Prefix: s.objectOf(prefix), Projection: storage.ProjectionNoACL}
		objects := s.handle.Objects(c, query)
		objects.PageInfo().MaxSize = s.page
		for empty := true; ; empty = false {
			attrs, err := next(objects)
			switch {
			case errors.Is(err, iterator.Done):
				err = nil
				if empty && !c.heard {
					err = s.reached(ctx, query.Prefix)
				}
			case err != nil:
				err = s.classify(ctx, err)
			case attrs == nil, !s.isOf(attrs, attrs.Name), !strings.HasPrefix(attrs.Name, query.Prefix):
				err = notGoogles("it lists an object that was not asked for")
			default:
				if s.listed(ctx, attrs.Name, yield) {
					continue
				}
				return
			}
			if err != nil {
				yield(lease.Cell{}, err)
			}
			return
		}
	}
}

// reached returns nil if the service answers. A client that is not of NewClient does not show whose an empty list is.
func (s *Store) reached(ctx context.Context, prefix string) error {
	_, err := s.look(ctx, prefix+"%") // no lease has this name, so any answer of the service proves that it is reached
	return err
}

// next calls the iterator's Next, which panics if a page is null.
func next(objects *storage.ObjectIterator) (attrs *storage.ObjectAttrs, err error) {
	defer func() {
		if recover() != nil {
			err = notGoogles("its list has no page")
		}
	}()
	return objects.Next()
}

// listed reads the cell in an object, and reports whether the list goes on.
func (s *Store) listed(ctx context.Context, object string, yield func(lease.Cell, error) bool) bool {
	name, isLease := s.nameOf(object)
	if !isLease {
		return true
	}
	snapshot, err := s.Load(ctx, name)
	if ctx.Err() != nil {
		yield(lease.Cell{}, context.Cause(ctx))
		return false
	}
	if err == nil && snapshot.Version == "" {
		return true // gone meanwhile
	}
	return yield(lease.Cell{Name: name, Snapshot: snapshot, Err: err}, nil)
}
