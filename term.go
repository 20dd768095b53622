package leader

import (
	"context"
	"log/slog"
	"math"
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// A term is the time in which this node leads: from the acquisition to the release. Only the goroutine of Run uses it.
type term struct {
	*run
	held   lease.Lease
	term   lease.Term
	keeper *lease.Keeper

	began    time.Duration
	workCtx  context.Context // the work's; its cause says why the work is to return
	resigned <-chan struct{} // closed when StepDown is called; nil once the term knows

	asked    time.Duration // when the lease was asked for, by the monotonic clock
	wrote    time.Duration // when the latest write was sent
	renewal  *request      // in flight; nil if none is
	renewAt  time.Duration // when the next one is due, by the monotonic clock
	renewIn  time.Duration // the time from since to renewAt
	since    lease.Instant // when that was scheduled: a renewal is due by R3's count as well
	failures int           // of renewals in a row
	failure  error         // of the latest renewal

	gone      bool // the record certainly shows another acquisition, or none
	broken    bool // the lease was broken
	stopped   stop // why the work is to return
	overrunAt time.Duration
	told      bool // WhenElected was told that this node leads
}

// newTerm returns the term of a lease that was acquired; sent is the time just before it was asked for (R2).
func (r *run) newTerm(held lease.Lease, sent lease.Instant) *term {
	ctx, keeper := lease.StartTerm(r.ctx, held, sent)
	t := &term{run: r, held: held, keeper: keeper, workCtx: ctx, began: r.mono()}
	t.term, _ = lease.TermFrom(ctx)
	t.asked = t.began - sent.Elapsed()
	t.wrote = t.began
	t.schedule(t.nextRenewal(t.asked))
	return t
}

// lead runs the work until it returns, and then gives the lease back.
func (t *term) lead() outcome {
	t.resigned = t.leader.leads(t)
	select {
	case <-t.resigned:
		return t.decline(steppedDown, ErrStepDown)
	default:
	}
	switch lost := t.term.Check(); {
	case t.run.ctx.Err() != nil:
		return t.decline(ctxEnded, context.Cause(t.run.ctx))
	case lost != nil: // R8: too late to begin
		return t.decline(lostLease, lost)
	}
	t.announce()
	work := t.startWork(t.workCtx, t.term)
	return t.finish(t.watch(work.results), work.done)
}

// announce tells Status, the log, observers and WhenElected that this node leads.
func (t *term) announce() {
	t.found(info(t.held, lease.Held))
	t.leader.board.change(func(s *Status) { s.Term = t.term })
	t.enter(Leading, t.held.Token, nil)
	t.tellLeading(true)
}

// info describes the lease as its holder knows it.
func info(l lease.Lease, state lease.State) lease.Info {
	return lease.Info{
		Name: l.Name, State: state, Holder: l.Holder, ID: l.ID, Token: l.Token, Length: l.Length,
		Attributes: l.Attributes, Version: l.Version, Acquired: l.Acquired, RenewEvery: l.RenewEvery,
	}
}

// watch renews the lease until the work has returned, and returns its result; nil if the work was given up.
func (t *term) watch(work <-chan *result) *result {
	alarm := host.NewAlarm(t.host)
	defer alarm.Stop()
	for {
		now := t.mono()
		if t.stopped.why != none && t.stopTimeout > 0 && now-t.stopped.at >= t.stopTimeout {
			return nil
		}
		t.act(now)
		alarm.Set(t.due(now) - now)
		select {
		case res := <-work:
			return res
		case a := <-t.renewal.arrives():
			t.renewed(t.answered(t.renewal, a))
		case a := <-t.leader.probing.arrives():
			t.sick(t.probed(a))
		case <-t.resigned:
			t.resigned = nil
			t.stop(steppedDown, ErrStepDown)
		case <-t.ends():
			t.stopAs(context.Cause(t.workCtx))
		case <-alarm.C:
		}
	}
}

// ends returns a channel that is closed when the work is to return: the term is over, or ctx has ended. While the work is
// stopping, it returns a channel that is closed when the term is over.
func (t *term) ends() <-chan struct{} {
	switch {
	case t.stopped.why == none:
		return t.workCtx.Done()
	case t.told:
		return t.term.Done()
	}
	return nil
}

// act does everything that is due now: it renews, asks for this node's health, and notices deadlines.
func (t *term) act(now time.Duration) {
	if q := t.renewal; q != nil {
		q.sent = q.sent.Sample()
		if now >= q.overdue || late(q.sent, q.overdue-q.began) { // R4: the next one begins, whatever has become of this one
			t.renewed(t.answered(q, answer{err: errOverdue}))
		}
	}
	t.since = t.since.Sample()
	leading := t.stopped.why == none
	if lost := t.term.Check(); lost != nil {
		t.lose(lost)
	} else if t.renewal == nil && (now >= t.renewAt || late(t.since, t.renewIn)) {
		t.renew(now)
		if leading {
			t.probe()
		}
	}
	if q := t.leader.probing; q != nil && leading && now >= q.overdue {
		q.overdue += t.renewEvery // it still hangs: that counts as a failure in each interval
		t.sick(t.unwell(errOverdue))
	}
	if t.stopMargin > 0 && t.term.Remaining() <= t.stopMargin {
		t.stop(marginReached, &lease.LostError{Name: t.lease, Token: t.held.Token, Reason: lease.LostExpired, Err: t.failure})
	}
	if t.stopped.why != none && now >= t.overrunAt {
		t.emit(OverrunEvent{Origin: t.origin(), Token: t.held.Token, After: now - t.stopped.at})
		t.overrunAt += t.length
	}
}

// lose notes that the term is over. If the work was stopping already, a second StateEvent tells of the loss.
func (t *term) lose(lost error) {
	first := t.told
	t.tellLeading(false)
	if first && t.stopped.why != none && t.stopped.why != lostLease {
		t.emit(StateEvent{Origin: t.origin(), From: Stopping, To: Stopping, Token: t.held.Token, Cause: lost})
	}
	t.stop(lostLease, lost)
}

// sick stops the work if the node is unhealthy.
func (t *term) sick(health error) {
	if health != nil {
		t.stop(unhealthy, health)
	}
}

// due returns when act has something to do next. While the term lasts, that is within a second, as R3 counts so often.
func (t *term) due(now time.Duration) time.Duration {
	due := time.Duration(math.MaxInt64)
	alive := t.term.Check() == nil
	switch {
	case t.renewal != nil:
		due = min(now+sampleEvery, t.renewal.overdue)
	case alive:
		due = min(now+sampleEvery, t.renewAt)
	}
	if t.stopped.why != none {
		due = min(due, t.overrunAt)
		if t.stopTimeout > 0 && t.stopped.why != byItself { // else the work has returned, and the lease is held on
			due = min(due, t.stopped.at+t.stopTimeout)
		}
		return due
	}
	if q := t.leader.probing; q != nil {
		due = min(due, q.overdue)
	}
	if t.stopMargin > 0 && alive {
		due = min(due, now+t.term.Remaining()-t.stopMargin)
	}
	return due
}

// finish ends the term, gives the lease back, and returns what comes next.
func (t *term) finish(res *result, done <-chan struct{}) outcome {
	if res == nil {
		return t.giveUp(done)
	}
	why := t.whyReturned(res)
	out := t.judge(res, why)
	keep := why.why == byItself && t.once && !res.panicked && t.mono()-t.began < t.holdAtLeast && t.hold()
	t.keeper.End(nil) // R8: before the release
	t.tellLeading(false)
	t.enter(Stopping, t.held.Token, why.cause)
	if keep {
		t.leader.leadsNoMore(nil)
		return out
	}
	if out.final {
		t.left()
	}
	out.rest = t.giveBack(why.why)
	return out
}

// decline gives back a lease that this node acquired and does not lead by.
func (t *term) decline(why reason, cause error) outcome {
	t.keeper.End(nil)
	t.enter(Stopping, t.held.Token, cause)
	rest := t.giveBack(why)
	if why == ctxEnded {
		return outcome{final: true, err: t.ended(nil)}
	}
	return outcome{final: t.once, err: cause, rest: rest}
}

// giveUp leaves a work that does not return. Its lease is not released but runs out, as the work may still have effects.
func (t *term) giveUp(done <-chan struct{}) outcome {
	t.tellLeading(false)
	t.leader.abandoned = done
	// The cause is not wrapped: whoever asks for ctx's end must not find it, and take this for an orderly one.
	err := &stopTimeoutError{after: t.stopTimeout, cause: t.stopped.cause}
	t.leader.leadsNoMore(err)
	if beat := t.heartbeatOf(t.stopped.cause); beat != nil {
		return outcome{final: true, err: joined(err, beat.err)}
	}
	return outcome{final: true, err: err}
}

func (t *term) tellLeading(isLeader bool) {
	if t.told != isLeader {
		t.told = isLeader
		t.tell(isLeader)
	}
}

// hold keeps the lease of a job that ended sooner than WithHoldAtLeast says. It reports whether the lease is left to run
// out: because the store tells how old a record is, so that nobody takes it sooner; or because ctx has ended. On other
// stores it renews the lease until the time has passed, and the caller releases it.
func (t *term) hold() bool {
	if seen, err := t.inspect(); err == nil && seen.Timed {
		return true
	}
	t.stopped, t.overrunAt = stop{why: byItself, at: t.mono()}, math.MaxInt64
	t.enter(Stopping, t.held.Token, nil)
	until := t.began + t.holdAtLeast
	alarm := host.NewAlarm(t.host)
	defer alarm.Stop()
	for now := t.mono(); now < until && t.term.Check() == nil; now = t.mono() {
		t.act(now)
		alarm.Set(min(t.due(now), until) - now)
		select {
		case a := <-t.renewal.arrives():
			t.renewed(t.answered(t.renewal, a))
		case <-t.run.ctx.Done():
			return true
		case <-alarm.C:
		}
	}
	return t.term.Check() != nil
}

// logFailure logs the error that a work returned after its lease was lost: nobody else hears of it.
func (t *term) logFailure(failed error) {
	if failed != nil {
		t.remark(slog.LevelWarn, "the work failed after the lease was lost", slog.Uint64("token", t.held.Token), slog.Any("err", failed))
	}
}
