package simulate

import (
	"context"
	"errors"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// watched is the real manager, and lets the observer see each call and what it sends.
type watched struct {
	lease.Manager
	p *process
}

// call is one call of a manager, as the observer sees it. It travels in the call's context.
type call struct {
	op           leader.Op
	held         lease.Lease     // the lease to renew or release
	ids          map[string]bool // the record IDs that it has written
	loads, swaps int
	conflicts    int
	last         string // its latest request: "load" or "swap"
	taken        bool   // the store has taken one of its writes
	unsettled    bool   // the latest of its writes that takes the lease has no clear answer, and it has not looked since
	troubled     bool   // one of its requests was lost, or its answer was an error
	begun        grant
	lag          time.Duration   // how much longer than others its answers take
	looked       *answer         // the answer to its latest load; nil after a failed one
	lookedBy     context.Context // that load's
}

// A grant says when a call began that acquired or renewed the lease.
type grant struct {
	at    time.Duration // true time
	count time.Duration // by the machine's fastest clock (machine.most)
}

// Limits are those of the manager, so that works may keep values.
func (m watched) Limits() lease.Limits { return lease.LimitsOf(m.Manager) }

type callKey struct{}

func (m watched) begin(ctx context.Context, op leader.Op, held lease.Lease) (context.Context, *call) {
	deepen()
	c := &call{op: op, held: held, ids: map[string]bool{}, begun: grant{m.p.w.time(), m.p.m.most()}}
	return context.WithValue(ctx, callKey{}, c), c
}

func (m watched) Acquire(ctx context.Context, req lease.Request) (lease.Lease, error) {
	ctx, c := m.begin(ctx, leader.OpAcquire, lease.Lease{})
	m.p.w.judgeRhythm(m.p)
	m.p.asks(1)
	held, err := m.Manager.Acquire(ctx, req)
	m.p.asks(-1)
	m.p.w.judgeCall(m.p, c, err)
	m.p.acquired(held.ID, err)
	return held, err
}

// acquired notes the ID of the lease that the call returned. The call may have written other IDs, too, which do not stand.
func (p *process) acquired(id string, err error) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	if err == nil {
		p.id = id
	}
}

func (m watched) Renew(ctx context.Context, held lease.Lease) (lease.Lease, error) {
	m.p.w.judgeCarried(m.p, leader.OpRenew, held)
	ctx, c := m.begin(ctx, leader.OpRenew, held)
	now, err := m.Manager.Renew(ctx, held)
	m.p.w.judgeCall(m.p, c, err)
	return now, err
}

func (m watched) Release(ctx context.Context, held lease.Lease) error {
	m.p.w.judgeCarried(m.p, leader.OpRelease, held)
	m.p.w.judgeHold(m.p, held)
	ctx, c := m.begin(ctx, leader.OpRelease, held)
	err := m.Manager.Release(ctx, held)
	m.p.w.judgeCall(m.p, c, err)
	return err
}

// deepen grows the goroutine's stack to what a call needs while there is next to nothing on it. To grow it in the depths of
// the call, twice or more often, would take a quarter of all time.
//
//go:noinline
func deepen() {
	var room [6 << 10]byte
	touch(&room)
}

//go:noinline
func touch(*[6 << 10]byte) {}

func (m watched) Inspect(ctx context.Context, name string) (lease.Info, error) {
	m.p.w.judgePace(m.p)
	return m.inspect(ctx, name, 0)
}

// mostLooks is how often a node may look in half a renew interval, or in five acquire intervals if that is less: by itself, when the
// lease may be free, and after each of the growing pauses if looks fail. A flood of hints may cause
// hintsPerInterval looks in each acquire interval; two of the looks in a row may then be the node's own.
const mostLooks = 10

// judgePace checks that a node which looks makes pauses, also if the store refuses at once (C1).
func (w *world) judgePace(p *process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := p.host.read().Mono
	if p.flooded.Load() {
		p.inFlood = now
	}
	if len(p.looks) == mostLooks {
		least := min(w.plan.RenewEvery/2, 5*w.plan.AcquireEvery)
		if p.inFlood >= p.looks[0] {
			least = min(least, (mostLooks-2)*w.plan.AcquireEvery/hintsPerInterval)
		}
		if took := now - p.looks[0]; took < least {
			w.breaks("C1: %s has looked %d times in %v", p.name, mostLooks+1, took)
		}
		p.looks = p.looks[1:]
	}
	p.looks = append(p.looks, now)
}

