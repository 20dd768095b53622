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

// WhileLeading returns a handler that passes requests on to another one while this node leads and its work is in
// [leader.Serve], and answers them with 503 and a [NotLeading] otherwise.
//
//	l := leader.New(
//		leader.WithAttributes(map[string]string{"address": "10.0.0.7:8080"}),
//		leader.WhenStarted(leader.Serve), // or a work that prepares, and then returns leader.Serve(ctx)
//	)
//	mux.Handle("/orders/", leaderhttp.WhileLeading(l, orders))
//
// Requests that are under way when this node is to stop leading are finished before the lease is released: leader.Serve
// returns only when their handlers have, and the lease is kept until the work has returned. New ones get 503 meanwhile. After
// Run, end the server with its Shutdown: the last answers may still be on their way out.
//
// The handler finds the term in the request's context, with leader.TermFrom: it calls Check right before each effect, and
// sends the token along. That context ends
//   - when the term does: the lease is lost, and another node may lead;
//   - when the request's own does: the client has gone away, or the server was closed;
//   - once FinishWithin has passed since the work was told to stop.
//
// The cause of the first and third is that of the work's context. A handler that goes on after that keeps this node from
// campaigning, and from releasing a lease that it still holds, as a work does that does not return: give the server a
// ReadTimeout and a WriteTimeout, so that a client cannot keep it either, and the Leader a WithStopTimeout if you want to
// end without it.
//
// The handler gets the server's own ResponseWriter, so that flushing, hijacking and http.ResponseController work. A request
// counts until its handler has returned or panicked: one that hijacks the connection returns when it is done with that.
//
// # What it tells to clients
//
// The 503 names the leader, and has the attributes that it published, as far as this node knows: that is for clients who may
// know your machines' names and addresses. Where the world can ask, use WithoutLeader.
//
// It is no redirect, and there is no Location in it. What stands in the record was written by whoever may write to the
// store: a client that would send its requests, with its credentials, to any address it is told is an open redirect. So it
// compares the address with those that it knows. And the leader may have changed by the time the client asks it: that one
// then answers likewise.
func WhileLeading(l *leader.Leader, handler http.Handler, opts ...WhileLeadingOption) http.Handler {
	w := &whileLeading{leader: l, handler: handler, finish: -1}
	for _, set := range opts {
		if set != nil {
			set(w)
		}
	}
	return w
}

// A WhileLeadingOption changes what WhileLeading does.
type WhileLeadingOption func(*whileLeading)

// FinishWithin says how long requests may go on once the work was told to stop and the term still holds, before their
// contexts end. 0 is for those that would not end by themselves, such as streams of events. The default is a lease length,
// or half of WithStopTimeout if that is less.
func FinishWithin(d time.Duration) WhileLeadingOption {
	return func(w *whileLeading) { w.finish = max(d, 0) }
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
}

func (h *whileLeading) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.leader == nil || h.handler == nil {
		http.Error(w, "leaderhttp.WhileLeading was given nil", http.StatusServiceUnavailable)
		return
	}
	// The function returns nil, so an error is that it was not called.
	if err := h.leader.WhileLeading(r.Context(), func(ctx context.Context) error {
		ctx, done := h.finishing(ctx, r.Context())
		defer done()
		h.handler.ServeHTTP(w, r.WithContext(ctx))
		return nil
	}); err != nil {
		h.refuse(w)
	}
}

// finishing is the context of a request: it outlasts the work's by as long as a request may take to finish. done is to be
// called.
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
		case <-ctx.Done(): // it has finished
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

// NotLeading is what a node answers, in JSON, to a request that only the leader takes. The names of its fields stay as they
// are; there may be more later. A field that has no value is left out.
type NotLeading struct {
	// Error says that this node does not lead, and what it does.
	Error string `json:"error"`
	// Leader is the name of the node that leads, as this one last heard: its leader.WithNodeID. It is left out while nobody
	// is known to, or if this node has not heard from the store for long, as are the next two.
	Leader string `json:"leader,omitempty"`
	// Token is the fencing token of its term.
	Token uint64 `json:"token,omitzero"`
	// Attributes is what it published: its leader.WithAttributes.
	Attributes map[string]string `json:"attributes,omitempty"`
	// RetryAfterSeconds is when asking again is worth while, as the header Retry-After has it: when the lease may be over, or
	// in an acquire interval, if that is sooner; after a second, while this node leads and its work prepares.
	RetryAfterSeconds int `json:"retry_after_seconds"`
}

func (h *whileLeading) refuse(w http.ResponseWriter) {
	s := h.leader.Status()
	says := NotLeading{Error: "this node does not lead", RetryAfterSeconds: int(math.Ceil(retryAfter(s).Seconds()))}
	known := s.State == leader.Standby && s.Holder.State == lease.Held && !s.Holder.Broken &&
		s.Holder.Holder != "" && silence(s) <= patience(s)
	switch {
	case s.State == leader.Leading:
		says.Error = "this node leads, and takes no requests yet: its work is not in leader.Serve"
	case s.State == leader.Stopping:
		says.Error = "this node leads no more: it finishes what is under way"
	case known && !h.silent:
		says.Error = fmt.Sprintf("this node does not lead: %q does", s.Holder.Holder)
		says.Leader, says.Token, says.Attributes = s.Holder.Holder, s.Holder.Token, s.Holder.Attributes
	}
	body, _ := json.Marshal(says) // which has nothing that JSON cannot say
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Type", jsonText)
	header.Set("Retry-After", strconv.Itoa(says.RetryAfterSeconds))
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.Write(append(body, '\n')) // who asked has gone, if it fails
}

// retryAfter is when this node, or another, may lead at the earliest, as far as this one can tell; a second at least.
func retryAfter(s leader.Status) time.Duration {
	if s.State == leader.Leading {
		return time.Second
	}
	after := s.AcquireEvery
	if s.Holder.State == lease.Held && s.Holder.RetryAfter > 0 {
		after = min(after, s.Holder.RetryAfter-silence(s))
	}
	return max(after, time.Second)
}
