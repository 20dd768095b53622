package install

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func testSite(t *testing.T) site {
	return site{t.TempDir(), t.Output(), func(line string) { t.Log(line) }, enough}
}

// quick is a downloader that does not pause.
var quick = downloader{pause: time.Millisecond, stall: time.Minute, alive: func() {}}

// The faults of a server. Each answers a request.

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func cut(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	_, _ = io.WriteString(w, "the")
}

func page(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, "<html>please log in</html>")
}

func loop(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, r.URL.Path, http.StatusFound)
}

// hang writes a part, and nothing more until the client goes.
func hang(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", "100")
	_, _ = io.WriteString(w, "the")
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

func TestDownload(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault    http.HandlerFunc
		faults   int // answers that have it
		requests int
		err      string
	}{
		"no fault":              {requests: 1},
		"busy, then not":        {fault: status(503), faults: 2, requests: 3},
		"too many, then not":    {fault: status(429), faults: 1, requests: 2},
		"cut, then not":         {fault: cut, faults: 1, requests: 2},
		"a page, then not":      {fault: page, faults: 1, requests: 2},
		"always busy":           {fault: status(503), faults: 9, requests: 3, err: "503 Service Unavailable"},
		"always cut":            {fault: cut, faults: 9, requests: 3, err: "unexpected EOF"},
		"always a page":         {fault: page, faults: 9, requests: 3, err: "has the SHA-256"},
		"it hangs":              {fault: hang, faults: 9, requests: 3, err: "no data for 50ms"},
		"it goes round":         {fault: loop, faults: 99, requests: 30, err: "stopped after 10 redirects"},
		"not there":             {fault: status(404), faults: 9, requests: 1, err: "404 Not Found"},
		"not to be had, at all": {fault: status(403), faults: 9, requests: 1, err: "403 Forbidden"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, base, requests := repository(t, "the content", func(w http.ResponseWriter, r *http.Request, n int) bool {
				if n <= c.faults {
					c.fault(w, r)
				}
				return n <= c.faults
			})
			d := quick
			if name == "it hangs" { // always: no machine is too slow for that
				d.stall = 50 * time.Millisecond
			}
			dir := t.TempDir()
			err := fetch(t.Context(), d, base, j, dir)
			assert.Equal(t, c.requests, requests())
			file := filepath.Join(dir, "org", "a", "1", "a-1.jar")
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				require.ErrorContains(t, err, base+"/"+j.path)
				assert.NoFileExists(t, file)
				return
			}
			require.NoError(t, err)
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Equal(t, "the content", string(content))
		})
	}
}

func TestADownloadEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	j, base, requests := repository(t, "the content", func(w http.ResponseWriter, r *http.Request, n int) bool {
		cancel(enough)
		w.WriteHeader(503)
		return true
	})
	d := quick
	d.pause = time.Hour
	require.ErrorIs(t, fetch(ctx, d, base, j, t.TempDir()), enough)
	assert.Equal(t, 1, requests())
}

// A process reads its proxy from the environment once, so this is another one.
func TestAProxyThatRefuses(t *testing.T) {
	t.Parallel()
	const asked = "LEADER_TEST_DOWNLOAD"
	if url := os.Getenv(asked); url != "" {
		_, err := quick.get(t.Context(), url, nil, func(answer) error { return nil })
		require.NoError(t, err)
		return
	}
	proxy := httptest.NewServer(status(http.StatusProxyAuthRequired))
	defer proxy.Close()
	cmd := exec.Command(os.Args[0], "-test.run=^TestAProxyThatRefuses$")
	cmd.Env = append(without("HTTP", "NO_PROXY="), "HTTPS_PROXY="+proxy.URL, asked+"=https://repo.example.com/a")
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(out), "download https://repo.example.com/a: ")
	assert.Contains(t, string(out), "Proxy Authentication Required")
	assert.Equal(t, 0, strings.Count(string(out), "panic"), string(out))
}
