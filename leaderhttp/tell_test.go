package leaderhttp_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/fleet/fleettest"
	"github.com/cloudlease/leader/leaderhttp"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// tellingWorld is a leader in the middle between two renewals, which listens at http://a/election.
func tellingWorld(t *testing.T, handler http.Handler, test func(w *world, a *node, m lease.Manager)) {
	inWorld(t, func(t *testing.T, w *world) {
		net, plain := newNetwork(t), lease.NewManager(w.store)
		a := w.node("a", at("http://a/election/watch")).run()
		if handler == nil {
			handler = http.StripPrefix("/election", a)
		}
		net.serve("a:80", handler)
		time.Sleep(every * 3 / 2)
		test(w, a, leaderhttp.Telling(plain, leaderhttp.FollowClient(net.client())))
		a.end()
	})
}

func look(t *testing.T, m lease.Manager, name string) lease.Info {
	info, err := lease.Inspect(t.Context(), m, name)
	require.NoError(t, err)
	return info
}

// A leader that is told begins at once to hand over, and hears at once that it need not, if it has not begun.
func TestTelling_AHandover(t *testing.T) {
	tellingWorld(t, nil, func(w *world, a *node, m lease.Manager) {
		require.NoError(t, lease.Ask(w.Context(), m, look(w.T, m, name), lease.Wish{Kind: lease.WishHandover, For: "b"}))
		time.Sleep(every / 5)
		require.Equal(t, leader.Stopping, a.Status().State)
	})
	tellingWorld(t, nil, func(w *world, a *node, m lease.Manager) {
		require.NoError(t, lease.Ask(w.Context(), lease.NewManager(w.store), look(w.T, m, name), lease.Wish{Kind: lease.WishHandover, For: "b"}))
		time.Sleep(every / 5)
		require.Equal(t, leader.Leading, a.Status().State, "it was not told")
		require.NoError(t, lease.Withdraw(w.Context(), m, look(w.T, m, name)))
		time.Sleep(every / 5)
		require.Zero(t, look(w.T, m, name).Wish, "it has renewed")
		require.Equal(t, leader.Leading, a.Status().State)
	})
}

// There is nothing to tell through no manager, and who is given it says so.
func TestTelling_NoManager(t *testing.T) {
	for _, none := range []lease.Manager{nil, (*memory.Manager)(nil)} {
		l := leader.New(leader.WithLeaseManager(leaderhttp.Telling(none)), leader.WhenStarted(leader.Serve))
		require.ErrorContains(t, l.Run(t.Context()), "the manager is nil")
	}
}

// A leader that cannot be told finds what it is asked for at its next renewal, and nobody waits long for it.
func TestTelling_WhateverTheOtherEndIs(t *testing.T) {
	for other, handler := range map[string]http.HandlerFunc{
		"hangs":   func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"refuses": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"redirects elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://evil/", http.StatusTemporaryRedirect)
		},
	} {
		t.Run(other, func(t *testing.T) {
			tellingWorld(t, handler, func(w *world, a *node, m lease.Manager) {
				began := time.Now()
				require.NoError(t, lease.Ask(w.Context(), m, look(w.T, m, name), lease.Wish{Kind: lease.WishHandover, For: "b"}))
				require.LessOrEqual(t, time.Since(began), time.Second)
				time.Sleep(every)
				require.Equal(t, leader.Stopping, a.Status().State)
			})
		})
	}
	t.Run("publishes nothing", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			a, m := w.node("a").run(), leaderhttp.Telling(lease.NewManager(w.store))
			require.NoError(t, lease.Ask(t.Context(), m, look(t, m, name), lease.Wish{Kind: lease.WishHandover, For: "b"}))
			a.end()
		})
	})
}

// A node that is told gives its parts away at once.
func TestTelling_AFleet(t *testing.T) {
	drained := func(t *testing.T, tells bool) (took time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			net, store := newNetwork(t), &silent{Store: memory.NewStore()}
			ships := fleettest.New(t, fleet.WithName("ships"), fleet.WithShards(8))
			join := func(name string) *fleettest.Node {
				n := ships.Join(name, fleettest.Wait, fleet.WithLeaseManager(lease.NewManager(store)), fleet.WithWake(leaderhttp.Follow(leaderhttp.FollowClient(net.client()))),
					fleet.WithAttributes(map[string]string{leaderhttp.WatchAttribute: "http://" + name + "/watch"}))
				net.serve(name+":80", leaderhttp.FleetHandler(n.Fleet))
				return n
			}
			join("a")
			b := join("b")
			ships.Settle()
			m := lease.NewManager(store)
			if tells {
				m = leaderhttp.Telling(m, leaderhttp.FollowClient(net.client()))
			}
			seat := fleet.SeatLease("ships", b.Status().Seat)
			for renewed := look(t, m, seat).Renewed; look(t, m, seat).Renewed == renewed; { // then the next renewal is an interval away
				time.Sleep(time.Millisecond)
			}
			began := time.Now()
			require.NoError(t, fleet.Drain(t.Context(), m, "ships", b.Status().Seat))
			took = time.Since(began)
		})
		return took
	}
	told, untold := drained(t, true), drained(t, false)
	t.Logf("drained in %v, and in %v if it is not told", told, untold)
	assert.LessOrEqual(t, told, every)
	assert.Less(t, told, untold)
}

func TestTelling_IsRefused(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.node("a").run(), w.node("b").run()
		for path, code := range map[string]int{
			"/watch": 400, "/watch?lease=orders": 400, "/watch?lease=orders&token=x": 400, "/watch?lease=other&token=1": 404,
			"/watch?lease=orders&token=2": 503, "/watch?lease=orders&token=1": 202,
		} {
			assert.Equal(t, code, a.ask(http.MethodPost, path).Code, path)
		}
		assert.Equal(t, http.StatusServiceUnavailable, b.ask(http.MethodPost, "/watch?lease=orders&token=1").Code, "it does not lead")
		b.end()
		a.end()
	})
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		a := f.Join("a", fleettest.Wait)
		f.Settle()
		seat := fleet.SeatLease("ships", a.Status().Seat)
		for path, code := range map[string]int{
			"/watch": 400, "/watch?lease=" + seat: 400, "/watch?lease=other/seats/1&token=1": 503, "/watch?lease=ships/seats/77&token=1": 503,
			"/watch?lease=ships&token=2": 503, "/watch?lease=ships&token=1": 202, "/watch?lease=" + seat + "&token=1": 202,
		} {
			assert.Equal(t, code, askFleet(a.Fleet, http.MethodPost, path).Code, path)
		}
	})
}
