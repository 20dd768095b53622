package leader

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// A kind of run says how long it campaigns, and when it ends.
type kind int

const (
	untilDone kind = iota // Run: until its work is done
	oneTry                // RunOnce: one try for the lease, and one term
	oneTerm               // Acquire: as long as WithPatience says, and one term
)

// A run is one call of Run, RunOnce or Acquire: campaign, lead, sit out, and again.
type run struct {
	leader *Leader
	opts   *options
	kind   kind
	work   func(ctx context.Context) error
	host   host.Host
	log    *slog.Logger

	ctx    context.Context         // ends with the caller's, and when the heartbeat fails
	cancel context.CancelCauseFunc // ends ctx
	life   context.Context         // ends when Run returns; requests that are sent after ctx has ended use it
	die    context.CancelFunc      // ends life

	requests sync.WaitGroup // goroutines that wait for an answer
	tried    bool           // the manager has been asked for the lease
	giveUpAt time.Duration  // when this run campaigns no longer, by the monotonic clock
	budget   lookBudget     // what a standby may spend on looking in time
	sources  []*source      // of hints that the lease may be free
	woken    time.Duration  // when the latest look began that a hint has caused, by the monotonic clock

	stuckBeat <-chan struct{} // closed when the heartbeat of an earlier run has returned; nil: there is none

	probeTook time.Duration // how long the latest health check took
	endBy     time.Duration // when the end of Run is to be over, by the monotonic clock; 0: it has not begun
}

func newRun(ctx context.Context, l *Leader, kind kind, work func(ctx context.Context) error) *run {
	r := &run{leader: l, opts: &l.options, kind: kind, work: work, host: host.From(ctx), giveUpAt: never, woken: -forever}
	if kind != oneTry { // which waits for nobody
		r.sources = newSources(r.opts)
	}
	if patience := r.opts.patience; kind == oneTerm && patience > 0 {
		r.giveUpAt = r.mono() + patience
	}
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	r.life, r.die = context.WithCancel(context.WithoutCancel(ctx))
	if r.log = r.opts.logger; r.log == nil {
		r.log = slog.Default()
	}
	r.log = r.log.With("lease", r.opts.lease, "node", r.opts.node)
	return r
}

func (r *run) run() (err error) {
	r.leader.board.change(func(*Status) { r.leader.board.host = r.host })
	if !r.opts.has("WithLeaseManager") {
		r.remark(slog.LevelWarn, "no lease manager is set: the lease is in this process's own memory, where nobody else asks for it; not for production",
			toDo("name the store with WithLeaseManager"))
	}
	r.remark(slog.LevelInfo, "this node takes part in the election", slog.String("store", r.leader.Status().Store),
		lasting("length", r.opts.length), lasting("renew_every", r.opts.renewEvery), lasting("acquire_every", r.opts.acquireEvery))
	if r.leader.paused() {
		r.remark(slog.LevelInfo, isPaused) // by a call before this run
	}
	r.enter(Standby, 0, nil)
	r.startHeartbeat()
	if left := r.rests(); left > 0 {
		r.remark(slog.LevelInfo, "this node has given the lease up, and leaves it to the others for a while", lasting("for", left))
	}
	var out outcome
	defer func() {
		cause := err
		if out.panicked {
			cause = fmt.Errorf("leader: the work panicked: %v", out.value)
		}
		r.end(cause)
	}()
	for {
		t, err := r.campaign()
		if err == errEnded {
			return r.ended(nil)
		}
		if err != nil {
			return err
		}
		out = t.lead()
		r.leader.rest = out.rest
		switch {
		case out.panicked:
			panic(out.value)
		case out.final:
			return out.err
		}
		if r.ctx.Err() == nil {
			r.enter(Standby, 0, out.err)
		}
	}
}

// once reports whether the run ends with its first term.
func (r *run) once() bool { return r.kind != untilDone }

// ended returns the result of a run whose context has ended, and whose work, if there was one, returned err.
func (r *run) ended(err error) error {
	cause := context.Cause(r.ctx)
	if beat := r.heartbeatOf(cause); beat != nil {
		return joined(beat.err, err)
	}
	if r.once() {
		return joined(cause, err)
	}
	return err
}

// left returns how long the end of Run may still take. The first call begins the end.
func (r *run) left() time.Duration {
	if r.endBy == 0 {
		r.endBy = max(r.mono()+r.opts.endTimeout, 1)
	}
	return max(r.endBy-r.mono(), 0)
}

