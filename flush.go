package leader

import (
	"context"
	"log/slog"
	"runtime/debug"

	"github.com/cloudlease/leader/internal/host"
)

// flush runs what the work has registered by lease.BeforeEnd. It may take as long as the end of Run, but only half of that if the
// end has begun: the release is yet to come. The context ends an eighth before that, so that a function that returns then is not left
// behind. A panic in it is the work's.
func (t *term) flush() {
	if !t.holding.keeper.HasBeforeEnd() || t.holding.term.Check() != nil || t.stuck != nil && !within(t.run.host, 0, t.stuck) {
		return
	}
	r, token, atMost := t.run, slog.Uint64("token", t.holding.held.Token), t.opts.endTimeout
	ends := r.ctx.Done()
	if r.endBy != 0 {
		atMost, ends = r.left()/2, nil
	}
	ctx, cancel := host.WithTimeout(context.WithoutCancel(t.workCtx), atMost-atMost/8)
	defer cancel()
	var panicked any
	done, over := make(chan struct{}), make(chan struct{})
	r.requests.Go(func() {
		defer close(done)
		panicked = errGoexit // unless it returns
		panicked = t.runBeforeEnd(ctx, over)
	})
	until := r.mono() + atMost
	returned := t.keepUntil(until, done, ends)
	if !returned && ends != nil && r.ctx.Err() != nil {
		left := min(until-r.mono(), r.left()/2)
		until = r.mono() + left
		returned = t.keepUntil(until-left/8, done, nil)
		cancel()
		returned = returned || t.keepUntil(until, done, nil)
	}
	switch {
	case !returned:
		close(over)
		t.stuck = done
		why := toDo("make the functions of lease.BeforeEnd return when their context ends, or give them more time with WithEndTimeout")
		if lost := t.holding.term.Check(); lost != nil {
			why = slog.Any("err", lost)
		}
		r.remark(slog.LevelWarn, "what was to run before the end of the term has not returned: the term ends without it", token, why)
	case panicked != nil && !t.out.panicked:
		t.out = outcome{final: true, panicked: true, value: panicked}
	}
}

// runBeforeEnd runs what was registered, and returns what it panicked with, which is the work's panic unless flush is over. It does not
// return if one of the functions has called runtime.Goexit.
func (t *term) runBeforeEnd(ctx context.Context, over <-chan struct{}) (panicked any) {
	returned := false
	defer func() {
		if panicked = recover(); returned {
			return
		}
		if panicked == nil {
			panicked = errGoexit
		}
		message := "what was to run before the end of the term panicked: so does Run, once the lease is given back"
		select {
		case <-over:
			message = "what was to run before the end of the term panicked: Run did not wait for it any more"
		default:
		}
		t.run.remark(slog.LevelError, message, slog.Uint64("token", t.holding.term.Token()), slog.Any("panic", panicked),
			slog.String("stack", string(debug.Stack())))
	}()
	t.holding.keeper.BeforeEnd(ctx)
	returned = true
	return nil
}
