package leaderhttp

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// WhileLeading returns a handler that passes requests on to another handler while this node leads and its work is in
// [leader.Serve]. Otherwise it answers them with 503 and a [NotLeading].
//
//	l := leader.New(
//		leader.WithAttributes(map[string]string{"address": "10.0.0.7:8080"}),
//		leader.WhenStarted(leader.Serve), // or a work that prepares, and then returns leader.Serve(ctx)
//	)
//	mux.Handle("/orders/", leaderhttp.WhileLeading(l, orders))
//
// When this node must stop leading, requests under way are finished before the lease is released: leader.Serve returns
// only when their handlers have returned, and the node keeps the lease until the work has returned. New requests get
// 503 meanwhile. After Run, end the server with its Shutdown: the last answers may still be on their way.
//
// The handler finds the term in the request's context, with leader.TermFrom. Call the term's Check right before each
// effect, and send the token along. That context ends
//
//   - when the term does: the lease is lost, and another node may lead;
//   - when the request's own context does: the client has gone away, or the server was closed;
//   - once FinishWithin has passed since the work was told to stop.
//
// In the first and third case, the cause is that of the work's context. A handler that goes on after that acts like a
// work that does not return: it keeps this node from campaigning, and from releasing a lease that it still holds. So
// give the server a ReadTimeout and a WriteTimeout, so that a client cannot do that either. To end without waiting for
// the handler, give the Leader a WithStopTimeout.
//
// The handler gets the server's own ResponseWriter, so flushing, hijacking and http.ResponseController work. A request
// counts until its handler has returned or panicked: a handler that hijacks the connection must return only when it is
// done with the connection.
//
// # What it tells to clients
//
// The 503 has the leader's name and published attributes, as far as this node knows them. That is for clients who may
// know your machines' names and addresses. If strangers can ask, use WithoutLeader.
//
// The 503 is no redirect, and has no Location. Anybody who may write to the store may have written the record. A client
// that sends its requests, with its credentials, to any address in an answer would be an open redirect. So the client
// must compare the address with those that it knows. And the leader may have changed by the time the client asks it:
// then that node answers 503, too.
func WhileLeading(l *leader.Leader, handler http.Handler, opts ...WhileLeadingOption) http.Handler {
	w := &whileLeading{leader: l, handler: handler, finish: -1}
	for _, set := range opts {
		if set != nil {
			set(w)
		}
	}
	return w
}

// A WhileLeadingOption changes the handler that WhileLeading returns.
type WhileLeadingOption func(*whileLeading)

// FinishWithin sets how long requests may go on after the work was told to stop, while the term holds, before their
// contexts end. Use 0 for requests that would not end by themselves, such as streams of events. The default is a lease
// length, or half of WithStopTimeout if that is less. A time that is negative, or below a millisecond as a number without a unit is, is
// refused: each request is answered with 503 that says so.
func FinishWithin(d time.Duration) WhileLeadingOption {
	return func(w *whileLeading) {
		if w.finish = d; d != 0 && d < time.Millisecond {
			w.refused = fmt.Sprintf("leaderhttp.FinishWithin: %v is neither 0 nor a millisecond or more: a number without a unit is nanoseconds: write 30*time.Second, say", d)
		} else {
			w.refused = ""
		}
	}
}

// WithoutLeader leaves the leader's name, token and attributes out of the 503.
func WithoutLeader() WhileLeadingOption {
	return func(w *whileLeading) { w.silent = true }
}

type whileLeading struct {
	leader  *leader.Leader
	handler http.Handler
	finish  time.Duration // negative: the default
	silent  bool
	refused string // what is wrong with the options; empty: nothing
}

