//go:build !race

package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// The smallest fleet: two nodes, one part. The times are those of a lease of 3 s.
const (
	tinyLength   = 3 * time.Second
	tinyInterval = tinyLength / 3
	tinyTrip     = 10 * time.Millisecond // of a request, or of an answer
	tinyPart     = "p"
	tinyWindow   = 5 * tinyLength / 2 // for so long after the story's event things go wrong
)

// A tiny is a world in which nothing happens by chance: the real code of two nodes, whose clocks, timers, random numbers and requests are in the
// explorer's hands. One thing happens at a time, and the next one when all goroutines wait.
type tiny struct {
	story  story
	path   []deviation // from what happens if nothing goes wrong
	taken  int         // of them
	points int         // at which something could have gone wrong so far
	last   bool        // no deviation more is wanted
	offers []offer     // alternatives after the last deviation

	clock  sync.Mutex // held by who changes now, over, and a node's life and sleep, and by nodes that read them
	now    time.Duration
	seq    int
	due    []*happening
	fresh  []*letter // that were sent, and whose fate is open
	cells  map[string]*tinyCell
	swaps  int
	nodes  [2]*tinyNode
	all    []*tinyNode
	over   bool
	closed chan struct{} // when it is over
	calm   time.Duration // since when nothing goes wrong
	plans  map[uint64]string
	token  uint64 // the part's greatest
	broken error
	told   []string
}

type tinyCell struct {
	data    string
	version int
	record  simRecord
}

// A happening is one thing that happens at a time.
type happening struct {
	at  time.Duration
	seq int
	do  func()
}

// A deviation takes another way at a point.
type deviation struct{ point, way int }

// An offer is a point with so many ways; way 0 is that nothing goes wrong.
type offer struct{ point, ways int }

// A story goes on by itself if nothing goes wrong: the second node comes after the first, and one of them has the part.
type story struct {
	name     string
	rates    [2]int                              // of the nodes' clocks, in hundredths
	event    func(holder, other *tinyNode)       // what happens when the fleet is well; nil: faults befall its start
	flaw     func(base *plan, s situation) *plan // a planner that breaks the rules
	careless bool                                // the store writes whatever stands there
}

// change changes what nodes read: their goroutines may run.
func (w *tiny) change(do func()) {
	w.clock.Lock()
	defer w.clock.Unlock()
	do()
}

// after lets something happen later.
func (w *tiny) after(d time.Duration, do func()) {
	w.seq++
	w.due = append(w.due, &happening{w.now + d, w.seq, do})
}

func (w *tiny) say(format string, args ...any) {
	w.told = append(w.told, fmt.Sprintf("%8.3f ", w.now.Seconds())+fmt.Sprintf(format, args...))
}

func (w *tiny) breaks(format string, args ...any) {
	if w.broken == nil {
		w.broken = fmt.Errorf(format, args...)
		w.say("BROKEN: %v", w.broken)
	}
}

// choose returns which way is taken at this point.
func (w *tiny) choose(ways int) int {
	if begin, end := w.window(); w.now < begin || w.now >= end || w.over {
		return 0
	}
	point := w.points
	w.points++
	if w.taken < len(w.path) {
		if w.path[w.taken].point == point {
			w.taken++
			w.calm = w.now
			return min(w.path[w.taken-1].way, ways-1)
		}
		return 0
	}
	if !w.last {
		w.offers = append(w.offers, offer{point, ways})
	}
	return 0
}

// tinyReady is when the fleet is well, if nothing has gone wrong.
const tinyReady = tinyLength * 4 / 3

// runTiny runs a world along a path. It notes where else things could have gone wrong, unless the path is one of the last.
func runTiny(t *testing.T, s story, path []deviation, last bool) *tiny {
	w := &tiny{story: s, path: path, last: last, cells: map[string]*tinyCell{}, plans: map[uint64]string{}}
	synctest.Test(t, func(*testing.T) {
		w.closed = make(chan struct{})
		defer w.end()
		w.start(0)
		w.after(tinyInterval/7, func() { w.start(1) })
		if s.event != nil {
			w.after(tinyReady, func() {
				if holder := w.worker(); holder == nil {
					w.breaks("liveness: the part is nobody's after %v in which nothing went wrong", tinyReady)
				} else {
					s.event(holder, w.nodes[1-holder.number])
				}
			})
		}
		w.tick()
		for w.broken == nil && !w.settled() {
			if w.now > w.calm+tinyReady+tinyWindow+8*tinyLength {
				w.breaks("liveness: %s", w.lacks())
			}
			w.step()
		}
	})
	return w
}

// step lets the next thing happen: of the world, of a letter, or a timer of a node.
func (w *tiny) step() {
	var first *happening
	for _, h := range w.due {
		if first == nil || h.at < first.at || h.at == first.at && h.seq < first.seq {
			first = h
		}
	}
	timer, at := w.nextTimer()
	switch {
	case timer != nil && (first == nil || at < first.at):
		w.change(func() { w.now = max(w.now, at) })
		timer.ring()
	case first != nil:
		w.change(func() { w.now = max(w.now, first.at) })
		w.due = slices.DeleteFunc(w.due, func(h *happening) bool { return h == first })
		first.do()
	default:
		w.breaks("liveness: nothing happens any more")
	}
	w.rest()
}

