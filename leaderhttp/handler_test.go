package leaderhttp_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/leaderhttp"
	"github.com/cloudlease/leader/leadertest"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// What the package's comment has in its table, from the first state to the last.
func TestChecksByState(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.node("a"), w.node("b")
		require.Equal(t, [3]int{503, 503, 503}, a.codes(), "idle")
		assert.Equal(t, "idle: Run is not running\n", a.get("/leader").Body.String())

		a.run()
		require.Equal(t, [3]int{200, 503, 200}, a.codes(), "leading")
		assert.Equal(t, "leading, with token 1\n", a.get("/leader").Body.String())
		b.run()
		require.Equal(t, [3]int{503, 200, 200}, b.codes(), "standby")
		assert.Equal(t, "standby: \"a\" holds the lease with token 1\n", b.get("/leader").Body.String())

		a.stop()
		synctest.Wait()
		require.NoError(t, a.Status().Term.Check(), "the lease is kept until the work has returned")
		require.Equal(t, [3]int{503, 503, 200}, a.codes(), "stopping")
		assert.Equal(t, "stopping: the lease is kept, with token 1, until the work has returned\n", a.get("/standby").Body.String())
		require.Equal(t, [3]int{503, 200, 200}, b.codes(), "standby")

		require.NoError(t, <-a.ended)
		require.Equal(t, [3]int{503, 503, 503}, a.codes(), "idle again")
		time.Sleep(length)
		require.Equal(t, [3]int{200, 503, 200}, b.codes(), "leading")
		b.end()
	})
}

// R3: the machine of the leader sleeps past its deadline. The first answer says so, before any timer has run.
func TestFirstAnswerAfterASuspension(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.node("a").run(), w.node("b").run()
		time.Sleep(time.Minute)
		require.Equal(t, 200, a.get("/leader").Code)
		a.machine.Suspend()
		time.Sleep(2 * length)
		require.Equal(t, 200, b.get("/leader").Code)
		a.machine.Resume()
		first := a.get("/leader")
		require.Equal(t, 503, first.Code)
		require.Contains(t, first.Body.String(), "stopping")
		require.Equal(t, 503, a.get("/standby").Code)
		require.Zero(t, a.status().Token)
		time.Sleep(2 * time.Minute) // until its work has returned
		require.Equal(t, [3]int{503, 200, 200}, a.codes())
		a.end()
		b.end()
	})
}

// A node that has lost its lease does not ask the store until its work has returned. So it does not blame the store, but the work.
func TestHealthOfANodeWhoseWorkGoesOn(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		goOn := make(chan struct{})
		a := w.node("a", leader.WhenStarted(func(context.Context) error { <-goOn; return nil })).run()
		time.Sleep(time.Minute)
		m := lease.NewManager(w.store)
		held, err := lease.Inspect(t.Context(), m, name)
		require.NoError(t, err)
		require.NoError(t, lease.Break(t.Context(), m, held))
		time.Sleep(10 * time.Minute)
		require.Equal(t, [3]int{503, 503, 503}, a.codes())
		require.Regexp(t, `^the term is over, and the work has not returned for (9m5\d|10m)`, a.get("/healthz").Body.String())
		require.NotContains(t, a.status().Unhealthy, "store")
		a.stop()
		close(goOn)
		require.NoError(t, <-a.ended)
	})
}

func TestHealthFollowsTheStore(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.node("a", leader.WithAcquireEvery(time.Second))
		a.way.Set(leadertest.CutOff)
		a.run()
		require.Equal(t, [3]int{503, 200, 503}, a.codes(), "it was never reached")
		require.Equal(t, "the lease store has not answered yet: acquire: leadertest: the connection to the store broke\n", a.get("/healthz").Body.String())
		a.way.Set(leadertest.None)
		time.Sleep(time.Second)
		require.Equal(t, [3]int{200, 503, 200}, a.codes())

		time.Sleep(time.Minute)
		a.way.Set(leadertest.CutOff)
		contact := a.Status().Contact
		time.Sleep(time.Until(contact.Add(length)))
		require.Equal(t, [3]int{503, 503, 200}, a.codes(), "within a lease length, although the term is over")
		require.Contains(t, a.status().Error, "the connection to the store broke")
		require.Empty(t, a.status().Unhealthy)
		time.Sleep(time.Millisecond)
		require.Equal(t, [3]int{503, 503, 503}, a.codes())
		require.Regexp(t, `^the term is over, and the work has not returned for 1\.501s: .*the connection to the store broke\n$`, a.get("/healthz").Body.String())
		require.Equal(t, a.get("/healthz").Body.String(), a.status().Unhealthy+"\n")

		a.way.Set(leadertest.None)
		time.Sleep(2 * time.Minute)
		require.Equal(t, [3]int{200, 503, 200}, a.codes())
		a.end()
	})
}

// blind is a manager of somebody else's that cannot be inspected: a node that sits out does not look on.
type blind struct{ lease.Manager }

