package simulate

import (
	"errors"
	"time"

	"github.com/cloudlease/leader"
)

// slowest and fastest bound the rates of the clocks of a plan's machines. Only wall clocks that are slewed back run slower.
const (
	slowest = 0.95
	fastest = 1.051
)

// request is more than a request and its answer take when all is well.
const request = 50 * time.Millisecond

// stretch returns the most true time that passes while a clock of a machine counts d.
func stretch(d time.Duration) time.Duration { return time.Duration(float64(d) / slowest) }

// aftermath runs after all is well again. It checks C1 while nothing happens, and L1 with its bounds after each thing that
// may befall a leader.
func (w *world) aftermath() {
	p := w.plan
	w.live(w.time() + 3*p.Length) // requests under way arrive
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
	w.live(w.time() + time.Duration(p.Seed%97)*p.RenewEvery/97) // so the crash comes at any moment of the renew interval
	if !w.afterCrash() || len(w.machines) < 3 || !w.afterRelease() || len(w.machines) < 4 {
		return
	}
	w.afterDelete()
}

// calm checks C1: the leader renews and standbys poll at their intervals, and do nothing else.
func (w *world) calm(d time.Duration) {
	type requests struct{ loads, swaps int64 }
	before := map[*process]requests{}
	for _, p := range w.processes {
		before[p] = requests{p.loads.Load(), p.swaps.Load()}
	}
	leads, token := w.leading(), w.newest
	w.live(w.time() + d)
	if w.broken == nil && w.newest != token {
		w.fail("L1: all is well with %s, and token %d takes the place of its token %d", leads.name, w.newest, token)
	}
	// A standby that falls into step with the renewals may poll more often than once an interval, by a twentieth on average,
	// and it may look a few times in advance.
	most := int64(float64(d)*fastest*1.05/float64(w.plan.AcquireEvery*15/16)) + 7
	for _, p := range w.processes {
		if n := p.loads.Load() - before[p].loads; n > most {
			w.fail("C1: %s has polled %d times in %v, instead of %d times", p.name, n, d, most)
		}
		renewals := int64(0)
		if p == leads {
			renewals = int64(float64(d)*fastest/float64(w.plan.RenewEvery)) + 2
		}
		if n := p.swaps.Load() - before[p].swaps; n > renewals {
			w.fail("C1: %s has written %d times in %v, instead of %d times", p.name, n, d, renewals)
		}
	}
}

// lookSlowly lets an operator look at the lease through every manager. The answers come late, when newer ones have arrived.
func (w *world) lookSlowly() {
	for i, m := range w.machines {
		if p := m.process; p != nil {
			visit := []func(lag time.Duration){p.look, p.list}[i%2]
			w.do(func() { go visit(w.plan.RenewEvery + w.plan.AcquireEvery) })
		}
	}
}

// afterCrash checks L1: a term starts within a lease length, an acquire interval and a request of the last renewal.
func (w *world) afterCrash() bool {
	p := w.leading()
	if p == nil {
		return false
	}
	w.log("%s: crashes", p.name)
	w.crash(p)
	p.m.process = nil
	w.live(w.time() + request) // its requests under way arrive
	return w.expect("L1 after a crash", p.term.Token(), w.store.written+stretch(w.plan.Length+w.plan.AcquireEvery)+4*request)
}

// afterRelease checks L1: a term starts within an acquire interval after a release, or much sooner because of hints.
func (w *world) afterRelease() bool {
	p := w.leading()
	if p == nil {
		return false
	}
	w.log("%s: is shut down", p.name)
	p.m.process = nil
	w.do(func() { p.cancel(errors.New("shutdown")) })
	if !w.released(p) {
		return w.broken == nil // work that does not stop in time leaves the lease to run out
	}
	return w.expect("L1 after a release", p.term.Token(), w.store.written+w.free())
}

// released reports whether the process, which has been told to, releases the lease. It does not if its work takes
// longer than StopTimeout to stop.
func (w *world) released(p *process) bool {
	for by := w.time() + 5*time.Second + stretch(w.plan.WriteEvery); w.broken == nil; w.live(w.time() + time.Millisecond) {
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

// afterDelete deletes the record. Tokens then begin again at 1, so S2 is checked from there on. Two nodes may lead for a
// moment, so S1 is not checked. But no renewal creates the record again (R4), and a new term begins (L1).
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

// expect lets things happen until a term with a token other than newest begins, and fails if none has by the given time.
func (w *world) expect(what string, newest uint64, by time.Duration) bool {
	for w.broken == nil && w.newest == newest && w.time() < by {
		w.live(min(by, w.time()+w.plan.AcquireEvery/4))
	}
	if w.broken == nil && w.newest == newest {
		w.fail("%s: no term has begun by %v", what, by)
	}
	return w.broken == nil
}

// leading returns the process whose term holds and whose work goes on; nil if there is none.
func (w *world) leading() *process {
	for _, p := range w.processes {
		if p.alive() && p.m.process == p && p.leader.Status().State == leader.Leading {
			return p
		}
	}
	return nil
}
