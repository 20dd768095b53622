//go:build !race

package fleet

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/cloudlease/leader/lease"
)

// A letter is a request on its way, or a work that was told to return.
type letter struct {
	from   *tinyNode
	tidies bool // it is a work
	name   string
	swap   bool
	old    lease.Version
	data   string
	back   chan answer
}

type answer struct {
	lease.Snapshot
	err error
}

func (l *letter) fail() { l.answer(answer{err: errTinyLost}) }

func (l *letter) answer(a answer) {
	select {
	case l.back <- a:
	default: // its sender has one
	}
}

var tinyPost sync.Mutex // of the letters of all worlds: it is held for a moment

func (w *tiny) post(l *letter) {
	tinyPost.Lock()
	defer tinyPost.Unlock()
	w.fresh = append(w.fresh, l)
}

// send decides what becomes of a letter.
func (w *tiny) send(l *letter) {
	switch {
	case w.over:
		l.fail()
	case l.from.dead: // it is never answered
	case l.tidies:
		takes := []time.Duration{tinyTrip, tinyInterval, tinyLength + tinyInterval}[w.choose(3)]
		w.after(takes, func() { w.reaches(l, answer{}) })
	case l.swap:
		w.sendSwap(l)
	default:
		w.sendLoad(l)
	}
}

func (w *tiny) sendLoad(l *letter) {
	there, back, ways := tinyTrip, tinyTrip, 4
	if w.cells[l.name] == nil {
		ways = 1
	}
	switch w.choose(ways) {
	case 1:
		w.say("%s: a read of %s is lost", l.from.name, l.name)
		return
	case 2:
		w.say("%s: the answer to a read of %s is late", l.from.name, l.name)
		back = tinyInterval * 7 / 8
	case 3:
		w.say("%s: a read of %s is late", l.from.name, l.name)
		there = tinyInterval * 7 / 8
	}
	w.after(there, func() {
		var s lease.Snapshot
		if c := w.cells[l.name]; c != nil {
			s = lease.Snapshot{Data: []byte(c.data), Version: lease.Version(strconv.Itoa(c.version))}
		}
		w.after(back, func() { w.reaches(l, answer{Snapshot: s}) })
	})
}

func (w *tiny) sendSwap(l *letter) {
	there, back, times := tinyTrip, tinyTrip, 1
	switch w.choose(7) {
	case 1:
		w.say("%s: a write of %s is lost", l.from.name, l.name)
		return
	case 2:
		w.say("%s: the answer to a write of %s is lost", l.from.name, l.name)
		back = -1
	case 3:
		w.say("%s: a write of %s is late", l.from.name, l.name)
		there = tinyInterval * 9 / 8
	case 4:
		w.say("%s: a write of %s is later than a lease lasts", l.from.name, l.name)
		there = tinyLength * 9 / 8
	case 5:
		w.say("%s: the answer to a write of %s is late", l.from.name, l.name)
		back = tinyInterval * 7 / 8
	case 6:
		w.say("%s: a write of %s arrives twice", l.from.name, l.name)
		times = 2
	}
	for range times {
		times--
		last := times == 0
		w.after(there, func() {
			a := w.swap(l)
			if back >= 0 && last {
				w.after(back, func() { w.reaches(l, a) })
			}
		})
	}
}

// reaches lets an answer reach its node, unless that is dead. A machine that sleeps has it when it wakes.
func (w *tiny) reaches(l *letter, a answer) {
	switch n := l.from; {
	case n.dead:
	case n.asleep:
		w.after(tinyInterval/16, func() { w.reaches(l, a) })
	default:
		l.answer(a)
	}
}

func (w *tiny) swap(l *letter) (a answer) {
	found, was := "", simRecord{}
	if c := w.cells[l.name]; c != nil {
		found, was = strconv.Itoa(c.version), c.record
	}
	if found != string(l.old) && !w.story.careless {
		return answer{err: lease.ErrConflict}
	}
	is := readSim(l.data)
	w.judge(l, was, is)
	a.Version = lease.Version(strconv.Itoa(w.write(l.name, l.data, is)))
	return a
}

func (w *tiny) write(name, data string, is simRecord) int {
	w.swaps++
	w.cells[name] = &tinyCell{data, w.swaps, is}
	return w.swaps
}

// judge checks what a write does: F4 of a plan, FS3 of the release of a seat.
func (w *tiny) judge(l *letter, was, is simRecord) {
	if l.name != "f" {
		if n := l.from; is.Released && was.ID == is.ID && n.works != nil && !n.dead && n.works.Check() == nil && n.SeatLease() == l.name {
			w.breaks("FS3: %s releases %s while its work runs", n.name, l.name)
		}
		return
	}
	if is.Value == was.Value {
		return
	}
	epoch, ok := planEpoch(is.Value)
	if !ok {
		w.breaks("F4: %s writes a value that is no plan", l.from.name)
		return
	}
	if before, _ := planEpoch(was.Value); epoch < before {
		w.breaks("F4: %s takes the plan from epoch %d back to %d", l.from.name, before, epoch)
	}
	switch other, known := w.plans[epoch]; {
	case known && other != is.Value:
		w.breaks("F4: epoch %d is two plans: %s writes another", epoch, l.from.name)
	case !known:
		if p, err := decodePlan(is.Value); err == nil {
			w.say("%s stores plan %d: %s", l.from.name, epoch, tellPlan(p))
		}
	}
	w.plans[epoch] = is.Value
}

// SeatLease is the name of the seat that the node has, or had last.
func (n *tinyNode) SeatLease() string {
	n.fleet.mu.Lock()
	defer n.fleet.mu.Unlock()
	if n.fleet.node == nil {
		return ""
	}
	return SeatLease("f", n.fleet.node.was.Seat)
}

// A tinyLink is a node's way to the store.
type tinyLink struct{ n *tinyNode }

func (k tinyLink) do(ctx context.Context, l *letter) (answer, error) {
	l.from, l.back = k.n, make(chan answer, 1)
	k.n.w.post(l)
	select {
	case a := <-l.back:
		return a, a.err
	case <-ctx.Done():
		return answer{}, context.Cause(ctx)
	case <-k.n.w.closed:
		return answer{}, errTinyLost
	}
}

// Load reads a cell.
func (k tinyLink) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	a, err := k.do(ctx, &letter{name: name})
	return a.Snapshot, err
}

// Swap writes a cell.
func (k tinyLink) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	a, err := k.do(ctx, &letter{name: name, swap: true, old: old, data: string(data)})
	return a.Version, err
}
