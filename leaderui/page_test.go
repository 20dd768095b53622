package leaderui_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/leaderui"
	"github.com/cloudlease/leader/lease"
)

// Names are shown as they are, wherever they stand, and are never markup.
func TestPage_NamesWithMarkup(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		const bad = `"><script>alert('x')</script><img src=x onerror=y>`
		l, err := w.other.Acquire(w.Context(), lease.Request{Name: bad, Holder: bad, Length: time.Minute, RenewEvery: time.Second, Attributes: map[string]string{bad: bad}})
		require.NoError(w, err)
		w.state()
		require.NoError(w, w.other.Release(w.Context(), l))
		_, err = w.other.Acquire(w.Context(), lease.Request{Name: bad, Holder: bad + "2", Length: time.Minute})
		require.NoError(w, err)
		w.put(bad+"/junk", "junk")
		w.manager.failWith(bad)
		time.Sleep(time.Minute)
		w.manager.fail.Store(nil)
		for _, target := range []string{"/", "/?q=script", "/?lease=" + url.QueryEscape(bad), "/?q=" + url.QueryEscape(bad) + "&sort=" + url.QueryEscape(bad), "/?lease=" + url.QueryEscape(bad+"/none")} {
			w.state()
			page := w.page(target)
			require.NotRegexp(w, `(?i)<script>|<img|x onerror=y>"`, page, target)
			require.Contains(w, page, "&lt;script&gt;alert(", target)
		}
		patches, leave := w.follow("/events")
		defer leave()
		for id, html := range (<-patches).Set {
			require.NotRegexp(w, `(?i)<script|<img`, html, id)
			require.NotRegexp(w, `[<>"'\s]`, id)
		}
	}, leaderui.WithActions())
}

// The page has no code within it, and loads nothing from elsewhere; nobody keeps it.
func TestPage_Policy(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.acquire("orders", "node-a", time.Minute)
		answer := w.do("GET", "/?lease=orders", "")
		require.Equal(w, "no-store", answer.Header.Get("Cache-Control"))
		policy := answer.Header.Get("Content-Security-Policy")
		require.Contains(w, policy, "default-src 'none'")
		require.NotContains(w, policy, "unsafe")
		page := text(w, answer)
		require.NotRegexp(w, `(?i)\sstyle=|\son[a-z]+=|javascript:|<style`, page)
		require.NotRegexp(w, `(src|href|action)="(https?:)?//`, page)
		for _, asset := range regexp.MustCompile(`(?:src|href)="([\w.]+)"`).FindAllStringSubmatch(page, -1) {
			require.Equal(w, http.StatusOK, w.do("GET", "/"+asset[1], "").StatusCode, asset[1])
		}
		require.Regexp(w, `<noscript><meta http-equiv="refresh"`, page)
	})
}

// A browser without scripts does not reload what a person may be writing into.
func TestPage_NoReloadOfAForm(t *testing.T) {
	t.Parallel()
	const refresh, ask = `http-equiv="refresh"`, "<noscript><p>Reload the page"
	inWorld(t, func(w *world) {
		w.acquire("orders", "node-a", time.Minute)
		require.Contains(w, w.page("/"), refresh)
		page := w.page("/?lease=orders")
		require.NotContains(w, page, refresh)
		require.Contains(w, page, ask)
	}, leaderui.WithActions())
	inWorld(t, func(w *world) {
		w.acquire("orders", "node-a", time.Minute)
		page := w.page("/?lease=orders")
		require.Contains(w, page, refresh, "it has no forms")
		require.NotContains(w, page, ask)
	})
}

// Ten thousand leases are pages of a hundred; a search and an order are of all.
func TestPage_SearchSortPage(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		for i := range 250 {
			w.acquire(fmt.Sprintf("lease-%03d", i), fmt.Sprintf("node-%d", i%7), time.Hour)
		}
		rows := func(target string) (names []string) {
			for _, found := range regexp.MustCompile(`scope="row" class="lease"><a [^>]*><bdi>([^<]*)</bdi>`).FindAllStringSubmatch(w.page(target), -1) {
				names = append(names, found[1])
			}
			return names
		}
		require.Len(w, rows("/"), 100)
		require.Equal(w, "lease-000", rows("/")[0])
		require.Len(w, rows("/?page=3"), 50)
		require.Len(w, rows("/?page=99"), 50, "there are three")
		require.Len(w, rows("/?page=-1"), 100)
		require.Equal(w, []string{"lease-123"}, rows("/?q=LEASE-123"))
		require.Len(w, rows("/?q=node-3"), 36)
		require.Empty(w, rows("/?q=nothing"))
		require.Contains(w, w.page("/?q=nothing"), "No lease matches the search.")
		require.Equal(w, []string{"lease-000", "lease-007", "lease-014"}, rows("/?sort=holder")[:3])
		require.Contains(w, w.page("/?sort=holder"), `aria-sort="ascending"`)
		require.Contains(w, w.page("/?q=node-3&sort=holder"), "1 to 36 of 36")
	})
}

