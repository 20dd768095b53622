package simulate

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/cloudlease/leader"
)

// A Fault is one thing that may go wrong in a world: a row of the table below. The table is the only place that has to know
// it. A plan draws from the table, and carries the rows that it has drawn; the world lets them come about, counts them and
// tells of them by their names; Shrink leaves each out in turn; and a tour fails if one comes about less often than its floor.
type Fault struct {
	of    victim
	name  string
	what  string  // becomes of the victim
	floor float64 // how often, per world, it comes about at least: about half as often as was seen

	// How it is planned. Half of all plans give a fault of requests or works a probability, up to odds. At most one of those
	// faults happens to a request or a work; one that is beside the others may come on top. The share is how often an event is
	// drawn, compared with other events, and how many of 24 machines have an ailment.
	odds   float64
	beside bool
	share  int
	detail func(e *Event, r *rand.Rand, p *Plan) // draws what else an event is made of; nil: nothing

	// What it does: one of these.
	request func(f *fate, r *rand.Rand)             // to a request that is about to be sent
	returns func() error                            // to a work: it is how it ends, before its context does
	during  func(j *job)                            // to a work, after each effect
	late    func(j *job)                            // to a work whose context has ended
	hint    func(h *hint)                           // to a call of a source of hints
	ails    func(p *process, severity float64)      // to a process that starts on the machine; ends in world.heal
	strikes func(w *world, p *process, event Event) // to a process or its machine; ends in world.heal if it lasts
}

// A victim suffers a fault.
type victim string

const (
	ofRequest victim = "request" // one request to the store
	ofWork    victim = "work"    // the work of one term
	ofHint    victim = "hint"    // one call of a function that WithWake was given
	ofMachine victim = "machine" // a machine, from the beginning until Plan.Duration is over
	ofEvent   victim = "event"   // a machine, or the process on it, at one moment
)

// String returns the fault's name in counts.
func (f *Fault) String() string { return string(f.of) + ": " + f.name }

