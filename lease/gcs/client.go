package gcs

import (
	"cmp"
	"context"
	"net/http"
	"os"
	"strings"
	"sync"

	"cloud.google.com/go/storage"
	"google.golang.org/api/option"
	"google.golang.org/api/option/internaloption"
	htransport "google.golang.org/api/transport/http"

	"github.com/cloudlease/leader/internal/failure"
)

// NewClient makes a client as storage.NewClient does, with the same options, except that
//
//   - it shows a Store what the storage client hides: the service's time, so that a new process need not watch a lease
//     that has long run out; and whether an answer is the service's own, without a second request;
//   - it speaks HTTP/1.1, so that a connection that has died silently costs one request. Over HTTP/2, the client would
//     send all later requests over that connection, too, for longer than most leases last: only its pings, every half
//     minute, notice the dead connection;
//   - it follows no redirects: the service's API makes none, and a captive portal's page is no answer;
//   - it reads the credentials again when they are refused, so that a replaced key file counts at the next request;
//   - it asks for the scope to read and write objects, not for full control;
//   - it presents no client certificate (mTLS).
//
// NewClient uses an HTTP client of the caller's (option.WithHTTPClient) as it is, but makes it follow no redirects,
// unless the HTTP client has a rule for them.
func NewClient(ctx context.Context, opts ...option.ClientOption) (*storage.Client, error) {
	// storage.NewClient gets its HTTP client in the same way, but does not let anybody wrap it.
	given := []option.ClientOption{option.WithScopes(storage.ScopeReadWrite), internaloption.EnableNewAuthLibrary()}
	if os.Getenv("STORAGE_EMULATOR_HOST") != "" {
		given = []option.ClientOption{option.WithoutAuthentication(), internaloption.SkipDialSettingsValidation()}
	}
	given = append(given, opts...)
	base := newTransport()
	client := new(http.Client)
	authorized, err := htransport.NewTransport(ctx, base, given...)
	if err == nil {
		later := context.WithoutCancel(ctx)
		client.Transport = &transport{inner: authorized, closeIdle: base.CloseIdleConnections, anew: func() (http.RoundTripper, error) {
			return htransport.NewTransport(later, base, given...)
		}}
	} else { // also if there is an HTTP client among the options
		theirs, _, err := htransport.NewClient(ctx, given...)
		if err != nil {
			return nil, err
		}
		*client = *theirs
		client.Transport = &transport{inner: cmp.Or(theirs.Transport, http.DefaultTransport), closeIdle: theirs.CloseIdleConnections}
	}
	if client.CheckRedirect == nil {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return storage.NewClient(ctx, append(given, option.WithHTTPClient(client))...)
}

func newTransport() *http.Transport {
	standard, ok := http.DefaultTransport.(*http.Transport)
	if !ok { // the program has put something else there
		standard = &http.Transport{Proxy: http.ProxyFromEnvironment}
	}
	t := standard.Clone()
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	t.MaxIdleConnsPerHost = 100 // as in the storage client: a process may hold many leases
	return t
}

// transport sends the requests of a client that NewClient made, and notes in the context of a [call] what the answer
// says.
type transport struct {
	closeIdle func()
	anew      func() (http.RoundTripper, error) // makes inner again, with new credentials; nil: inner is the caller's

	mu    sync.Mutex
	inner http.RoundTripper
	stale bool // its credentials were refused
}

// CloseIdleConnections is called by Close of a storage client. Google's transports do not pass the call on.
func (t *transport) CloseIdleConnections() { t.closeIdle() }

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	c, _ := req.Context().Value(callKey{}).(*call)
	if c != nil && !c.mayBeSent() {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, errBrokeOff
	}
	resp, err := t.current().RoundTrip(req)
	if err != nil {
		if credentialsRefused(err) != "" {
			t.renew()
		}
		return nil, err
	}
	if resp.StatusCode == http.StatusUnauthorized {
		t.renew()
	}
	if c != nil {
		err = c.hear(req, resp)
	}
	if err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// renew makes the next request read the credentials again.
func (t *transport) renew() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stale = t.anew != nil
}

// current returns the transport for a request. Unreadable credentials are no worse than refused ones, so it keeps the
// latter.
func (t *transport) current() http.RoundTripper {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stale {
		if inner, err := t.anew(); err == nil {
			t.inner, t.stale = inner, false
		}
	}
	return t.inner
}

// checkClient returns an error for a client that cannot be used. No request is sent.
func checkClient(client *storage.Client) (problem error) {
	defer func() {
		if recover() != nil { // the client is not initialized
			problem = failure.Misconfigured("the client was not made by gcs.NewClient or storage.NewClient", "pass one that was to gcs.New")
		}
	}()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	// NewMultiRangeDownloader works with gRPC alone. A client of HTTP says that it has no such method. One of gRPC says
	// that it needs an option, or that the context has ended
	// (https://pkg.go.dev/cloud.google.com/go/storage#ObjectHandle.NewMultiRangeDownloader).
	_, err := client.Bucket("b").Object("o").NewMultiRangeDownloader(ended)
	if err == nil || strings.Contains(err.Error(), "GRPC") || strings.Contains(err.Error(), "context canceled") {
		return failure.Misconfigured("the client speaks gRPC, over which leases were never tried", "pass one of gcs.NewClient or storage.NewClient to gcs.New")
	}
	return nil
}
