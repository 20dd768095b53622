package simulate

import (
	"errors"
	"time"

	"github.com/cloudlease/leader"
)

// afterNap lets the leader sleep for most of its lease, or steps its wall clock forward by as much. It has time left, so it
// has to renew at once, and its term goes on.
func (w *world) afterNap() bool {
	p := w.leading()
	if p == nil {
		return false
	}
	left := p.term.Remaining() - w.plan.StopMargin
	nap := left - max(w.plan.Length/10, stretch(time.Second)+6*request) // it looks at its clocks every second
	if nap <= 0 {
		return true
	}
	m, token := p.m, p.term.Token()
	if w.plan.Seed%3 == 0 {
		w.log("m%d: its clock is stepped by %v", m.id, nap)
		m.step(nap)
	} else {
		w.log("m%d: naps", m.id)
		m.suspend()
		w.live(w.time() + time.Duration(float64(nap)/m.Rate/(1+max(m.Slew, 0))))
		m.resume()
	}
	w.live(w.time() + 2*w.plan.Length)
	w.count("naps of a leader")
	if w.broken == nil && w.newest != token {
		w.fail("R3: %s had %v left of its term when it woke, and the store is well, and the term is lost", p.name, left-nap)
	}
	return w.broken == nil
}

// afterGivingUp makes the leader give the lease up, or unable to keep it, in one of eight ways. Another node, which is well, has
// to get the lease in time, and the first must not get it back, also while its trouble lasts.
func (w *world) afterGivingUp() bool {
	p := w.leading()
	if p == nil {
		return false
	}
	within, free, why := stretch(w.plan.AcquireEvery)+4*request, w.free(), "" // free: after a release
	var heir *process
	after := func(reason string, do func()) {
		why = reason
		w.log("%s: %s", p.name, why)
		w.count("given up: " + why)
		w.do(do)
		w.live(w.time() + request) // requests under way arrive
	}
	switch w.plan.Seed / 2 % 8 {
	case 6, 7:
		heir = w.handsOver(p, after)
		free += stretch(p.yields())
	case 5:
		return w.afterTwo(p, within)
	case 0:
		after("it steps down", func() { go p.stepDown() })
	case 1:
		after("its health check fails once", func() { p.unhealthy.Store(true) })
		for w.broken == nil && w.leading() == p && w.time() < w.store.written+4*w.plan.Length {
			w.live(w.time() + 10*time.Millisecond)
		}
		p.unhealthy.Store(false)
	case 2:
		after("its renewals do not arrive", func() { p.mute.Store(muteRenewals) })
		return w.relieved(p, why, w.store.written+stretch(w.plan.Length)+w.besideRelease(within))
	case 3:
		after("its renewals and releases do not arrive", func() { p.mute.Store(muteAll) })
		return w.relieved(p, why, w.store.written+stretch(w.plan.Length)+within)
	case 4:
		after("the lease is broken", func() { go p.breakLease(0) })
		w.live(w.time() + 6*request)
		if !w.store.broken {
			w.fail("Break: all is well, and the lease is not broken")
		}
		return w.relieved(p, why, w.store.written+stretch(w.plan.Length)+within)
	}
	if !w.released(p) {
		return w.broken == nil && w.leading() != nil
	}
	by := w.store.written + free
	return w.inherits(heir, p.term.Token(), by) && w.relieved(p, why, by)
}

// besideRelease is how long a takeover takes that a late release of the leader may come just before: it may be told to slow down, and is
// tried again.
func (w *world) besideRelease(within time.Duration) time.Duration {
	if w.plan.Crowded {
		return 2 * within
	}
	return within
}

// afterTwo lets the leader step down, and shuts down the next one. The first may then lead again: it sits out no longer, as
// another node has had the lease.
func (w *world) afterTwo(p *process, within time.Duration) bool {
	w.log("%s: it steps down, and the next is shut down", p.name)
	w.count("given up: it steps down, and the next is shut down")
	w.do(func() { go p.stepDown() })
	if !w.released(p) || !w.expect("L1 after a step down", p.term.Token(), w.store.written+within) {
		return w.broken == nil && w.leading() != nil
	}
	select {
	case <-p.ended: // its work did not stop in time: the lease ran out, and this node is down for a while
		return false
	default:
	}
	w.live(w.time() + request) // its work begins
	q := w.leading()
	if q == nil || q == p {
		w.fail("L1: %s has stepped down, and nobody else leads", p.name)
		return false
	}
	q.m.process = nil
	w.do(func() { q.cancel(errors.New("shutdown")) })
	if w.released(q) {
		w.expect("L1 after a step down and a release", q.term.Token(), w.store.written+2*within)
	}
	return false // too few nodes are left for more trials
}

// relieved checks that a term of another process begins by the given time, and that p does not lead soon after it.
func (w *world) relieved(p *process, why string, by time.Duration) bool {
	if !w.expect("L1 of who is well, since "+why, p.term.Token(), by) {
		return false
	}
	for until := w.time() + 2*w.plan.Length; w.broken == nil && w.time() < until; w.live(w.time() + w.plan.RenewEvery) {
		if w.newestBy == p {
			w.fail("L1: %s has the lease again, and others are well, since %s", p.name, why)
		}
	}
	p.mute.Store(0)
	return w.broken == nil && p.leader.Status().State != leader.Leading
}
