package leader

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// A term is the time in which this node leads: from the acquisition to the release. Only the goroutine of Run uses it.
type term struct {
	run     *run
	opts    *options
	holding holding
	workCtx context.Context // its cause says why the work is to return
	work    work
	began   time.Duration
	alarm   *host.Alarm // wakes the goroutine when something is due

	resigned  <-chan struct{} // closed when StepDown is called
	stopped   stop            // why the work is to return
	overrunAt time.Duration   // when the next OverrunEvent is due
	told      bool            // WhenElected was told that this node leads
	stuck     <-chan struct{} // closed when the flush that was given up has returned; nil: none was
	out       outcome
}

// never is a time that does not come.
const never = time.Duration(math.MaxInt64)

// newTerm returns the term of a lease that was acquired; sent is the time just before it was asked for (R2).
func (r *run) newTerm(held lease.Lease, sent lease.Instant) *term {
	ctx, keeper := lease.StartTerm(r.ctx, held, sent)
	h := newHolding(r, keeper, held, sent)
	r.leader.board.acquired(held.ID, h.term)
	return &term{
		run: r, opts: r.opts, holding: h, workCtx: r.leader.inside(context.WithValue(ctx, valuesOf{}, h.values)),
		began: r.mono(), overrunAt: never,
	}
}

// A phase is a part of a term. It returns the next one; nil after the last.
type phase func() phase

// lead runs the work until it returns, and then gives the lease back, phase by phase:
//
//	leading ──▶ stopping ──▶ over ──▶ left behind
//	   │           │          │
//	   └───────────┴──────────┴─────▶ returned
//
// The work is told to stop at the end of leading. The term ends at the end of stopping.
func (t *term) lead() outcome {
	t.resigned = t.run.leader.leads()
	select {
	case <-t.resigned:
		return t.decline(steppedDown, ErrStepDown)
	default:
	}
	switch lost := t.holding.term.Check(); {
	case t.run.ctx.Err() != nil:
		return t.decline(ctxEnded, context.Cause(t.run.ctx))
	case lost != nil: // R8: too late to begin
		return t.decline(lostLease, lost)
	}
	t.announce()
	t.alarm = host.NewAlarm(t.run.host)
	defer t.alarm.Stop()
	t.work = t.run.startWork(t.workCtx, t.holding.term)
	for now := phase(t.leading); now != nil; {
		now = now()
	}
	return t.out
}

// announce tells Status, the log, observers and WhenElected that this node leads.
func (t *term) announce() {
	t.run.found(info(t.holding.held, lease.Held))
	t.run.leader.board.change(func(s *Status) { s.Term = t.holding.term })
	t.run.enter(Leading, t.holding.held.Token, nil)
	t.tell(true)
}

// leading renews the lease, and asks for this node's health at renewals, once in a renew interval, until the work returns or is to return.
func (t *term) leading() phase {
	for {
		now := t.run.mono()
		began, lost := t.holding.keep(now)
		if began && now-t.run.leader.asked >= t.opts.renewEvery*15/16 { // a value, a hint or a failure may make it renew sooner
			t.run.probe()
		}
		if lost != nil {
			return t.stop(lostLease, lost)
		}
		if sick := t.run.hangs(now); sick != nil {
			return t.stop(unhealthy, sick)
		}
		left := t.holding.term.Remaining() - t.opts.stopMargin
		if t.opts.stopMargin > 0 && left <= 0 {
			return t.stop(marginReached, &lease.LostError{Name: t.holding.held.Name, Token: t.holding.held.Token, Reason: lease.LostExpired, Err: t.holding.failure})
		}
		due := min(t.holding.due(now), t.run.hangsAt())
		if t.opts.stopMargin > 0 {
			due = min(due, now+left)
		}
		t.alarm.Set(due - now)
		select {
		case res := <-t.work.results:
			return t.returned(res)
		case a := <-t.holding.pending.arrives():
			t.holding.renewed(a)
		case c := <-t.holding.values.changes:
			t.holding.change(c)
		case <-t.holding.hints():
			t.holding.hinted()
		case a := <-t.run.leader.probing.arrives():
			if sick := t.run.probed(a.err); sick != nil {
				return t.stop(unhealthy, sick)
			}
		case <-t.resigned:
			return t.stop(steppedDown, ErrStepDown)
		case <-t.workCtx.Done():
			return t.stop(t.reasonOf(context.Cause(t.workCtx)), context.Cause(t.workCtx))
		case <-t.alarm.C:
		}
	}
}

// stopping renews the lease until the work, which was told to stop, has returned (Run 4).
func (t *term) stopping() phase {
	for {
		now := t.run.mono()
		if t.overruns(now) {
			return t.leaveBehind
		}
		if _, lost := t.holding.keep(now); lost != nil {
			t.run.emit(StateEvent{Origin: t.run.origin(), From: Stopping, To: Stopping, Token: t.holding.held.Token, Cause: lost})
			return t.over
		}
		if res := t.awaitWork(now, t.holding.term.Done(), t.holding.values.changes); res != nil {
			return t.returned(res)
		}
	}
}

// over waits for the work to return after the term has ended (Run 5).
func (t *term) over() phase {
	t.tell(false)
	t.holding.lapsed()
	for {
		now := t.run.mono()
		if t.overruns(now) {
			return t.leaveBehind
		}
		t.holding.keep(now)
		if res := t.awaitWork(now, nil, nil); res != nil {
			return t.returned(res)
		}
	}
}

