package simulate

import (
	"encoding/json"
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

// judgeTerm: S2, tokens are strictly increasing over successive terms.
func (w *world) judgeTerm(p *process, token uint64) {
	w.counts["terms"]++
	if token <= w.newest {
		w.breaks("S2: %s leads with token %d, and there was a term with token %d", p.name, token, w.newest)
	}
	w.newest, w.led = token, w.time()
}

func (w *world) judgeStop(cause error) {
	if lost, ok := errors.AsType[*lease.LostError](cause); ok {
		w.counts["terms lost: "+string(lost.Reason)]++
	}
}

// acted: S1, at no time two terms hold, seen when one of them has an effect; and the register refuses what is older.
func (w *world) acted(p *process, term lease.Term) {
	w.mu.Lock()
	w.counts["effects"]++
	others := append([]*process(nil), w.processes...)
	w.mu.Unlock()
	for _, q := range others {
		if q != p && q.alive() && q.term.Check() == nil {
			w.mu.Lock()
			w.breaks("S1: %s acts with token %d while Check holds on %s, with token %d", p.name, term.Token(), q.name, q.term.Token())
			w.mu.Unlock()
		}
	}
	w.after(w.delay(p), func() { w.write(term.Token()) })
}

// delay is how long an effect is under way, to something that does not know of leases.
func (w *world) delay(p *process) time.Duration {
	p.diceMu.Lock()
	defer p.diceMu.Unlock()
	return time.Duration(p.dice.Int64N(int64(w.plan.Length) / 2))
}

// write is an effect that reaches the fenced register.
func (w *world) write(token uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if token < w.register {
		w.counts["stale writes that the register refused"]++
		return
	}
	w.register = token
}

// judgeAll: S1, whoever acts or not.
func (w *world) judgeAll() {
	var holds *process
	for _, p := range w.processes {
		if !p.alive() || p.term.Check() != nil {
			continue
		}
		w.mu.Lock()
		if holds != nil {
			w.breaks("S1: Check holds on %s with token %d and on %s with token %d", holds.name, holds.term.Token(), p.name, p.term.Token())
		}
		w.mu.Unlock()
		holds = p
	}
}

// fastest is the rate of a clock that runs faster than any.
const fastest = 1.051

// judgeWrite looks at a write that the store is about to take: R1 and S3 as the store sees them.
func (w *world) judgeWrite(p *process, before record, existed bool, data string) {
	var r record
	if err := json.Unmarshal([]byte(data), &r); err != nil {
		w.fail("%s writes what is no record: %v", p.name, err)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if existed && r.Token < before.Token || existed && r.ID != before.ID && r.Token <= before.Token {
		w.breaks("S2: %s replaces token %d with %d", p.name, before.Token, r.Token)
	}
	if r.Released {
		w.counts["releases"]++
		if q := w.running[r.Token]; q == p {
			w.breaks("S3: %s releases token %d while its work runs", p.name, r.Token)
		}
		return
	}
	if !existed || before.ID == r.ID {
		return
	}
	length, _ := time.ParseDuration(before.Length)
	idle := w.time() - w.store.written
	since, watched := p.seen[w.store.lease()]
	watched = watched && p.host.read().Mono-since >= length
	switch {
	case before.Released:
		w.counts["takeovers: released (R1a)"]++
	case p.wrote[before.ID]:
		w.counts["takeovers: own failed acquisition (R6)"]++
	case watched:
		w.counts["takeovers: watched (R1b)"]++
	case w.plan.Ages && float64(idle)*fastest >= float64(length):
		w.counts["takeovers: by age (R1c)"]++
	default:
		w.breaks("R1: %s takes the lease of %v over after %v, for no reason", p.name, length, idle)
	}
}

func (w *world) fail(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.breaks(format, args...)
}

// aftermath is the time after all is well again: L1, and R7 if all has always been.
func (w *world) aftermath() (steps int) {
	const slowest = 0.95 // rate of a clock
	request := 50 * time.Millisecond
	length, every := w.plan.Length, w.plan.Length/3
	stretch := func(d time.Duration) time.Duration { return time.Duration(float64(d) / slowest) }

	steps += w.live(w.time() + 12*length)
	leading := w.leading()
	if w.broken == nil && leading == nil {
		w.fail("L1: nobody leads %v after all is well", 12*length)
	}
	if w.broken != nil {
		return steps
	}
	// It crashes, at any moment of its renew interval.
	steps += w.live(w.time() + time.Duration(w.plan.Seed%97)*every/97)
	if leading = w.leading(); leading == nil {
		return steps
	}
	w.log("%s: crashes", leading.name)
	w.crash(leading)
	leading.m.process = nil
	steps += w.live(w.time() + request) // what it has sent arrives
	steps += w.expect("L1 after a crash", w.store.written+stretch(length+every)+4*request)
	if leading = w.leading(); leading == nil || len(w.machines) < 3 {
		return steps
	}
	w.log("%s: is shut down", leading.name)
	leading.m.process = nil
	w.do(func() { leading.cancel(errors.New("shutdown")) })
	for w.broken == nil && !w.store.released() {
		steps += w.live(w.time() + time.Millisecond)
	}
	steps += w.expect("L1 after a release", w.store.written+stretch(every)+4*request)
	return steps
}

func (s *store) released() bool {
	r, ok := s.record()
	return ok && r.Released
}

// expect lets things happen until the next term begins, at the time at the latest.
func (w *world) expect(what string, by time.Duration) (steps int) {
	newest := w.newest
	steps = w.live(by)
	if w.broken == nil && w.newest == newest {
		w.fail("%s: no term has begun by %v", what, by)
	}
	return steps
}

// leading is the process whose term holds and whose work goes on.
func (w *world) leading() *process {
	for _, p := range w.processes {
		if p.alive() && p.m.process == p && p.leader.Status().State == leader.Leading {
			return p
		}
	}
	return nil
}
