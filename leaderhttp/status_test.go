package leaderhttp_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/leaderhttp"
	"github.com/cloudlease/leader/leadertest"
	"github.com/cloudlease/leader/lease"
)

func TestStatus(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.node("a", leader.WithAttributes(map[string]string{"address": "10.0.0.1:8080"}))
		require.Equal(t, leaderhttp.Status{Lease: name, Node: "a", Store: "memory", LengthSeconds: 15, RenewEverySeconds: 5, AcquireEverySeconds: 5, State: "idle", Unhealthy: "idle: Run is not running"}, a.status())

		began := time.Now().UTC()
		time.Sleep(time.Microsecond) // which nobody wants to read
		a.run()
		b := w.node("b").run()
		time.Sleep(2500 * time.Millisecond)
		holder := a.status().Seen
		require.NotEmpty(t, holder.ID)
		require.Equal(t, leaderhttp.Status{
			Lease: name, Node: "a", Store: "memory", LengthSeconds: 15, RenewEverySeconds: 5, AcquireEverySeconds: 5,
			State: "leading", Since: began,
			Token: 1, Deadline: began.Add(length - length/10), RemainingSeconds: 11,
			Seen: &leaderhttp.Lease{
				Name: name, State: "held", Holder: "a", ID: holder.ID, Token: 1, LengthSeconds: 15, RenewEverySeconds: 5,
				Attributes: map[string]string{"address": "10.0.0.1:8080"}, Acquired: began, LeftSeconds: 15,
			},
			Contact: began, ContactAgeSeconds: 2.5,
		}, a.status())

		time.Sleep(10 * time.Second)
		s := b.status()
		require.Equal(t, "standby", s.State)
		require.Zero(t, s.Token, "it has no term")
		require.Zero(t, s.Deadline)
		require.Equal(t, holder.ID, s.Seen.ID)
		require.Equal(t, holder.Attributes, s.Seen.Attributes)
		require.Equal(t, began, s.Seen.Acquired)
		require.True(t, s.Seen.Renewed.After(began))

		a.end()
		require.Equal(t, "free", a.status().Seen.State)
		require.Zero(t, a.status().Token)
		b.end()
	})
}

// The names are a promise.
// People and programs read the durations of a lease to the millisecond, as those of a status.
func TestLeaseToTheMillisecond(t *testing.T) {
	t.Parallel()
	odd := 1234567891 * time.Nanosecond
	i := lease.Info{Name: name, State: lease.Held, Length: odd, RenewEvery: odd, HoldAtLeast: odd, RetryAfter: odd, Age: odd}
	require.Equal(t, leaderhttp.Lease{
		Name: name, State: "held", LengthSeconds: 1.234, RenewEverySeconds: 1.234, HoldAtLeastSeconds: 1.234, AgeSeconds: 1.234, LeftSeconds: 1.234,
	}, leaderhttp.NewLease(i))
	i.RetryAfter = 0
	require.Equal(t, 1.234, leaderhttp.NewLease(i).LeftSeconds)
	text, err := json.Marshal(leaderhttp.NewLease(lease.Info{Name: name, State: lease.Held, Age: 1}))
	require.NoError(t, err)
	require.NotContains(t, string(text), "age_seconds", "a nanosecond proves nothing")
}

func TestStatusNames(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.node("a", leader.WithAttributes(map[string]string{"zone": "b"})).run()
		b := w.node("b").run()
		time.Sleep(time.Minute)
		a.way.Set(leadertest.CutOff)
		time.Sleep(6 * time.Second)
		keys := func(n *node) (outer, inner []string) {
			var s map[string]any
			require.NoError(t, json.Unmarshal(n.get("/status").Body.Bytes(), &s))
			seen, _ := s["seen"].(map[string]any)
			return slices.Sorted(maps.Keys(s)), slices.Sorted(maps.Keys(seen))
		}
		outer, _ := keys(a)
		require.Equal(t, []string{"acquire_every_seconds", "contact", "contact_age_seconds", "deadline", "error",
			"lease", "length_seconds", "node", "remaining_seconds", "renew_every_seconds", "seen", "since", "state", "store", "token"}, outer)
		_, inner := keys(b)
		require.Equal(t, []string{"acquired", "age_seconds", "attributes", "holder", "id", "lease", "left_seconds", "length_seconds",
			"renew_every_seconds", "renewed", "state", "timed", "token"}, inner)
		time.Sleep(time.Minute)
		outer, _ = keys(a)
		require.Contains(t, outer, "unhealthy")
		a.way.Set(leadertest.None)
		time.Sleep(2 * time.Minute)
		a.end()
		b.end()
	})
}