// end waits for every goroutine of this run, and until each observer has been told, for as long as the end of Run may take. It
// leaves a goroutine that is stuck in the user's code behind, with a warning: an eighth of that time is for those who are to hear of it,
// and half of that for the logger. The next run finds in the Leader what it must not overlap.
func (r *run) end(cause error) {
	r.left()
	r.enter(Stopping, 0, context.Cause(r.ctx))
	r.cancel(nil)
	r.die()
	answered := make(chan struct{})
	go func() {
		r.requests.Wait()
		close(answered)
	}()
	toTell, toLog := r.opts.endTimeout/8, r.opts.endTimeout/16
	r.awaitPart("a request to the lease manager, the health check, or WithWake", answered, toTell)
	if r.stuckBeat != nil && !within(r.host, 0, r.stuckBeat) {
		r.leader.beating = r.stuckBeat // this run's has not begun
	}
	r.awaitPart("the heartbeat", r.leader.beating, toTell)
	r.emit(StateEvent{Origin: r.origin(), From: Stopping, To: Idle, Cause: cause})
	r.awaitPart("WhenElected", r.leader.electees.Emptied(), toLog)
	for _, m := range r.leader.watchers {
		r.awaitPart("an observer", m.Emptied(), toLog)
	}
	r.awaitPart("the logger", r.leader.logbook.Emptied(), 0)
	r.leader.board.enter(Idle, r.host.Now())
}

// awaitPart waits for a part of the end, and leaves the parts that follow their time. A nil channel means that there is nothing to wait for.
func (r *run) awaitPart(name string, done <-chan struct{}, forOthers time.Duration) {
	if done != nil && !within(r.host, max(r.left()-forOthers, 0), done) {
		r.remark(slog.LevelWarn, "Run ends and leaves this behind: it does not return", slog.String("part", name),
			toDo("make it return sooner, or give it more time with WithEndTimeout"))
	}
}

// within reports whether done is closed within the patience.
func within(h host.Host, patience time.Duration, done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
	}
	alarm := host.NewAlarm(h)
	alarm.Set(patience)
	defer alarm.Stop()
	select {
	case <-done:
		return true
	case <-alarm.C:
		return false
	}
}

// emit passes an event to the log and to each observer.
func (r *run) emit(e Event) {
	change, state := e.(StateEvent)
	if state {
		change.Cause = sound(change.Cause) // it may be that of the caller's ctx
		e = change
	}
	line := entry{log: r.log, event: e, lost: state && same(change.Cause, r.leader.Status().Term.Check()), paused: r.leader.paused()}
	if q, ok := e.(RequestEvent); ok && !isClear(q.Err) {
		line.left = r.leader.Status().Term.Remaining()
		line.calledOff = r.ctx.Err() != nil && (errors.Is(q.Err, context.Canceled) || errors.Is(q.Err, context.Cause(r.ctx)))
	}
	r.leader.logbook.Post(line, !state)
	for _, m := range r.leader.watchers {
		if h, ok := e.(HolderEvent); ok { // each observer gets a copy
			h.Seen = copied(h.Seen)
			e = h
		}
		m.Post(e, !state)
	}
}

func (r *run) origin() Origin {
	return Origin{Lease: r.opts.lease, Node: r.opts.node, At: r.host.Now()}
}

// enter changes the state.
func (r *run) enter(to State, token uint64, cause error) {
	e := StateEvent{Origin: r.origin(), To: to, Token: token, Cause: cause}
	if e.From = r.leader.board.enter(to, e.At); e.From != to {
		r.emit(e)
	}
}

// found notes who holds the lease.
func (r *run) found(holder lease.Info) {
	if holder, changed := r.leader.board.found(holder); changed {
		r.emit(HolderEvent{Origin: r.origin(), Seen: holder})
	}
}

// pause waits for d, or until the run's ctx ends. It reports whether the run goes on.
func (r *run) pause(d time.Duration) bool { return r.pauseIn(r.ctx, d) }

// pauseIn waits for d, or until ctx ends. It reports whether ctx goes on.
func (r *run) pauseIn(ctx context.Context, d time.Duration) bool {
	if ctx.Err() != nil {
		return false
	}
	alarm := host.NewAlarm(r.host)
	alarm.Set(d)
	defer alarm.Stop()
	select {
	case <-alarm.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// mono returns the time by the monotonic clock. All waiting goes by it.
func (r *run) mono() time.Duration { return r.host.Read().Mono }