// The terms of a lease, and what ended them, as the looks have shown.
func TestPage_Terms(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		first := w.acquire("orders", "node-a", 20*time.Second)
		_, leave := w.follow("/events")
		defer leave()
		w.state()
		require.NoError(w, w.other.Release(w.Context(), first))
		w.state()
		w.acquire("orders", "node-b", 20*time.Second)
		time.Sleep(30 * time.Second)
		w.acquire("orders", "node-c", time.Minute)
		s := w.state()
		terms := s.Leases[0].Terms
		require.Len(w, terms, 3)
		for i, want := range []leaderui.Term{{Token: 1, Holder: "node-a", How: "released"}, {Token: 2, Holder: "node-b", How: "expired", Watched: true}, {Token: 3, Holder: "node-c", Watched: true}} {
			require.Equal(w, want, leaderui.Term{Token: terms[i].Token, Holder: terms[i].Holder, How: terms[i].How, Watched: terms[i].Watched})
			require.Equal(w, want.How == "", terms[i].Ended.IsZero())
			require.False(w, terms[i].Begun.IsZero())
		}
		var changes []string
		for _, c := range s.Changes {
			changes = append(changes, c.What)
		}
		require.Equal(w, []string{"released", "taken", "expired", "taken"}, changes)
		other := leaderui.New(w.other)
		defer other.Close()
		watching := w.ui
		w.ui = other // it has watched nothing
		terms = w.state().Leases[0].Terms
		require.Len(w, terms, 3)
		require.Equal(w, []string{"node-a", "released", "node-b", "expired", "node-c", ""}, []string{terms[0].Holder, terms[0].How, terms[1].Holder, terms[1].How, terms[2].Holder, terms[2].How})
		w.ui = watching

		page := w.page("/?lease=orders")
		require.Contains(w, page, "node-b has not renewed it, and nobody leads")
		require.Regexp(w, `role="img" aria-label="the terms since`, page)
	})
}

// A seat that cannot be read is shown as that. Its node keeps its parts: nothing moves, and nothing is nobody's.
func TestPage_ASeatThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for what, damaged := range map[string]func(w *world, seat string) string{
		"the record": func(*world, string) string { return "no record" },
		"the value": func(w *world, seat string) string {
			o, err := w.store.Load(w.Context(), seat)
			require.NoError(w, err)
			return regexp.MustCompile(`"value":"(\\.|[^"\\])*"`).ReplaceAllString(string(o.Data), `"value":"{\"kind\":\"fleet seat\""`)
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(w *world) {
				for _, name := range []string{"node-a", "node-b"} {
					defer w.join(name)()
				}
				time.Sleep(time.Minute)
				require.Empty(w, w.state().Troubles)
				o, err := fleet.Inspect(w.Context(), w.other, "ships")
				require.NoError(w, err)
				seat := fleet.SeatLease("ships", o.Nodes[0].Seat)
				var s leaderui.State
				for tries := 0; len(s.Troubles) == 0; tries++ { // its node writes the value again when it renews
					require.Less(w, tries, 100)
					w.put(seat, damaged(w, seat))
					s = w.state()
				}
				require.Zero(w, s.Fleets[0].Moving)
				require.Zero(w, s.Fleets[0].Nobodys)
				require.Len(w, s.Troubles, 1)
				require.Equal(w, "seat", s.Troubles[0].Kind)
			})
		})
	}
}

// A fleet is a grid of its nodes and parts, and tells what moves, what is nobody's, and why.
func TestPage_Fleet(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		stuck := make(chan struct{})
		node := func(name string) (leave func()) {
			return w.join(name, fleet.WithDrainTimeout(time.Second), fleet.WhenAssigned(func(ctx context.Context, _ string) error {
				<-ctx.Done()
				<-stuck
				return nil
			}))
		}
		a := node("node-a")
		_, leave := w.follow("/events")
		defer leave()
		time.Sleep(time.Minute)
		s := w.state()
		require.Empty(w, s.Troubles)
		require.Equal(w, []leaderui.Fleet{{Fleet: "ships", Coordinator: "node-a", Epoch: s.Fleets[0].Epoch, Nodes: 1, Parts: 6}}, s.Fleets)

		b := node("node-b")
		time.Sleep(time.Minute)
		s = w.state()
		require.Equal(w, 2, s.Fleets[0].Nodes)
		require.Equal(w, 3, s.Fleets[0].Moving, "node-a does not stop")
		page := w.page("/")
		require.Contains(w, page, `class="goes"`)
		require.Contains(w, page, `class="comes"`)
		require.Contains(w, page, "step 1 of 2: its old node stops its work")
		require.Contains(w, page, "it has to stop 3 parts")
		close(stuck)
		time.Sleep(time.Minute)
		require.Zero(w, w.state().Fleets[0].Moving)
		page = w.page("/")
		require.NotContains(w, page, `class="comes"`)
		require.NotContains(w, page, "<bdi>ships/seats/", "seats are nodes here, no leases")
		require.Contains(w, page, "gives 3 parts to other nodes")

		a()
		b()
		time.Sleep(5 * time.Second)
		s = w.state()
		require.Equal(w, 6, s.Fleets[0].Nobodys)
		require.Equal(w, []string{"coordinator", "nobody"}, []string{s.Troubles[1].Kind, s.Troubles[0].Kind}, "the grave one first")
		require.Contains(w, w.page("/"), "nobody coordinates")
		seat := regexp.MustCompile(`href="(\?lease=ships%2Fseats%2F\d+)`).FindStringSubmatch(page)
		require.NotNil(w, seat)
		require.Contains(w, w.page("/"+seat[1]), "Fencing token")

		w.put("ships", strings.Replace(record(99, time.Now(), time.Hour), `"format":1`, `"format":2,"value":"no plan"`, 1))
		require.Equal(w, "plan", w.trouble("ships").Kind)
		require.Contains(w, w.page("/"), "its plan cannot be read")
	})
}
