package doctor

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cloudlease/leader/internal/emulator"
)

// something between doctor and a service answers itself, or passes a request on.
type something func(w http.ResponseWriter, r *http.Request, pass http.Handler)

// through puts something between doctor and the service, that answers itself, or changes the request and passes it
// on. It is not wire.Proxy, as that breaks requests by their number, and this by what they are. A real service cannot be
// reached through it: requests are signed for its own name.
func through(t testing.TB, p place, does something) place {
	t.Helper()
	upstream, err := url.Parse(emulator.Endpoint(p.service))
	if err != nil || upstream.Host == "" {
		t.Skip("there is no emulator to put something before")
	}
	pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(upstream) // with its Host, by which fake-gcs-server chooses what to do; the others do not mind
	}}
	between := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { does(w, r, pass) }))
	t.Cleanup(between.Close)
	return p.at(between.URL)
}

// refusing answers 403 to some requests.
func refusing(which func(*http.Request) bool, answer string) something {
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if !which(r) {
			pass.ServeHTTP(w, r)
			return
		}
		w.Header().Set("X-Guploader-Uploadid", "test") // by which Cloud Storage and Azure show that it is they who refuse
		w.Header().Set("X-Ms-Request-Id", "test")
		if strings.HasPrefix(answer, "{") {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("X-Amz-Crc32", fmt.Sprint(crc32.ChecksumIEEE([]byte(answer)))) // which DynamoDB's SDK checks
		}
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, answer)
	}
}

// without passes the request on without these headers and parts of its query.
func without(names ...string) something {
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		query := r.URL.Query()
		for _, name := range names {
			r.Header.Del(name)
			query.Del(name)
		}
		if r.URL.RawQuery != "" {
			r.URL.RawQuery = query.Encode()
		}
		pass.ServeHTTP(w, r)
	}
}

// meeting holds the first write until a second one comes: so doctor's first race is one, however busy the machine is.
func meeting(does something) something {
	var writes atomic.Int64
	second := make(chan struct{})
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if r.Method == http.MethodPut || r.Method == http.MethodPost {
			switch writes.Add(1) {
			case 1:
				select {
				case <-second:
				case <-r.Context().Done():
				}
			case 2:
				close(second)
			}
		}
		does(w, r, pass)
	}
}

// rewritten passes the request on with another body.
func rewritten(r *http.Request, change func(body []byte) []byte) {
	body, _ := io.ReadAll(r.Body)
	body = change(body)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Del("Content-Length")
}
