// Package wire intercepts requests between a client and its service in tests of stores: a Counter counts them, a Proxy breaks
// them.
package wire

import (
	"net/http"
	"slices"
	"sync"
)

// A Kind says what a request does to the stored data.
type Kind string

const (
	Read  Kind = "read"
	Write Kind = "write"
	Other Kind = "other" // such as making a table, or fetching credentials
)

// A Request describes one request that was sent.
type Request struct {
	Kind   Kind
	Method string
	Path   string // without the query
}

// A Counter counts the requests of a client, including each attempt of an SDK that retries by itself. It does not see when
// http.Transport, below it, repeats a GET because a kept connection turns out to be closed.
//
// Set its fields before its first use. The zero Counter is ready, and safe for concurrent use.
type Counter struct {
	// Transport sends the requests. Nil: one like http.DefaultTransport, whose connections the end of an httptest.Server does not close.
	Transport http.RoundTripper
	// Classify returns the kind of a request, and must not read its body. Nil: GET and HEAD read, everything else writes.
	Classify func(*http.Request) Kind
	// Answered is called when a request has been carried out, and before the client hears so, as leasetest.Place.Slow
	// wants it: the client gets an error of it instead of the answer. Nil: nothing is called.
	Answered func() error

	mu   sync.Mutex
	sent []Request
}

// standard is the transport of the counters that are given none.
var standard = http.DefaultTransport.(*http.Transport).Clone()

// Client returns an HTTP client that sends through the counter.
func (c *Counter) Client() *http.Client { return &http.Client{Transport: c} }

// RoundTrip implements http.RoundTripper. A request counts as soon as it is sent, whatever its outcome.
func (c *Counter) RoundTrip(r *http.Request) (*http.Response, error) {
	classify, transport := c.Classify, c.Transport
	if classify == nil {
		classify = byMethod
	}
	if transport == nil {
		transport = standard
	}
	c.mu.Lock()
	c.sent = append(c.sent, Request{Kind: classify(r), Method: r.Method, Path: r.URL.Path})
	c.mu.Unlock()
	answer, err := transport.RoundTrip(r)
	if err == nil && c.Answered != nil {
		if err = c.Answered(); err != nil {
			_ = answer.Body.Close()
			return nil, err
		}
	}
	return answer, err
}

func byMethod(r *http.Request) Kind {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return Read
	}
	return Write
}

// Requests returns all requests sent so far, in order.
func (c *Counter) Requests() []Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.sent)
}

// Counts returns the numbers of reads and writes sent so far, as leasetest.Place.Requests does.
func (c *Counter) Counts() (reads, writes int) {
	for _, r := range c.Requests() {
		switch r.Kind {
		case Read:
			reads++
		case Write:
			writes++
		}
	}
	return reads, writes
}
