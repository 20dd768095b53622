package leader

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/cloudlease/leader/internal/host"
)

// heartbeat is the goroutine of the periodic callback; nil if there is none.
type heartbeat struct {
	cancel  context.CancelFunc
	endsRun context.CancelCauseFunc
	done    chan struct{}
}

// heartbeatError ends a run.
type heartbeatError struct{ err error }

func (e *heartbeatError) Error() string { return fmt.Sprintf("heartbeat: %v", e.err) }
func (e *heartbeatError) Unwrap() error { return e.err }

// startHeartbeat begins to call the callback. It goes on while a work that was cancelled stops, so that whoever listens
// to it knows that this node still leads.
func (r *run) startHeartbeat() *heartbeat {
	if r.heartbeat == nil {
		return nil
	}
	b := &heartbeat{done: make(chan struct{})}
	var ctx context.Context
	ctx, b.cancel = context.WithCancel(context.WithoutCancel(r.ctx))
	r.ctx, b.endsRun = context.WithCancelCause(r.ctx)
	go func() {
		defer close(b.done)
		if err := r.beat(ctx); err != nil {
			b.endsRun(&heartbeatError{err})
		}
	}()
	return b
}

func (b *heartbeat) stop() {
	if b != nil {
		b.cancel()
		b.endsRun(nil)
	}
}

// wait is mailbox.wait, for the callback to return.
func (b *heartbeat) wait(h host.Host, patience time.Duration) bool {
	return b == nil || within(h, patience, b.done)
}

// beat calls the callback until it fails, or ctx ends.
func (r *run) beat(ctx context.Context) error {
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
				return nil
			}
		}
		if err := r.options.heartbeat(ctx, r.leader.Status().Term.Check() == nil); err != nil && ctx.Err() == nil {
			r.remark(slog.LevelWarn, "the heartbeat failed: the run ends", slog.Any("err", err))
			return err
		}
	}
}