var faults = []*Fault{
	{of: ofRequest, name: "lost", what: "it never reaches the store",
		odds: 0.2, floor: 3,
		request: func(f *fate, _ *rand.Rand) { f.arrivals = nil }},
	{of: ofRequest, name: "answer lost", what: "the store carries it out, and its answer is lost",
		odds: 0.3, floor: 5,
		request: func(f *fate, _ *rand.Rand) { f.arrivals[0].answered = false }},
	{of: ofRequest, name: "late", what: "it reaches the store up to two lease lengths later, and its answer is lost",
		odds: 0.2, floor: 3.5,
		request: func(f *fate, _ *rand.Rand) { f.arrivals[0] = arrival{after: f.late} }},
	{of: ofRequest, name: "repeated", what: "the client's library sends it twice, and returns the second answer",
		odds: 0.3, floor: 5,
		request: func(f *fate, _ *rand.Rand) {
			once := f.arrivals[0].after
			f.arrivals = []arrival{{after: once}, {once + f.back, true}}
		}},
	{of: ofRequest, name: "throttled", what: `the store answers "slow down", and does nothing`,
		odds: 0.2, floor: 3.5,
		request: func(f *fate, _ *rand.Rand) { f.arrivals, f.refused = nil, true }},
	{of: ofRequest, name: "slow", what: "it and its answer each take up to a quarter of a lease length more",
		odds: 0.2, floor: 4,
		request: func(f *fate, r *rand.Rand) {
			f.arrivals[0].after += time.Duration(r.Int64N(int64(f.length / 4)))
			f.back += time.Duration(r.Int64N(int64(f.length / 4)))
		}},
	{of: ofRequest, name: "deaf", what: "its sender does not notice the end of its context, for up to two lease lengths",
		odds: 0.2, floor: 4, beside: true,
		request: func(f *fate, _ *rand.Rand) { f.deaf = true }},

	{of: ofWork, name: "ends", what: "it returns nil",
		odds: 0.2, floor: 0.04, returns: func() error { return nil }},
	{of: ofWork, name: "fails", what: "it returns an error",
		odds: 0.2, floor: 0.04, returns: func() error { return errors.New("out of paper") }},
	{of: ofWork, name: "panics", what: "it panics",
		odds: 0.1, floor: 0.02, returns: func() error { panic("out of luck") }},
	{of: ofWork, name: "steps down", what: "it returns leader.ErrStepDown",
		odds: 0.2, floor: 0.03, returns: func() error { return leader.ErrStepDown }},
	{of: ofWork, name: "ignores its end", what: "it goes on after the end of its context",
		odds: 0.6, floor: 1.5, beside: true, late: (*job).goOn},
	{of: ofWork, name: "asks much", what: "it calls Check 40 times in quick succession after each effect",
		odds: 0.08, floor: 8, beside: true, during: (*job).ask},
	{of: ofWork, name: "keeps a value", what: "it sets the lease's value after each effect, which is a renewal at once",
		odds: 1, floor: 2, beside: true, during: (*job).keep},

	{of: ofHint, name: "behind", what: "it tells of a change up to two acquire intervals later",
		odds: 0.4, floor: 0.5, hint: func(h *hint) { h.delay += h.upTo(2 * h.w.plan.AcquireEvery) }},
	{of: ofHint, name: "silent", what: "it tells of no change",
		odds: 0.2, floor: 0.3, hint: func(h *hint) { h.lost = true }},
	{of: ofHint, name: "false", what: "it tells of a change within an acquire interval, whether there is one or not",
		odds: 0.6, floor: 1, hint: func(h *hint) { h.ends(h.w.plan.AcquireEvery, h.says) }},
	{of: ofHint, name: "error", what: "it returns an error",
		odds: 0.2, floor: 0.3, hint: func(h *hint) { h.ends(h.w.plan.AcquireEvery, func() error { return errNoHints }) }},
	{of: ofHint, name: "panic", what: "it panics",
		odds: 0.2, floor: 0.3, hint: func(h *hint) { h.ends(h.w.plan.AcquireEvery, func() error { panic("out of hints") }) }},
	{of: ofHint, name: "stuck", what: "it returns after up to two lease lengths, and does not notice the end of its context",
		odds: 0.2, floor: 0.28,
		hint: func(h *hint) {
			h.deaf = true
			h.ends(2*h.w.plan.Length, h.says)
		}},

	{of: ofMachine, name: "mute", what: "it can acquire the lease, but neither renew nor release it",
		share: 1, floor: 0.25,
		ails: func(p *process, _ float64) { p.mute.Store(muteAll) }},
	{of: ofMachine, name: "sickly", what: "a call of its health check fails now and then",
		share: 2, floor: 0.5,
		ails: func(p *process, severity float64) { p.sickly = 0.3 * severity }},

	{of: ofEvent, name: "crash", what: "the process stops without a word; another starts after For",
		share: 2, floor: 0.3, detail: lasts,
		strikes: func(w *world, p *process, e Event) {
			w.crash(p)
			w.after(e.For, func() { w.replace(p) })
		}},
	{of: ofEvent, name: "shutdown", what: "the process's context is cancelled; another starts within 5 seconds of its end",
		share: 1, floor: 0.15,
		strikes: func(_ *world, p *process, _ Event) { p.reach(func() { p.cancel(errors.New("shutdown")) }) }},
	{of: ofEvent, name: "suspend", what: "the machine sleeps for For",
		share: 2, floor: 0.3, detail: lasts,
		strikes: func(w *world, p *process, e Event) { w.suspend(p.m, e.For) }},
	{of: ofEvent, name: "step", what: "the machine's wall clock is stepped by By, which may be negative",
		share: 1, floor: 0.12,
		detail: func(e *Event, r *rand.Rand, _ *Plan) {
			e.By = time.Duration(r.Int64N(int64(4*time.Hour))) - 2*time.Hour
		},
		strikes: func(w *world, p *process, e Event) { w.step(p.m, e.By) }},
	{of: ofEvent, name: "rewind", what: "the machine sleeps for For; its wall clock is stepped back by Far, By after it falls asleep",
		share: 2, floor: 0.3, detail: rewinds,
		strikes: func(w *world, p *process, e Event) {
			w.after(max(-e.By, 0), func() { w.suspend(p.m, e.For) })
			w.after(max(e.By, 0), func() { w.step(p.m, -e.Far) })
		}},
	{of: ofEvent, name: "cut", what: "no request or answer passes between the machine and the store for For",
		share: 2, floor: 0.3, detail: lasts,
		strikes: func(w *world, p *process, e Event) {
			p.m.cut = true
			w.after(e.For, func() { p.m.cut = false })
		}},
	{of: ofEvent, name: "closed", what: "the machine's requests are refused at once, for For: where the store was, nobody listens",
		share: 2, floor: 0.25, detail: lasts,
		strikes: func(w *world, p *process, e Event) {
			p.m.closed.Store(true)
			w.after(e.For, func() { p.m.closed.Store(false) })
		}},
	{of: ofEvent, name: "step down", what: "StepDown is called",
		share: 1, floor: 0.1,
		detail: func(e *Event, r *rand.Rand, _ *Plan) {
			if e.Machine != leading && r.IntN(2) == 0 {
				e.Moment = Asking
			}
		},
		strikes: func(_ *world, p *process, _ Event) { p.reach(func() { go p.stepDown() }) }},
	{of: ofEvent, name: "hand over", what: "StepDown is called in favour of the process on machine number By, or of none if there is no such machine",
		share: 1, floor: 0.1,
		detail: func(e *Event, r *rand.Rand, p *Plan) {
			e.By = time.Duration(r.IntN(len(p.Machines) + 1))
		},
		strikes: func(_ *world, p *process, e Event) { p.reach(func() { p.handOver(int(e.By)) }) }},
	{of: ofEvent, name: "wish", what: "an operator on this machine looks at the lease, which takes Lag longer, and asks its holder to hand over to machine number By; after For, if that is set, he takes it back",
		share: 1, floor: 0.1,
		detail: func(e *Event, r *rand.Rand, p *Plan) {
			lags(e, r, p)
			e.By = time.Duration(r.IntN(len(p.Machines) + 1))
			if r.IntN(2) == 0 {
				e.For = time.Duration(r.Int64N(int64(p.RenewEvery)))
			}
		},
		strikes: func(_ *world, p *process, e Event) {
			p.reach(func() { go p.askAfter(p.w.onMachine(int(e.By)), e.Lag, e.For) })
		}},
	{of: ofEvent, name: "flood", what: "every source of hints tells of a change all the time, and somebody calls Hint, for For",
		share: 1, floor: 0.1, detail: lasts,
		strikes: func(w *world, p *process, e Event) {
			p.flood(true)
			w.after(e.For, func() { p.flood(false) })
		}},
	{of: ofEvent, name: "unhealthy", what: "the health check fails for For",
		share: 1, floor: 0.15, detail: lasts,
		strikes: func(w *world, p *process, e Event) {
			p.unhealthy.Store(true)
			w.after(e.For, func() { p.unhealthy.Store(false) })
		}},
	{of: ofEvent, name: "break", what: "an operator on this machine looks at the lease, which takes Lag longer, and breaks it",
		share: 1, floor: 0.15, detail: lags,
		strikes: func(_ *world, p *process, e Event) { p.reach(func() { go p.breakLease(e.Lag) }) }},
	{of: ofEvent, name: "look", what: "an operator on this machine inspects the lease, and the answer takes Lag longer",
		share: 1, floor: 0.15, detail: lags,
		strikes: func(_ *world, p *process, e Event) { p.reach(func() { go p.look(e.Lag) }) }},
	{of: ofEvent, name: "list", what: "an operator on this machine lists all leases, and pauses for Lag between two of them",
		share: 1, floor: 0.15, detail: lags,
		strikes: func(_ *world, p *process, e Event) { p.reach(func() { go p.list(e.Lag) }) }},
}

