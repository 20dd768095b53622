package leader

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// release gives the lease back, unless its record certainly shows another acquisition. It tries for a renew interval, or for
// most of the time that the end of Run may take. A lease that it cannot give back runs out; the error says why.
func (h *holding) release() error {
	if q := h.pending; q != nil { // one write after the other: the release then meets no conflict
		h.pending = nil
		h.heed(q, await(h.run, OpRenew, q))
	}
	if h.gone {
		h.lapsed()
		return nil
	}
	r := h.run
	h.held.Next = r.leader.nextNode() // not before the renewal has been answered, which knows nothing of it
	begun := r.mono()
	until := func() time.Duration {
		if r.endBy != 0 {
			return min(begun+h.opts.renewEvery, r.endBy-h.opts.endTimeout/4) // the rest is for the observers
		}
		return begun + h.opts.renewEvery
	}
	// As often as the store may be written to, but not so late that there is no time left.
	r.breathe(min(h.wrote+h.opts.limits.WriteEvery-begun, (until()-begun)/2))
	for n := 1; ; n++ {
		left := until() - r.mono()
		h.wrote = r.mono()
		err := await(r, OpRelease, ask(r.life, r, left/2, left, func(ctx context.Context) (nothing, error) {
			return nothing{}, h.opts.manager.Release(ctx, h.held)
		})).err
		if err == nil {
			r.found(info(h.held, lease.Free))
			return nil
		}
		if errors.Is(err, lease.ErrLost) { // or an attempt before this one has released it
			h.foundLost(err)
			h.lapsed()
			return nil
		}
		wait := r.backoff(n)
		if r.mono()+wait >= until() {
			h.lapsed()
			r.remark(slog.LevelWarn, "the lease was not given back: the others wait until it has run out",
				appendRemedy([]slog.Attr{slog.Uint64("token", h.held.Token), lasting("length", h.opts.length), slog.Any("err", err)}, err)...)
			return err
		}
		r.breathe(wait)
	}
}

// lapsed notes that this node's term is over, and that the others wait for the lease to run out, unless this node knows of another holder.
func (h *holding) lapsed() {
	if seen := h.run.leader.Status().Seen; seen.ID == h.held.ID && seen.State == lease.Held {
		h.run.found(info(h.held, lease.Expired))
	}
}

// breathe waits between two attempts to release. If ctx ends meanwhile, the end of Run begins, and the next attempt follows at
// once.
func (r *run) breathe(d time.Duration) {
	if d <= 0 {
		return
	}
	var ends <-chan struct{}
	if r.endBy == 0 {
		ends = r.ctx.Done()
	}
	alarm := host.NewAlarm(r.host)
	alarm.Set(d)
	defer alarm.Stop()
	select {
	case <-alarm.C:
	case <-ends:
		r.left()
	}
}

// info describes the lease as its holder knows it.
func info(l lease.Lease, state lease.State) lease.Info {
	seen := lease.Info{
		Name: l.Name, State: state, Holder: l.Holder, ID: l.ID, Token: l.Token, Length: l.Length,
		Attributes: l.Attributes, Value: l.Value, Version: l.Version, Acquired: l.Acquired, RenewEvery: l.RenewEvery,
		History: l.History, HoldAtLeast: l.HoldAtLeast,
	}
	if state == lease.Held {
		seen.Heeds, seen.Wish = l.Heeds, l.Wish
	}
	if state == lease.Free {
		seen.Next = l.Next
	}
	return seen
}
