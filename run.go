package leader

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// run is one call of Run or RunOnce: campaign, lead, sit out, and again.
type run struct {
	*options
	leader *Leader
	once   bool
	host   host.Host
	log    *slog.Logger

	ctx  context.Context // the caller's; a heartbeat's error ends it as well
	life context.Context // ends when Run returns: what is asked after ctx has ended belongs to it
	die  context.CancelFunc

	requests sync.WaitGroup // goroutines that wait for an answer
	waiting  atomic.Int32   // requests to the manager in flight
	tried    bool           // the manager has been asked for the lease
	looks    looks          // that a standby may spend on being in time
	failures int            // of the health check, in a row

	probeTook time.Duration // how long the latest answer of the health check was waited for
	endBy     time.Duration // when the end of Run is to be over, by the monotonic clock; 0: it has not begun
}

// maxWaiting bounds the requests in flight. There is more than one only if the manager does not return when a request's
// context ends.
const maxWaiting = 4

func newRun(ctx context.Context, l *Leader, once bool) *run {
	r := &run{options: &l.options, leader: l, once: once, host: host.From(ctx), ctx: ctx}
	r.life, r.die = context.WithCancel(context.WithoutCancel(ctx))
	if r.log = r.logger; r.log == nil {
		r.log = slog.Default()
	}
	r.log = r.log.With("lease", r.lease, "node", r.node)
	return r
}

func (r *run) run() (err error) {
	r.leader.board.change(func(*Status) { r.leader.board.host = r.host })
	if !r.has("WithLeaseManager") {
		r.remark(slog.LevelWarn, "no lease manager is set: the lease is in this process's own memory, where nobody else asks for it; not for production")
	}
	r.enter(Standby, 0, nil)
	beats := r.startHeartbeat()
	var out outcome
	defer func() {
		cause := err
		if out.panicked {
			cause = fmt.Errorf("leader: the work panicked: %v", out.value)
		}
		r.end(beats, cause)
	}()
	for wait := time.Duration(0); ; {
		t, err := r.campaign(wait)
		if err == errEnded {
			return r.ended(nil)
		}
		if err != nil {
			return err
		}
		out = t.lead()
		switch {
		case out.panicked:
			panic(out.value)
		case out.final:
			return out.err
		}
		if r.ctx.Err() == nil {
			r.enter(Standby, 0, out.err)
			wait = r.sitOut(out.rest)
		}
	}
}

// ended is what the run returns once its context has ended and the work, if there was one, returned err.
func (r *run) ended(err error) error {
	cause := context.Cause(r.ctx)
	if beat := r.heartbeatOf(cause); beat != nil {
		return joined(beat.err, err)
	}
	if r.once {
		return joined(cause, err)
	}
	return err
}

// left is how long the end of Run may still take. It begins when this is asked for the first time.
func (r *run) left() time.Duration {
	if r.endBy == 0 {
		r.endBy = max(r.mono()+r.endTimeout, 1)
	}
	return max(r.endBy-r.mono(), 0)
}

// end waits for every goroutine that this run started, and until everybody is told, for as long as the end of Run may take.
// One that is stuck in somebody else's code is left behind, with a warning. What the next run must not overlap, it finds in
// the Leader.
func (r *run) end(beats *heartbeat, cause error) {
	r.left()
	r.enter(Stopping, 0, context.Cause(r.ctx))
	beats.stop()
	r.die()
	answered := make(chan struct{})
	go func() {
		r.requests.Wait()
		close(answered)
	}()
	r.awaitPart("a request to the lease manager, or the health check", answered)
	r.awaitPart("the heartbeat", r.leader.beating)
	r.emit(StateEvent{Origin: r.origin(), From: Stopping, To: Idle, Cause: cause})
	r.awaitPart("WhenElected", r.leader.electees.emptied())
	for _, m := range r.leader.watchers {
		r.awaitPart("an observer", m.emptied())
	}
	r.awaitPart("the logger", r.leader.logbook.emptied())
	r.leader.board.enter(Idle, r.host.Now())
}

// awaitPart waits for a part of the end; nil: there is nothing to wait for.
func (r *run) awaitPart(name string, done <-chan struct{}) {
	if done != nil && !within(r.host, r.left(), done) {
		r.remark(slog.LevelWarn, "left behind: it does not return", slog.String("part", name))
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

// emit tells of an event whoever wants to know.
func (r *run) emit(e Event) {
	_, state := e.(StateEvent)
	r.leader.logbook.post(entry{r.log, e}, !state)
	for _, m := range r.leader.watchers {
		if h, ok := e.(HolderEvent); ok { // each has its own map
			h.Holder.Attributes = maps.Clone(h.Holder.Attributes)
			e = h
		}
		m.post(e, !state)
	}
}

func (r *run) origin() Origin { return Origin{Lease: r.lease, Node: r.node, At: r.host.Now()} }

// enter changes the state.
func (r *run) enter(to State, token uint64, cause error) {
	e := StateEvent{Origin: r.origin(), To: to, Token: token, Cause: cause}
	if e.From = r.leader.board.enter(to, e.At); e.From != to {
		r.emit(e)
	}
}

// tell passes on who leads, to whoever asked for that.
func (r *run) tell(isLeader bool) {
	if r.elected != nil {
		r.leader.electees.post(isLeader, false)
	}
}

// found notes who holds the lease.
func (r *run) found(holder lease.Info) {
	changed := false
	r.leader.board.change(func(s *Status) {
		changed = s.Holder.ID != holder.ID || s.Holder.State != holder.State
		s.Holder = holder
	})
	if changed {
		r.emit(HolderEvent{Origin: r.origin(), Holder: holder})
	}
}

// pause waits, or less if the run is to end. It reports whether the run goes on.
func (r *run) pause(d time.Duration) bool {
	if r.ctx.Err() != nil {
		return false
	}
	alarm := host.NewAlarm(r.host)
	alarm.Set(d)
	defer alarm.Stop()
	select {
	case <-alarm.C:
		return true
	case <-r.ctx.Done():
		return false
	}
}

// mono is the time by the monotonic clock, which all waiting goes by.
func (r *run) mono() time.Duration { return r.host.Read().Mono }

// isClear tells of an error by which the manager has given a clear answer, though not the one that was hoped for.
func isClear(err error) bool {
	return err == nil || errors.Is(err, lease.ErrHeld) || errors.Is(err, lease.ErrLost)
}
