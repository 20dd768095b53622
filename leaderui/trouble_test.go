package leaderui_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/leaderui"
	"github.com/cloudlease/leader/lease"
)

// Each thing that can be wrong with a lease is shown as what it is, and not before it is.
func TestTroubles_OfALease(t *testing.T) {
	t.Parallel()
	for kind, test := range map[string]struct {
		make  func(w *world)
		what  string
		grave bool
	}{
		"expired":    {func(w *world) { w.acquire("x", "node-a", time.Second) }, "node-a let the lease run out", true},
		"unreadable": {func(w *world) { w.put("x", `{"format":"what?"}`) }, "not a lease record", true},
		"broken": {func(w *world) {
			w.acquire("x", "node-a", time.Hour)
			seen, err := lease.Inspect(w.Context(), w.other, "x")
			require.NoError(w, err)
			require.NoError(w, lease.Break(w.Context(), w.other, seen))
		}, "the lease was taken from node-a", true},
		"late": {func(w *world) {
			w.acquire("x", "node-a", 40*time.Second)
			time.Sleep(30 * time.Second)
		}, "node-a has not renewed in time, which is every 10s", true},
		"edited": {func(w *world) {
			w.acquire("x", "node-a", time.Minute)
			require.NoError(w, w.other.Release(w.Context(), w.acquireAgain("x")))
			w.state()
			w.put("x", record(1, time.Now(), time.Hour))
		}, "its token went from 2 down to 1", true},
		"clock": {func(w *world) { w.put("x", record(7, time.Now().Add(5*time.Hour), time.Hour)) }, "the clock of node-z is ahead of this machine's by 4h 59m or more", false},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				w.acquire("calm", "node-b", 24*time.Hour)
				require.Empty(w, w.state().Troubles)
				require.Contains(w, w.page("/"), "nothing here needs anybody")
				test.make(w)
				got := w.trouble("x")
				require.Equal(w, kind, got.Kind)
				require.Contains(w, got.What, test.what)
				require.Equal(w, test.grave, got.Grave)
				page := w.page("/")
				require.NotContains(w, page, "nothing here needs anybody")
				require.Contains(w, page, `<title>(1) leader</title>`)
			})
		})
	}
}

// A job that keeps its lease and then leaves it has ended in order, or crashed: nobody is woken for it, at no time. One that was renewed for
// longer than the job keeps it is one of a crash.
func TestTroubles_AJob(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		_, leave := w.follow("/events")
		defer leave()
		job := func(node string) {
			require.NoError(w, leader.New(
				leader.WithLeaseManager(lease.NewManager(w.store)), leader.WithLeaseName("report"), leader.WithNodeID(node),
				leader.WithLeaseLength(time.Minute), leader.WithHoldAtLeast(time.Minute), leader.WithLogger(slog.New(slog.DiscardHandler)),
				leader.WhenStarted(func(context.Context) error { time.Sleep(5 * time.Second); return nil }),
			).RunOnce(w.Context()))
			for begun := time.Now(); time.Since(begun) < 3*time.Minute; {
				require.Empty(w, w.state().Troubles)
			}
			page := w.page("/?lease=report")
			require.Contains(w, page, "None that the store shows. Jobs have left 1 lease to run out: they have ended, or crashed.")
			require.Contains(w, page, "no node leads: the lease is a job&#39;s, which has ended and left it to run out, or has crashed")
			require.Contains(w, page, "<title>leader</title>")
		}
		job("node-a")
		job("node-b")
		s := w.state()
		require.Equal(w, []any{"expired", "left", "left"}, []any{s.Leases[0].State, s.Leases[0].Terms[0].How, s.Leases[0].Terms[1].How})
		require.Equal(w, "left", s.Changes[len(s.Changes)-1].What)
		require.False(w, s.Changes[len(s.Changes)-1].Grave)
		require.Equal(w, lease.EndLeft, w.inspect("report").Terms()[1].How, "as the record tells")

		l, err := w.other.Acquire(w.Context(), lease.Request{Name: "report", Holder: "node-c", Length: time.Minute, RenewEvery: 10 * time.Second, HoldAtLeast: time.Minute})
		require.NoError(w, err)
		for begun := time.Now(); time.Since(begun) < 3*time.Minute; time.Sleep(10 * time.Second) {
			l, err = w.other.Renew(w.Context(), l)
			require.NoError(w, err)
		}
		time.Sleep(20 * time.Second)
		require.Equal(w, "late", w.trouble("report").Kind)
		time.Sleep(time.Minute)
		require.Equal(w, "expired", w.trouble("report").Kind)
		require.True(w, w.trouble("report").Grave)
	})
}

// Whether somebody should lead by a lease that is free, the store does not show: the page does not say that all is well.
func TestTroubles_FreeLeases(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.acquire("a", "node-a", 24*time.Hour)
		require.Empty(w, w.state().Troubles)
		require.Contains(w, w.page("/"), "nothing here needs anybody")
		for n, says := range []string{"Nobody leads by 1 free lease.", "Nobody leads by 2 free leases."} {
			require.NoError(w, w.other.Release(w.Context(), w.acquire(fmt.Sprint("free-", n), "node-b", time.Minute)))
			require.Empty(w, w.state().Troubles)
			page := w.page("/")
			require.NotContains(w, page, "nothing here needs anybody")
			require.Contains(w, page, "None that the store shows. "+says)
		}
	})
}

