package leader

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// run is one call of Run or RunOnce: campaign, lead, step down, and again.
type run struct {
	*options
	leader *Leader
	once   bool
	host   host.Host
	log    *slog.Logger

	ctx context.Context // the caller's; a heartbeat's error ends it as well

	logbook  mailbox[Event]
	watchers mailbox[Event]
	electees mailbox[bool]

	requests sync.WaitGroup // goroutines that wait for an answer
	waiting  atomic.Int32   // requests to the manager in flight
	probing  *request       // to the health check; nil while it is not being asked
	tried    bool           // the manager has been asked for the lease
	looks    looks          // that a standby may spend on being in time
}

// maxWaiting bounds the requests in flight. There is more than one only if the manager does not return when a request's
// context ends.
const maxWaiting = 4

func newRun(ctx context.Context, l *Leader, once bool) *run {
	r := &run{options: &l.options, leader: l, once: once, host: host.From(ctx), ctx: ctx}
	if r.log = r.logger; r.log == nil {
		r.log = slog.Default()
	}
	r.log = r.log.With("lease", r.lease, "node", r.node)
	r.logbook.deliver = func(e Event) { logEvent(r.log, e) }
	r.watchers.deliver = func(e Event) {
		for _, observe := range r.observers {
			observe(e)
		}
	}
	r.electees.deliver = func(isLeader bool) { r.elected(isLeader) }
	return r
}

func (r *run) run() (err error) {
	if !r.has("WithLeaseManager") {
		r.remark(slog.LevelWarn, "no lease manager is set: the lease is in this process's own memory, where nobody else asks for it; not for production")
	}
	r.enter(Standby, 0, nil)
	beats := r.startHeartbeat()
	defer func() {
		r.enter(Idle, 0, err)
		beats.stop()
		r.settle(beats)
	}()
	for {
		t, err := r.campaign()
		if err == errEnded {
			return r.ended(nil)
		}
		if err != nil {
			return err
		}
		out := t.lead()
		switch {
		case out.panicked:
			panic(out.value)
		case out.final:
			return out.err
		}
		r.enter(Standby, 0, out.err)
		if errors.Is(out.err, ErrStepDown) {
			r.pause(r.length)
		}
	}
}

// ended is what the run returns once its context has ended and the work, if there was one, returned err.
func (r *run) ended(err error) error {
	cause := context.Cause(r.ctx)
	if excused(err, r.ctx.Err(), cause) {
		err = nil
	}
	if beat, ok := errors.AsType[*heartbeatError](cause); ok {
		return joined(beat.err, err)
	}
	if r.once {
		return joined(cause, err)
	}
	return err
}

// settle waits for every goroutine that this run started. One that is stuck in somebody else's code is left behind
// after a lease length, with a warning.
func (r *run) settle(beats *heartbeat) {
	patience := r.length
	answered := make(chan struct{})
	go func() {
		r.requests.Wait()
		close(answered)
	}()
	for _, part := range []struct {
		name string
		wait func() bool
	}{
		{"a request to the lease manager", func() bool { return within(r.host, patience, answered) }},
		{"the heartbeat", func() bool { return beats.wait(r.host, patience) }},
		{"WhenElected", func() bool { return r.electees.wait(r.host, patience) }},
		{"an observer", func() bool { return r.watchers.wait(r.host, patience) }},
		{"the logger", func() bool { return r.logbook.wait(r.host, patience) }},
	} {
		if !part.wait() {
			r.remark(slog.LevelWarn, "left behind: it does not return", slog.String("part", part.name))
		}
	}
}

// emit tells of an event whoever wants to know.
func (r *run) emit(e Event) {
	_, state := e.(StateEvent)
	r.logbook.post(e, !state)
	if len(r.observers) > 0 {
		r.watchers.post(e, !state)
	}
}

func (r *run) origin() Origin { return Origin{Lease: r.lease, Node: r.node, At: r.host.Now()} }

// enter changes the state.
func (r *run) enter(to State, token uint64, cause error) {
	e := StateEvent{Origin: r.origin(), To: to, Token: token, Cause: cause}
	r.leader.board.change(func(s *Status) {
		e.From = s.State
		s.State, s.Since = to, e.At
	})
	if e.From != e.To {
		r.emit(e)
	}
}

// tell passes on who leads, to whoever asked for that.
func (r *run) tell(isLeader bool) {
	if r.elected != nil {
		r.electees.post(isLeader, false)
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
