package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/leaderhttp"
	"github.com/cloudlease/leader/leadertest"
)

// Two nodes in one process, and in virtual time. The leader is cut off from the lease's store, but not from the database nor
// from its clients: it stops answering, and the other goes on where it was.
func TestCutOffFromTheStore(t *testing.T) {
	path := t.TempDir() + "/db"
	synctest.Test(t, func(t *testing.T) {
		store := leadertest.NewManager(nil)
		type node struct {
			way *leadertest.Manager // to the store
			ask func() (code int, text string)
		}
		start := func(name string) node {
			db, err := open(t.Context(), path)
			require.NoError(t, err)
			n, way := &numbers{db: db}, leadertest.NewManager(store)
			l := leader.New(leader.WithLeaseManager(way), leader.WithNodeID(name), leader.WhenStarted(n.work))
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- l.Run(ctx) }()
			t.Cleanup(func() {
				stop()
				require.NoError(t, <-ended)
				require.NoError(t, db.Close())
			})
			handler := leaderhttp.WhileLeading(l, n)
			return node{way, func() (int, string) {
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/numbers", nil))
				return w.Code, strings.TrimSpace(w.Body.String())
			}}
		}
		gives := func(n node, want string) {
			t.Helper()
			code, text := n.ask()
			require.Equal(t, http.StatusOK, code, text)
			require.Equal(t, want, text)
		}
		a := start("a")
		time.Sleep(time.Second)
		b := start("b")
		gives(a, "1")
		gives(a, "2")
		a.way.Set(leadertest.Hang)
		time.Sleep(time.Minute)
		code, text := a.ask()
		require.Equal(t, http.StatusServiceUnavailable, code, text)
		gives(b, "3")

		a.way.Set(leadertest.None)
		b.way.Set(leadertest.LoseAnswers) // it renews, and does not hear of it
		time.Sleep(time.Minute)
		code, text = b.ask()
		require.Equal(t, http.StatusServiceUnavailable, code, text)
		gives(a, "4")
		b.way.Set(leadertest.None)
	})
}
