package gcs

import (
	"cmp"
	"context"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"cloud.google.com/go/storage"
	"google.golang.org/api/option"
	"google.golang.org/api/option/internaloption"
	htransport "google.golang.org/api/transport/http"
)

// NewClient is storage.NewClient, with the same options, but that
//
//   - its answers tell a Store what time the service has, so that a fresh process need not watch a lease that has long run
//     out;
//   - it speaks HTTP/1.1. A connection that has died silently then costs one request. Over HTTP/2, the client would send all
//     the next ones over it, too, for longer than most leases last: only pings, every half minute, find out;
//   - it asks for the scope of reading and writing objects, not of full control;
//   - it presents no client certificate (mTLS).
//
// An HTTP client of the caller's (option.WithHTTPClient) is used as it is.
func NewClient(ctx context.Context, opts ...option.ClientOption) (*storage.Client, error) {
	// What storage.NewClient does to get its HTTP client, which it does not let anybody wrap.
	given := []option.ClientOption{option.WithScopes(storage.ScopeReadWrite), internaloption.EnableNewAuthLibrary()}
	if os.Getenv("STORAGE_EMULATOR_HOST") != "" {
		given = []option.ClientOption{option.WithoutAuthentication(), internaloption.SkipDialSettingsValidation()}
	}
	given = append(given, opts...)
	base := newTransport()
	client := new(http.Client)
	transport, err := htransport.NewTransport(ctx, base, given...)
	if err == nil {
		client.Transport = dated{transport, base.CloseIdleConnections}
	} else { // which it is, too, if there is an HTTP client among the options
		theirs, _, err := htransport.NewClient(ctx, given...)
		if err != nil {
			return nil, err
		}
		*client = *theirs
		client.Transport = dated{cmp.Or(theirs.Transport, http.DefaultTransport), theirs.CloseIdleConnections}
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

// dated is a transport that notes the Date of an answer for whoever asked for it by withDate. The storage client has no
// way to ask for a header.
type dated struct {
	http.RoundTripper
	closeIdle func()
}

// CloseIdleConnections is what Close of a storage client calls. Google's transports do not pass it on.
func (t dated) CloseIdleConnections() { t.closeIdle() }

type dateKey struct{}

// A date is the Date of the latest answer, in seconds since 1970; 0 if there was none. The client's
// hedged reads may be at it from two goroutines.
type date struct{ atomic.Int64 }

func withDate(ctx context.Context) (context.Context, *date) {
	d := new(date)
	return context.WithValue(ctx, dateKey{}, d), d
}

func (t dated) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(req)
	if d, ok := req.Context().Value(dateKey{}).(*date); ok && err == nil {
		if told, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
			d.Store(told.Unix())
		}
	}
	return resp, err
}

const (
	grain = time.Second     // that Last-Modified leaves out
	skew  = 2 * time.Second // between the service's own machines
)

// age is a lower bound on how long ago the write was sent that an answer showed: by the service's clock, both ends. Date
// leaves out up to a second as well, which only makes the age less.
func (d *date) age(modified time.Time) time.Duration {
	now := d.Load()
	if now == 0 || modified.IsZero() {
		return 0
	}
	return max(0, time.Unix(now, 0).Sub(modified.Add(grain+skew))) // Sub stops at the ends of what there is, and does not wrap around
}
