package leader

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// A request is a question in flight, to the lease manager or to the health check. It runs in its own goroutine, so that a call
// that hangs keeps nothing else waiting.
type request[T any] struct {
	sent    lease.Instant // just before it was asked (R2), and counted on while the answer is awaited (R3)
	began   time.Duration // by the monotonic clock
	due     time.Duration // when the run stops waiting
	answers chan answer[T]
}

type answer[T any] struct {
	value T
	err   error
}

// nothing is the value of an answer that only says whether something succeeded.
type nothing = struct{}

var (
	errOverdue = fmt.Errorf("no answer, though its context has ended: %w", context.DeadlineExceeded)
	errWaiting = fmt.Errorf("%d requests before this one have not returned, though their contexts have ended", maxWaiting)
)

// maxWaiting bounds a Leader's requests in flight, also those that earlier runs left behind. More than one is in flight only if the
// manager does not return when a request's context ends.
const maxWaiting = 4

// requestTime is longer than a request takes on a store that works.
const requestTime = time.Second

// timeout returns the time limit of a request's context. It is less than the renew interval, so that a request that hangs has
// returned when the next is to begin (R4).
func (r *run) timeout() time.Duration { return r.opts.renewEvery - r.opts.renewEvery/16 }

// renewTimeout returns the time limit of a renewal: half of what is left of the term, if that is less, so that an attempt that
// hangs leaves room for another.
func (r *run) renewTimeout(left time.Duration) time.Duration {
	return min(max(left/2, r.opts.renewEvery/4), r.timeout())
}

// begin makes a call in a goroutine, with a context that ends after the timeout. The run waits for as long as its patience
// lasts.
func begin[T any](ctx context.Context, r *run, timeout, patience time.Duration, call func(context.Context) (T, error)) *request[T] {
	now := r.mono()
	q := &request[T]{sent: lease.Now(ctx), began: now, due: now + patience, answers: make(chan answer[T], 1)}
	r.requests.Go(func() {
		ctx, cancel := host.WithTimeout(ctx, timeout)
		defer cancel()
		a := answer[T]{err: errGoexit}
		defer func() { q.answers <- a }() // also if the call ends its goroutine
		a.value, a.err = call(ctx)
		a.err = sound(a.err)
	})
	return q
}

// ask begins a request to the manager. If too many hang already, the request fails at once.
func ask[T any](ctx context.Context, r *run, timeout, patience time.Duration, call func(context.Context) (T, error)) *request[T] {
	return begin(ctx, r, timeout, patience, func(ctx context.Context) (none T, _ error) {
		defer r.leader.waiting.Add(-1)
		if r.leader.waiting.Add(1) > maxWaiting {
			return none, errWaiting
		}
		return call(ctx)
	})
}

// arrives returns the channel of the answer; nil, which never has one, if nothing was asked.
func (q *request[T]) arrives() <-chan answer[T] {
	if q == nil {
		return nil
	}
	return q.answers
}

// overdue counts on (R3), and reports whether the run waits no longer.
func (q *request[T]) overdue(now time.Duration) bool {
	q.sent = q.sent.Sample()
	return now >= q.due
}

// await waits for the manager's answer. Once the end of Run has begun, as it does when ctx ends, it waits no longer than that may take.
func await[T any](r *run, op Op, q *request[T]) answer[T] {
	alarm := host.NewAlarm(r.host)
	defer alarm.Stop()
	a, ends := answer[T]{err: errOverdue}, r.ctx.Done()
	hurry := func() {
		most := r.left() * 3 / 4 // the rest is for the observers
		if op == OpRenew {       // the release is yet to come
			most /= 2
		}
		q.due = min(q.due, r.mono()+most)
	}
	if r.endBy != 0 {
		hurry()
	}
	for waiting := true; waiting; {
		alarm.Set(min(lease.SampleEvery, q.due-r.mono()))
		select {
		case a = <-q.answers:
			waiting = false
		case <-ends:
			ends = nil
			r.enter(Stopping, 0, context.Cause(r.ctx))
			hurry()
		case <-alarm.C:
			waiting = !q.overdue(r.mono())
		}
	}
	r.answered(op, q.began, a.err)
	return a
}

// answered notes the manager's answer for Status and observers. A look that the manager does not offer is no request, and is not asked for
// again: only the answer shows that a wrapper has the method, and what it wraps has not.
func (r *run) answered(op Op, began time.Duration, err error) {
	if op == OpInspect && errors.Is(err, errors.ErrUnsupported) {
		r.leader.blind = true
		return
	}
	r.leader.board.change(func(s *Status) {
		if s.Err = err; isClear(err) {
			s.Contact, s.Err = r.host.Now(), nil
		}
	})
	r.emit(RequestEvent{Origin: r.origin(), Op: op, Took: r.mono() - began, Err: err})
}

// isClear reports whether the manager gave a clear answer: success, or that the lease is held or lost.
func isClear(err error) bool {
	return err == nil || errors.Is(err, lease.ErrHeld) || errors.Is(err, lease.ErrLost)
}

// backoff returns how long after the nth failed request in a row the next one begins, counted from its beginning.
func (r *run) backoff(n int) time.Duration {
	every := r.opts.renewEvery
	d := every / 8
	for ; n > 1 && d < every; n-- {
		d *= 2
	}
	d = min(d, every)
	d -= time.Duration(r.host.Uint64() % uint64(d/2+1))
	return max(d, r.opts.limits.WriteEvery)
}