// What is wrong with a seat is trouble of its fleet, and nobody leads with one, nor stands by for it.
func TestTroubles_OfASeat(t *testing.T) {
	t.Parallel()
	seat := fleet.SeatLease("ships", 3)
	for what, test := range map[string]func(w *world){
		"node-b, in seat 3, has not renewed it: it has crashed": func(w *world) { w.acquire(seat, "node-b", time.Second) },
		"seat 3 was taken from node-b": func(w *world) {
			w.acquire(seat, "node-b", time.Hour)
			seen, err := lease.Inspect(w.Context(), w.other, seat)
			require.NoError(w, err)
			require.NoError(w, lease.Break(w.Context(), w.other, seen))
		},
		"node-b, in seat 3, has not renewed it in time, which is every 10s": func(w *world) {
			w.acquire(seat, "node-b", 40*time.Second)
			time.Sleep(30 * time.Second)
		},
	} {
		inWorld(t, func(w *world) {
			w.acquire("ships", "node-a", 24*time.Hour)
			test(w)
			got := w.trouble("ships")
			require.Equal(w, "seat", got.Kind)
			require.Contains(w, got.What, what)
			require.Contains(w, got.Do, "the coordinator gives its parts to others")
			require.False(w, got.Grave)
			require.NotZero(w, got.Since)
			page := w.page("/?lease=" + seat)
			require.NotContains(w, page, "node leads")
			require.NotContains(w, page, "nobody leads")
		})
	}
}

// The advice to repair or remove a record is for a damaged one alone. Nothing is known of a record that could not be read, and one that a
// newer program wrote is in order: a node may lead with it.
func TestTroubles_WhatCannotBeRead(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct {
		put string // the record; empty: the store does not show it
		do  string
	}{
		"the store fails":  {"", "nothing is known of it"},
		"a newer program":  {`{"format":99,"holder":{}}`, "update this program"},
		"a damaged record": {`{"format":1}`, "by hand"},
	} {
		for _, prefix := range []string{"orders", "ships", "ships/seats/"} {
			t.Run(what+", "+prefix, func(t *testing.T) {
				t.Parallel()
				inWorld(t, func(w *world) {
					w.acquire("orders", "node-a", 24*time.Hour)
					defer w.join("node-1")()
					time.Sleep(time.Minute)
					require.Empty(w, w.state().Troubles)
					name := w.first(prefix)
					if test.put == "" {
						w.manager.edit.Store(new(func(i *lease.Info) {
							if i.Name == name {
								*i = lease.Info{Name: name, Err: errors.New("s3: 503")}
							}
						}))
					} else {
						w.put(name, test.put)
					}
					found := w.state().Troubles
					require.NotEmpty(w, found)
					for _, trouble := range found {
						require.Contains(w, trouble.Do, test.do)
						require.Equal(w, what == "a damaged record", strings.Contains(trouble.Do, "by hand"), trouble.Do)
						require.NotContains(w, trouble.Do, "leader fleet reset", "it needs a record that can be read")
					}
				})
			})
		}
	}
}

// A plan that a newer program wrote is not to be replaced: that program's nodes work by it.
func TestTroubles_APlanThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for plan, do := range map[string]string{"not a plan": "leader fleet reset makes a new plan", `{"kind":"fleet plan","format":99}`: "update this program"} {
		inWorld(t, func(w *world) {
			l := w.acquire("ships", "node-a", 24*time.Hour)
			w.acquire(fleet.SeatLease("ships", 1), "node-a", 24*time.Hour)
			l.Value, l.ValueNumber = plan, 1
			_, err := w.other.Renew(w.Context(), l)
			require.NoError(w, err)
			got := w.trouble("ships")
			require.Equal(w, "plan", got.Kind)
			require.Contains(w, got.Do, do)
			require.Equal(w, plan == "not a plan", strings.Contains(got.Do, "reset"))
		})
	}
}

// first returns the name of the first lease below a prefix.
func (w *world) first(prefix string) string {
	w.Helper()
	for info, err := range lease.List(w.Context(), w.other, prefix) {
		require.NoError(w, err)
		return info.Name
	}
	require.FailNow(w, "there is none", prefix)
	return ""
}

// acquireAgain releases the lease, and takes it again.
func (w *world) acquireAgain(name string) lease.Lease {
	w.Helper()
	seen, err := lease.Inspect(w.Context(), w.other, name)
	require.NoError(w, err)
	require.NoError(w, w.other.Release(w.Context(), lease.Lease{Name: name, Holder: seen.Holder, ID: seen.ID, Token: seen.Token, Length: seen.Length, Version: seen.Version}))
	return w.acquire(name, seen.Holder, seen.Length)
}

