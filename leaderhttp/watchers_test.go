package leaderhttp

import (
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// requestAt is a request to the server.
func requestAt(server *http.Server) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/watch", nil)
	return r.WithContext(context.WithValue(r.Context(), http.ServerContextKey, server))
}

// A handler may outlive the servers that it has served: it keeps none of them, and not a word of any.
func TestWatchersForgetServersThatAreGone(t *testing.T) {
	t.Parallel()
	ws := &watchers{}
	for range 10 {
		server := &http.Server{}
		ends, ok := ws.enter(requestAt(server))
		require.True(t, ok)
		require.NoError(t, server.Shutdown(t.Context()))
		<-ends
		ws.leave()
		ends, ok = ws.enter(requestAt(server)) // which was under way
		require.True(t, ok)
		<-ends
		ws.leave()
	}
	require.Eventually(t, func() bool {
		runtime.GC()
		ws.mu.Lock()
		defer ws.mu.Unlock()
		return len(ws.ends) == 0
	}, 30*time.Second, 10*time.Millisecond)
}