// lasts draws how long an event lasts.
func lasts(e *Event, r *rand.Rand, p *Plan) { e.For = time.Duration(r.Int64N(int64(3 * p.Length))) }

// lags draws how much longer than others the answers take that an operator gets.
func lags(e *Event, r *rand.Rand, p *Plan) {
	e.Lag, e.Moment = 0, AtOnce
	if r.IntN(2) == 0 {
		e.Lag = time.Duration(r.Int64N(int64(p.Length)))
	}
}

// rewinds draws a sleep, and a step back of the wall clock that comes about when the sleep begins, during it, or about when
// it ends.
func rewinds(e *Event, r *rand.Rand, p *Plan) {
	const about = 1500 * time.Millisecond
	lasts(e, r, p)
	e.By = time.Duration(r.Int64N(int64(2*about))) - about
	switch r.IntN(3) {
	case 1:
		e.By = time.Duration(r.Int64N(int64(e.For + 1)))
	case 2:
		e.By += e.For
	}
	e.Far = e.For + time.Duration(r.Int64N(2e9)) - time.Second
}

// faultsOf returns the rows of a kind of victim.
func faultsOf(v victim) (rows []*Fault) {
	for _, f := range faults {
		if f.of == v {
			rows = append(rows, f)
		}
	}
	return rows
}

// drawn returns one of the rows, by their shares, which together are among; nil for what is left of that.
func drawn(rows []*Fault, r *rand.Rand, among int) *Fault {
	roll := r.IntN(among)
	for _, f := range rows {
		if roll -= f.share; roll < 0 {
			return f
		}
	}
	return nil
}

// A Chance is the probability of a fault in a plan.
type Chance struct {
	*Fault
	Odds float64
}

// strike rolls the dice for one request, or one work, and returns the faults that happen to it.
func strike(chances []Chance, of victim, r *rand.Rand) (struck []*Fault) {
	roll := r.Float64()
	for _, c := range chances {
		switch {
		case c.of != of:
		case c.beside:
			if r.Float64() < c.Odds {
				struck = append(struck, c.Fault)
			}
		case roll >= 0:
			if roll -= c.Odds; roll < 0 {
				struck = append(struck, c.Fault)
			}
		}
	}
	return struck
}
