package leaderhttp_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/internal/hosttest"
	"github.com/cloudlease/leader/leaderhttp"
	"github.com/cloudlease/leader/leadertest"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

const (
	length = 15 * time.Second
	name   = "orders"
)

// A world has several nodes, each on its own machine, in virtual time, with one store.
type world struct {
	*testing.T
	store *memory.Store
}

func inWorld(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, &world{t, memory.NewStore()}) })
}

// node is one leader and its handler.
type node struct {
	*leader.Leader
	http.Handler
	t       *testing.T
	machine *hosttest.Machine
	way     *leadertest.Manager // to the store
	ended   chan error
	stop    context.CancelFunc
}

// node adds a node that is not run yet. Its work takes a minute to stop.
func (w *world) node(id string, opts ...leader.Option) *node {
	n := &node{t: w.T, machine: hosttest.New(true), way: leadertest.NewManager(lease.NewManager(w.store)), ended: make(chan error, 1)}
	n.Leader = leader.New(append([]leader.Option{
		leader.WithLeaseManager(n.way), leader.WithLeaseName(name), leader.WithNodeID(id),
		leader.WithLeaseLength(length), leader.WithLogger(slog.New(slog.DiscardHandler)),
		leader.WhenStarted(func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(time.Minute)
			return nil
		}),
	}, opts...)...)
	n.Handler = leaderhttp.Handler(n.Leader)
	return n
}

func (n *node) run() *node {
	ctx, stop := context.WithCancel(host.With(n.t.Context(), n.machine))
	n.stop = stop
	go func() { n.ended <- n.Run(ctx) }()
	synctest.Wait()
	return n
}

// end lets Run end.
func (n *node) end() {
	n.stop()
	require.NoError(n.t, <-n.ended)
}

func (n *node) get(path string) *httptest.ResponseRecorder { return n.ask(http.MethodGet, path) }

func (n *node) ask(method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	n.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

// codes returns the statuses that the three checks answer.
func (n *node) codes() [3]int {
	return [3]int{n.get("/leader").Code, n.get("/standby").Code, n.get("/healthz").Code}
}

func (n *node) status() leaderhttp.Status {
	n.t.Helper()
	w := n.get("/status")
	require.Equal(n.t, http.StatusOK, w.Code)
	var s leaderhttp.Status
	require.NoError(n.t, json.Unmarshal(w.Body.Bytes(), &s))
	return s
}
