package leader

import (
	"context"
	"fmt"
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// A request is a question in flight, to the lease manager or to the health check. It has a goroutine of its own, so
// that whatever it hangs in keeps nobody from seeing a deadline.
type request struct {
	op      Op
	sent    lease.Instant // just before it was asked (R2); whoever waits for the answer counts on (R3)
	began   time.Duration
	overdue time.Duration // when nobody waits any longer
	answers chan answer
}

// An answer has what was asked for, and the rest is zero.
type answer struct {
	held lease.Lease
	info lease.Info
	err  error
}

var (
	errOverdue = fmt.Errorf("no answer, though its context has ended: %w", context.DeadlineExceeded)
	errWaiting = fmt.Errorf("%d requests before this one have not returned, though their contexts have ended", maxWaiting)
)

// sampleEvery is how often whoever waits for an answer, or for a renewal to be due, counts on (R3).
const sampleEvery = time.Second

// undoing is how much longer than its context an acquisition may take, to undo what it may have done.
const undoing = 6 * time.Second

// timeout is the time that a request's context gives it. It is less than the renew interval, so that one that hangs
// has returned when the next is to begin (R4).
func (r *run) timeout() time.Duration { return r.renewEvery - r.renewEvery/16 }

// renewTimeout is the same for a renewal: half of what is left of the term, if that is less, so that hanging attempts
// leave room for more.
func (r *run) renewTimeout(left time.Duration) time.Duration {
	return min(max(left/2, r.renewEvery/4), r.timeout())
}

// ask begins a request to the manager. Too many that hang are not added to.
func (r *run) ask(ctx context.Context, op Op, timeout, overdue time.Duration, call func(context.Context) answer) *request {
	return r.begin(ctx, op, timeout, overdue, func(ctx context.Context) answer {
		defer r.waiting.Add(-1)
		if r.waiting.Add(1) > maxWaiting {
			return answer{err: errWaiting}
		}
		return call(ctx)
	})
}

// begin calls in a goroutine, with a context that ends after the timeout.
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

// await waits for the answer. Once the run is to end, it waits no longer than that may take.
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
			q.overdue = min(q.overdue, r.mono()+r.left()*3/4) // the rest is for whoever is to be told
		case <-alarm.C:
			q.sent = q.sent.Sample()
			if r.mono() >= q.overdue {
				return r.answered(q, answer{err: errOverdue})
			}
		}
	}
}

// answered tells of the answer.
func (r *run) answered(q *request, a answer) answer {
	r.leader.board.change(func(s *Status) {
		if s.Err = a.err; isClear(a.err) {
			s.Contact, s.Err = r.host.Now(), nil
		}
	})
	r.emit(RequestEvent{Origin: r.origin(), Op: q.op, Took: r.mono() - q.began, Err: a.err})
	return a
}

// arrives is where the answer does; never, if nothing was asked.
func (q *request) arrives() <-chan answer {
	if q == nil {
		return nil
	}
	return q.answers
}

// backoff is how long after a failed request began the next one does, the nth time in a row.
func (r *run) backoff(n int) time.Duration {
	d := r.renewEvery / 8
	for ; n > 1 && d < r.renewEvery; n-- {
		d *= 2
	}
	d = min(d, r.renewEvery)
	d -= time.Duration(r.host.Uint64() % uint64(d/2+1))
	return max(d, r.limits.WriteEvery)
}
