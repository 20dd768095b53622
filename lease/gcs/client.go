package gcs

import (
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

// NewClient is storage.NewClient, with the same options and defaults, but for two things. Its answers tell a Store what
// time the service has, so that a fresh process need not watch a lease that has long run out. And by default it asks for
// the scope of reading and writing objects, not of full control.
func NewClient(ctx context.Context, opts ...option.ClientOption) (*storage.Client, error) {
	// What storage.NewClient does to get its HTTP client, which it does not let anybody wrap.
	given := []option.ClientOption{option.WithScopes(storage.ScopeReadWrite), internaloption.EnableNewAuthLibrary()}
	if os.Getenv("STORAGE_EMULATOR_HOST") != "" {
		given = []option.ClientOption{option.WithoutAuthentication(), internaloption.SkipDialSettingsValidation()}
	}
	given = append(given, opts...)
	plain, _, err := htransport.NewClient(ctx, given...)
	if err != nil {
		return nil, err
	}
	telling := *plain // it may be the caller's own, by option.WithHTTPClient
	telling.Transport = dated{plain.Transport}
	return storage.NewClient(ctx, append(given, option.WithHTTPClient(&telling))...)
}

// dated is a transport that notes the Date of an answer for whoever asked for it by withDate. The storage client has no
// way to ask for a header.
type dated struct{ base http.RoundTripper }

type dateKey struct{}

// A date is the Date of the latest answer, in seconds since 1970; 0: there was none. The client's hedged reads may be at
// it from two goroutines.
type date struct{ atomic.Int64 }

func withDate(ctx context.Context) (context.Context, *date) {
	d := new(date)
	return context.WithValue(ctx, dateKey{}, d), d
}

func (t dated) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.transport().RoundTrip(req)
	if d, ok := req.Context().Value(dateKey{}).(*date); ok && err == nil && resp.StatusCode/100 == 2 {
		if told, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
			d.Store(told.Unix())
		}
	}
	return resp, err
}

// CloseIdleConnections is what Close of a storage client calls.
func (t dated) CloseIdleConnections() {
	(&http.Client{Transport: t.transport()}).CloseIdleConnections()
}

func (t dated) transport() http.RoundTripper {
	if t.base == nil {
		return http.DefaultTransport
	}
	return t.base
}

const (
	grain = time.Second     // that Last-Modified leaves out
	skew  = 2 * time.Second // between the service's own machines
)

// age is a lower bound on how long ago the write was sent that an answer showed: by the service's clock, both ends. Date
// leaves out up to a second as well, which only makes the age less.
func (d *date) age(modified time.Time) time.Duration {
	if d.Load() == 0 || modified.IsZero() {
		return 0
	}
	return max(0, time.Unix(d.Load(), 0).Sub(modified)-grain-skew)
}
