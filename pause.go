package leader

import (
	"context"
	"errors"
	"log/slog"

	"github.com/cloudlease/leader/internal/host"
)

// ErrPaused is the error of RunOnce, and of Acquire at the end of its patience, on a node that Pause keeps from asking for the lease. If
// Pause comes after the request was sent, it is ErrStepDown.
var ErrPaused = errors.New("leader: this node is paused")

// isPaused is a line of the log: else nobody sees why a node that is well does not ask for the lease.
const isPaused = "this node is paused: it does not ask for the lease until Resume is called"

// Pause makes this node give the lease up as StepDown does, and keeps it from campaigning until Resume: before maintenance, in a preStop
// hook, in a blue-green deployment. It returns what StepDown returns; the node is paused even if that is an error. If a request for
// the lease is in flight and succeeds, the lease is given back at once. The State of a paused node is Standby. It only looks at the
// lease, so that Status knows who leads, and keeps its heartbeat. It stays paused when Run ends, and may be paused before Run.
//
// Another call while the node is paused waits for a term that is still ending, as StepDown does.
func (l *Leader) Pause(ctx context.Context) error {
	l.mu.Lock()
	if l.resumed == nil {
		l.resumed = make(chan struct{})
		l.remark(slog.LevelInfo, isPaused)
	}
	l.board.change(func(s *Status) { s.Paused = true })
	l.mu.Unlock()
	return l.StepDown(ctx)
}

// Resume lets this node campaign again. If Pause has ended a term of this node, the node first sits out what is left of its time,
// as after StepDown. Resume does nothing if the node is not paused.
func (l *Leader) Resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.resumed != nil {
		close(l.resumed)
		l.resumed = nil
		l.remark(slog.LevelInfo, "this node is no longer paused: it may ask for the lease again")
	}
	l.board.change(func(s *Status) { s.Paused = false })
}

// paused reports whether Pause keeps this node from campaigning.
func (l *Leader) paused() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.resumed != nil
}

// whilePaused waits until this node is resumed, and looks at the lease meanwhile. It ends sooner with ctx, or when this run campaigns no
// longer.
func (r *run) whilePaused(resumed <-chan struct{}) {
	alarm := host.NewAlarm(r.host)
	defer alarm.Stop()
	for {
		alarm.Set(min(host.Jitter(r.host, r.opts.acquireEvery), r.patience()))
		select {
		case <-resumed:
			return
		case <-r.ctx.Done():
			return
		case <-alarm.C:
		}
		if r.patience() <= 0 {
			return
		}
		if r.canInspect() {
			_, _ = r.inspect()
		}
	}
}
