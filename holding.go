package leader

import (
	"context"
	"errors"
	"time"

	"github.com/cloudlease/leader/lease"
)

// A holding is the lease of a term, and how it is kept: it is renewed at whole intervals after the acquisition, so that standbys know when to look
// (Run 2), and again soon after a failure (R4). Only the goroutine of Run uses it.
type holding struct {
	run    *run
	opts   *options
	keeper *lease.Keeper
	term   lease.Term
	held   lease.Lease // as the latest answer has it, with the changes since

	asked   time.Duration         // when the lease was asked for, by the monotonic clock
	wrote   time.Duration         // when the latest write was sent
	pending *request[lease.Lease] // the renewal in flight; nil if none is
	sent    uint64                // the ValueNumber that it carries
	next    schedule              // the next one

	wish lease.Wish // what somebody asks of this node, by the latest renewal

	values  *values  // by which the work changes the lease's value and attributes
	waiting []waiter // for changes to be stored, in order
	urgent  uint64   // the ValueNumber of the latest change that is not to wait for the next interval
	kept    uint64   // the ValueNumber of the latest change that is stored

	failures int   // in a row
	failure  error // the latest one; nil if the latest renewal succeeded
	gone     bool  // the record certainly shows another acquisition, or none
	broken   bool  // the lease was broken
}

// A schedule is a time at which something is due: by the monotonic clock, or by R3's count, in which a machine's sleep and a
// step of its wall clock count. So a node does at once what became due while it slept.
type schedule struct {
	at    time.Duration
	after time.Duration // from since to at
	since lease.Instant
}

// scheduled makes something due at a time of the monotonic clock.
func (r *run) scheduled(at time.Duration) schedule {
	return schedule{at: at, after: at - r.mono(), since: lease.Now(r.ctx)}
}

// due reports whether it is due.
func (s *schedule) due(now time.Duration) bool {
	s.since = s.since.Sample()
	return now >= s.at || late(s.since, s.after)
}

// late reports whether more than d has passed since the instant, by R3's count. There is some room for clocks that merely
// differ.
func late(since lease.Instant, d time.Duration) bool {
	return since.Elapsed() >= d+max(d/16, time.Millisecond)
}

// newHolding returns the holding of a lease that was acquired by a request sent then.
func newHolding(r *run, keeper *lease.Keeper, held lease.Lease, sent lease.Instant) holding {
	now := r.mono()
	h := holding{run: r, opts: r.opts, keeper: keeper, term: keeper.Term(), held: held, asked: now - sent.Elapsed(), wrote: now}
	h.values = newValues(r.opts, h.term, held)
	h.next = r.scheduled(max(h.nextAfter(h.asked), h.wrote+r.opts.limits.WriteEvery)) // the acquisition may have taken long
	return h
}

// keep does what is due now. It returns whether a renewal has begun, and why the term is over; nil while it holds.
func (h *holding) keep(now time.Duration) (began bool, lost error) {
	if q := h.pending; q != nil && (q.overdue(now) || late(q.sent, q.due-q.began)) {
		h.renewed(answer[lease.Lease]{err: errOverdue}) // R4: the next one begins, whatever has become of this one
	}
	due := h.next.due(now)
	if lost = h.term.Check(); lost != nil || h.pending != nil || !due {
		return false, lost
	}
	h.renew(now)
	return true, nil
}

// due returns when keep has something to do next. While the term lasts, that is within a second, as R3 counts so often.
func (h *holding) due(now time.Duration) time.Duration {
	switch {
	case h.pending != nil:
		return min(now+lease.SampleEvery, h.pending.due)
	case h.term.Check() == nil:
		return min(now+lease.SampleEvery, h.next.at)
	}
	return never
}

// renew asks for a renewal.
func (h *holding) renew(now time.Duration) {
	held := h.held
	h.wrote, h.sent = now, held.ValueNumber
	h.pending = ask(h.run.life, h.run, h.run.renewTimeout(h.term.Remaining()), h.opts.renewEvery, func(ctx context.Context) (lease.Lease, error) {
		return h.opts.manager.Renew(ctx, held)
	})
}

// renewed takes the answer to the renewal in flight.
func (h *holding) renewed(a answer[lease.Lease]) {
	q := h.pending
	h.pending = nil
	h.run.answered(OpRenew, q.began, a.err)
	h.heed(q, a)
}

// heed draws the conclusions from the answer to a renewal.
func (h *holding) heed(q *request[lease.Lease], a answer[lease.Lease]) {
	switch {
	case a.err == nil:
		h.failures, h.failure = 0, nil
		h.took(a.value)
		h.heedWish()
		h.keeper.Extend(a.value, q.sent)
		h.next = h.run.scheduled(h.nextAfter(q.began))
		h.stored(a.value.ValueNumber)
	case errors.Is(a.err, lease.ErrLost):
		h.gone = true
		h.foundLost(a.err)
		h.keeper.End(a.err)
		h.settle(h.held.ValueNumber, a.err)
	default: // R4: the lease is not lost before its deadline
		h.failures, h.failure = h.failures+1, a.err
		h.keeper.Failed(a.err)
		h.settle(h.sent, a.err)
		// Sooner, the less is left of the term, so that a store that comes back in time is not met too late.
		atMost := max(h.term.Remaining()/4, h.opts.renewEvery/16, h.opts.limits.WriteEvery)
		h.next = h.run.scheduled(q.began + min(h.run.backoff(h.failures), atMost))
	}
}

// foundLost notes what an answer that says that the lease is lost has shown of it.
func (h *holding) foundLost(err error) {
	if lost, ok := errors.AsType[*lease.LostError](err); ok && lost.Now.Name != "" {
		h.broken = lost.Now.Broken
		h.run.found(lost.Now)
	}
}

// nextAfter returns when the renewal after one that began then is to begin: a whole number of intervals after the lease was
// asked for. So standbys can tell when that is, also on a store that does not show renewals. It is at most an interval later.
// If it would be less than half of one, as after a renewal that took several attempts, another renewal comes in between.
func (h *holding) nextAfter(began time.Duration) time.Duration {
	every := h.opts.renewEvery
	wait := every - (began-h.asked)%every
	if wait < every/2 {
		wait = (wait + every) / 2
	}
	return began + max(wait, h.opts.limits.WriteEvery)
}
