package leaderhttp_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/leaderhttp"
)

// HEAD is answered as GET, without waiting, and Allow has each method that /watch knows.
func TestWatch_Methods(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.node("a").run()
		handlers := map[string]http.Handler{"a leader": a, "a fleet": leaderhttp.FleetHandler(fleet.New())}
		for name, paths := range map[string]map[string]int{
			"a leader": {
				"/watch?lease=orders&token=1": 200, "/watch?lease=orders": 400, "/watch?lease=other&token=1": 404,
			},
			"a fleet": {"/watch?lease=other&token=1": 404, "/watch": 400},
		} {
			h := handlers[name]
			for path, code := range paths {
				ask := func(method string) *httptest.ResponseRecorder {
					out := httptest.NewRecorder()
					h.ServeHTTP(out, httptest.NewRequest(method, path, nil))
					return out
				}
				head := ask(http.MethodHead)
				require.Equal(t, code, head.Code, "%s: HEAD %s", name, path)
				require.Empty(t, head.Body.String())
				require.Equal(t, "GET, HEAD, OPTIONS, POST", ask(http.MethodOptions).Header().Get("Allow"))
				deleted := ask(http.MethodDelete)
				require.Equal(t, http.StatusMethodNotAllowed, deleted.Code)
				require.Equal(t, "GET, HEAD, OPTIONS, POST", deleted.Header().Get("Allow"))
				if code != http.StatusOK {
					require.Equal(t, code, ask(http.MethodGet).Code)
				}
			}
		}
		require.Equal(t, "GET, HEAD, OPTIONS", a.ask(http.MethodOptions, "/status").Header().Get("Allow"))
		synctest.Wait()
		a.stop()
		<-a.ended
	})
}
