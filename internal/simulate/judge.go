package simulate

import (
	"errors"
	"fmt"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// breaks notes that a promise is broken. Under the lock.
func (w *world) breaks(format string, args ...any) {
	if w.broken == nil {
		w.broken = fmt.Errorf(format, args...)
		w.logLocked("BROKEN: %v", w.broken)
	}
}

// judgeTerm: S2, tokens are strictly increasing over successive terms; and nobody begins to lead who was told to step down
// while it asked for the lease.
func (w *world) judgeTerm(p *process, token uint64) {
	w.counts["terms"]++
	w.newestBy = p
	if asked := p.grants[leader.OpAcquire].at; p.resigns > asked {
		w.breaks("%s begins to lead by an acquisition that began %v before StepDown was called", p.name, p.resigns-asked)
	}
	if token <= w.newest {
		w.breaks("S2: %s leads with token %d, and there was a term with token %d", p.name, token, w.newest)
	}
	w.newest = token
}

// judgeStop: R3, no term ends by its deadline before its time: whatever is called however often, what is counted stays within
// a hundredth of what the fastest clock shows.
func (w *world) judgeStop(p *process, cause error) {
	lost, ok := errors.AsType[*lease.LostError](cause)
	if !ok {
		return
	}
	w.counts["terms lost: "+string(lost.Reason)]++
	if lost.Reason != lease.LostExpired {
		return
	}
	if p.stepped > 0 && p.stepped > p.granted.at-2*sampling { // it is found at the next sample
		w.counts["terms lost: the wall clock was stepped back"]++
		return
	}
	counted, due := p.m.most()-p.granted.count, usable(w.plan.Length)-w.plan.StopMargin
	if counted < due-due/100-p.m.Tick-time.Millisecond {
		w.breaks("R3: the term of %s is over for its deadline after %v by its fastest clock, and it was to hold for %v", p.name, counted, due)
	}
}

func usable(length time.Duration) time.Duration { return length - lease.Margin(length) }

// noteStep notes that the wall clock of a machine was stepped: if back, on a machine without a boot clock, that may end the
// terms of its processes.
func (w *world) noteStep(m *machine, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.processes {
		if p.m == m && d < 0 && !m.Boot {
			p.stepped = w.time()
		}
	}
}

// judgeCount: R2 and R3, a term holds no longer than it may by a clock that counts all the time since its latest renewal was
// asked for. Whether somebody else leads meanwhile is of no concern: he could.
func (w *world) judgeCount(p *process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	latest := max(p.grants[leader.OpAcquire].at, p.grants[leader.OpRenew].at)
	passed := time.Duration(p.m.Rate * float64(w.time()-latest))
	slewed := passed / 1000 // more than a wall clock that alone shows a sleep falls behind in it
	if passed > usable(w.plan.Length)+slewed+p.m.Tick+5*time.Millisecond {
		w.breaks("R3: Check holds on %s %v after it has asked for its latest renewal, and the lease of %v holds for %v",
			p.name, passed, w.plan.Length, usable(w.plan.Length))
	}
}

// acted: S1, at no time two terms hold, seen when one of them has an effect; and the register refuses what is older.
func (w *world) acted(p *process, term lease.Term) {
	w.count("effects")
	for _, q := range w.others(p) {
		if q.holds() {
			w.fail("S1: %s acts with token %d while Check holds on %s, with token %d", p.name, term.Token(), q.name, q.term.Token())
		}
	}
	w.after(w.delay(p), func() { w.fence(p, term.Token()) })
}

// delay is how long an effect is under way, to something that does not know of leases.
func (w *world) delay(p *process) time.Duration {
	p.diceMu.Lock()
	defer p.diceMu.Unlock()
	return time.Duration(p.dice.Int64N(int64(w.plan.Length) / 2))
}

// fence is an effect that reaches the fenced register, which refuses tokens older than the newest that it has seen.
func (w *world) fence(p *process, token uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case token < w.register:
		w.counts["stale writes that the register refused"]++
		return
	case token == w.register && w.writer != p && !w.deleted:
		w.breaks("fencing: the register takes token %d from %s and from %s", token, w.writer.name, p.name)
	}
	w.register, w.writer = token, p
}

