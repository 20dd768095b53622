package leaderhttp_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/leaderhttp"
	"github.com/cloudlease/leader/lease"
)

const every = length / 3

// silent is a store that gives no hints, and counts looks.
type silent struct {
	lease.Store
	looks atomic.Int64
}

func (s *silent) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	s.looks.Add(1)
	return s.Store.Load(ctx, name)
}

// follower adds a standby that follows the leader, and its way to the store.
func (w *world) follower(id string, opts ...leaderhttp.FollowOption) (*node, *silent) {
	store := &silent{Store: w.store}
	return w.node(id, leader.WithLeaseManager(lease.NewManager(store)), leader.WithLogger(slog.New(slog.NewTextHandler(w.Output(), nil))), leader.WithWake(leaderhttp.Follow(opts...))), store
}

func at(url string) leader.Option {
	return leader.WithAttributes(map[string]string{leaderhttp.WatchAttribute: url})
}

// A standby that follows the leader leads a moment after the release, also if that comes as an answer of /watch ends, and the next begins.
func TestFollow_LeadsAtOnce(t *testing.T) {
	for _, led := range []time.Duration{10 * time.Minute, 10*time.Minute + 7*time.Second} {
		for range 10 {
			followsAtOnce(t, led)
		}
	}
}

func followsAtOnce(t *testing.T, led time.Duration) {
	inWorld(t, func(t *testing.T, w *world) {
		net := newNetwork(t)
		a := w.node("a", at("http://a/election/watch"), leader.WithLeaseManager(lease.NewManager(&silent{Store: w.store}))).run()
		net.serve("a:80", http.StripPrefix("/election", a))
		b, store := w.follower("b", leaderhttp.FollowClient(net.client()))
		b.run()
		time.Sleep(led)
		assert.InEpsilon(t, int(led/every), int(store.looks.Load()), 0.08, "as many looks as without")
		a.end()
		time.Sleep(25 * time.Millisecond)
		if led%time.Minute == 0 && b.Status().State != leader.Leading {
			time.Sleep(100 * time.Millisecond) // /watch looks again
		}
		assert.Equal(t, leader.Leading, b.Status().State)
		b.end()
	})
}

// Whatever the other end is, a standby asks as often as without it, or ten times as often if it lies that the lease has changed; and it never
// takes the lease sooner.
func TestFollow_WhateverTheOtherEndIs(t *testing.T) {
	elsewhere := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://evil/watch", http.StatusFound)
	}
	for name, end := range map[string]struct {
		handler http.HandlerFunc
		lies    bool
	}{
		"is not there":        {nil, false},
		"is a portal":         {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>Please log in</html>") }, false},
		"redirects elsewhere": {elsewhere, false},
		"wants credentials":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, false},
		"ends at once":        {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "watching\n") }, false},
		"says nothing":        {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, false},
		"floods": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("watching\n", 1<<20))
		}, false},
		"floods without lines": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", 1<<16)) }, false},
		"lies":                 {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "changed\n") }, true},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				net := newNetwork(t)
				asked := atomic.Int64{}
				if end.handler != nil {
					net.serve("a:80", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						asked.Add(1)
						end.handler(w, r)
					}))
				}
				net.serve("evil:80", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
				a := w.node("a", at("http://a/watch")).run()
				b, store := w.follower("b", leaderhttp.FollowClient(net.client()))
				b.run()
				time.Sleep(5 * time.Minute)
				looks, most := int(store.looks.Load()), int(5*time.Minute/every)*11/10
				if end.lies {
					most = 10*int(5*time.Minute/every) + 2
				}
				assert.LessOrEqual(t, looks, most)
				assert.LessOrEqual(t, int(asked.Load()), most)
				a.way.Set(1) // cut off
				time.Sleep(length - every - time.Second)
				assert.NotEqual(t, leader.Leading, b.Status().State, "R1: its lease lasts")
				time.Sleep(2 * every)
				assert.Equal(t, leader.Leading, b.Status().State)
				b.end()
				a.end()
			})
		})
	}
}

