package gcs

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/storage"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/internal/wire"
	"github.com/cloudlease/leader/lease"
)

// connect returns a client as a program has it that wants to know the service's time.
func connect(t testing.TB, opts ...option.ClientOption) *storage.Client {
	t.Helper()
	client, err := NewClient(t.Context(), opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}

// sdk returns the SDK's own client.
func sdk(t testing.TB) *storage.Client {
	t.Helper()
	client, err := storage.NewClient(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}

// newBucket makes a bucket; a real one, in the project GOOGLE_CLOUD_PROJECT, is deleted again.
func newBucket(t testing.TB) string {
	t.Helper()
	emulator.Need(t, emulator.GCS)
	b := sdk(t).Bucket(emulator.Name(t))
	attrs := &storage.BucketAttrs{SoftDeletePolicy: &storage.SoftDeletePolicy{}} // none
	require.NoError(t, b.Create(t.Context(), cmp.Or(os.Getenv("GOOGLE_CLOUD_PROJECT"), "test"), attrs))
	if os.Getenv("STORAGE_EMULATOR_HOST") == "" {
		t.Cleanup(func() { remove(t, b) })
	}
	return b.BucketName()
}

func remove(t testing.TB, b *storage.BucketHandle) {
	ctx := context.WithoutCancel(t.Context())
	for objects := b.Objects(ctx, nil); ; {
		attrs, err := objects.Next()
		if errors.Is(err, iterator.Done) {
			break
		}
		require.NoError(t, err)
		require.NoError(t, b.Object(attrs.Name).Delete(ctx))
	}
	require.NoError(t, b.Delete(ctx))
}

// newProxy returns a proxy of the service, and a client whose requests go through it.
func newProxy(t testing.TB) (*wire.Proxy, *storage.Client) {
	t.Helper()
	emulator.Need(t, emulator.GCS)
	host := os.Getenv("STORAGE_EMULATOR_HOST")
	switch {
	case host == "":
		host = "https://storage.googleapis.com"
	case !strings.Contains(host, "://"):
		host = "http://" + host
	}
	_, name, _ := strings.Cut(host, "://")
	proxy := wire.NewProxy(t, host, wire.WithHost(name)) // the emulator tells reads from the rest by it
	client := &http.Client{Transport: service{&http.Transport{}}}
	return proxy, connect(t, option.WithEndpoint(proxy.URL()+"/storage/v1/"), option.WithHTTPClient(client))
}

// service is the emulator, with the header that all of the real service's answers have: without it, the emulator's "not
// found" proves nothing, and costs a second request.
type service struct{ http.RoundTripper }

func (s service) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := s.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Header.Set("X-Guploader-Uploadid", "of-a-test")
	}
	return resp, err
}

func (s service) CloseIdleConnections() {
	if closer, ok := s.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

// newCanned returns a proxy of no service, for answers that the emulator cannot be made to give, and a client of it.
func newCanned(t testing.TB, opts ...option.ClientOption) (*wire.Proxy, *storage.Client) {
	t.Helper()
	proxy := wire.NewProxy(t, "http://127.0.0.1:1")
	opts = append(opts, option.WithEndpoint(proxy.URL()+"/storage/v1/"), option.WithoutAuthentication())
	return proxy, connect(t, opts...)
}

func load(t testing.TB, s *Store, name string) lease.Snapshot {
	t.Helper()
	got, err := s.Load(t.Context(), name)
	require.NoError(t, err)
	return got
}

func swap(t testing.TB, s *Store, name string, old lease.Version, data string) lease.Version {
	t.Helper()
	version, err := s.Swap(t.Context(), name, old, []byte(data))
	require.NoError(t, err)
	return version
}

// get and put are how somebody reads and writes an object who has nothing but the SDK.

func get(t testing.TB, o *storage.ObjectHandle) (data string, generation int64) {
	t.Helper()
	r, err := o.NewReader(t.Context())
	require.NoError(t, err)
	defer r.Close()
	content, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(content), r.Attrs.Generation
}

func put(t testing.TB, o *storage.ObjectHandle, data string) {
	t.Helper()
	w := o.NewWriter(t.Context())
	_, err := io.WriteString(w, data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
}

const (
	length = 6 * every       // of a lease: a request that fails leaves time for more, on a machine that is busy with tests
	every  = time.Second     // the least, since an object may not be written more often
	slack  = 8 * time.Second // what requests and scheduling may take beyond what the rules give
)

// A node is a leader whose work leads until it is stopped.
type node struct {
	*leader.Leader
	t       testing.TB
	began   chan lease.Term
	ended   chan error // why a work was to return
	done    chan error // what Run returned
	cancel  context.CancelFunc
	renewed atomic.Int64
	release atomic.Pointer[error] // of the latest request to give the lease back; nil if it succeeded
}

// newNode starts a node, which is stopped when the test ends.
func newNode(t testing.TB, m lease.Manager, name, id string, length time.Duration) *node {
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	n := &node{t: t, began: make(chan lease.Term, 100), ended: make(chan error, 100), done: make(chan error, 1), cancel: cancel}
	n.Leader = leader.New(
		leader.WithLeaseManager(m), leader.WithLeaseName(name), leader.WithNodeID(id),
		leader.WithLeaseLength(length), leader.WithRenewEvery(every), leader.WithAcquireEvery(every), leader.WithEndTimeout(slack),
		leader.WithLogger(slog.New(slog.NewTextHandler(t.Output(), nil))),
		leader.WithObserver(func(e leader.Event) {
			switch r, _ := e.(leader.RequestEvent); {
			case r.Op == leader.OpRenew && r.Err == nil:
				n.renewed.Add(1)
			case r.Op == leader.OpRelease && r.Err == nil:
				n.release.Store(nil)
			case r.Op == leader.OpRelease:
				n.release.Store(&r.Err)
			}
		}),
		leader.WhenStarted(func(ctx context.Context) error {
			term, _ := leader.TermFrom(ctx)
			n.began <- term
			<-ctx.Done()
			n.ended <- context.Cause(ctx)
			return nil
		}),
	)
	var run sync.WaitGroup
	run.Go(func() { n.done <- n.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		run.Wait()
	})
	return n
}

// leads waits for a term to begin.
func (n *node) leads(within time.Duration) lease.Term {
	n.t.Helper()
	return soon(n.t, "a term begins", n.began, within)
}

// stop ends Run.
func (n *node) stop() {
	n.t.Helper()
	n.cancel()
	require.NoError(n.t, soon(n.t, "Run returns", n.done, every))
}

// renews waits for so many renewals more. A term that is lost has none.
func (n *node) renews(times int64) {
	n.t.Helper()
	from := n.renewed.Load()
	eventually(n.t, "renewals", time.Duration(times)*every+length, func() bool { return n.renewed.Load() >= from+times })
}

func soon[T any](t testing.TB, what string, c <-chan T, within time.Duration) T {
	t.Helper()
	timer := time.NewTimer(within + slack)
	defer timer.Stop()
	select {
	case v := <-c:
		return v
	case <-timer.C:
		require.FailNow(t, what, "not within %v and %v for requests", within, slack)
		panic("unreachable")
	}
}

func eventually(t testing.TB, what string, within time.Duration, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, within+slack, 5*time.Millisecond, what)
}

// atOnce runs subtests side by side, however few processors there are: they wait more than they work.
func atOnce[C any](t *testing.T, cases map[string]C, run func(t *testing.T, c C)) {
	var all sync.WaitGroup
	slots := make(chan struct{}, 15)
	for name, c := range cases {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			t.Run(name, func(t *testing.T) { run(t, c) })
		})
	}
	all.Wait()
}
