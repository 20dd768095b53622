package simulate

import (
	"errors"
	"time"

	"github.com/cloudlease/leader"
)

// The clocks of a plan's machines go at rates between these.
const (
	slowest = 0.95
	fastest = 1.051
)

// request is more than a request and its answer take when all is well.
const request = 50 * time.Millisecond

// stretch is the most that a machine takes for what it thinks is d.
func stretch(d time.Duration) time.Duration { return time.Duration(float64(d) / slowest) }

// aftermath is the time after all is well again: C1, and L1 with its bounds, after each of what may befall a leader.
func (w *world) aftermath() {
	p := w.plan
	w.live(w.time() + 3*p.Length) // what was under way arrives
	for most := w.time() + 3*p.Length; w.broken == nil && w.leading() == nil; w.live(w.time() + p.RenewEvery) {
		if w.time() > most {
			w.fail("L1: nobody leads %v after all is well", 6*p.Length)
		}
	}
	if w.broken != nil || p.Once {
		return
	}
	w.calm(3 * p.Length)
	trials := []func() bool{w.afterNap, w.afterGivingUp}
	if !trials[p.Seed%2]() {
		return
	}
	w.lookSlowly()
	w.live(w.time() + time.Duration(p.Seed%97)*p.RenewEvery/97) // it is struck at any moment of its renew interval
	if !w.afterCrash() || len(w.machines) < 3 || !w.afterRelease() || len(w.machines) < 4 {
		return
	}
	w.afterDelete()
}

// calm: C1, standbys poll and do nothing else, at their interval.
func (w *world) calm(d time.Duration) {
	before := map[*process]int64{}
	for _, p := range w.processes {
		before[p] = p.loads.Load()
	}
	w.live(w.time() + d)
	// More than once in an interval, by a twentieth on average, is allowed to whoever falls into step with the renewals, and a
	// few looks in advance.
	most := int64(float64(d)*fastest*1.05/float64(w.plan.AcquireEvery*15/16)) + 7
	for _, p := range w.processes {
		if n := p.loads.Load() - before[p]; n > most {
			w.fail("C1: %s has polled %d times in %v, instead of %d times", p.name, n, d, most)
		}
	}
}

// lookSlowly lets somebody look at the lease by way of every manager. The answers come late, when there are newer ones.
func (w *world) lookSlowly() {
	kinds := []Kind{Look, List}
	for i, m := range w.machines {
		if p := m.process; p != nil {
			w.do(func() { go p.operate(Event{Kind: kinds[i%2], Lag: w.plan.RenewEvery + w.plan.AcquireEvery}) })
		}
	}
}

// afterCrash: L1, a term starts within one lease length, one acquire interval and one request of the last renewal.
func (w *world) afterCrash() bool {
	p := w.leading()
	if p == nil {
		return false
	}
	w.log("%s: crashes", p.name)
	w.crash(p)
	p.m.process = nil
	w.live(w.time() + request) // what it has sent arrives
	return w.expect("L1 after a crash", p.term.Token(), w.store.written+stretch(w.plan.Length+w.plan.AcquireEvery)+4*request)
}

// afterRelease: L1, a term starts within one acquire interval after a release.
func (w *world) afterRelease() bool {
	p := w.leading()
	if p == nil {
		return false
	}
	w.log("%s: is shut down", p.name)
	p.m.process = nil
	w.do(func() { p.cancel(errors.New("shutdown")) })
	if !w.released(p) {
		return w.broken == nil // what does not stop in time is left to run out
	}
	return w.expect("L1 after a release", p.term.Token(), w.store.written+stretch(w.plan.AcquireEvery)+4*request)
}

// released waits until the lease is given back by the process, which has been told to. It is not if a work does not stop in
// time, and is given up.
func (w *world) released(p *process) bool {
	for by := w.time() + 5*time.Second; w.broken == nil; w.live(w.time() + time.Millisecond) {
		if now := w.store.record; now.Released || now.ID != p.id {
			return true
		}
		if w.time() > by {
			if w.plan.StopTimeout == 0 {
				w.fail("L1: %s does not give the lease back", p.name)
			}
			return false
		}
	}
	return false
}

// afterDelete: somebody deletes the record. Tokens begin anew then, and two may lead for a moment, so S1 and S2 are out
// of the question, but a renewal does not create the record anew (R4).
func (w *world) afterDelete() {
	if w.broken != nil || w.leading() == nil {
		return
	}
	w.log("somebody deletes the record")
	w.deleted = true
	w.newest, w.register = 0, 0
	w.store.data, w.store.record = "", record{}
	w.live(w.time() + stretch(w.plan.AcquireEvery+w.plan.RenewEvery) + 4*request)
	if w.broken == nil && w.newest == 0 {
		w.fail("L1: no term has begun since the record is gone")
	}
	w.count("records deleted")
}

// expect lets things happen until a term begins with a token greater than that, at the time at the latest.
func (w *world) expect(what string, newest uint64, by time.Duration) bool {
	for w.broken == nil && w.newest == newest && w.time() < by {
		w.live(min(by, w.time()+w.plan.AcquireEvery/4))
	}
	if w.broken == nil && w.newest == newest {
		w.fail("%s: no term has begun by %v", what, by)
	}
	return w.broken == nil
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