// Only hosts that FollowHosts names are asked, and the header is nobody else's.
func TestFollow_Hosts(t *testing.T) {
	const token = "Bearer secret"
	for name, c := range map[string]struct {
		url   string
		opts  []leaderhttp.FollowOption
		asked bool
		says  string
	}{
		"any host":                {"http://a/watch", nil, true, ""},
		"named":                   {"http://a/watch", []leaderhttp.FollowOption{leaderhttp.FollowHosts("x", "A")}, true, ""},
		"below a domain":          {"http://a.example.com/watch", []leaderhttp.FollowOption{leaderhttp.FollowHosts(".example.com")}, true, ""},
		"in a network":            {"http://10.1.2.3/watch", []leaderhttp.FollowOption{leaderhttp.FollowHosts("10.0.0.0/8")}, true, ""},
		"another":                 {"http://a/watch", []leaderhttp.FollowOption{leaderhttp.FollowHosts("b")}, false, "FollowHosts does not name"},
		"another domain":          {"http://a.notexample.com/watch", []leaderhttp.FollowOption{leaderhttp.FollowHosts(".example.com", "10.0.0.0/8")}, false, "FollowHosts does not name"},
		"another network":         {"http://11.1.2.3/watch", []leaderhttp.FollowOption{leaderhttp.FollowHosts("10.0.0.0/8")}, false, "FollowHosts does not name"},
		"a name like an address":  {"http://10.1.2.3.evil/watch", []leaderhttp.FollowOption{leaderhttp.FollowHosts("10.0.0.0/8")}, false, "FollowHosts does not name"},
		"an empty list":           {"http://a/watch", []leaderhttp.FollowOption{leaderhttp.FollowHosts()}, false, "FollowHosts does not name"},
		"a list and an empty one": {"http://a/watch", []leaderhttp.FollowOption{leaderhttp.FollowHosts("a"), leaderhttp.FollowHosts()}, true, ""},
		"with the header":         {"http://a/watch", []leaderhttp.FollowOption{leaderhttp.FollowHosts("a"), leaderhttp.FollowAuthorization(token)}, true, ""},
		"with it, to any":         {"http://a/watch", []leaderhttp.FollowOption{leaderhttp.FollowAuthorization(token)}, false, "needs FollowHosts"},
		"with it, to another":     {"http://evil/watch", []leaderhttp.FollowOption{leaderhttp.FollowHosts("a"), leaderhttp.FollowAuthorization(token)}, false, "FollowHosts does not name"},
		"no address":              {"", nil, false, `publishes no attribute "watch"`},
		"no URL":                  {"a:80", nil, false, "is not a URL"},
		"a user in it":            {"http://user:secret@a/watch", nil, false, "is not a URL"},
		"another scheme":          {"file:///etc/passwd", nil, false, "is not a URL"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			client := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				asked++
				assert.Equal(t, "7", r.URL.Query().Get("token"))
				assert.Equal(t, name == "with the header", r.Header.Get("Authorization") == token)
				return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("watching\nchanged\n")), Request: r}, nil
			})}
			wait := leaderhttp.Follow(append(c.opts, leaderhttp.FollowClient(client))...)
			err := wait(t.Context(), lease.Info{Name: "orders", Holder: "a", Token: 7, Attributes: map[string]string{"watch": c.url}})
			assert.Equal(t, c.asked, asked == 1)
			if c.asked {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.says)
			assert.NotContains(t, err.Error(), "secret")
		})
	}
}

