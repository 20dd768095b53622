package leader

import (
	"context"
	"fmt"
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// A request is a question in flight, to the lease manager or to the health check. It runs in its own goroutine, so that a call
// that hangs keeps nothing else waiting.
type request struct {
	op      Op
	sent    lease.Instant // just before it was asked (R2), and counted on while the answer is awaited (R3)
	began   time.Duration
	overdue time.Duration // when the run stops waiting
	answers chan answer
}

// An answer has the value that was asked for; the others are zero.
type answer struct {
	held lease.Lease
	info lease.Info
	err  error
}

var (
	errOverdue = fmt.Errorf("no answer, though its context has ended: %w", context.DeadlineExceeded)
	errWaiting = fmt.Errorf("%d requests before this one have not returned, though their contexts have ended", maxWaiting)
)

// sampleEvery is the interval at which R3 counts on while the run waits for an answer, or for a renewal to be due.
const sampleEvery = time.Second

// undoing is how much longer than its context an acquisition may take, to undo what its write may have done.
const undoing = 6 * time.Second

// timeout returns the time limit of a request's context. It is less than the renew interval, so that a request that hangs has
// returned when the next is to begin (R4).
func (r *run) timeout() time.Duration { return r.renewEvery - r.renewEvery/16 }

// renewTimeout returns the time limit of a renewal: half of what is left of the term, if that is less, so that an attempt that
// hangs leaves room for another.
func (r *run) renewTimeout(left time.Duration) time.Duration {
	return min(max(left/2, r.renewEvery/4), r.timeout())
}

// ask begins a request to the manager. If too many hang already, the request fails at once.
func (r *run) ask(ctx context.Context, op Op, timeout, overdue time.Duration, call func(context.Context) answer) *request {
	return r.begin(ctx, op, timeout, overdue, func(ctx context.Context) answer {
		defer r.waiting.Add(-1)
		if r.waiting.Add(1) > maxWaiting {
			return answer{err: errWaiting}
		}
		return call(ctx)
	})
}

// begin makes a call in a goroutine, with a context that ends after the timeout.
func (r *run) begin(ctx context.Context, op Op, timeout, overdue time.Duration, call func(context.Context) answer) *request {
	now := r.mono()
	q := &request{op: op, sent: lease.NowIn(ctx), began: now, overdue: now + overdue, answers: make(chan answer, 1)}
	r.requests.Go(func() {
		ctx, cancel := host.WithTimeout(ctx, timeout)
		defer cancel()
		a := answer{err: errGoexit}
		defer func() { q.answers <- a }() // also if the call ends its goroutine
		a = call(ctx)
	})
	return q
}

// await waits for the answer. Once ctx has ended, it waits no longer than the end of Run may take.
func (r *run) await(q *request, ends <-chan struct{}) answer {
	alarm := host.NewAlarm(r.host)
	defer alarm.Stop()
	for {
		alarm.Set(min(sampleEvery, q.overdue-r.mono()))
		select {
		case a := <-q.answers:
			return r.answered(q, a)
		case <-ends:
			ends = nil
			r.enter(Stopping, 0, context.Cause(r.ctx))
			q.overdue = min(q.overdue, r.mono()+r.left()*3/4) // the rest is for the observers
		case <-alarm.C:
			q.sent = q.sent.Sample()
			if r.mono() >= q.overdue {
				return r.answered(q, answer{err: errOverdue})
			}
		}
	}
}

// answered notes the answer for Status and observers, and returns it.
func (r *run) answered(q *request, a answer) answer {
	r.leader.board.change(func(s *Status) {
		if s.Err = a.err; isClear(a.err) {
			s.Contact, s.Err = r.host.Now(), nil
		}
	})
	r.emit(RequestEvent{Origin: r.origin(), Op: q.op, Took: r.mono() - q.began, Err: a.err})
	return a
}

// arrives returns the channel of the answer; nil, which never has one, if nothing was asked.
func (q *request) arrives() <-chan answer {
	if q == nil {
		return nil
	}
	return q.answers
}

// backoff returns how long after the nth failed request in a row the next one begins, counted from its beginning.
func (r *run) backoff(n int) time.Duration {
	d := r.renewEvery / 8
	for ; n > 1 && d < r.renewEvery; n-- {
		d *= 2
	}
	d = min(d, r.renewEvery)
	d -= time.Duration(r.host.Uint64() % uint64(d/2+1))
	return max(d, r.limits.WriteEvery)
}
