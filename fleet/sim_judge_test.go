package fleet

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// settle waits until each part is worked on by one node, in balance. It reports whether that came about in time.
func (w *world) settle(when string, within time.Duration) bool {
	// Late requests have arrived, and what they did has run out.
	late := min(8*w.length, 2*w.lateMost+6*w.length)
	var why string
	var since time.Time
	for began := time.Now(); w.fine(); time.Sleep(w.interval / 2) {
		switch why = w.unsettled(); {
		case why != "":
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		case time.Since(since) > 3*w.length && time.Since(began) > late:
			return true
		}
		if time.Since(began) > within {
			w.mu.Lock()
			w.breaks("liveness: %s, %v %s", why, within, when)
			w.mu.Unlock()
		}
	}
	return false
}

// unsettled says what is missing; nothing if each part is one living node's, in balance.
func (w *world) unsettled() string {
	statuses := map[*simProcess]Status{}
	w.mu.Lock()
	machines := slices.Clone(w.machines)
	w.mu.Unlock()
	for _, p := range machines {
		if p != nil {
			statuses[p] = p.fleet.Status()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	load := map[*simProcess]int{}
	for p, s := range statuses {
		switch {
		case p.leaving:
			return p.name + " is still leaving"
		case p.blind:
		case s.Token == 0:
			return p.name + " has no seat"
		default:
			load[p] = 0
		}
	}
	if len(load) == 0 {
		return "nobody is there"
	}
	for part, works := range w.works {
		active := 0
		for _, v := range works {
			if v.term.Check() == nil {
				active++
				load[v.p]++
				if v.p.blind {
					return fmt.Sprintf("part %s is with %s, which cannot read plans", part, v.p.name)
				}
			}
		}
		if active > 0 && !slices.Contains(w.list, part) {
			return fmt.Sprintf("part %s is worked on, though it is off the list", part)
		}
	}
	for _, part := range w.list {
		if n := len(w.works[part]); n != 1 {
			return fmt.Sprintf("part %s is worked on %d times", part, n)
		}
	}
	p, err := decodePlan(w.cells["f"].record.Value)
	if err != nil {
		return err.Error()
	}
	for _, part := range w.list { // F1: a work under an older token is to have been cancelled
		if e, _ := p.find(part); w.works[part][0].term.Token() != e.Token {
			return fmt.Sprintf("part %s is worked on under token %d, and the plan has token %d", part, w.works[part][0].term.Token(), e.Token)
		}
	}
	return w.unbalanced(p, load)
}

// unbalanced says what is wrong with the loads: parts that are not where they are pinned to, though that node is there, or loads that differ by
// more than the pins need.
func (w *world) unbalanced(p *plan, load map[*simProcess]int) string {
	movable := maps.Clone(load)
	for _, m := range p.Pins {
		for p := range load {
			if p.id() != m.Node {
				continue
			}
			switch works := w.works[m.Part]; {
			case len(works) == 0:
				return fmt.Sprintf("part %s is pinned to %s, though it is off the list", m.Part, m.Node)
			case works[0].p != p:
				return fmt.Sprintf("part %s is not with %s", m.Part, m.Node)
			}
			movable[p]--
		}
	}
	for a, n := range load {
		for b := range load {
			if movable[a] > 0 && n > load[b]+1 {
				return fmt.Sprintf("%s has %d parts and %s %d", a.name, n, b.name, load[b])
			}
		}
	}
	return ""
}

// judgeEnd checks why Run has ended: because the node was told to leave, a work has panicked, or one that does not stop was given
// up; and not for what passes, as the loss of a seat or a store that does not answer. The caller holds the lock.
func (w *world) judgeEnd(p *simProcess, err error, panicked any) {
	switch {
	case w.isOver():
	case panicked != nil:
		if !p.wrecked {
			w.breaks("Run: %s panics, and no work of it has: %v", p.name, panicked)
		}
	case errors.Is(err, ErrStopTimeout):
		if !p.gives {
			w.breaks("Run: %s gives a work up, and is to wait for it: %v", p.name, err)
		}
	case p.wrecked:
		w.breaks("Run: a work of %s has panicked, and Run returns %v", p.name, err)
	case err != nil || !p.leaving:
		w.breaks("Run: %s is to leave: %v, and Run returns %v", p.name, p.leaving, err)
	}
}

// rest checks that while nothing happens, nothing moves, and that requests are as F7 says.
func (w *world) rest() {
	const lengths = 6
	w.mu.Lock()
	w.reads, w.writes, w.rests = 0, 0, time.Now()
	terms, plans, began := w.terms, len(w.plans), time.Now()
	w.mu.Unlock()
	time.Sleep(lengths * w.length)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.terms != terms || w.changed.After(began) || len(w.plans) != plans {
		w.breaks("quiet: parts move, or plans change, though nothing happens")
	}
	p, err := decodePlan(w.cells["f"].record.Value)
	if err != nil {
		w.breaks("the plan is damaged: %v", err)
		return
	}
	nodes := 0
	for _, p := range w.machines {
		if p != nil {
			nodes++
		}
	}
	if w.blind >= 0 {
		return // a node that reads no plans looks for one
	}
	intervals := float64(lengths*3) * 1.05 // clocks are fast
	mostReads := intervals*(float64(nodes-1)*1.05+float64(p.Width))*16/15.5 + float64(6*nodes+p.Width)
	mostWrites := intervals*float64(nodes+1) + float64(2+nodes)
	if float64(w.reads) > mostReads || float64(w.writes) > mostWrites {
		w.breaks("F7: %d reads (at most %.0f) and %d writes (%.0f) of %d nodes, width %d", w.reads, mostReads, w.writes, mostWrites, nodes, p.Width)
	}
}

// trial lets one thing happen to a fleet that is well, and checks how long it takes: a node dies, or the coordinator, or one leaves.
func (w *world) trial() {
	w.mu.Lock()
	coordinator := w.coordinator()
	var victim *simProcess
	nodes := 0
	for _, p := range w.machines {
		if p != nil && !p.blind {
			nodes++
			if p != coordinator {
				victim = p
			}
		}
	}
	what := w.rng.IntN(3)
	if victim == nil || coordinator == nil || nodes < 2 || coordinator.blind {
		w.mu.Unlock()
		return
	}
	requests := func(n int) time.Duration { return time.Duration(n) * 2 * mostLag }
	writes := func(n int) time.Duration { return time.Duration(n) * w.seldom }                 // in a row, of one process to one lease
	stretch := func(d time.Duration) time.Duration { return time.Duration(float64(d) / 0.95) } // clocks are slow
	within := stretch(w.length+2*w.interval+writes(2)) + requests(5)
	switch what {
	case 0:
		victim.crash()
	case 1:
		victim = coordinator
		victim.crash()
		within = stretch(2*w.length+4*w.interval+writes(3)) + requests(10)
	case 2:
		victim.leaving = true
		victim.leave(errors.New("leave"))
		within = stretch(2*w.interval+writes(4)) + requests(20)
	}
	w.say("trial %d of %s", what, victim.name)
	w.machines[victim.number] = nil
	began := time.Now()
	w.mu.Unlock()
	time.Sleep(requests(1)) // those under way arrive
	if what < 2 {           // it counts from the last renewal
		began = w.renewed(victim, what == 1)
	}
	for w.fine() && !w.allWorkedOn(victim) {
		if took := time.Since(began); took > within {
			w.mu.Lock()
			w.breaks("FL%d: not all parts of %s are worked on after %v, and it is to take %v", what+1, victim.name, took, within)
			w.mu.Unlock()
		}
		time.Sleep(w.interval / 16)
	}
}

// renewed returns when a node has renewed its seat last, or its office: the next coordinator then watches the seat for a length.
func (w *world) renewed(p *simProcess, office bool) time.Time {
	name := SeatLease("f", p.fleet.Status().Seat)
	if office {
		name = "f"
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cells[name].written
}

func (w *world) allWorkedOn(but *simProcess) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, part := range w.list {
		if !slices.ContainsFunc(w.works[part], func(v *simWork) bool { return v.p != but && v.term.Check() == nil }) {
			return false
		}
	}
	return true
}
