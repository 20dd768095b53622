package gcs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"
)

// A call is the context of one read or one list. In it, a client of NewClient notes what the storage client hides. Any
// other client notes nothing.
type call struct {
	context.Context
	lists bool   // a list sends one request for each page
	page  string // the token of the list's next page, which the latest page has
	sent  atomic.Bool

	// What the answer said, if heard is true. Read these fields only after the storage client has returned the answer.
	heard   bool
	date    time.Time // zero: none, or more than one
	google  bool      // it came from Google's own host
	refusal refusal   // in an answer with status 404
}

type callKey struct{}

// Value implements context.Context.
func (c *call) Value(key any) any {
	if key == (callKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// errBrokeOff ends a read whose answer broke off. The storage client would ask for the rest at once, repeatedly and
// without end: it waits between attempts only if an answer does not begin.
var errBrokeOff = errors.New("the answer broke off before its end")

// mayBeSent allows a read one request.
func (c *call) mayBeSent() bool { return c.lists || !c.sent.Swap(true) }

// hear notes what an answer says. It returns an error if the answer is not the service's.
func (c *call) hear(req *http.Request, resp *http.Response) error {
	c.heard = true
	switch {
	case c.lists:
		return c.checkList(resp)
	case resp.StatusCode == http.StatusNotFound:
		body, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
		if err != nil {
			return fmt.Errorf("%w: %w", errBrokeOff, err)
		}
		resp.Body = readAlready{bytes.NewReader(body), resp.Body}
		c.refusal = refusalIn(resp.StatusCode, resp.Header, body)
	}
	if dates := resp.Header["Date"]; len(dates) == 1 {
		c.date, _ = http.ParseTime(dates[0])
	}
	c.google = req.URL.Scheme == "https" && strings.HasSuffix(req.URL.Hostname(), ".googleapis.com")
	return nil
}

// readAlready is the body of an answer that hear has read ahead.
type readAlready struct {
	io.Reader
	io.Closer
}

const maxPage = 64 << 20 // bytes of a list's page: a thousand objects with all their attributes take far less

// checkList returns an error if a successful answer is not a page of a list. The storage client would treat any JSON
// object as a page without objects, and ask for ever for a page that names itself as the next one.
func (c *call) checkList(resp *http.Response) error {
	if resp.StatusCode/100 != 2 {
		return nil
	}
	page, err := io.ReadAll(io.LimitReader(resp.Body, maxPage))
	if err != nil {
		return fmt.Errorf("%w: %w", errBrokeOff, err)
	}
	resp.Body = readAlready{bytes.NewReader(page), resp.Body}
	var of struct{ Kind, NextPageToken string }
	if err := json.Unmarshal(page, &of); err != nil || of.Kind != "storage#objects" {
		return notGoogles("it is no page of a list")
	}
	if of.NextPageToken != "" && of.NextPageToken == c.page {
		return notGoogles("it says that the list goes on where it has just begun")
	}
	c.page = of.NextPageToken
	return nil
}

// maxReads is the number of requests that one read may send with a client that NewClient did not make. The package sees
// only that such a client writes a request: a kept connection that turns out to be closed counts, too.
const maxReads = 3

// bounded returns the context of a read with such a client. It ends before the storage client asks for the rest of a
// broken answer for the third time. brokeOff reports whether it has ended for that reason.
func bounded(ctx context.Context) (limited context.Context, brokeOff func() bool, cancel context.CancelFunc) {
	limited, cancel = context.WithCancel(ctx)
	var sent atomic.Int64
	trace := &httptrace.ClientTrace{WroteHeaderField: func(key string, _ []string) {
		// Requests for an access token have the same context, and no such header.
		if strings.EqualFold(key, "X-Goog-Gcs-Idempotency-Token") && sent.Add(1) > maxReads {
			cancel()
		}
	}}
	return httptrace.WithClientTrace(limited, trace), func() bool { return sent.Load() > maxReads }, cancel
}