// judgeWriteEvery checks, when all is well, that a call's write comes no sooner after that of the call before than the store
// allows. After a conflict, a call may write again at once.
func (w *world) judgeWriteEvery(p *process, c *call) {
	if c.op != leader.OpAcquire && c.op != leader.OpRenew && c.op != leader.OpRelease {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now, before := p.m.most(), p.wrote
	if p.wrote = 0; !w.healed.Load() || c.swaps > 1 {
		return
	}
	p.wrote = now
	if passed := now - before; before > 0 && passed < w.plan.WriteEvery-p.m.Tick-time.Millisecond {
		w.breaks("WriteEvery: %s writes in order to %s %v after its last write, and the limit is %v", p.name, c.op, passed, w.plan.WriteEvery)
	}
}

// judgeCall checks a call that has returned: how many requests it sent (R7), and whether its answer fits the record.
func (w *world) judgeCall(p *process, c *call, err error) {
	now := w.store.record
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed() {
		return
	}
	if loads, swaps, ok := c.due(err); ok && !c.troubled && c.conflicts == 0 && (c.loads != loads || c.swaps != swaps) {
		w.breaks("R7: %s: to %s took %d reads and %d writes instead of %d and %d (%v)", p.name, c.op, c.loads, c.swaps, loads, swaps, err)
	}
	if err == nil && !c.taken {
		w.breaks("R2: %s: to %s has succeeded, and no write of this call stands", p.name, c.op)
	}
	if err == nil && c.conflicts > 0 && c.op != leader.OpRelease {
		w.counts["adoptions (R4)"]++
	}
	if c.op != leader.OpAcquire && errors.Is(err, lease.ErrLost) && now.ID == c.held.ID && !now.Released {
		w.breaks("R4, R6: to %s says that token %d of %s is lost (%v), and its record stands", c.op, c.held.Token, p.name, err)
	}
	if err == nil && c.op != leader.OpRelease && c.begun.at >= p.grants[c.op].at {
		p.grants[c.op] = c.begun
	}
	switch c.op {
	case leader.OpAcquire:
		w.judgeAcquire(p, c, err)
	case leader.OpRelease:
		if err == nil && now.ID == c.held.ID && !now.Released {
			w.breaks("R6: %s has released token %d, and its record stands", p.name, c.held.Token)
		}
	}
}

func (w *world) judgeAcquire(p *process, c *call, err error) {
	by, held := errors.AsType[*lease.HeldError](err)
	if held && c.ids[by.Info.ID] {
		w.breaks("R4: %s finds the lease held by its own write", p.name)
	}
	if held && by.Info.State != lease.Held && (by.Info.State != lease.Free || by.Info.Next == "" || by.Info.Next == p.label()) {
		w.breaks("R1: %s is told that the lease is held, and that it is %v", p.name, by.Info.State)
	}
	failed := err != nil && !held && c.swaps > 0
	if failed && c.unsettled {
		w.breaks("R6: %s leaves an acquisition that may have happened as it is", p.name)
	}
	// The time to undo may be over before the store takes another write.
	waits := w.plan.WriteEvery > 0 && c.looked != nil && errors.Is(context.Cause(c.lookedBy), context.DeadlineExceeded)
	if a := c.looked; failed && !waits && c.last == "load" && a != nil && c.ids[a.record.ID] && !a.record.Released {
		w.breaks("R6: %s sees that its failed acquisition has happened, and leaves it as it is", p.name)
	}
	if a := c.looked; a != nil && c.troubled && c.swaps > 0 && a.version != "" && !a.record.Released && !p.dead[a.record.ID] && !c.ids[a.record.ID] {
		if seen := p.seen[a.version]; p.host.read().Mono-seen.since < seen.length() {
			w.counts["failed acquisitions that saw who won"]++
			if failed {
				w.breaks("Acquire: %s has seen that token %d is held, and says: %v", p.name, a.record.Token, err)
			}
		}
	}
	for id := range c.ids {
		p.dead[id] = err != nil
	}
}

// due returns how many requests a call sends absent conflicts and faults, given how it ended; ok is false if that varies.
func (c *call) due(err error) (loads, swaps int, ok bool) {
	switch {
	case c.op == leader.OpAcquire && errors.Is(err, lease.ErrHeld):
		return 1, 0, true
	case c.op == leader.OpAcquire && err == nil:
		return 1, 1, true
	case err == nil:
		return 0, 1, true
	}
	return 0, 0, false
}
