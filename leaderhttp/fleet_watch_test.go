package leaderhttp_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/fleet/fleettest"
	"github.com/cloudlease/leader/leaderhttp"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// changes counts the answers of /watch that told of a change.
type changes struct {
	mu   sync.Mutex
	told map[string]int // by the lease
}

func (c *changes) of(lease string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.told[lease]
}

func (c *changes) all() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, told := range c.told {
		n += told
	}
	return n
}

// count counts what a handler answers.
func (c *changes) count(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(&counted{w, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.told == nil {
				c.told = map[string]int{}
			}
			c.told[r.URL.Query().Get("lease")]++
		}}, r)
	})
}

type counted struct {
	http.ResponseWriter
	change func()
}

func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *counted) Write(b []byte) (int, error) {
	if strings.Contains(string(b), "changed") {
		c.change()
	}
	return c.ResponseWriter.Write(b)
}

// The nodes of a fleet follow each other over the network: a part that moves is worked on again in a few tenths of an interval, though the store
// tells nothing. While nothing moves, nobody is told of anything.
func TestFollow_AFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, told, store := newNetwork(t), &changes{}, &silent{Store: memory.NewStore()}
		ships := fleettest.New(t, fleet.WithName("ships"), fleet.WithShards(12))
		join := func(name string) *fleettest.Node {
			n := ships.Join(name, fleettest.Wait, fleet.WithLeaseManager(lease.NewManager(store)), fleet.WithWake(leaderhttp.Follow(leaderhttp.FollowClient(net.client()), leaderhttp.FollowHosts("a", "b", "c"))),
				fleet.WithAttributes(map[string]string{leaderhttp.WatchAttribute: "http://" + name + "/fleet/watch"}))
			net.serve(name+":80", http.StripPrefix("/fleet", told.count(leaderhttp.FleetHandler(n.Fleet))))
			return n
		}
		a := join("a")
		join("b")
		join("c")
		ships.Settle()
		before := told.all()
		time.Sleep(10 * time.Minute)
		assert.Equal(t, before, told.all(), "renewals are no news")

		began := time.Now()
		require.NoError(t, a.Leave())
		for len(ships.Where()) < 12 {
			time.Sleep(time.Millisecond)
		}
		assert.Less(t, time.Since(began), every*6/10)
		assert.NotZero(t, told.all())
	})
}

func TestFleetWatch_Refuses(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		a := f.Join("a", fleettest.Wait)
		f.Settle()
		seat := fleet.SeatLease("ships", a.Status().Seat)
		for path, code := range map[string]int{
			"/watch": 400, "/watch?lease=ships": 400, "/watch?lease=ships&token=x": 400, "/watch?token=1": 400,
			"/watch?lease=other&token=1": 404, "/watch?lease=other/seats/1&token=1": 404, "/watch?lease=ships/parts/1&token=1": 404,
			"/watch?lease=ships/seats/77&token=1": 503, "/watch?lease=ships&token=2": 503,
		} {
			assert.Equal(t, code, askFleet(a.Fleet, http.MethodGet, path).Code, path)
		}
		for _, other := range []string{"/watch?lease=ships&token=0", "/watch?lease=ships&token=1&value=", "/watch?lease=" + seat + "&token=1&value=00"} {
			assert.Equal(t, "watching\nchanged\n", askFleet(a.Fleet, http.MethodGet, other).Body.String(), other)
		}
		assert.Equal(t, http.StatusOK, askFleet(a.Fleet, http.MethodHead, "/watch?lease=ships&token=1").Code, "at once")
		assert.Equal(t, http.StatusMethodNotAllowed, askFleet(a.Fleet, http.MethodPut, "/watch?lease=ships&token=1").Code)
		began := time.Now()
		assert.Regexp(t, `^(watching\n){6,7}$`, askFleet(a.Fleet, http.MethodGet, "/watch?lease=ships&token=1").Body.String())
		assert.Equal(t, time.Minute, time.Since(began))
		require.NoError(t, a.Leave())
		assert.Equal(t, "watching\nchanged\n", askFleet(a.Fleet, http.MethodGet, "/watch?lease=ships&token=1").Body.String(), "it has just given it back")
		assert.Equal(t, http.StatusServiceUnavailable, askFleet(nil, http.MethodGet, "/watch?lease=ships&token=1").Code)
	})
}

// A server's shutdown ends what waits, and tells of what has changed by then.
func TestFleetWatch_EndsWithItsServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, ships := newNetwork(t), fleettest.New(t, fleet.WithName("ships"), fleet.WithShards(4))
		a := ships.Join("a", fleettest.Wait)
		server := net.serve("a:80", leaderhttp.FleetHandler(a.Fleet))
		ships.Settle()
		waits := wait(t, net.client(), "http://a/watch?lease=ships&token=1")
		synctest.Wait()
		require.NoError(t, server.Shutdown(t.Context()))
		lines, all := waits.said()
		assert.Equal(t, []string{"watching"}, lines)
		assert.True(t, all)
	})
}

// Real servers: the coordinator hears of what nodes acknowledge, and they of its plans.
func TestFollow_AFleetOnRealServers(t *testing.T) {
	t.Parallel()
	store, told := &silent{Store: memory.NewStore()}, &changes{}
	client := &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()} // whose connections no other test closes
	begun := make(chan string, 100)
	start := func(name string) (*fleet.Fleet, context.CancelFunc, chan error) {
		var handler http.Handler
		server := httptest.NewServer(told.count(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) })))
		t.Cleanup(server.Close)
		f := fleet.New(fleet.WithName("ships"), fleet.WithNodeID(name), fleet.WithShards(4), fleet.WithLeaseManager(lease.NewManager(store)),
			fleet.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))), fleet.WithLeaseLength(6*time.Second), fleet.WithCalm(time.Second),
			fleet.WithDrainTimeout(time.Minute), fleet.WithWake(leaderhttp.Follow(leaderhttp.FollowClient(client), leaderhttp.FollowHosts("127.0.0.1"))),
			fleet.WithAttributes(map[string]string{leaderhttp.WatchAttribute: server.URL + "/watch"}),
			fleet.WhenAssigned(func(ctx context.Context, part string) error {
				begun <- name
				<-ctx.Done()
				return nil
			}))
		handler = leaderhttp.FleetHandler(f)
		ctx, leave := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- f.Run(ctx) }()
		t.Cleanup(leave)
		return f, leave, ended
	}
	a, leaveA, endedA := start("a")
	for range 4 {
		<-begun
	}
	_, leaveB, endedB := start("b")
	for range 2 {
		require.Equal(t, "b", <-begun)
	}
	assert.NotZero(t, told.of(fleet.SeatLease("ships", a.Status().Seat)), "a has acknowledged")
	leaveA()
	for range 2 {
		require.Equal(t, "b", <-begun)
	}
	require.NoError(t, <-endedA)
	assert.NotZero(t, told.of("ships"), "b has heard of the plan")
	leaveB()
	require.NoError(t, <-endedB)
}
