package gcs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
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
	bucket  string
	project string // that is billed; empty: the bucket's own
	prefix  string
	age     trust
	handle  *storage.BucketHandle // each of its calls is one attempt; nil without a client
	problem string                // why nothing can work; empty: nothing
	close   func() error          // nil: the client is the caller's
	page    int                   // objects to a page of a list; 0: as many as the service likes
	hears   atomic.Bool           // the client is one of NewClient, as an answer has shown
}

// trust says whose Date is taken for the service's.
type trust int

const (
	googles  trust = iota // that of an answer from Google's own host
	anybodys              // WithAge
	nobodys               // WithoutAge
)

// NewStore returns the Store in the bucket. What New says of it holds here, too.
func NewStore(client *storage.Client, bucket string, opts ...Option) *Store {
	s := &Store{bucket: bucket}
	for _, opt := range opts {
		opt(s)
	}
	if s.problem = s.problemWith(client); s.problem == "" {
		s.handle = client.Bucket(bucket).UserProject(s.project).Retryer(storage.WithPolicy(storage.RetryNever))
	}
	return s
}

// problemWith says what is wrong with how the store was made; empty: nothing.
func (s *Store) problemWith(client *storage.Client) string {
	if client == nil || s.bucket == "" {
		return "there is no client or no bucket: pass both to gcs.New"
	}
	if problem := checkPrefix(s.prefix); problem != "" {
		return fmt.Sprintf("the prefix %.40q: %s: pass another to gcs.WithPrefix", s.prefix, problem)
	}
	if s.project != "" && !projectID.MatchString(s.project) {
		return fmt.Sprintf("the user project %.40q is no project's ID or number: pass another to gcs.WithUserProject", s.project)
	}
	return checkClient(client)
}

// String names the store as the URL that lease.Open takes: gs://bucket/folder. A prefix that no URL gives, as it does not
// end in a slash, is followed by a star.
func (s *Store) String() string {
	u := url.URL{Scheme: "gs", Host: s.bucket, Path: "/" + strings.TrimSuffix(s.prefix, "/")}
	if s.prefix == "" {
		u.Path = ""
	}
	if named, err := url.Parse(u.String()); err == nil {
		if bucket, prefix, err := place(named); err == nil && bucket == s.bucket && prefix == s.prefix {
			return u.String()
		}
	}
	u.Path = "/" + s.prefix
	return u.String() + "*"
}

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

// check begins every call on a cell: it says what is wrong with the store itself, or with the name.
func (s *Store) check(name string) error {
	if s.problem != "" {
		return fmt.Errorf("%w: %s", lease.ErrMisconfigured, s.problem)
	}
	return lease.CheckName(name)
}

// Load implements lease.Store. A bucket that does not exist is an ErrMisconfigured if the answer tells, and else shows no
// cells: then only Swap finds out. An object of more than 16 KiB is an ErrRecord.
//
// It is one request. If there is no cell, and the client is not one of NewClient, it is two: that client hides whose answer
// "not found" is, and the object's metadata tell.
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
	return lease.Snapshot{}, fmt.Errorf("read %s: it is not found, and its metadata are: %w", s.url(object), errForeign)
}

// read is Load, but that a cell is found missing only by proof.
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
		return lease.Snapshot{}, s.foreign("read", object)
	}
	data, err := readCell(r)
	switch {
	case brokeOff():
		return lease.Snapshot{}, fmt.Errorf("read %s: %w", s.url(object), errBrokeOff)
	case err != nil: // also ErrObjectNotExist, of a generation that was replaced while it was read: the cell is not gone
		return lease.Snapshot{}, s.explain(ctx, "read "+s.url(object), err)
	case len(data) > lease.MaxCell:
		return lease.Snapshot{}, fmt.Errorf("%w: %s has more than %d bytes; it is left as it is: move it away while nobody runs",
			lease.ErrRecord, s.url(object), lease.MaxCell)
	case !fits(data, r.Attrs):
		return lease.Snapshot{}, fmt.Errorf("read %s: what came does not fit the object's size and checksum", s.url(object))
	}
	return lease.Snapshot{Data: data, Version: versionOf(r.Attrs.Generation), Age: s.ageIn(c, r.Attrs.LastModified)}, nil
}