func TestPage(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.node("a", leader.WithAttributes(map[string]string{"address": "10.0.0.1:8080"}))
		b := w.node("b")
		shows := func(n *node, texts ...string) string {
			page := n.get("/").Body.String()
			for _, text := range texts {
				require.Contains(t, page, text)
			}
			return page
		}
		shows(a, "<title>idle: orders on a</title>", "Run is not running", "This node knows nothing about it yet", "has not answered yet")
		a.run()
		b.run()
		time.Sleep(12 * time.Second)
		shows(a, "<title>leading: orders on a</title>", `<p class="state">leading</p>`, "leading for 12s", "This node's term",
			`<progress max="15" value="11.`, "this node", "10.0.0.1:8080", `content="2"`)
		page := shows(b, "<title>standby: orders on b</title>", `<p class="state">standby</p>`, "<dd>a</dd>", "10.0.0.1:8080", "ago.", "<dd>memory</dd>")
		assert.NotContains(t, page, "This node's term")
		assert.NotContains(t, page, "this node</i>")
		assert.NotContains(t, page, "alert")

		a.way.Set(leadertest.CutOff)
		time.Sleep(6 * time.Second)
		shows(a, "The latest request failed", "the connection to the store broke")
		time.Sleep(time.Minute)
		shows(a, "Unhealthy", "the term is over, and the work has not returned")
		a.way.Set(leadertest.None)
		time.Sleep(2 * time.Minute)
		a.end()
		b.end()
		shows(b, "Last holder")
	})
}

// Whatever a record says stays text, and what a browser is allowed is the page's own style.
func TestPageIsSafe(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(2)>{{.}}`
	inWorld(t, func(t *testing.T, w *world) {
		manager := lease.NewManager(w.store)
		first, err := manager.Acquire(t.Context(), lease.Request{Name: name, Holder: evil, Length: time.Hour})
		require.NoError(t, err)
		require.NoError(t, manager.Release(t.Context(), first))
		_, err = manager.Acquire(t.Context(), lease.Request{
			Name: name, Holder: evil, Length: time.Hour, Attributes: map[string]string{evil: evil, "url": "javascript:alert(3)"},
		})
		require.NoError(t, err)
		a := w.node("a").run()
		got := a.get("/")
		page := got.Body.String()
		require.Contains(t, page, "&lt;script&gt;")
		require.Contains(t, page, "Terms before")
		require.Contains(t, page, "<td>released</td>")
		require.Equal(t, []leaderhttp.Term{{Token: 1, Holder: evil, Begun: first.Acquired, Ended: first.Acquired, How: "released"}}, a.status().Seen.History)
		for _, no := range []string{"<script", "<img", "href=\"java", "style=", "http://", "https://", "url(", "@import"} {
			require.NotContains(t, page, no)
		}
		for _, path := range []string{"/leader", "/healthz", "/status"} {
			require.NotContains(t, a.get(path).Header().Get("Content-Type"), "html")
		}
		require.Equal(t, evil, a.status().Seen.Attributes[evil])

		style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(page)
		require.Len(t, style, 2)
		sum := sha256.Sum256([]byte(style[1]))
		require.Equal(t, "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+
			"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'", got.Header().Get("Content-Security-Policy"))
		require.Contains(t, style[1], "prefers-color-scheme:dark")
		a.end()
	})
}

// A lease's own name and the node's, on a leader whose options are invalid and never runs.
func TestPageOfInvalidNames(t *testing.T) {
	l := leader.New(leader.WithLeaseName("<u>\xff\n"), leader.WithNodeID("</title><u>"))
	n := &node{t: t, Leader: l, Handler: leaderhttp.Handler(l)}
	require.Equal(t, http.StatusOK, n.get("/").Code)
	require.NotContains(t, n.get("/").Body.String(), "<u>")
	require.True(t, strings.HasPrefix(n.status().Lease, "<u>"))
}

// A record may say anything of its times and its length.
func TestRecordsOutOfThisWorld(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		_, err := w.store.Swap(t.Context(), name, "", []byte(`{"format":1,"token":18446744073709551614,"id":"x","holder":"h",`+
			`"length":"2562047h47m16.854775807s","nonce":"n","acquired":"9999-12-31T23:59:59-12:00","renewed":"0001-01-01T00:00:01Z"}`))
		require.NoError(t, err)
		a := w.node("a").run()
		require.NoError(t, a.Status().Err)
		time.Sleep(time.Hour)
		require.Equal(t, [3]int{503, 200, 200}, a.codes())
		require.Equal(t, uint64(18446744073709551614), a.status().Seen.Token)
		require.Zero(t, a.status().Seen.Acquired, "in the year 10000, which JSON has no words for")
		require.NotZero(t, a.status().Seen.Renewed)
		require.Equal(t, http.StatusOK, a.get("/").Code)
		a.end()
	})
}
