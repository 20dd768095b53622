package simulate

import (
	"context"
	"iter"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// The calls that package leader has no leader.Op for: an operator's, and the looks of standbys.
const (
	opBreak   leader.Op = "break"
	opInspect leader.Op = "inspect"
)

// mutes reports whether the requests of such calls never reach the store.
func (p *process) mutes(op leader.Op) bool {
	mute := p.mute.Load()
	return mute >= muteRenewals && op == leader.OpRenew || mute >= muteAll && op == leader.OpRelease
}

// asks adds to the number of acquisitions that are under way.
func (p *process) asks(more int) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.asking += more
}

// stepDown calls StepDown, as an operator would.
func (p *process) stepDown(opts ...leader.StepDownOption) {
	p.w.mu.Lock()
	p.resigns = p.w.time()
	if p.asking > 0 {
		p.w.counts["step downs while the lease is asked for"]++
	}
	p.w.mu.Unlock()
	_ = p.leader.StepDown(context.Background(), opts...)
}

// handOver lets another goroutine call StepDown in favour of the process on a machine, or of one that is nowhere.
func (p *process) handOver(machine int) {
	go p.stepDown(leader.To(p.another(machine)))
}

// another returns the name of the process on a machine, or one that is nowhere if that is the same process or has the same name.
func (p *process) another(machine int) string {
	if to := p.w.onMachine(machine); to != p.label() {
		return to
	}
	return "somebody"
}

// visit is an operator's: what it does there takes lag longer than a request.
func (p *process) visit(lag time.Duration, do func(ctx context.Context)) {
	ctx, cancel := host.WithTimeout(host.With(context.Background(), p.host), p.w.plan.Length+lag)
	defer cancel()
	do(ctx)
}

// look inspects the lease. The answer takes lag longer.
func (p *process) look(lag time.Duration) {
	p.visit(lag, func(ctx context.Context) { _, _ = p.leases.inspect(ctx, "leader", lag) })
}

// breakLease looks at the lease, which takes lag longer, and breaks it.
func (p *process) breakLease(lag time.Duration) {
	p.visit(lag, func(ctx context.Context) {
		seen, err := p.leases.inspect(ctx, "leader", lag)
		if err != nil || seen.ID == "" || p.leases.Break(ctx, seen) != nil {
			return
		}
		_ = p.leases.Break(ctx, seen) // once more: by now it is broken, or was free
		if seen, err = p.leases.inspect(ctx, "leader", 0); err == nil && seen.ID != "" && p.w.isBroken(seen) {
			_ = p.leases.Break(ctx, seen)
		}
	})
}

// list lists all leases, and pauses for lag between two of them.
func (p *process) list(lag time.Duration) {
	p.visit(lag, func(ctx context.Context) { p.readList(ctx, lag) })
}

// isBroken reports whether seen is the record that a Break wrote.
func (w *world) isBroken(seen lease.Info) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.brokenIDs[seen.ID]
}

// inspect is lease.Inspect, with answers that take lag longer.
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

// readList reads the list of leases, and pauses before it reads on to the second one.
func (p *process) readList(ctx context.Context, takes time.Duration) {
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

// List implements lease.Lister. The first lease of the store is one that nobody takes.
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

// Break is an operator's call; leaders never make it.
func (m watched) Break(ctx context.Context, seen lease.Info) error {
	ctx, c := m.begin(ctx, opBreak, lease.Lease{})
	err := lease.Break(ctx, m.Manager, seen)
	m.p.w.judgeBreak(m.p, c, seen, err)
	return err
}

// judgeLook checks R1: a look that shows a lease as not held is a proof.
func (w *world) judgeLook(p *process, seen lease.Info) {
	if seen.State == lease.Held || w.closed() {
		return
	}
	w.count("looks at a lease that is not held")
	if q := w.holder(seen.ID); q != nil {
		w.fail("R1: %s is told that the lease with token %d is %v, and Check holds on %s", p.name, seen.Token, seen.State, q.name)
	}
}

// judgeBreak checks a Break that returned nil: once the record that it saw has run out, nobody holds that lease.
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

// holder returns the process whose term is of the acquisition with this ID, and holds; nil if there is none.
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