// noReader explains why there was nothing to read. A nil error: there is no such object.
func (s *Store) noReader(c *call, object string, err error, brokeOff bool) error {
	switch {
	case brokeOff:
		return fmt.Errorf("read %s: %w", s.url(object), errBrokeOff)
	case !errors.Is(err, storage.ErrObjectNotExist):
		return s.explain(c.Context, "read "+s.url(object), err)
	}
	r := s.refusalOf(err)
	if c.heard {
		s.hears.Store(true)
		r = s.checked(c.refusal)
	}
	if !r.own {
		return errUnproven
	}
	return s.none(object, r)
}

// readCell reads all of a cell, and no more than a byte beyond what a cell may have.
func readCell(r *storage.Reader) ([]byte, error) {
	size := r.Attrs.Size
	if size < 0 || size > lease.MaxCell {
		return io.ReadAll(io.LimitReader(r, lease.MaxCell+1))
	}
	data := make([]byte, size+1) // one more shows the end, where the client compares the checksum
	n, err := io.ReadFull(r, data)
	if err == nil || err == io.EOF || err == io.ErrUnexpectedEOF { //nolint:errorlint // ReadFull's own: the end
		return data[:n], nil
	}
	return nil, err
}

// look asks for the metadata of an object, to tell whether it exists.
func (s *Store) look(ctx context.Context, object string) (exists bool, err error) {
	attrs, err := s.handle.Object(object).Attrs(ctx)
	if err == nil {
		if !s.isOf(attrs, object) {
			return false, s.foreign("look at", object)
		}
		return true, nil
	}
	if r := s.refusalOf(err); r.own && errors.Is(err, storage.ErrObjectNotExist) {
		return false, s.none(object, r)
	}
	return false, s.explain(ctx, "look at "+s.url(object), err)
}

// Swap implements lease.Store. Data that is not UTF-8 text of at most 16 KiB is an ErrInvalid.
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
		return "", fmt.Errorf("%w: %q was never a version of %s", lease.ErrConflict, old, s.url(object))
	}
	w := s.handle.Object(object).If(expected).NewWriter(ctx)
	w.ChunkSize, w.ContentType, w.CacheControl = chunk, "text/plain; charset=utf-8", "no-store"
	_, err := w.Write(data)
	if closed := w.Close(); err == nil {
		err = closed
	}
	if err == nil {
		if !s.wrote(data, object, expected, w.Attrs()) {
			return "", s.foreign("write", object)
		}
		return versionOf(w.Attrs().Generation), nil
	}
	r := s.refusalOf(err)
	refused := r.code == http.StatusPreconditionFailed && r.reason != orgPolicy || r.code == http.StatusNotFound && old != ""
	if r.own && refused {
		return "", fmt.Errorf("%w: %s is not what was read: %w", lease.ErrConflict, s.url(object), said{r, err})
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
// one for each cell; of an empty list one more, if the client is not one of NewClient. Objects that are not this package's
// are passed over.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[lease.Cell, error] {
	return func(yield func(lease.Cell, error) bool) {
		if s.problem != "" {
			yield(lease.Cell{}, fmt.Errorf("%w: %s", lease.ErrMisconfigured, s.problem))
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
					_, err = s.look(ctx, query.Prefix+"%") // which is no lease's: that the service answers at all
				}
			case err != nil:
				err = s.explain(ctx, "list "+s.url(query.Prefix)+"*", err)
			case attrs == nil, !s.isOf(attrs, attrs.Name), !strings.HasPrefix(attrs.Name, query.Prefix):
				err = s.foreign("list", query.Prefix+"*")
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

// next is the iterator's Next, which panics if a page is null.
func next(objects *storage.ObjectIterator) (attrs *storage.ObjectAttrs, err error) {
	defer func() {
		if recover() != nil {
			err = errForeign
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
