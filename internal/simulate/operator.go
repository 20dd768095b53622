package simulate

import (
	"context"
	"iter"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// What an operator does by way of a process, and what standbys look at.
const (
	opBreak   leader.Op = "break"
	opInspect leader.Op = "inspect"
)

// mutes says that the requests of a call never reach the store.
func (p *process) mutes(op leader.Op) bool {
	mute := p.mute.Load()
	return mute >= muteRenewals && op == leader.OpRenew || mute >= muteAll && op == leader.OpRelease
}

// asks notes how many of its acquisitions are under way.
func (p *process) asks(more int) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.asking += more
}

// stepDown is what somebody tells the process to do.
func (p *process) stepDown() {
	p.w.mu.Lock()
	p.resigns = p.w.time()
	if p.asking > 0 {
		p.w.counts["step downs while the lease is asked for"]++
	}
	p.w.mu.Unlock()
	_ = p.leader.StepDown(context.Background())
}

// operate is what an operator does: look at the lease, and break it.
func (p *process) operate(e Event) {
	ctx, cancel := host.WithTimeout(host.With(context.Background(), p.host), p.w.plan.Length+e.Lag)
	defer cancel()
	if e.Kind == List {
		p.list(ctx, e.Lag)
		return
	}
	seen, err := p.leases.inspect(ctx, "leader", e.Lag)
	if err != nil || e.Kind == Look || seen.ID == "" {
		return
	}
	if p.leases.Break(ctx, seen) != nil {
		return
	}
	_ = p.leases.Break(ctx, seen) // again: it was broken, or it is nobody's
	if seen, err = p.leases.inspect(ctx, "leader", 0); err == nil && seen.ID != "" && p.w.isBroken(seen) {
		_ = p.leases.Break(ctx, seen)
	}
}

// isBroken says that what somebody saw is the record of a Break.
func (w *world) isBroken(seen lease.Info) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.brokenIDs[seen.ID]
}

// inspect is Inspect, whose answer is under way for so much longer.
func (m watched) inspect(ctx context.Context, name string, lag time.Duration) (lease.Info, error) {
	ctx, c := m.begin(ctx, opInspect, lease.Lease{})
	c.lag = lag
	seen, err := lease.Inspect(ctx, m.Manager, name)
	if err == nil {
		m.p.w.count("looks")
		m.p.w.judgeLook(m.p, seen)
	}
	return seen, err
}

// list reads a list, and takes its time between the first lease and the next.
func (p *process) list(ctx context.Context, takes time.Duration) {
	ctx, _ = p.leases.begin(ctx, opInspect, lease.Lease{})
	for seen, err := range lease.List(ctx, p.leases.Manager, "") {
		switch {
		case err != nil:
			return
		case seen.Name == "leader" && seen.Err == nil:
			p.w.count("lists")
			p.w.judgeLook(p, seen)
		default:
			p.sleep(ctx, 2, takes+1)
		}
	}
}

// List implements lease.Lister: the store has a lease that nobody wants, and comes first.
func (l link) List(ctx context.Context, _ string) iter.Seq2[lease.Cell, error] {
	return func(yield func(lease.Cell, error) bool) {
		s, err := l.Load(ctx, "leader")
		if err != nil {
			yield(lease.Cell{}, err)
			return
		}
		if yield(lease.Cell{Name: "another"}, nil) && s.Version != "" {
			yield(lease.Cell{Name: "leader", Snapshot: s}, nil)
		}
	}
}

// Break is what an operator does, not the leader.
func (m watched) Break(ctx context.Context, seen lease.Info) error {
	ctx, c := m.begin(ctx, opBreak, lease.Lease{})
	err := lease.Break(ctx, m.Manager, seen)
	m.p.w.judgeBreak(m.p, c, seen, err)
	return err
}

// judgeLook: R1, that a lease is not held is a proof.
func (w *world) judgeLook(p *process, seen lease.Info) {
	if seen.State == lease.Held || w.closed() {
		return
	}
	w.count("looks at a lease that is not held")
	if q := w.holder(seen.ID); q != nil {
		w.fail("R1: %s is told that the lease with token %d is %v, and Check holds on %s", p.name, seen.Token, seen.State, q.name)
	}
}

// judgeBreak: nil is a promise that nobody holds the lease that was seen once its record has run out.
func (w *world) judgeBreak(p *process, c *call, seen lease.Info, err error) {
	if err != nil || w.closed() {
		return
	}
	if c.taken {
		w.count("leases broken")
	}
	now := w.store.record
	if now.ID != seen.ID || now.Released || w.store.broken {
		return
	}
	if c.taken {
		w.fail("Break: %s is told that the lease is broken, and the record with token %d stands", p.name, now.Token)
	}
	if q := w.holder(seen.ID); q != nil {
		w.fail("R1: %s is told that nobody holds the lease with token %d, and Check holds on %s", p.name, now.Token, q.name)
	}
}

// holder is the process whose term is that of the acquisition, and holds.
func (w *world) holder(id string) *process {
	for _, q := range w.others(nil) {
		w.mu.Lock()
		has := q.id == id
		w.mu.Unlock()
		if has && q.holds() {
			return q
		}
	}
	return nil
}