// A host is the address that it is, however the two texts are written, and no other.
func TestFollow_AddressesAsTheyAre(t *testing.T) {
	for _, c := range []struct {
		known, host string
		asked       bool
	}{
		{"::1", "[0:0:0:0:0:0:0:1]", true},
		{"0:0:0:0:0:0:0:1", "[::1]", true},
		{"2001:DB8::a", "[2001:db8:0::A]", true},
		{"127.0.0.1", "[::ffff:127.0.0.1]", true},
		{"127.0.0.1", "[::ffff:7f00:1]", true},
		{"::ffff:127.0.0.1", "127.0.0.1", true},
		{"10.0.0.0/8", "[::ffff:10.1.2.3]", true},
		{"::ffff:10.0.0.0/104", "10.1.2.3", true},
		{"::ffff:10.0.0.0/104", "[::ffff:10.1.2.3]", true},
		{"::ffff:0.0.0.0/96", "10.1.2.3", true},
		{"fe80::1%eth0", "[fe80::1%25eth0]", true},
		{"fe80::1%eth0", "[fe80:0::1%25eth0]", true},

		{"fe80::1%eth0", "[fe80::1%25eth1]", false},
		{"fe80::1", "[fe80::1%25eth0]", false},
		{"fe80::/10", "[fe80::1%25eth0]", false},
		{"127.0.0.1", "[::127.0.0.1]", false},
		{"127.0.0.1", "127.0.0.2", false},
		{"127.0.0.1", "127.1", false},
		{"::1", "[::2]", false},
		{"::1", "0.0.0.1", false},
		{"::ffff:10.0.0.0/104", "11.1.2.3", false},
		{"::ffff:10.0.0.0/104", "[::10.1.2.3]", false},
		{"::ffff:10.0.0.0/95", "10.1.2.3", false},
		{"::/0", "10.1.2.3", false},
		{"::/0", "[::ffff:10.1.2.3]", false},
		{"0.0.0.0/0", "[2001:db8::1]", false},
		{"10.0.0.0/33", "10.1.2.3", false},
	} {
		asked := false
		client := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			asked = true
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("changed\n")), Request: r}, nil
		})}
		wait := leaderhttp.Follow(leaderhttp.FollowHosts(c.known), leaderhttp.FollowClient(client))
		err := wait(t.Context(), lease.Info{Name: "orders", Holder: "a", Token: 7, Attributes: map[string]string{"watch": "http://" + c.host + ":8080/watch"}})
		assert.Equal(t, c.asked, asked, "%s and %s: %v", c.known, c.host, err)
		assert.Equal(t, c.asked, err == nil, "%s and %s: %v", c.known, c.host, err)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A real server, with TLS and an authorization of its user's.
func TestFollow_TLS(t *testing.T) {
	a := leader.New(leader.WithNodeID("a"), leader.WithLeaseName("orders"), leader.WhenStarted(func(ctx context.Context) error { <-ctx.Done(); return nil }))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	_, err := a.WaitForLeader(t.Context())
	require.NoError(t, err)
	handler, waits := leaderhttp.Handler(a), make(chan bool, 10)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		waits <- true
		handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	seen := lease.Info{Name: "orders", Holder: "a", Token: 1, Attributes: map[string]string{"watch": server.URL + "/watch"}}
	hosts := leaderhttp.FollowHosts("127.0.0.1")
	stranger := &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	err = leaderhttp.Follow(hosts, leaderhttp.FollowAuthorization("Bearer secret"), leaderhttp.FollowClient(stranger))(t.Context(), seen)
	require.ErrorContains(t, err, "certificate", "its client does not know the authority")
	err = leaderhttp.Follow(hosts, leaderhttp.FollowClient(server.Client()))(t.Context(), seen)
	require.ErrorContains(t, err, "it answers 401 Unauthorized")
	hinted := make(chan error, 1)
	go func() {
		hinted <- leaderhttp.Follow(hosts, leaderhttp.FollowClient(server.Client()), leaderhttp.FollowAuthorization("Bearer secret"))(t.Context(), seen)
	}()
	<-waits
	assert.Empty(t, hinted)
	stop()
	require.NoError(t, <-ended)
	require.NoError(t, <-hinted)
}
