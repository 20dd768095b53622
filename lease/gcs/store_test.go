package gcs

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/storage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/option"

	"github.com/cloudlease/leader/internal/serverclock"
	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
)

// recorder keeps the bodies that are sent.
type recorder struct {
	wire.Counter
	bodies []string
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		r.bodies = append(r.bodies, string(body))
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	return r.Counter.RoundTrip(req)
}

// What is in the request, and in the bucket: a checksum, so that the service refuses a cell that was damaged on its way,
// and no leave for any cache to keep the cell.
func TestWhatIsWritten(t *testing.T) {
	t.Parallel()
	rec := new(recorder)
	bucket := newBucket(t)
	s := NewStore(connect(t, option.WithHTTPClient(&http.Client{Transport: rec})), bucket, WithPrefix("leases/"))
	version := swap(t, s, "orders", "", "hello")
	require.Len(t, rec.bodies, 1)
	sum := binary.BigEndian.AppendUint32(nil, crc32.Checksum([]byte("hello"), crc32.MakeTable(crc32.Castagnoli)))
	assert.Contains(t, rec.bodies[0], `"crc32c":"`+base64.StdEncoding.EncodeToString(sum)+`"`)

	object := sdk(t).Bucket(bucket).Object("leases/orders")
	attrs, err := object.Attrs(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "no-store", attrs.CacheControl)
	assert.Equal(t, "text/plain; charset=utf-8", attrs.ContentType)
	assert.Equal(t, version, versionOf(attrs.Generation))
	data, _ := get(t, object)
	assert.Equal(t, "hello", data)
}

func TestRefused(t *testing.T) {
	t.Parallel()
	counter := new(wire.Counter)
	bucket := newBucket(t)
	s := NewStore(connect(t, option.WithHTTPClient(counter.Client())), bucket)
	for _, data := range []string{strings.Repeat("x", lease.MaxCell+1), "\xff"} {
		_, err := s.Swap(t.Context(), "a", "", []byte(data))
		require.ErrorIs(t, err, lease.ErrInvalid)
	}
	_, err := s.Swap(t.Context(), "", "", nil)
	require.ErrorIs(t, err, lease.ErrInvalid)
	_, err = s.Load(t.Context(), "a\n")
	require.ErrorIs(t, err, lease.ErrInvalid)
	for _, version := range []lease.Version{"made-up", "-1", "0", "1e3", " 1", "99999999999999999999"} {
		_, err = s.Swap(t.Context(), "a", version, nil)
		require.ErrorIs(t, err, lease.ErrConflict, version)
	}
	assert.Empty(t, counter.Requests(), "nothing is sent")
}

func TestNoClientOrBucket(t *testing.T) {
	t.Parallel()
	_, client := newCanned(t)
	wantMisconfigured(t, NewStore(nil, "b"), "gcs.New")
	wantMisconfigured(t, NewStore(client, ""), "gcs.New")
}

// Reads by the JSON interface are to become the client's default.
func TestReadsByJSON(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	s := NewStore(connect(t, storage.WithJSONReads()), bucket, WithAge())
	assert.Zero(t, load(t, s, "orders"))
	version := swap(t, s, "orders", "", "hello")
	got := load(t, s, "orders")
	assert.Equal(t, "hello", string(got.Data))
	assert.Equal(t, version, got.Version)
	eventually(t, "Age is told", serverclock.Grain+serverclock.Skew+2*time.Second, func() bool { return load(t, s, "orders").Age > 1 })
}

func TestWhatIsNoCellIsLeftAlone(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	s := NewStore(connect(t), bucket)
	object := sdk(t).Bucket(bucket).Object("big")
	big := strings.Repeat("x", lease.MaxCell+1)
	put(t, object, big)
	_, err := s.Load(t.Context(), "big")
	require.ErrorIs(t, err, lease.ErrRecord)
	require.NotErrorIs(t, err, lease.ErrMisconfigured)
	assert.ErrorContains(t, err, `object "big"`)
	assert.ErrorContains(t, err, "move it away")
	for c, err := range s.List(t.Context(), "") {
		require.NoError(t, err)
		assert.Equal(t, "big", c.Name)
		assert.ErrorIs(t, c.Err, lease.ErrRecord)
	}
	data, _ := get(t, object)
	assert.Equal(t, big, data)
}

func TestListGoesThroughPages(t *testing.T) {
	t.Parallel()
	counter := new(wire.Counter)
	bucket := newBucket(t)
	s := NewStore(connect(t, option.WithHTTPClient(counter.Client())), bucket, WithPrefix("leases/"))
	s.page = 2
	names := []string{"jobs/a", "jobs/b", "jobs/c", "jobs/d", "jobs/e"}
	for _, name := range append(names, "Jobs/a", "other") {
		swap(t, s, name, "", name)
	}
	for _, foreign := range []string{"leases/jobs%2Fa/b", "leases/jobs%2F a", "leases/", "jobs%2Fa", "leases/jobs%2f1"} {
		put(t, sdk(t).Bucket(bucket).Object(foreign), "x")
	}
	before := len(counter.Requests())
	var found []string
	for c, err := range s.List(t.Context(), "jobs/") {
		require.NoError(t, err)
		require.NoError(t, c.Err)
		assert.Equal(t, c.Name, string(c.Snapshot.Data))
		found = append(found, c.Name)
	}
	assert.Equal(t, names, found)
	pages := 0
	for _, r := range counter.Requests()[before:] {
		if strings.HasSuffix(r.Path, "/o") {
			pages++
		}
	}
	assert.GreaterOrEqual(t, pages, 3)
	assert.Len(t, counter.Requests()[before:], pages+len(names), "one read for each cell")

	before = len(counter.Requests())
	for range s.List(t.Context(), "jobs/") {
		break // and the sequence does not go on
	}
	assert.Len(t, counter.Requests()[before:], 2)
}