func (h *whileLeading) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.leader == nil || h.handler == nil {
		http.Error(w, "leaderhttp.WhileLeading was given nil", http.StatusServiceUnavailable)
		return
	}
	if h.refused != "" {
		http.Error(w, h.refused, http.StatusServiceUnavailable)
		return
	}
	// The function returns nil, so an error means that it was not called.
	if err := h.leader.WhileLeading(r.Context(), func(ctx context.Context) error {
		ctx, done := h.finishing(ctx, r.Context())
		defer done()
		h.handler.ServeHTTP(w, r.WithContext(ctx))
		return nil
	}); err != nil {
		h.refuse(w)
	}
}

// finishing returns the context of a request. It outlasts the work's context by the time that a request may take to
// finish. The caller must call done.
func (h *whileLeading) finishing(work, request context.Context) (ctx context.Context, done context.CancelFunc) {
	term, _ := lease.TermFrom(work)
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(work))
	stop := context.AfterFunc(work, func() {
		timer := time.NewTimer(h.finishWithin())
		defer timer.Stop()
		select {
		case <-request.Done():
		case <-term.Done():
		case <-timer.C:
		case <-ctx.Done(): // the request has finished
		}
		cancel(context.Cause(work))
	})
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

func (h *whileLeading) finishWithin() time.Duration {
	if h.finish >= 0 {
		return h.finish
	}
	s := h.leader.Status()
	if s.StopTimeout > 0 {
		return min(s.Length, s.StopTimeout/2)
	}
	return s.Length
}

// NotLeading is the JSON that a node answers to a request that only the leader takes. Its fields keep their names;
// there may be more later. A field without a value is left out.
type NotLeading struct {
	// Error says why this node does not take the request: it does not lead, or its work takes no requests yet.
	Error string `json:"error"`
	// Leader is the name of the leading node (its leader.WithNodeID), as this node last heard. Leader, Token and
	// Attributes are left out if no leader is known, or if this node has not heard from the store for long.
	Leader string `json:"leader,omitempty"`
	// Token is the fencing token of the leader's term.
	Token uint64 `json:"token,omitzero"`
	// Attributes has the attributes that the leader published (its leader.WithAttributes).
	Attributes map[string]string `json:"attributes,omitempty"`
	// RetryAfterSeconds is the time after which to ask again, as in the header Retry-After: when the lease may be over,
	// or an acquire interval if that is sooner; one second while this node leads and its work prepares.
	RetryAfterSeconds int `json:"retry_after_seconds"`
}

func (h *whileLeading) refuse(w http.ResponseWriter) {
	s := h.leader.Status()
	says := NotLeading{Error: "this node does not lead", RetryAfterSeconds: int(math.Ceil(retryAfter(s).Seconds()))}
	known := s.State == leader.Standby && s.Seen.State == lease.Held && !s.Seen.Broken &&
		s.Seen.Holder != "" && silence(s) <= patience(s)
	switch {
	case s.State == leader.Leading:
		says.Error = "this node leads, but takes no requests yet: its work is not in leader.Serve"
	case s.State == leader.Stopping:
		says.Error = "this node no longer leads: it finishes the requests under way"
	case known && !h.silent:
		says.Error = fmt.Sprintf("this node does not lead: %q does", s.Seen.Holder)
		says.Leader, says.Token, says.Attributes = s.Seen.Holder, s.Seen.Token, s.Seen.Attributes
	}
	body, _ := json.Marshal(says) // never fails: all fields have JSON forms
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Type", jsonText)
	header.Set("Retry-After", strconv.Itoa(says.RetryAfterSeconds))
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.Write(append(body, '\n')) // a write fails only if the client has gone away
}

// retryAfter returns the time until this node, or another, may lead at the earliest, as far as known; at least a
// second.
func retryAfter(s leader.Status) time.Duration {
	if s.State == leader.Leading {
		return time.Second
	}
	after := s.AcquireEvery
	if s.Seen.State == lease.Held && s.Seen.RetryAfter > 0 {
		after = min(after, s.Seen.RetryAfter-silence(s))
	}
	return max(after, time.Second)
}
