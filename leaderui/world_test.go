package leaderui_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/leaderui"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// A world is a store, and its page. Time is virtual.
type world struct {
	*testing.T
	store   *memory.Store
	manager *watched
	other   lease.Manager // of the nodes
	ui      *leaderui.UI
}

// inWorld runs a test in virtual time.
func inWorld(t *testing.T, test func(w *world), opts ...leaderui.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := memory.NewStore()
		w := &world{T: t, store: s, manager: &watched{Manager: lease.NewManager(s), place: "memory"}, other: lease.NewManager(s)}
		w.ui = leaderui.New(w.manager, opts...)
		defer w.ui.Close()
		test(w)
	})
}

// watched is a manager that counts its lists, and fails while it is told to.
type watched struct {
	lease.Manager
	place string
	lists atomic.Int64
	fail  atomic.Pointer[error]
	hang  atomic.Bool
	slow  atomic.Bool                       // Inspect takes a second
	stops atomic.Bool                       // a list fails at its end
	gone  atomic.Pointer[string]            // this lease is not in the list
	edit  atomic.Pointer[func(*lease.Info)] // changes what the list shows
}

func (m *watched) Unwrap() lease.Manager { return m.Manager }

func (m *watched) String() string { return m.place }

func (m *watched) List(ctx context.Context, prefix string) iter.Seq2[lease.Info, error] {
	m.lists.Add(1)
	return func(yield func(lease.Info, error) bool) {
		if m.hang.Load() {
			<-ctx.Done()
			yield(lease.Info{}, context.Cause(ctx))
			return
		}
		if err := m.fail.Load(); err != nil {
			yield(lease.Info{}, *err)
			return
		}
		for info, err := range lease.List(ctx, m.Manager, prefix) {
			if gone := m.gone.Load(); gone != nil && *gone == info.Name {
				continue
			}
			if edit := m.edit.Load(); edit != nil {
				(*edit)(&info)
			}
			if !yield(info, err) {
				return
			}
		}
		if m.stops.Load() {
			yield(lease.Info{}, errors.New("the next page does not come"))
		}
	}
}

func (m *watched) Inspect(ctx context.Context, name string) (lease.Info, error) {
	if m.slow.Load() {
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return lease.Info{}, ctx.Err()
		}
	}
	return lease.Inspect(ctx, m.Manager, name)
}

func (m *watched) failWith(text string) { m.fail.Store(new(errors.New(text))) }

func (m *watched) hide(name string) { m.gone.Store(&name) }

func (w *world) acquire(name, holder string, length time.Duration) lease.Lease {
	w.Helper()
	l, err := w.other.Acquire(w.Context(), lease.Request{Name: name, Holder: holder, Length: length, RenewEvery: length / 4, Attributes: map[string]string{"addr": "10.0.0.1"}})
	require.NoError(w, err)
	return l
}

func (w *world) inspect(name string) lease.Info {
	w.Helper()
	seen, err := lease.Inspect(w.Context(), w.other, name)
	require.NoError(w, err)
	return seen
}

// put writes a cell as no lease manager does.
func (w *world) put(name, text string) {
	w.Helper()
	old, err := w.store.Load(w.Context(), name)
	require.NoError(w, err)
	_, err = w.store.Swap(w.Context(), name, old.Version, []byte(text))
	require.NoError(w, err)
}

// join starts a node of the fleet ships, which has six parts. It returns what ends it.
func (w *world) join(name string, opts ...fleet.Option) (leave func()) {
	f := fleet.New(append([]fleet.Option{
		fleet.WithLeaseManager(lease.NewManager(w.store)), fleet.WithName("ships"), fleet.WithNodeID(name), fleet.WithShards(6), fleet.WithCalm(time.Second),
		fleet.WhenAssigned(func(ctx context.Context, _ string) error { <-ctx.Done(); return nil }),
	}, opts...)...)
	ctx, cancel := context.WithCancel(w.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = f.Run(ctx) }()
	return func() { cancel(); <-ended }
}

// do sends a request to the page.
func (w *world) do(method, target, body string, header ...string) *http.Response {
	w.Helper()
	r := httptest.NewRequestWithContext(w.Context(), method, "http://localhost"+target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	answer := httptest.NewRecorder()
	w.ui.ServeHTTP(answer, r)
	return answer.Result()
}

func (w *world) page(target string) string {
	w.Helper()
	answer := w.do("GET", target, "")
	require.Equal(w, http.StatusOK, answer.StatusCode)
	return text(w, answer)
}

func text(t testing.TB, answer *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return string(body)
}

// state waits for the next look, and returns what it has shown.
func (w *world) state() (s leaderui.State) {
	w.Helper()
	time.Sleep(3 * time.Second) // of virtual time: the page before may have been of an older look
	require.NoError(w, json.Unmarshal([]byte(w.page("/state")), &s))
	return s
}

// trouble returns the only trouble of a lease.
func (w *world) trouble(of string) leaderui.Trouble {
	w.Helper()
	var found []leaderui.Trouble
	for _, t := range w.state().Troubles {
		if t.Of == of {
			found = append(found, t)
		}
	}
	require.Len(w, found, 1)
	return found[0]
}

// follow opens a stream of events, which go into the channel until the returned function is called.
func (w *world) follow(target string) (patches <-chan patch, leave func()) {
	w.Helper()
	ctx, cancel := context.WithCancel(w.Context())
	to := &stream{header: http.Header{}, patches: make(chan patch, 1000)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.ui.ServeHTTP(to, httptest.NewRequestWithContext(ctx, "GET", "http://localhost"+target, nil))
	}()
	return to.patches, func() { cancel(); <-ended }
}

type patch struct {
	Now  int64
	Set  map[string]string
	List map[string][]string
	Left map[string][2]string
	size int
}

// A stream is a browser that reads events.
type stream struct {
	header  http.Header
	patches chan patch
}

func (s *stream) Header() http.Header { return s.header }
func (s *stream) WriteHeader(int)     {}
func (s *stream) Flush()              {}
func (s *stream) Write(data []byte) (int, error) {
	p := patch{size: len(data)}
	err := json.Unmarshal([]byte(strings.TrimPrefix(string(data), "data: ")), &p)
	select {
	case s.patches <- p:
	default: // nobody reads so many
	}
	return len(data), err
}
