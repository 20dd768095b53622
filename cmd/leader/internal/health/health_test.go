package health

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMain sets a proxy that is well, whatever it is asked for. Go reads it once.
func TestMain(m *testing.M) {
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for _, variable := range []string{"HTTP_PROXY", "http_proxy"} {
		if err := os.Setenv(variable, proxy.URL); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

func TestURL(t *testing.T) {
	t.Parallel()
	well := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(well.Close)
	for says, answer := range map[string]http.HandlerFunc{
		"":             func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"answered 500": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		// What is asked is the service itself, and not a page that it redirects to.
		"answered 302 Found: name the URL": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, well.URL, http.StatusFound) },
	} {
		service := httptest.NewServer(answer)
		t.Cleanup(service.Close)
		// Nor is it a proxy: Go never uses one for 127.0.0.1; this is another name of it.
		err := Check{URL: strings.Replace(service.URL, "127.0.0.1", "0.0.0.0", 1)}.Func()(t.Context())
		if says == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, says)
		}
	}
}

// The URL may have a secret in it.
func TestURLShowsNoSecret(t *testing.T) {
	t.Parallel()
	for url, valid := range map[string]bool{
		"http://127.0.0.1:1/healthz?token=SECRET": true, "http://user:SECRET@127.0.0.1:1": true, "ftp://user:SECRET@host": false, "http:SECRET": false,
	} {
		c := Check{URL: url}
		err := c.Validate()
		if valid {
			require.NoError(t, err)
			err = c.Func()(t.Context())
		}
		require.ErrorContains(t, err, "--health-http")
		require.NotContains(t, err.Error(), "SECRET")
	}
}

// Both must be good, in their time.
func TestBoth(t *testing.T) {
	t.Parallel()
	require.Nil(t, Check{}.Func())
	sick := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(sick.Close)
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(slow.Close)
	require.NoError(t, Check{Command: "exit 0"}.Func()(t.Context()))
	require.ErrorContains(t, Check{Command: "exit 3", URL: sick.URL}.Func()(t.Context()), "--health-cmd: exit status 3")
	require.ErrorContains(t, Check{Command: "exit 0", URL: sick.URL}.Func()(t.Context()), "answered 404")
	require.ErrorIs(t, Check{Command: "exit 0", URL: slow.URL, Timeout: 50 * time.Millisecond}.Func()(t.Context()), context.DeadlineExceeded)
	require.ErrorContains(t, Check{Timeout: -time.Second}.Validate(), "--health-timeout -1s is negative")
}

// Without a shell, every check would fail, on every node.
func TestNoShell(t *testing.T) {
	require.NoError(t, Check{Command: "exit 0"}.Validate())
	t.Setenv("PATH", t.TempDir())
	require.ErrorContains(t, Check{Command: "exit 0"}.Validate(), "--health-cmd: there is no shell to run it")
	require.NoError(t, Check{URL: "http://127.0.0.1:1"}.Validate())
}