// record is a lease as node-z writes it, whose clock shows the time.
func record(token int, clock time.Time, length time.Duration) string {
	at := clock.UTC().Format(time.RFC3339Nano)
	return fmt.Sprintf(`{"format":1,"id":"%032x","token":%d,"holder":"node-z","length":"%v","acquired":"%s","renewed":"%s","nonce":"%d"}`, token, token, length, at, at, clock.UnixNano())
}

// A clock that is behind shows when a record changes and says that it was written before the last look.
func TestTroubles_AClockThatIsBehind(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.put("x", record(7, time.Now().Add(-3*time.Hour), 24*time.Hour))
		require.Empty(w, w.state().Troubles, "it may have been written three hours ago")
		w.put("x", record(7, time.Now().Add(-3*time.Hour), 24*time.Hour))
		got := w.trouble("x")
		require.Equal(w, "clock", got.Kind)
		require.Contains(w, got.What, "is behind this machine's by 3h 00m or more")
		require.Contains(w, w.page("/?lease=x"), "by a clock that is behind this machine&#39;s")
	})
}

// A record that somebody removes is trouble for an hour, and the page forgets it then.
func TestTroubles_ARecordIsGone(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		for _, name := range []string{"a", "b", "c"} {
			w.acquire(name, "node-"+name, 24*time.Hour)
		}
		_, leave := w.follow("/events")
		defer leave()
		require.Empty(w, w.state().Troubles)
		w.manager.hide("b")
		require.Equal(w, "gone", w.trouble("b").Kind)
		time.Sleep(time.Hour)
		require.Empty(w, w.state().Troubles)
	})
}

// A store that fails, or that does not answer at all, is the first trouble. What was seen stays, and is called old.
func TestTroubles_TheStoreIsDown(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.acquire("orders", "node-a", time.Second)
		_, leave := w.follow("/events")
		defer leave()
		require.Len(w, w.state().Troubles, 1)

		w.manager.failWith("connection refused <host>")
		time.Sleep(time.Minute)
		down := w.state().Troubles
		require.Len(w, down, 2)
		require.Equal(w, "store", down[0].Kind)
		require.InDelta(w, 60, time.Since(down[0].Since).Seconds(), 6)
		page := w.page("/")
		require.Contains(w, page, "connection refused &lt;host&gt;")
		require.Contains(w, page, "orders", "the last that was seen")
		require.Contains(w, page, `class="old"`)

		w.manager.fail.Store(nil)
		time.Sleep(15 * time.Second)
		require.Len(w, w.state().Troubles, 1)
		require.NotContains(w, w.page("/"), `class="old"`)

		w.manager.hang.Store(true)
		time.Sleep(10 * time.Second)
		require.Contains(w, w.page("/"), "the store does not answer")
		time.Sleep(time.Minute)
		require.Contains(w, w.page("/"), "the store has not answered within 30s")
	})
}

// Fleets that are read one by one take long, and each answer is one of the store.
func TestTroubles_ManyFleetsAreNoTrouble(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		for i := range 40 {
			name := fmt.Sprint("fleet-", i)
			w.acquire(name, "node-a", 24*time.Hour)
			w.acquire(fleet.SeatLease(name, 1), "node-a", 24*time.Hour)
		}
		w.manager.slow.Store(true)
		_, leave := w.follow("/events")
		defer leave()
		for range 40 {
			require.Empty(w, w.state().Troubles)
		}
		require.Len(w, w.state().Fleets, 40)
	})
}

// A store that stops to answer while fleets are read has not damaged their plans.
func TestTroubles_TheStoreIsDownForFleets(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		for _, name := range []string{"a", "b"} {
			w.acquire(name, "node-a", 24*time.Hour)
			w.acquire(fleet.SeatLease(name, 1), "node-a", 24*time.Hour)
		}
		w.manager.slow.Store(true)
		_, leave := w.follow("/events")
		defer leave()
		time.Sleep(time.Minute)
		for _, trouble := range w.state().Troubles {
			require.Equal(w, "store", trouble.Kind)
		}
		require.Contains(w, w.page("/"), "the store has not answered within 500ms")
	}, leaderui.WithTimeout(500*time.Millisecond))
}

// Nothing was ever read: the page says so, and comes all the same.
func TestTroubles_NoAnswerYet(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.manager.hang.Store(true)
		begun := time.Now()
		page := w.page("/")
		require.Contains(w, page, "The store has not answered yet.")
		require.NotContains(w, page, "nothing here needs anybody")
		require.LessOrEqual(w, time.Since(begun), time.Second)
	})
}

// A thousand troubles of a kind are a few lines.
func TestTroubles_AreCounted(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		for i := range 1000 {
			w.acquire(fmt.Sprint("x-", i), "node-a", time.Second)
		}
		w.put("y", "junk")
		troubles := w.state().Troubles
		require.Len(w, troubles, 20+1+1)
		require.Contains(w, troubles[21].What, "980 leases more")
		require.Contains(w, w.page("/"), "1 to 100 of 1,001")
	})
}
