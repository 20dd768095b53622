package leader

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/cloudlease/leader/internal/host"
)

// waitAndProbe waits before a try for the lease, less if a hint comes, and asks the health check meanwhile. It asks late, so that the answer is
// fresh: twice as long before the try as the check took the last time. The error says why not to try: this node is unhealthy,
// or ctx has ended.
func (r *run) waitAndProbe(d time.Duration, vigil *vigil) error {
	until := r.mono() + d
	if r.opts.health == nil {
		if !vigil.pause(d) {
			return context.Cause(r.ctx)
		}
		return nil
	}
	if early := min(2*r.probeTook, r.timeout()); d > early && !vigil.pause(d-early) {
		return context.Cause(r.ctx)
	}
	asked := r.mono()
	err := r.healthy()
	r.probeTook = r.mono() - asked
	if left := until - r.mono(); left > 0 && !vigil.heard && !vigil.pause(left) {
		return context.Cause(r.ctx)
	}
	return err
}

// healthy asks the health check, if there is one. A check that hangs counts as a failure, and is not asked again before it has
// returned. What it returns then is an answer to a question of before, perhaps of a run that has called it off, and says nothing
// about now.
func (r *run) healthy() error {
	if r.opts.health == nil {
		return nil
	}
	alarm := host.NewAlarm(r.host)
	defer alarm.Stop()
	for asked := false; ; {
		asked = r.probe() || asked
		q := r.leader.probing
		alarm.Set(q.due - r.mono())
		select {
		case a := <-q.answers:
			if asked {
				return r.probed(a.err)
			}
			r.leader.probing = nil
		case <-alarm.C:
			if now := r.mono(); r.isHanging(now) { // else it has rung for the question before, or the answer came just now, or long ago
				return r.hangs(now)
			}
		case <-r.ctx.Done():
			return context.Cause(r.ctx)
		}
	}
}

// probe begins to ask the health check, and reports whether it has: not if there is none, or if a question is under way,
// perhaps from an earlier run.
func (r *run) probe() bool {
	if r.opts.health == nil || r.leader.probing != nil {
		return false
	}
	r.leader.hung, r.leader.asked = false, r.mono()
	r.leader.probing = begin(r.life, r, r.timeout(), r.opts.renewEvery, func(ctx context.Context) (nothing, error) {
		return nothing{}, r.opts.health(ctx)
	})
	return true
}

// probed takes the health check's answer, and returns why this node is unhealthy; nil if it is healthy, or has not failed often
// enough. The error of a check that has counted as failed by then, as it hung, is no second failure.
func (r *run) probed(err error) error {
	r.leader.probing = nil
	switch {
	case err != nil && r.leader.hung:
		return nil
	case err != nil:
		return r.unwell(err)
	}
	r.leader.failures = 0
	r.feels(nil)
	return nil
}

// hangs counts a check that has not returned for a renew interval as failed, once in each interval, and returns why this node is
// unhealthy; nil if it is healthy, or has not failed often enough.
func (r *run) hangs(now time.Duration) error {
	if !r.isHanging(now) {
		return nil
	}
	r.leader.probing.due = now + r.opts.renewEvery
	r.leader.hung = true
	return r.unwell(errOverdue)
}

// isHanging reports whether a check has not returned in time. One that has, and was not heard yet, as its run ended, is not hanging.
func (r *run) isHanging(now time.Duration) bool {
	q := r.leader.probing
	return q != nil && q.overdue(now) && len(q.answers) == 0
}

// hangsAt returns when hangs has something to do.
func (r *run) hangsAt() time.Duration {
	if q := r.leader.probing; q != nil {
		return q.due
	}
	return never
}

// unwell counts a failure of the health check, and returns why this node is unhealthy; nil if it has not failed often enough.
func (r *run) unwell(err error) error {
	if r.leader.failures++; r.leader.failures < r.opts.sickAfter {
		return nil
	}
	err = fmt.Errorf("%w: %w", ErrUnhealthy, err)
	r.feels(err)
	return err
}

// feels notes this node's health, and logs a change.
func (r *run) feels(health error) {
	var before error
	r.leader.board.change(func(s *Status) { before, s.Health = s.Health, health })
	switch {
	case before == nil && health != nil:
		r.remark(slog.LevelWarn, "this node is unhealthy: until its check succeeds, it does not ask for the lease, and gives it up", slog.Any("err", health))
	case before != nil && health == nil:
		r.remark(slog.LevelInfo, "this node is healthy again, and asks for the lease")
	}
}