// A node that has stepped down does not ask for a lease length, and is healthy all the same.
func TestHealthyWhileItSitsOut(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.node("a", leader.WithLeaseManager(blind{lease.NewManager(w.store)})).run()
		time.Sleep(time.Second) // it leads
		stepped := make(chan error, 1)
		go func() { stepped <- a.StepDown(t.Context()) }()
		longest := time.Duration(0)
		for range 1000 {
			time.Sleep(100 * time.Millisecond)
			require.Equal(t, 200, a.get("/healthz").Code)
			longest = max(longest, time.Since(a.Status().Contact))
		}
		require.GreaterOrEqual(t, longest, length-100*time.Millisecond, "it sat out")
		require.NoError(t, <-stepped)
		a.end()
	})
}

// A node that may not lead by its own health check is no standby, and says why; it does not blame a store that it does not
// ask.
func TestUnhealthyByItsOwnCheck(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		gone := w.node("gone").run()
		var sick atomic.Bool
		a := w.node("a", leader.WithHealth(func(context.Context) error {
			if sick.Load() {
				return errors.New("the disk is full")
			}
			return nil
		})).run()
		require.Equal(t, [3]int{503, 200, 200}, a.codes())
		sick.Store(true)
		time.Sleep(length / 2)
		for range 100 {
			require.Equal(t, [3]int{503, 503, 503}, a.codes())
			for _, path := range []string{"/standby", "/healthz"} {
				require.Equal(t, "leader: this node is unhealthy: the disk is full\n", a.get(path).Body.String())
			}
			require.Equal(t, "leader: this node is unhealthy: the disk is full", a.status().Health)
			require.Equal(t, a.status().Health, a.status().Unhealthy)
			time.Sleep(time.Second)
		}
		require.Contains(t, a.get("/").Body.String(), "<b>Unhealthy</b> leader: this node is unhealthy: the disk is full")
		sick.Store(false)
		time.Sleep(length / 2)
		require.Equal(t, [3]int{503, 200, 200}, a.codes())
		require.Empty(t, a.status().Health)

		gone.end()
		time.Sleep(length)
		require.Equal(t, [3]int{200, 503, 200}, a.codes())
		sick.Store(true)
		time.Sleep(length / 2)
		require.Equal(t, [3]int{503, 503, 503}, a.codes(), "its work is stopping")
		require.Equal(t, "stopping: the lease is kept, with token 2, until the work has returned\n", a.get("/leader").Body.String())
		sick.Store(false)
		a.end()
	})
}

// mute is a manager of somebody else's that tells nothing of the holder.
type mute struct{ lease.Manager }

func (mute) Acquire(context.Context, lease.Request) (lease.Lease, error) {
	return lease.Lease{}, &lease.HeldError{}
}

// A standby is healthy while it waits for its next turn to ask, however seldom that is.
func TestHealthyThoughItAsksSeldom(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b := w.node("b", leader.WithLeaseManager(mute{}), leader.WithAcquireEvery(time.Hour)).run()
		for range 240 {
			time.Sleep(time.Minute)
			require.Equal(t, [3]int{503, 200, 200}, b.codes())
		}
		require.Nil(t, b.status().Seen)
		require.InDelta(t, 3600, b.status().AcquireEverySeconds, 0)
		b.end()
	})
}

// One request that fails is not yet a store that does not answer; then every one that is due has failed.
func TestAStoreThatDoesNotAnswerOneThatAsksSeldom(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		gone := w.node("gone", leader.WithLeaseLength(time.Hour)).run()
		a := w.node("a", leader.WithAcquireEvery(time.Minute)).run()
		time.Sleep(10 * time.Minute)
		contact := a.Status().Contact
		a.way.Set(leadertest.CutOff)
		time.Sleep(time.Until(contact.Add(2 * time.Minute)))
		require.NotEmpty(t, a.status().Error)
		require.Equal(t, 200, a.get("/healthz").Code)
		time.Sleep(time.Millisecond)
		require.Equal(t, 503, a.get("/healthz").Code)
		require.Regexp(t, `^the lease store last answered 2m0\.001s ago: .*the connection to the store broke\n$`, a.get("/healthz").Body.String())
		a.way.Set(leadertest.None)
		time.Sleep(2 * time.Minute)
		require.Equal(t, 200, a.get("/healthz").Code)
		gone.end()
		a.end()
	})
}

// broken is a manager of a lease that was taken from its holder.
type broken struct{ lease.Manager }

func (broken) Acquire(context.Context, lease.Request) (lease.Lease, error) {
	return lease.Lease{}, &lease.HeldError{Info: lease.Info{
		Name: name, State: lease.Held, Holder: "nobody", Token: 2, Length: length, RenewEvery: 4 * time.Second, Broken: true,
	}}
}

func TestTellsOfABrokenLease(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.node("a", leader.WithLeaseManager(broken{})).run()
		require.Equal(t, "standby: the lease was broken, and nobody leads until it has run out\n", a.get("/standby").Body.String())
		require.Equal(t, &leaderhttp.Lease{Name: name, State: "broken", Holder: "nobody", Token: 2, LengthSeconds: 15, RenewEverySeconds: 4, LeftSeconds: 15}, a.status().Seen)
		page := a.get("/").Body.String()
		require.Contains(t, page, "broken: nobody leads until it has run out")
		require.Contains(t, page, "15s, renewed every 4.0s")
		a.end()
	})
}