// awaitWork waits until a work that was told to stop has returned, or something else happens or is due; then it returns nil. The
// channels are those of a term that lasts.
func (t *term) awaitWork(now time.Duration, ends <-chan struct{}, changes <-chan change) *result {
	t.alarm.Set(min(t.holding.due(now), t.overrunsAt()) - now)
	select {
	case res := <-t.work.results:
		return res
	case a := <-t.holding.pending.arrives():
		t.holding.renewed(a)
	case c := <-changes:
		t.holding.change(c)
	case a := <-t.run.leader.probing.arrives():
		t.run.probed(a.err)
	case <-ends:
	case <-t.alarm.C:
	}
	return nil
}

// overruns tells observers that the work has not returned for another lease length, and reports whether it is given up (Run 5).
func (t *term) overruns(now time.Duration) bool {
	after := now - t.stopped.at
	if t.opts.stopTimeout > 0 && after >= t.opts.stopTimeout {
		return true
	}
	if now >= t.overrunAt {
		t.run.emit(OverrunEvent{Origin: t.run.origin(), Token: t.holding.held.Token, After: after})
		t.overrunAt += t.opts.length
	}
	return false
}

// overrunsAt returns when overruns has something to do.
func (t *term) overrunsAt() time.Duration {
	if t.opts.stopTimeout > 0 {
		return min(t.overrunAt, t.stopped.at+t.opts.stopTimeout)
	}
	return t.overrunAt
}

// returned ends the term of a work that has returned, gives the lease back, and decides what comes next.
func (t *term) returned(res *result) phase {
	why := t.whyReturned(res)
	t.out = t.judge(res, why)
	if t.out.final {
		t.run.left() // the flush is a part of the end
	}
	t.run.enter(Stopping, t.holding.held.Token, why.cause)
	t.flush()
	left := why.why == byItself && t.run.kind == oneTry && !t.out.panicked && t.run.mono()-t.began < t.opts.holdAtLeast && t.hold()
	if left {
		t.holding.storeLast()
	}
	t.holding.keeper.End(nil) // R8: before the release
	t.tell(false)
	if left {
		t.holding.lapsed()
		t.run.leader.leadsNoMore(errHeldAtLeast)
		return nil
	}
	t.out.rest = t.giveBack(why.why)
	return nil
}

// errHeldAtLeast is why a lease is not given back that runs out as the user wants it to.
var errHeldAtLeast = errors.New("WithHoldAtLeast asks for that")

// keepUntil keeps the lease of a work that has returned: until the time, or the term's end, or until a channel is closed. It reports
// whether done is.
func (t *term) keepUntil(until time.Duration, done, ends <-chan struct{}) bool {
	for now := t.run.mono(); now < until; now = t.run.mono() {
		if _, lost := t.holding.keep(now); lost != nil {
			break
		}
		t.alarm.Set(min(t.holding.due(now), until) - now)
		select {
		case <-done:
			return true
		case <-ends:
			return false
		case a := <-t.holding.pending.arrives():
			t.holding.renewed(a)
		case c := <-t.holding.values.changes:
			t.holding.change(c)
		case <-t.holding.term.Done():
		case <-t.alarm.C:
		}
	}
	return false
}

// leaveBehind gives up a work that does not return. Its lease is not released but runs out, as the work may still have effects.
func (t *term) leaveBehind() phase {
	t.tell(false)
	ended := make(chan struct{})
	t.run.leader.abandoned = ended
	go func() {
		defer close(ended)
		select {
		case <-t.work.done:
		case <-t.holding.term.Done():
		}
		t.holding.keeper.End(nil) // also if the lease has not run out by then (R8)
		t.holding.lapsed()
		<-t.work.done
	}()
	// The cause is not wrapped: else errors.Is would find ctx's end in it, and callers would take this for an orderly end.
	err := error(&stopTimeoutError{after: t.opts.stopTimeout, cause: t.stopped.cause, returned: ended})
	t.run.leader.leadsNoMore(err)
	if beat := t.run.heartbeatOf(t.stopped.cause); beat != nil {
		err = joined(err, beat.err)
	}
	t.out = outcome{final: true, err: err, rest: t.restAfter(t.stopped.why, false)}
	return nil
}

// decline gives back a lease that this node acquired and does not lead by.
func (t *term) decline(why reason, cause error) outcome {
	t.holding.keeper.End(nil)
	t.run.enter(Stopping, t.holding.held.Token, cause)
	rest := t.giveBack(why)
	if why == ctxEnded {
		return outcome{final: true, err: t.run.ended(nil)}
	}
	return outcome{final: t.run.once() && (t.run.kind == oneTry || why != lostLease), err: cause, rest: rest}
}

// giveBack releases the lease, lets StepDown return, and returns how long this node is to sit out.
func (t *term) giveBack(why reason) rest {
	err := t.holding.release()
	t.run.leader.leadsNoMore(err)
	return t.restAfter(why, err == nil)
}

// tell passes a change of leadership to WhenElected's function.
func (t *term) tell(isLeader bool) {
	if t.told == isLeader {
		return
	}
	t.told = isLeader
	if t.opts.elected != nil {
		t.run.leader.electees.Post(isLeader, false)
	}
}

// logFailure logs the error of a work that failed after its lease was lost, or was about to be: nobody else hears of it.
func (t *term) logFailure(why reason, failed error) {
	message := "the work failed after the lease was lost"
	if why == marginReached {
		message = "the work failed after it was told to stop, as the lease was about to run out"
	}
	if failed != nil {
		t.run.remark(slog.LevelWarn, message, slog.Uint64("token", t.holding.held.Token), slog.Any("err", failed))
	}
}
