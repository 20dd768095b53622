package leader

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/cloudlease/leader/internal/host"
)

// heartbeat is the goroutine of the periodic callback, if there is one.
type heartbeat struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// heartbeatError ends a run.
type heartbeatError struct{ err error }

func (e *heartbeatError) Error() string { return fmt.Sprintf("heartbeat: %v", e.err) }
func (e *heartbeatError) Unwrap() error { return e.err }

// startHeartbeat begins to call the callback. It goes on while a work that was cancelled stops, so that whoever listens
// to it knows that this node still leads.
func (r *run) startHeartbeat() *heartbeat {
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.ctx))
	b := &heartbeat{cancel: cancel, done: make(chan struct{})}
	if r.heartbeat == nil {
		close(b.done)
		return b
	}
	go func() {
		defer close(b.done)
		r.beat(ctx)
	}()
	return b
}

func (b *heartbeat) stop() { b.cancel() }

func (r *run) beat(ctx context.Context) {
	alarm := host.NewAlarm(r.host)
	defer alarm.Stop()
	next := r.mono()
	for {
		for next += r.heartbeatEvery; next <= r.mono(); {
			next += r.heartbeatEvery // the call took longer than that
		}
		for wait := next - r.mono(); wait > 0; wait = next - r.mono() {
			alarm.Set(wait)
			select {
			case <-alarm.C:
			case <-ctx.Done():
				return
			}
		}
		if err := r.options.heartbeat(ctx, r.leader.Status().Term.Check() == nil); err != nil && ctx.Err() == nil {
			r.remark(slog.LevelWarn, "the heartbeat failed: the run ends", slog.Any("err", err))
			r.cancel(&heartbeatError{err})
			return
		}
	}
}
