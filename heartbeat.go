package leader

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/cloudlease/leader/internal/host"
)

// heartbeatError is the cause of a run's context whose heartbeat has failed.
type heartbeatError struct {
	run *run // the heartbeat's run: a leader within another's work inherits its context
	err error
}

func (e *heartbeatError) Error() string { return fmt.Sprintf("heartbeat: %v", e.err) }
func (e *heartbeatError) Unwrap() error { return e.err }

// heartbeatOf returns the failure of this run's own heartbeat if that is the cause; else nil.
func (r *run) heartbeatOf(cause error) *heartbeatError {
	if beat, ok := cause.(*heartbeatError); ok && beat.run == r {
		return beat
	}
	return nil
}

// startHeartbeat begins to call the callback, once a call from an earlier run has returned. Calls go on while a cancelled work
// stops, so that a listener knows that this node still leads.
func (r *run) startHeartbeat() {
	if r.opts.heartbeat == nil {
		return
	}
	before, done := r.leader.beating, make(chan struct{})
	r.leader.beating, r.stuckBeat = done, before
	go func() {
		defer close(done)
		if before != nil {
			select {
			case <-before:
			case <-r.life.Done(): // then beat calls nothing
			}
		}
		failed := errGoexit
		defer func() { // also if the callback has called runtime.Goexit
			if failed != nil {
				r.cancel(&heartbeatError{r, failed})
			}
		}()
		failed = r.beat(r.life)
	}()
}

// beat calls the callback until it fails, or ctx ends.
func (r *run) beat(ctx context.Context) error {
	alarm := host.NewAlarm(r.host)
	defer alarm.Stop()
	next := r.mono()
	for {
		late := max(r.mono()-next, 0) // a call that took longer than an interval
		next += (late/r.opts.heartbeatEvery + 1) * r.opts.heartbeatEvery
		for wait := next - r.mono(); wait > 0 && ctx.Err() == nil; wait = next - r.mono() {
			alarm.Set(wait)
			select {
			case <-alarm.C:
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		if err := sound(r.opts.heartbeat(ctx, r.leader.Status().Term.Check() == nil)); err != nil && ctx.Err() == nil {
			r.remark(slog.LevelWarn, "the heartbeat failed: the run ends", slog.Any("err", err))
			return err
		}
	}
}

var errGoexit = errors.New("leader: a function of the user's called runtime.Goexit")