// rest waits until all goroutines wait, and decides the fates of the letters that they have sent.
func (w *tiny) rest() {
	synctest.Wait()
	fresh := w.fresh
	w.fresh = nil
	slices.SortStableFunc(fresh, func(a, b *letter) int {
		return cmp.Or(cmp.Compare(a.from.number, b.from.number), cmp.Compare(a.name, b.name), cmp.Compare(a.data, b.data))
	})
	for _, l := range fresh {
		w.send(l)
	}
	w.check()
}

// check checks that not two works may do something now.
func (w *tiny) check() {
	var has *tinyNode
	for _, n := range w.all {
		if n.works == nil || n.dead || n.asleep || n.works.Check() != nil {
			continue
		}
		if has != nil {
			w.breaks("FS1: %s works with token %d, and %s with token %d", has.name, has.works.Token(), n.name, n.works.Token())
		}
		has = n
	}
}

// worker returns the node that works on the part.
func (w *tiny) worker() *tinyNode {
	for _, n := range w.nodes {
		if n != nil && n.works != nil && n.works.Check() == nil {
			return n
		}
	}
	return nil
}

// settled reports whether nothing can go wrong any more, what is late has arrived, and all is well.
func (w *tiny) settled() bool {
	begin, end := w.window()
	if w.taken < len(w.path) || !w.last {
		begin = end
	}
	return w.now >= max(begin+tinyLength, w.calm+tinyLength*4/3) && w.lacks() == ""
}

// window returns when things go wrong.
func (w *tiny) window() (begin, end time.Duration) {
	if w.story.event != nil {
		begin = tinyReady
	}
	return begin, begin + tinyWindow
}

// lacks says what is missing of: both nodes have seats, and one works on the part.
func (w *tiny) lacks() string {
	for i, n := range w.nodes {
		switch {
		case n == nil:
			return fmt.Sprintf("node %d is not there", i)
		case n.asleep:
			return n.name + " sleeps"
		case n.leaves:
			return n.name + " is leaving"
		}
		f := n.fleet
		f.mu.Lock()
		run := f.node
		f.mu.Unlock()
		if run == nil || run.seat == nil || run.seat.id == (session{}) || run.seat.ended {
			return n.name + " has no seat"
		}
	}
	if w.worker() == nil {
		return "nobody works on the part"
	}
	return ""
}

// tick offers, three times in an interval, what may happen to a node by itself.
func (w *tiny) tick() {
	w.after(tinyInterval/3, func() {
		for i := range w.nodes {
			w.befall(w.nodes[i], w.choose(6))
		}
		if !w.settled() {
			w.tick()
		}
	})
}

// befall lets something happen to a node.
func (w *tiny) befall(n *tinyNode, way int) {
	if n == nil || way == 0 {
		return
	}
	switch way {
	case 1:
		n.crash(tinyInterval)
	case 2:
		n.sleep(tinyInterval)
	case 3:
		n.sleep(tinyLength + tinyInterval/2)
	case 4:
		n.depart()
	case 5:
		n.beBroken()
	}
}

// start starts a program on a machine.
func (w *tiny) start(number int) {
	if w.over || w.nodes[number] != nil {
		return
	}
	n := &tinyNode{w: w, number: number, name: fmt.Sprintf("n%d.%d", number, len(w.all)), rate: time.Duration(w.story.rates[number]), gone: make(chan struct{})}
	n.born = w.now
	ctx, leave := context.WithCancel(host.With(context.Background(), n))
	n.leave = leave
	n.fleet = New(WithName("f"), WithNodeID(n.name), WithLeaseManager(lease.NewManager(tinyLink{n})), WithLogger(slog.New(slog.DiscardHandler)),
		WithLeaseLength(tinyLength), WithParts(tinyPart), WhenAssigned(n.work))
	if flaw := w.story.flaw; flaw != nil {
		n.fleet.options.assign = func(base *plan, s situation) (*plan, []string) {
			return flaw(base, s), nil
		}
	}
	w.nodes[number] = n
	w.all = append(w.all, n)
	w.say("%s starts", n.name)
	go func() {
		defer close(n.gone)
		n.ended = errors.Join(n.fleet.Run(ctx))
	}()
}

// end ends the world: the leases have run out long ago, and no request gets an answer.
func (w *tiny) end() {
	w.change(func() {
		w.over = true
		w.now += time.Hour
		for _, n := range w.all {
			n.dead, n.asleep = false, false
		}
	})
	close(w.closed)
	for _, n := range w.all {
		n.leave()
	}
	for range 200 {
		synctest.Wait()
		open := 0
		for _, n := range w.all {
			select {
			case <-n.gone:
			default:
				open++
			}
		}
		if open == 0 {
			return
		}
		for _, l := range w.fresh {
			l.fail()
		}
		w.fresh = nil
		synctest.Wait()
		for timer, _ := w.nextTimer(); timer != nil; timer, _ = w.nextTimer() {
			timer.ring()
			synctest.Wait()
		}
		w.change(func() { w.now += time.Hour })
	}
	panic("a node does not end")
}
