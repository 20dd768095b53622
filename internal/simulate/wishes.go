package simulate

import (
	"context"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// opAsk is an operator's call, which asks something of a holder, or takes that back.
const opAsk leader.Op = "ask"

// askAfter looks at the lease, which takes lag longer, and asks its holder to hand over to a node. If back is above 0, it takes that back
// so long after.
func (p *process) askAfter(to string, lag, back time.Duration) {
	p.visit(lag+back, func(ctx context.Context) {
		seen, err := p.leases.inspect(ctx, "leader", lag)
		if err != nil || seen.ID == "" || p.leases.ask(ctx, seen, to) != nil || back == 0 {
			return
		}
		alarm := host.NewAlarm(p.host)
		alarm.Set(back)
		defer alarm.Stop()
		select {
		case <-alarm.C:
		case <-ctx.Done():
			return
		case <-p.w.over:
			return
		}
		seen.Wish = lease.Wish{Kind: lease.WishHandover, For: to}
		ctx, _ = p.leases.begin(ctx, opAsk, lease.Lease{})
		if lease.Withdraw(ctx, p.leases.Manager, seen) == nil {
			p.w.count("wishes withdrawn")
		}
	})
}

func (m watched) ask(ctx context.Context, seen lease.Info, to string) error {
	ctx, _ = m.begin(ctx, opAsk, lease.Lease{})
	err := lease.Ask(ctx, m.Manager, seen, lease.Wish{Kind: lease.WishHandover, For: to})
	if err == nil {
		m.p.w.count("wishes asked")
	}
	return err
}

// onMachine returns the name of the process on a machine, or one that is nowhere.
func (w *world) onMachine(machine int) string {
	if machine < len(w.machines) {
		if q := w.machines[machine].process; q != nil {
			return q.label()
		}
	}
	return "nobody"
}

// judgeWish checks a write that an operator's wish makes: it changes nothing but the wish, and only while the lease may be held. The caller
// holds the lock.
func (w *world) judgeWish(p *process, before, r record) {
	if before != r {
		w.breaks("Wishes: %s asks something, and makes %+v of the record %+v", p.name, r, before)
	}
	if before.Released || w.store.broken {
		w.breaks("Wishes: %s asks something of nobody, after token %d", p.name, r.Token)
	}
}

// taken notes a write that the store takes.
func (s *store) taken(by leader.Op, now time.Duration) {
	s.written = now
	if by != opAsk { // an operator's wish renews nothing
		s.renewed, s.broken = now, by == opBreak
	}
}