// others are those whose terms may hold, besides that of a process, or of none.
func (w *world) others(p *process) (all []*process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.deleted {
		return nil
	}
	for _, q := range w.processes {
		if q != p && q.mayHold() {
			all = append(all, q)
		}
	}
	return all
}

// judgeAll: S1, whoever acts or not.
func (w *world) judgeAll() {
	all := w.others(nil)
	if len(all) < 2 {
		return
	}
	var holds *process
	for _, p := range all {
		if !p.holds() {
			continue
		}
		if holds != nil {
			w.fail("S1: Check holds on %s with token %d and on %s with token %d", holds.name, holds.term.Token(), p.name, p.term.Token())
		}
		holds = p
	}
}

// judgeSwap looks at a write that a process is about to send: R1 and R4 as the process may know them. It returns the
// reason for which it may replace the record of another acquisition; "" if there is none.
func (w *world) judgeSwap(p *process, c *call, s *write) (reason string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.op == leader.OpAcquire {
		c.ids[s.record.ID] = true
	}
	if s.old == "" {
		if c.op != leader.OpAcquire {
			w.breaks("R4: %s creates a record in order to %s", p.name, c.op)
		}
		return "nothing there"
	}
	seen, known := p.seen[s.old]
	if !known {
		w.breaks("R4: %s replaces version %s, which it has never seen", p.name, s.old)
	}
	switch {
	case c.op == opBreak:
		return "broken by an operator"
	case seen.Released:
		return "released (R1a)"
	case p.dead[seen.ID]:
		return "own failed acquisition (R6)"
	case p.host.read().Mono-seen.at >= seen.length():
		return "watched (R1b)"
	case w.plan.Ages && float64(w.time()-w.store.written)*fastest >= float64(seen.length()):
		return "by age (R1c)"
	}
	return ""
}

// judgeAnswer looks at an answer as the process knows it: if it is unclear, an acquisition has failed and is dead, also
// before its call has returned (R6).
func (w *world) judgeAnswer(p *process, c *call, err error, strange bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if errors.Is(err, lease.ErrConflict) {
		c.conflicts++
		return
	}
	c.troubled = c.troubled || strange || err != nil
	if c.op == leader.OpAcquire && err != nil {
		for id := range c.ids {
			p.dead[id] = true
		}
	}
}

// judgeWrite looks at a write that the store is about to take: R1, R5 and S3 as the store sees them.
func (w *world) judgeWrite(s *write) {
	before, existed := w.store.record, w.store.exists()
	r, p := s.record, s.p
	w.mu.Lock()
	defer w.mu.Unlock()
	if existed && r.Token < before.Token || existed && r.ID != before.ID && r.Token <= before.Token {
		w.breaks("R5: %s replaces token %d with %d", p.name, before.Token, r.Token)
	}
	if existed && before.ID == r.ID && before.Released && !r.Released {
		w.breaks("R4: %s revives token %d, which was released", p.name, r.Token)
	}
	if r.Released {
		w.counts["releases"]++
		if q := w.running[r.Token]; q == p {
			w.breaks("S3: %s releases token %d while its work runs", p.name, r.Token)
		}
	}
	if !existed || before.ID == r.ID {
		return
	}
	if s.c.op == opBreak && w.store.broken {
		w.breaks("Break: %s breaks a lease that is broken, with token %d, again", p.name, before.Token)
	}
	if s.c.op == opBreak {
		w.brokenIDs[r.ID] = true
	}
	if s.reason == "" {
		w.breaks("R1: %s takes the lease of %v over after %v, for no reason", p.name, before.length(), w.time()-w.store.written)
	}
	if s.c.op != opBreak {
		w.counts["takeovers: "+s.reason]++
	}
}

func (w *world) fail(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.breaks(format, args...)
}
