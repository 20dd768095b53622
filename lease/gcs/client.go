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
)

// NewClient is storage.NewClient, with the same options, except that
//
//   - a Store learns from its answers what the storage client hides: the service's time, so that a fresh process need not
//     watch a lease that has long run out; and whether an answer is the service's own, without asking a second time;
//   - it speaks HTTP/1.1. A connection that has died silently then costs one request. Over HTTP/2, the client would send all
//     the next ones over it, too, for longer than most leases last: only pings, every half minute, find out;
//   - it follows no redirects: the service makes none for its API, and a captive portal's page is no answer;
//   - it reads the credentials anew when they are refused, so that a key file that was replaced counts at the next request;
//   - it asks for the scope of reading and writing objects, not of full control;
//   - it presents no client certificate (mTLS).
//
// An HTTP client of the caller's (option.WithHTTPClient) is used as it is, except for redirects, unless it has a rule for
// them.
func NewClient(ctx context.Context, opts ...option.ClientOption) (*storage.Client, error) {
	// What storage.NewClient does to get its HTTP client, which it does not let anybody wrap.
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
	} else { // which it is, too, if there is an HTTP client among the options
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
	t.MaxIdleConnsPerHost = 100 // as the storage client's own: a process may hold many leases
	return t
}

// transport sends the requests of a client that NewClient made, and notes in the context of a [call] what its answer says.
type transport struct {
	closeIdle func()
	anew      func() (http.RoundTripper, error) // makes inner again, with credentials that are read anew; nil: it is the caller's

	mu    sync.Mutex
	inner http.RoundTripper
	stale bool // its credentials were refused
}

// CloseIdleConnections is what Close of a storage client calls. Google's transports do not pass it on.
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

// renew has the next request read the credentials anew.
func (t *transport) renew() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stale = t.anew != nil
}

// current is what a request is sent through. Credentials that cannot be read are no worse than those that were refused.
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

// checkClient says what is wrong with the client; empty: nothing. No request is sent.
func checkClient(client *storage.Client) (problem string) {
	defer func() {
		if recover() != nil { // it has no insides
			problem = "the client was not made by gcs.NewClient or storage.NewClient: pass one that was to gcs.New"
		}
	}()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	// What there is for gRPC alone: a client of HTTP says that it has no such method, and one of gRPC that it needs an option,
	// or, if it has it, that the context has ended (https://pkg.go.dev/cloud.google.com/go/storage#ObjectHandle.NewMultiRangeDownloader).
	_, err := client.Bucket("b").Object("o").NewMultiRangeDownloader(ended)
	if err == nil || strings.Contains(err.Error(), "GRPC") || strings.Contains(err.Error(), "context canceled") {
		return "the client speaks gRPC, over which leases were never tried: pass one of gcs.NewClient or storage.NewClient to gcs.New"
	}
	return ""
}
