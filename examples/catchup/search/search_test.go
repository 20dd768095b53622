package search_test

import (
	"cmp"
	"context"
	"flag"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/checkpoint"
	"github.com/cloudlease/leader/examples/catchup/events"
	"github.com/cloudlease/leader/examples/catchup/search"
	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/internal/hosttest"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

var seedFlag = flag.Uint64("seed", 0, "of the random suspensions; 0 is a new one")

// A machine runs a node. All that happens on it waits while it is suspended: requests, before they are sent and after the answer.
type machine struct{ *hosttest.Machine }

func (m machine) awake() { <-m.Awake() }

// A store is the one store, as a machine reaches it.
type store struct {
	lease.Store
	machine machine
}

func (s store) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	s.machine.awake()
	defer s.machine.awake()
	return s.Store.Load(ctx, name)
}

func (s store) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	s.machine.awake()
	defer s.machine.awake()
	return s.Store.Swap(context.WithoutCancel(ctx), name, old, data) // it is on its way, and arrives late
}

// A world has the log, the search index, and nodes on machines that are suspended at random points.
type world struct {
	mu      sync.Mutex
	events  int64
	applied map[int64]int // how often each event's document was put
}

// Read implements events.Log, for a machine.
type reader struct {
	world   *world
	machine machine
}

func (r reader) Read(_ context.Context, after int64, _ int) (batch []events.Event, err error) {
	r.machine.awake()
	r.world.mu.Lock()
	defer r.world.mu.Unlock()
	for p := after + 1; p <= min(after+3, r.world.events); p++ {
		batch = append(batch, events.Event{Position: p})
	}
	return batch, nil
}

// RoundTrip is the search index.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	m := host.From(r.Context()).(machine)
	m.awake()
	time.Sleep(300 * time.Millisecond) // most of the time, an effect is under way
	m.awake()
	position, err := strconv.ParseInt(path.Base(r.URL.Path), 10, 64)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.applied[position]++
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(""))}, err
}

// start starts a node, which runs until the context ends.
func (w *world) start(ctx context.Context, cells lease.Store, name string) machine {
	m := machine{hosttest.New(true)}
	manager := lease.NewManager(store{cells, m})
	index := search.Index{Manager: manager, Checkpoint: "search", Every: time.Second, URL: "http://index/documents",
		Log: func() events.Log { return reader{w, m} }}
	l := leader.New(
		leader.WithLeaseManager(manager), leader.WithLeaseName("search"), leader.WithNodeID(name), leader.WithLeaseLength(10*time.Second),
		leader.WithLogger(slog.New(slog.DiscardHandler)),
		leader.WhenStarted(func(ctx context.Context) error {
			if err := index.Run(ctx); ctx.Err() == nil {
				_ = err // a checkpoint that is lost, say
				return leader.ErrStepDown
			}
			return context.Cause(ctx)
		}),
	)
	go func() { _ = l.Run(host.With(ctx, m)) }()
	return m
}

// Whenever workers are suspended, and for however long, no event is left out, and the checkpoint never moves back.
func TestSuspensionsOfTheIndex(t *testing.T) {
	seed := cmp.Or(*seedFlag, rand.Uint64())
	t.Log("go -C examples/catchup test ./search -run", t.Name(), "-seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	const rounds = 1000 // each is a suspension
	synctest.Test(t, func(t *testing.T) {
		w := &world{applied: map[int64]int{}}
		http.DefaultClient.Transport = w
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		cells := memory.NewStore()
		var machines []machine
		for _, name := range []string{"a", "b", "c"} {
			machines = append(machines, w.start(ctx, cells, name))
		}
		saved := func() int64 {
			info, err := checkpoint.Inspect[int64](t.Context(), lease.NewManager(cells), "search")
			require.NoError(t, err)
			return info.Value
		}
		last := int64(0)
		for range rounds {
			w.mu.Lock()
			w.events += 1 + random.Int64N(8)
			w.mu.Unlock()
			m := machines[random.IntN(len(machines))]
			time.Sleep(time.Duration(random.Int64N(int64(2 * time.Second))))
			m.Suspend()
			time.Sleep(time.Duration(random.Int64N(int64(random.Int64N(30)+1) * int64(time.Second))))
			m.Resume()
			synctest.Wait()
			now := saved()
			require.GreaterOrEqual(t, now, last, "the checkpoint")
			for ; last < now; last++ {
				w.mu.Lock()
				require.NotZero(t, w.applied[last+1], "event %d is left out", last+1)
				w.mu.Unlock()
			}
		}
		time.Sleep(10 * time.Minute)
		stop()
		synctest.Wait()
		require.Equal(t, w.events, saved())
		repeated := 0
		for _, n := range w.applied {
			repeated += n - 1
		}
		t.Logf("%d events, of which %d were applied again", len(w.applied), repeated)
		require.Len(t, w.applied, int(w.events))
		require.NotZero(t, repeated, "the suspensions came at random points")
	})
}
