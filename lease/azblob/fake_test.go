package azblob

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

// fakeAzure is so much of Blob Storage as a lease needs, below the real SDK, for tests in virtual time:
// https://learn.microsoft.com/rest/api/storageservices/lease-blob. It has one blob.
type fakeAzure struct {
	mu      sync.Mutex
	exists  bool
	etag    int
	all     http.Header // metadata
	content []byte
	id      string // of the lease
	length  time.Duration
	until   time.Time // zero: it was given back
	vain    int
	renewed time.Time
}

// A link is one process's way to it.
type link struct {
	azure *fakeAzure
	cut   atomic.Bool // nothing gets through
	page  atomic.Bool // a filter answers everything with its own page
	sent  atomic.Int64

	cutAfter atomic.Int64 // nothing gets through after so many requests; 0: it does
}

var errCut = errors.New("cable is cut")

// trip is a request's way there, or an answer's back.
func (l *link) trip(ctx context.Context) error {
	select {
	case <-time.After(time.Millisecond + rand.N(20*time.Millisecond)):
	case <-ctx.Done():
		return ctx.Err()
	}
	if l.cut.Load() {
		return errCut
	}
	return nil
}

func (l *link) RoundTrip(r *http.Request) (*http.Response, error) {
	if n, last := l.sent.Add(1), l.cutAfter.Load(); last > 0 && n > last {
		return nil, errCut
	}
	if err := l.trip(r.Context()); err != nil {
		return nil, err
	}
	if l.page.Load() {
		body := io.NopCloser(strings.NewReader("<html>Please log in</html>"))
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/html"}}, Body: body, Request: r}, nil
	}
	answer := l.azure.serve(r)
	if err := l.trip(r.Context()); err != nil {
		return nil, err
	}
	return answer, nil
}

func (l *link) manager(t testing.TB, opts ...Option) lease.Manager { return managerBy(t, l, opts...) }

// managerBy returns a manager whose requests go by the transport.
func managerBy(t testing.TB, by http.RoundTripper, opts ...Option) lease.Manager {
	t.Helper()
	c, err := container.NewClientWithNoCredential("https://orders1.blob.core.windows.net/leases", &container.ClientOptions{
		ClientOptions: azcore.ClientOptions{Transport: &http.Client{Transport: by}},
	})
	require.NoError(t, err)
	return New(c, opts...)
}

func (a *fakeAzure) serve(r *http.Request) *http.Response {
	a.mu.Lock()
	defer a.mu.Unlock()
	answer := &http.Response{Header: http.Header{
		headerRequestID: {"f9a0"}, headerVersion: {"2025-05-05"}, headerModified: {"Sat, 01 Mar 2025 23:59:58 GMT"},
	}, Body: http.NoBody, Request: r}
	answer.Header.Set(headerClientRequestID, get(r, headerClientRequestID))
	code := ""
	answer.StatusCode, code = a.do(r, answer.Header)
	answer.Header.Set(headerETag, a.tag())
	if r.Method == http.MethodGet && code == "" {
		answer.Header.Set(headerContentLength, strconv.Itoa(len(a.content)))
		answer.Body = io.NopCloser(bytes.NewReader(a.content))
	}
	if code != "" {
		answer.Header.Set("X-Ms-Error-Code", code)
	}
	return answer
}

// lastRenewed is when the latest Acquire or Renew Lease was done.
func (a *fakeAzure) lastRenewed() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.renewed
}

// inVain is how many writes somebody else was faster with since it was asked last.
func (a *fakeAzure) inVain() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer func() { a.vain = 0 }()
	return a.vain
}

// get finds a header also under a name that is not canonical, as the SDK writes some.
func get(r *http.Request, name string) string {
	for key, values := range r.Header {
		if strings.EqualFold(key, name) {
			return values[0]
		}
	}
	return ""
}

func (a *fakeAzure) tag() string { return fmt.Sprintf(`"0x%X"`, a.etag) }

func (a *fakeAzure) state() string {
	switch {
	case a.until.IsZero():
		return "available"
	case time.Now().Before(a.until):
		return "leased"
	}
	return "expired"
}

// do is one request; the code is that of a refusal.
func (a *fakeAzure) do(r *http.Request, h http.Header) (status int, code string) {
	comp, id := r.URL.Query().Get("comp"), cmp.Or(get(r, headerLeaseID), get(r, "X-Ms-Proposed-Lease-Id"))
	match := get(r, "If-Match")
	switch {
	case r.Method == http.MethodPut && comp == "" && a.exists && match == "":
		return 409, "BlobAlreadyExists"
	case r.Method == http.MethodPut && comp == "" && match == "":
		a.exists = true
		a.write(r)
		return 201, ""
	case !a.exists:
		return 404, "BlobNotFound"
	case r.Method == http.MethodGet:
		h.Set(headerLeaseState, a.state())
		for key, values := range a.all {
			h[key] = values
		}
		return 200, ""
	case match != "" && match != a.tag():
		a.vain++
		return 412, "ConditionNotMet"
	case comp != "lease" && id != "" && a.state() == "available":
		return 412, "LeaseNotPresentWithBlobOperation"
	case comp != "lease" && id != "" && a.state() == "expired":
		return 412, "LeaseLost"
	case comp != "lease" && a.state() == "leased" && id != a.id:
		return 412, "LeaseIdMismatchWithBlobOperation"
	case comp == "metadata":
		a.write(r)
		return 200, ""
	case comp == "":
		a.content, _ = io.ReadAll(r.Body)
		a.write(r)
		return 201, ""
	}
	return a.lease(r, h, id)
}

func (a *fakeAzure) write(r *http.Request) {
	a.etag++
	a.all = http.Header{}
	for key, values := range r.Header {
		if strings.HasPrefix(strings.ToLower(key), "x-ms-meta-") {
			a.all[http.CanonicalHeaderKey(key)] = values
		}
	}
}

func (a *fakeAzure) lease(r *http.Request, h http.Header, id string) (status int, code string) {
	action := get(r, "X-Ms-Lease-Action")
	switch {
	case action == "acquire" && a.state() == "leased":
		a.vain++
		return 409, "LeaseAlreadyPresent"
	case action == "acquire":
		seconds, _ := time.ParseDuration(get(r, "X-Ms-Lease-Duration") + "s")
		a.id, a.length, status = id, seconds, 201
	case a.until.IsZero():
		return 409, "LeaseNotPresentWithLeaseOperation"
	case id != a.id:
		return 409, "LeaseIdMismatchWithLeaseOperation"
	case action == "release":
		a.until = time.Time{}
		return 200, ""
	default:
		status = 200
	}
	a.renewed = time.Now()
	a.until = a.renewed.Add(a.length)
	h.Set(headerLeaseID, a.id)
	return status, ""
}