func TestListEndsWithItsContext(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	s := NewStore(connect(t), bucket)
	swap(t, s, "a", "", "x")
	swap(t, s, "b", "", "x")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := 0
	for c, err := range s.List(ctx, "") {
		if seen++; seen == 1 {
			require.NoError(t, errors.Join(err, c.Err))
			cancel()
			continue
		}
		assert.ErrorIs(t, err, context.Canceled)
	}
	assert.Equal(t, 2, seen)
}

// The client's own retries are off, whatever it was told, and nothing is sent once a call has returned.
func TestEachCallIsOneRequest(t *testing.T) {
	t.Parallel()
	for how, fault := range map[string]wire.Fault{
		"503": wire.Reply(503, nil, unavailable), "429": wire.Reply(429, nil, tooOften), "408": wire.Reply(408, nil, ""),
		"500": wire.Reply(500, nil, ""), "cut": wire.Cut(wire.After), "reset": wire.Reset(wire.Before),
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			proxy := wire.NewProxy(t, "http://127.0.0.1:1")
			proxy.OnEvery(fault)
			counter := &wire.Counter{Transport: &http.Transport{DisableKeepAlives: true}}
			client := connect(t, option.WithHTTPClient(counter.Client()), option.WithEndpoint(proxy.URL()+"/storage/v1/"))
			client.SetRetry(storage.WithPolicy(storage.RetryAlways), storage.WithErrorFunc(func(error) bool { return true }))
			s := NewStore(client, "b")
			for what, call := range s.calls() {
				before := len(counter.Requests())
				err := call(t.Context())
				require.Error(t, err, what)
				assert.NotErrorIs(t, err, lease.ErrMisconfigured, "%s: it may pass", what)
				assert.NotErrorIs(t, err, lease.ErrConflict, what)
				assert.Len(t, counter.Requests()[before:], 1, what)
			}
		})
	}
}

// calls are all ways to the service.
func (s *Store) calls() map[string]func(ctx context.Context) error {
	return map[string]func(ctx context.Context) error{
		"read":      func(ctx context.Context) error { _, err := s.Load(ctx, "a"); return err },
		"create":    func(ctx context.Context) error { _, err := s.Swap(ctx, "a", "", []byte("x")); return err },
		"overwrite": func(ctx context.Context) error { _, err := s.Swap(ctx, "a", "7", []byte("x")); return err },
		"list": func(ctx context.Context) (last error) {
			for _, last = range s.List(ctx, "") {
			}
			return last
		},
	}
}

func TestCallsEndWithTheirContext(t *testing.T) {
	t.Parallel()
	proxy, client := newCanned(t)
	proxy.OnEvery(wire.Stall(wire.Before))
	closing := errors.New("closing")
	for what, call := range NewStore(client, "b").calls() {
		ctx, cancel := context.WithCancelCause(t.Context())
		struck := proxy.OnRequest(1, wire.Stall(wire.Before))
		failed := make(chan error)
		go func() { failed <- call(ctx) }()
		soon(t, what+" is sent", struck, 0)
		cancel(closing)
		err := soon(t, what+" returns", failed, 0)
		require.ErrorIs(t, err, closing, what)
		require.NotErrorIs(t, err, lease.ErrMisconfigured, what)
	}
}

// While an answer is read, its connection breaks, and the record is overwritten: the client asks for the rest of a
// generation that is gone. Canned answers: there is no telling when to break the emulator's.
func TestReplacedWhileItIsRead(t *testing.T) {
	t.Parallel()
	for notFound, opts := range map[string][]option.ClientOption{
		"<Error><Code>NoSuchKey</Code></Error>":                        nil,
		asJSON(404, "notFound", "No such object: my-leases/a@version"): {storage.WithJSONReads()},
	} {
		proxy, client := newCanned(t, opts...)
		proxy.OnRequest(1, wire.Reply(200, http.Header{"Content-Length": {"100"}, "X-Goog-Generation": {"7"}}, "begins"))
		proxy.OnRequest(2, wire.Reply(404, nil, notFound))
		got, err := NewStore(client, "b").Load(t.Context(), "a")
		require.Error(t, err, "got %+v: the cell is not missing", got)
		assert.NotErrorIs(t, err, lease.ErrMisconfigured)
	}
}

// What is far too long for a cell is not read to its end. It has none: the emulator keeps no such objects.
func TestEndless(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Goog-Generation", "7")
		for line := make([]byte, 64<<10); ; {
			if _, err := w.Write(line); err != nil {
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	client := connect(t, option.WithEndpoint(server.URL+"/storage/v1/"), option.WithoutAuthentication())
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := NewStore(client, "b").Load(ctx, "a")
	require.ErrorIs(t, err, lease.ErrRecord)
}

// A cell that is deleted while the list goes on is passed over. Canned answers: there is no telling when to delete it.
func TestListPassesOverWhatIsGone(t *testing.T) {
	t.Parallel()
	proxy, client := newCanned(t)
	proxy.OnRequest(1, wire.Reply(200, http.Header{"Content-Type": {"application/json"}}, `{"kind":"storage#objects","items":[`+
		`{"name":"a","bucket":"b","generation":"6"},{"name":"b","bucket":"b","generation":"7"}]}`))
	proxy.OnRequest(2, wire.Reply(404, nil, "<Error><Code>NoSuchKey</Code></Error>"))
	proxy.OnRequest(3, wire.Reply(200, http.Header{"X-Goog-Generation": {"7"}}, "x"))
	var found []string
	for c, err := range NewStore(client, "b").List(t.Context(), "") {
		require.NoError(t, err)
		found = append(found, c.Name)
	}
	assert.Equal(t, []string{"b"}, found)
}
