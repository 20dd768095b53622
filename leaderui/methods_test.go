package leaderui_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/fleet/fleettest"
	"github.com/cloudlease/leader/leaderhttp"
	"github.com/cloudlease/leader/leaderui"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// Whatever a client asks of any handler, the answer ends. Only the streams that GET asks for go on, until the client goes away.
func TestMethods_EachAnswerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := lease.NewManager(memory.NewStore())
		leads := make(chan struct{})
		l := leader.New(leader.WithLeaseManager(m), leader.WithLeaseName("orders"), leader.WhenStarted(func(ctx context.Context) error {
			close(leads)
			return leader.Serve(ctx)
		}))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- l.Run(ctx) }()
		<-leads
		ships := fleettest.New(t, fleet.WithName("ships"), fleet.WithShards(4))
		n := ships.Join("a", fleettest.Wait)
		ships.Settle()
		page, acting := leaderui.New(m), leaderui.New(m, leaderui.WithActions())
		served := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

		for name, handler := range map[string]struct {
			http.Handler
			paths   []string
			streams []string
		}{
			"a page":               {page, []string{"/", "/?lease=orders", "/state", "/page.css", "/page.js", "/icon.svg", "/break", "/none"}, []string{"/events", "/events?q=orders"}},
			"a page with actions":  {acting, []string{"/", "/state", "/break", "/handover", "/drain"}, []string{"/events"}},
			"a leader":             {leaderhttp.Handler(l), []string{"/", "/leader", "/standby", "/healthz", "/status", "/watch", "/none"}, []string{"/watch?lease=orders&token=1"}},
			"a leader that rests":  {leaderhttp.Handler(leader.New()), []string{"/", "/leader", "/watch?lease=leader&token=1"}, nil},
			"a fleet":              {leaderhttp.FleetHandler(n.Fleet), []string{"/", "/healthz", "/status", "/watch", "/none"}, []string{"/watch?lease=ships&token=1"}},
			"a fleet that rests":   {leaderhttp.FleetHandler(fleet.New()), []string{"/", "/healthz", "/watch?lease=fleet&token=1"}, nil},
			"a leader alone":       {leaderhttp.WhileLeading(l, served), []string{"/"}, nil},
			"a standby of another": {leaderhttp.WhileLeading(leader.New(), served), []string{"/"}, nil},
		} {
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PURGE", "get", "head"} {
				for _, path := range handler.paths {
					assert.True(t, ends(t, handler, method, path), "%s: %s %s", name, method, path)
				}
				for _, path := range handler.streams {
					assert.Equal(t, method != "GET", ends(t, handler, method, path), "%s: %s %s", name, method, path)
				}
			}
		}
		head := httptest.NewRecorder()
		soon, leave := context.WithTimeout(t.Context(), time.Minute)
		defer leave()
		page.ServeHTTP(head, httptest.NewRequestWithContext(soon, "HEAD", "http://localhost/events", nil))
		require.Equal(t, http.StatusOK, head.Code)
		require.Equal(t, "text/event-stream; charset=utf-8", head.Header().Get("Content-Type"))
		require.Zero(t, head.Body.Len())

		page.Close()
		acting.Close()
		require.NoError(t, n.Leave())
		stop()
		require.NoError(t, <-ended)
	})
}

// ends asks, and reports whether the answer ends within half a minute. If not, it has to end when the client goes away.
func ends(t *testing.T, handler http.Handler, method, path string) bool {
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	done := make(chan struct{})
	go func() {
		defer close(done)
		r := httptest.NewRequestWithContext(ctx, "GET", "http://localhost"+path, nil)
		r.Method = method
		handler.ServeHTTP(httptest.NewRecorder(), r)
	}()
	select {
	case <-done:
		return true
	case <-time.After(30 * time.Second):
	}
	leave()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		panic(fmt.Sprintf("%s %s goes on without a client", method, path))
	}
	return false
}
