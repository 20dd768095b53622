package simulate

import (
	"errors"
	"fmt"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// breaks records that a promise is broken; the first one counts. Each judgement is a method like those below, which is called
// where the observer sees something, and calls breaks if it holds the world's lock, else fail.
func (w *world) breaks(format string, args ...any) {
	if w.broken == nil {
		w.broken = fmt.Errorf(format, args...)
		w.logLocked("BROKEN: %v", w.broken)
	}
}

// judgeTerm checks S2 when a term begins: its token is greater than those of all terms before. It also checks that StepDown
// was not called while this acquisition was under way.
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

// judgeStop checks R3 when a term ends by its deadline: it does not end early. However often Check and its like are called, the
// time that the holder counts stays within a hundredth of what the machine's fastest clock shows.
func (w *world) judgeStop(p *process, cause error) {
	lost, ok := errors.AsType[*lease.LostError](cause)
	if !ok {
		return
	}
	w.counts["terms lost: "+string(lost.Reason)]++
	if lost.Reason != lease.LostExpired {
		return
	}
	if p.stepped > 0 && p.stepped > p.granted.at-2*sampling { // the next sample finds the step
		w.counts["terms lost: the wall clock was stepped back"]++
		return
	}
	counted, due := p.m.most()-p.granted.count, usable(w.plan.Length)-w.plan.StopMargin
	if counted < due-due/100-p.m.Tick-time.Millisecond {
		w.breaks("R3: the term of %s is over for its deadline after %v by its fastest clock, and it was to hold for %v", p.name, counted, due)
	}
}

func usable(length time.Duration) time.Duration { return length - lease.Margin(length) }

// noteStep notes a step back of the wall clock for each process of a machine without a boot clock, whose term it may end.
func (w *world) noteStep(m *machine, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.processes {
		if p.m == m && d < 0 && !m.Boot {
			p.stepped = w.time()
		}
	}
}

// judgeCount checks R2 and R3 when Check holds: no more than the usable part of the lease has passed since the holder asked
// for its latest renewal, by a clock that counts sleep. It does not matter whether another node leads: one could.
func (w *world) judgeCount(p *process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	latest := max(p.grants[leader.OpAcquire].at, p.grants[leader.OpRenew].at)
	passed := time.Duration(p.m.Rate * float64(w.time()-latest))
	slewed := passed / 1000 // where only a wall clock shows a sleep, it falls behind by less than this
	if passed > usable(w.plan.Length)+slewed+p.m.Tick+5*time.Millisecond {
		w.breaks("R3: Check holds on %s %v after it has asked for its latest renewal, and the lease of %v holds for %v",
			p.name, passed, w.plan.Length, usable(w.plan.Length))
	}
}

// acted checks S1 when a term has an effect: no other term holds. Then it sends the effect to the fenced register.
func (w *world) acted(p *process, term lease.Term) {
	w.count("effects")
	for _, q := range w.others(p) {
		if q.holds() {
			w.fail("S1: %s acts with token %d while Check holds on %s, with token %d", p.name, term.Token(), q.name, q.term.Token())
		}
	}
	w.after(w.delay(p), func() { w.fence(p, term.Token()) })
}

// delay returns how long an effect takes to reach the register, which knows nothing of leases.
func (w *world) delay(p *process) time.Duration {
	p.diceMu.Lock()
	defer p.diceMu.Unlock()
	return time.Duration(p.dice.Int64N(int64(w.plan.Length) / 2))
}

// fence delivers an effect to the fenced register, which refuses tokens smaller than the greatest that it has seen.
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

// others returns the processes whose terms may hold, without p (nil leaves none out). After the record was deleted it returns
// none, as two may lead then.
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

// judgeAll checks S1 among all processes, whether they act or not.
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

// judgeSwap checks R1 and R4 for a write that a process is about to send, from what that process can know. It returns why the
// process may replace the record of another acquisition; "" if it may not.
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
	case c.op == opAsk:
		return "" // it replaces no acquisition
	case c.op == opBreak:
		return "broken by an operator"
	case seen.Released:
		w.judgeYield(p, seen)
		return "released (R1a)"
	case p.dead[seen.ID]:
		return "own failed acquisition (R6)"
	case p.host.read().Mono-seen.at >= seen.length():
		return "watched (R1b)"
	case w.plan.Ages && float64(w.time()-w.store.renewed)*fastest >= float64(seen.length()):
		return "by age (R1c)"
	}
	return ""
}

// judgeYield checks that a process leaves a released lease to the one that the record names, for as long as it asks for.
func (w *world) judgeYield(p *process, seen sighting) {
	switch passed := p.host.read().Mono - seen.since; {
	case seen.Next == "":
	case seen.Next == p.label():
		w.counts["acquisitions by the node that was named"]++
	case w.plan.Once:
	case passed < p.yields():
		w.breaks("Yield: %s takes the lease that is left to %s after %v, and was to yield for %v", p.name, seen.Next, passed, p.yields())
	default:
		w.counts["acquisitions in place of the node that was named"]++
	}
}

// yields is for how long a process leaves a lease to another: an acquire interval and a request.
func (p *process) yields() time.Duration {
	return p.w.plan.AcquireEvery + min(time.Second, p.w.plan.RenewEvery-p.w.plan.RenewEvery/16)
}

// judgeAnswer takes in an answer as the process gets it. After any error but a conflict, an acquisition counts as failed: its
// IDs are dead, even before its call has returned (R6).
func (w *world) judgeAnswer(p *process, c *call, err error, strange bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil { // what the store did not take does not count
		p.wrote = 0
	}
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

// judgeWrite checks R1, R4, R5 and S3 for a write that the store is about to take.
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
	if s.c.op == opAsk {
		w.judgeWish(p, before, r)
	}
	if existed {
		w.judgeValue(p, before, r)
	}
	if r.Released {
		w.counts["releases"]++
		w.judgeBequest(p, r)
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
		w.breaks("R1: %s takes the lease of %v over after %v, for no reason", p.name, before.length(), w.time()-w.store.renewed)
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
