// Package wire stands between a client and its service in tests of stores: a Counter counts what is sent, a Proxy
// breaks it.
package wire

import (
	"net/http"
	"slices"
	"sync"
)

// A Kind is what a request does to what is stored.
type Kind string

const (
	Read  Kind = "read"
	Write Kind = "write"
	Other Kind = "other" // making a table, fetching credentials
)

// A Request is one that was sent.
type Request struct {
	Kind   Kind
	Method string
	Path   string // without the query
}

// A Counter counts the requests of a client, each attempt of an SDK that retries by itself included. What it does not
// see: http.Transport sends a GET again, below it, if a kept connection turns out to be closed.
//
// Its fields are set before it is used. The zero Counter is ready, and safe for concurrent use.
type Counter struct {
	// Transport sends the requests. Nil: http.DefaultTransport.
	Transport http.RoundTripper
	// Classify says what a request is; it must leave the body alone. Nil: GET and HEAD read, everything else writes.
	Classify func(*http.Request) Kind

	mu   sync.Mutex
	sent []Request
}

// Client returns an HTTP client that sends through the counter.
func (c *Counter) Client() *http.Client { return &http.Client{Transport: c} }

// RoundTrip implements http.RoundTripper. A request counts from when it is sent, whatever comes of it.
func (c *Counter) RoundTrip(r *http.Request) (*http.Response, error) {
	classify, transport := c.Classify, c.Transport
	if classify == nil {
		classify = byMethod
	}
	if transport == nil {
		transport = http.DefaultTransport
	}
	c.mu.Lock()
	c.sent = append(c.sent, Request{Kind: classify(r), Method: r.Method, Path: r.URL.Path})
	c.mu.Unlock()
	return transport.RoundTrip(r)
}

func byMethod(r *http.Request) Kind {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return Read
	}
	return Write
}

// Requests returns all that were sent so far, in order.
func (c *Counter) Requests() []Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.sent)
}

// Counts returns how many requests of the two kinds were sent so far, as leasetest.Place.Requests does.
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