// Of a lease that may not have been given back, nobody says that it is held, or free.
func TestTellsOfAnUnclearRelease(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.node("a").run()
		a.stop()
		a.way.Set(leadertest.CutOff)
		require.NoError(t, <-a.ended)
		require.Equal(t, "expired", a.status().Seen.State)
		require.Contains(t, a.get("/").Body.String(), "Last holder")
	})
}

// A handler of no Leader answers, and is no leader's.
func TestWithoutALeader(t *testing.T) {
	n := &node{t: t, Handler: leaderhttp.Handler(nil)}
	for _, path := range []string{"/", "/leader", "/standby", "/healthz", "/status", "/nothing"} {
		require.Equal(t, http.StatusServiceUnavailable, n.get(path).Code)
		require.Contains(t, n.get(path).Body.String(), "leaderhttp.Handler was given nil")
	}
}

// The age of Contact cannot be stepped: it has a monotonic reading. A bubble's times have none, so this is real.
func TestContactHasAMonotonicReading(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	quiet := leader.WithLogger(slog.New(slog.DiscardHandler))
	l := leader.New(quiet, leader.WithLeaseManager(memory.New()), leader.WhenStarted(func(ctx context.Context) error {
		stop()
		<-ctx.Done()
		return nil
	}))
	require.NoError(t, l.Run(ctx))
	require.Contains(t, l.Status().Contact.String(), " m=")
}

func TestMethods(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.node("a").run()
		for _, path := range []string{"/", "/leader", "/standby", "/healthz", "/status"} {
			get := a.get(path)
			require.Equal(t, strconv.Itoa(get.Body.Len()), get.Header().Get("Content-Length"), path)
			head := a.ask(http.MethodHead, path)
			require.Equal(t, get.Code, head.Code, path)
			require.Equal(t, get.Header(), head.Header(), path)
			require.Zero(t, head.Body.Len())

			options := a.ask(http.MethodOptions, path)
			require.Equal(t, get.Code, options.Code, path)
			require.Equal(t, "GET, HEAD, OPTIONS", options.Header().Get("Allow"))
			require.Equal(t, "0", options.Header().Get("Content-Length"))
			require.Zero(t, options.Body.Len())
			for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodTrace, "PURGE"} {
				other := a.ask(method, path)
				require.Equal(t, http.StatusMethodNotAllowed, other.Code)
				require.Equal(t, "GET, HEAD, OPTIONS", other.Header().Get("Allow"))
				require.Contains(t, other.Body.String(), method+" is not allowed")
			}
		}
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
			for _, path := range []string{"/leader/", "/Leader", "/nothing", "//"} {
				require.Equal(t, http.StatusNotFound, a.ask(method, path).Code, path)
			}
		}
		a.end()
	})
}

func TestHeaders(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.node("a")
		for path, media := range map[string]string{
			"/": "text/html; charset=utf-8", "/status": "application/json; charset=utf-8", "/leader": "text/plain; charset=utf-8",
			"/standby": "text/plain; charset=utf-8", "/healthz": "text/plain; charset=utf-8", "/nothing": "text/plain; charset=utf-8",
		} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				header := a.ask(method, path).Header()
				require.Equal(t, "no-store", header.Get("Cache-Control"), path)
				require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"), path)
				require.Contains(t, header.Get("Content-Security-Policy"), "default-src 'none'", path)
				if method == http.MethodGet {
					require.Equal(t, media, header.Get("Content-Type"), path)
				}
			}
		}
	})
}

// A real server and client, as it is mounted.
func TestMounted(t *testing.T) {
	l := leader.New(leader.WithLeaseManager(memory.New()), leader.WithNodeID("a"), leader.WhenStarted(func(context.Context) error { return nil }))
	mux := http.NewServeMux()
	mux.Handle("/a/", http.StripPrefix("/a", leaderhttp.Handler(l)))
	mux.Handle("/b/", http.StripPrefix("/b/", leaderhttp.Handler(l)))
	server := httptest.NewServer(mux)
	defer server.Close()
	root := httptest.NewServer(leaderhttp.Handler(l))
	defer root.Close()
	for _, base := range []string{server.URL + "/a", server.URL + "/b", root.URL} {
		for path, code := range map[string]int{"/": 200, "/leader": 503, "/standby": 503, "/healthz": 503, "/status": 200, "/nothing": 404} {
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
				req, err := http.NewRequest(method, base+path, nil)
				require.NoError(t, err)
				resp, err := server.Client().Do(req)
				require.NoError(t, err)
				body, err := io.ReadAll(resp.Body)
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				require.Equal(t, code, resp.StatusCode, "%s %s", method, base+path)
				require.Equal(t, method == http.MethodGet, len(body) > 0)
			}
		}
		resp, err := server.Client().Get(base + "/")
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.True(t, strings.HasSuffix(resp.Request.URL.Path, "/"), "the page's links are relative")
		require.Contains(t, string(body), `href="status"`)
	}
	resp, err := server.Client().Get(server.URL + "/a") // what people type
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "/a/", resp.Request.URL.Path)
}
