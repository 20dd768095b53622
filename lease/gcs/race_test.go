package gcs

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/option"

	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/lease"
)

// newLimited returns a client of the service, which lets one write to an object through in a second, as the real one does:
// all others get 429, whatever their precondition, once that write is done: so a look after that shows it. The first reads are
// answered together, once there are as many as there are racers: so all have seen the same.
func newLimited(t testing.TB, racers int) (refused *atomic.Int64, opts []option.ClientOption) {
	emulator.Need(t, emulator.GCS)
	host := strings.TrimPrefix(os.Getenv("STORAGE_EMULATOR_HOST"), "http://")
	if host == "" {
		t.Skip("the real service has its own limit")
	}
	refused = new(atomic.Int64)
	var reads atomic.Int64
	all, written := make(chan struct{}), make(chan struct{})
	done := sync.OnceFunc(func() { close(written) })
	pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: host}) // and the Host with it
	}, ModifyResponse: func(r *http.Response) error {
		if r.Request.Method != http.MethodGet {
			done()
			return nil
		}
		if reads.Add(1) == int64(racers) {
			close(all)
		}
		return until(r.Request.Context(), all)
	}, ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }}
	var mu sync.Mutex
	var last time.Time
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		free := r.Method == http.MethodGet || time.Since(last) >= time.Second
		if free && r.Method != http.MethodGet {
			last = time.Now()
		}
		mu.Unlock()
		if free {
			pass.ServeHTTP(w, r)
			return
		}
		_ = until(r.Context(), written)
		refused.Add(1)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, tooOften)
	}))
	t.Cleanup(server.Close)
	client := &http.Client{Transport: service{&http.Transport{}}}
	return refused, []option.ClientOption{option.WithEndpoint(server.URL + "/storage/v1/"), option.WithHTTPClient(client)}
}

// until waits until the channel is closed.
func until(ctx context.Context, closed <-chan struct{}) error {
	select {
	case <-closed:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Five acquire a lease that nobody ever had, at once. One gets it; the service tells the others 429, as it does of writes to one
// object within a second, and not that they have lost. Each says soon that the lease is held.
func TestCreateRace(t *testing.T) {
	t.Parallel()
	const racers = 5
	bucket := newBucket(t)
	refused, opts := newLimited(t, racers)
	var held atomic.Int64
	outcomes := make(chan error, racers)
	var all sync.WaitGroup
	for range racers {
		m := New(connect(t, opts...), bucket)
		all.Go(func() {
			_, err := m.Acquire(t.Context(), lease.Request{Name: "job", Holder: "h", Length: time.Minute})
			outcomes <- err
		})
	}
	all.Wait()
	close(outcomes)
	won := 0
	for err := range outcomes {
		switch {
		case err == nil:
			won++
		case errors.Is(err, lease.ErrHeld):
			held.Add(1)
		default:
			t.Errorf("neither held nor won: %v", err)
		}
		require.NotErrorIs(t, err, lease.ErrMisconfigured)
	}
	assert.Equal(t, 1, won)
	assert.EqualValues(t, racers-1, held.Load())
	assert.GreaterOrEqual(t, refused.Load(), int64(racers-1))
}
