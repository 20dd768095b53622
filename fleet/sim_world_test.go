package fleet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudlease/leader/internal/hosttest"
	"github.com/cloudlease/leader/lease"
)

// A world is a simulated fleet: the real code on machines with wrong clocks, that sleep and crash, behind a network that loses,
// delays and repeats requests. A seed makes a world, up to the order in which goroutines run at one instant.
type world struct {
	seed     uint64
	whole    bool // it goes on until all is well
	told     bool
	length   time.Duration
	interval time.Duration
	ages     bool          // the store tells how old a record is
	random   bool          // plans are made at random while things go wrong
	sickly   bool          // health checks fail now and then
	fault    float64       // the odds of a fault of a request
	lateMost time.Duration // how late a request or an answer may be
	seldom   time.Duration // how often a process may write to a lease at most (lease.Limits); 0: as often as it likes
	blind    int           // the machine whose program cannot read plans in the end; -1: none
	over     chan struct{}

	mu       sync.Mutex
	rng      *rand.Rand
	began    time.Time
	calm     bool // nothing goes wrong any more
	list     []string
	cells    map[string]*simCell
	versions int
	plans    map[uint64]string // by epoch, as they were stored
	machines []*simProcess     // the process on each; nil: none
	all      []*simProcess     // that were ever started
	started  int
	works    map[string][]*simWork
	tokens   map[string]simToken
	terms    int
	reads    int
	writes   int
	changed  time.Time // when a work began or returned last
	rests    time.Time // since when nothing happens but what a trial lets happen
	broken   error
	story    []string
}

type simToken struct {
	token uint64
	p     *simProcess
}

// wholeEvery is how many worlds there are for a whole one. In the others, things go wrong for 2 to 5 lease lengths, one after another, and that is all: FS1 to FS3, F1 and
// F4 are checked. A whole world has up to 22 of them, and then all goes well: the parts are divided in the end, at rest, within bounds. It takes
// six times as long, and finds few violations of safety that short ones do not.
const wholeEvery = 16

// simulate runs a world, and returns the promise that it broke; nil if none.
func simulate(t *testing.T, seed uint64, told bool) (w *world) {
	synctest.Test(t, func(t *testing.T) {
		w = newWorld(seed, told)
		defer w.end()
		begin, long := w.length, 2*w.length+w.upTo(3*w.length)
		if w.whole {
			begin, long = 6*w.length, 8*w.length+w.upTo(14*w.length)
		}
		for i := range w.machines {
			at := time.Duration(0)
			if w.rng.IntN(3) > 0 {
				at = w.upTo(begin)
			}
			w.restart(i, at)
		}
		w.goWrong(long)
		if !w.whole {
			return
		}
		w.heal()
		if w.settle("after all is well", 30*w.length) {
			w.rest()
		}
		if w.fine() && seed/wholeEvery%2 == 0 {
			w.trial()
		}
	})
	return w
}

func newWorld(seed uint64, told bool) *world {
	rng := rand.New(&sharedSource{source: rand.NewPCG(seed, 7)})
	w := &world{
		seed: seed, whole: seed%wholeEvery == 0, told: told, rng: rng, began: time.Now(), over: make(chan struct{}), blind: -1,
		cells: map[string]*simCell{}, plans: map[uint64]string{}, works: map[string][]*simWork{}, tokens: map[string]simToken{},
		length: []time.Duration{3 * time.Second, 6 * time.Second, 15 * time.Second}[rng.IntN(3)],
		ages:   rng.IntN(2) == 0, random: rng.IntN(4) == 0, sickly: rng.IntN(4) == 0,
		fault: []float64{0, 0.02, 0.1, 0.25, 0.4}[rng.IntN(5)],
	}
	w.interval = w.length / 3
	w.lateMost = []time.Duration{w.interval, w.length, 3 * w.length}[rng.IntN(3)]
	w.machines = make([]*simProcess, 2+rng.IntN(4))
	if len(w.machines) > 2 && rng.IntN(7) == 0 {
		w.blind = rng.IntN(len(w.machines))
	}
	w.list = simParts(3+rng.IntN(6), ^uint64(0))
	if rng.IntN(3) == 0 {
		w.seldom = w.interval / 4
	}
	return w
}

// simParts returns those of n parts whose bit is set.
func simParts(n int, mask uint64) (parts []string) {
	for i := range n {
		if mask&(1<<i) != 0 {
			parts = append(parts, strconv.Itoa(i))
		}
	}
	return parts
}

// A sharedSource is for many goroutines: none of them needs the lock of the world in order to draw.
type sharedSource struct {
	mu     sync.Mutex
	source rand.Source
}

func (s *sharedSource) Uint64() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.source.Uint64()
}

// upTo draws a time.
func (w *world) upTo(d time.Duration) time.Duration {
	return time.Duration(1 + w.rng.Int64N(int64(max(d, 1))))
}

// say adds to the story. The caller holds the lock.
func (w *world) say(format string, args ...any) {
	if w.told {
		w.story = append(w.story, fmt.Sprintf("%10.3f ", time.Since(w.began).Seconds())+fmt.Sprintf(format, args...))
	}
}

// breaks notes the first promise that is broken. The caller holds the lock.
func (w *world) breaks(format string, args ...any) {
	if w.broken == nil {
		w.broken = fmt.Errorf(format, args...)
		w.say("BROKEN: %v", w.broken)
	}
}

func (w *world) isOver() bool {
	select {
	case <-w.over:
		return true
	default:
		return false
	}
}

func (w *world) isCalm() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calm
}

func (w *world) fine() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.broken == nil
}

// restart starts a process on a machine after a while, if none runs there then.
func (w *world) restart(number int, after time.Duration) {
	time.AfterFunc(after, func() {
		if !w.isOver() {
			w.start(number)
		}
	})
}

// goWrong lets things go wrong for a while.
func (w *world) goWrong(until time.Duration) {
	gap := w.upTo(3*w.length - w.interval)
	if !w.whole {
		gap = w.upTo(w.interval)
	}
	for spent := time.Duration(0); spent < until && w.fine(); {
		d := w.upTo(gap + w.interval)
		time.Sleep(d)
		spent += d
		w.mu.Lock()
		w.trouble()
		w.mu.Unlock()
	}
}

// trouble is one thing that goes wrong.
func (w *world) trouble() {
	number := w.rng.IntN(len(w.machines))
	p := w.machines[number]
	switch w.rng.IntN(16) {
	case 15:
		if p != nil {
			p.retire(w.rng.IntN(3) > 0)
		}
	case 13, 14:
		w.pins()
	case 12:
		p.lookSlowly()
	case 0, 1:
		if p != nil {
			p.crash()
			w.restart(number, w.upTo(3*w.length))
		}
	case 2, 3:
		w.suspend(p, w.upTo([]time.Duration{w.interval, 2 * w.length, 4 * w.length}[w.rng.IntN(3)]))
	case 4, 5:
		if p != nil {
			w.say("%s is cut off", p.name)
			p.cut = true
			time.AfterFunc(w.upTo(2*w.length), func() { w.mu.Lock(); p.cut = false; w.mu.Unlock() })
		}
	case 6, 7:
		if p != nil && !p.leaving {
			w.say("%s is to leave", p.name)
			p.leaving = true
			p.leave(errors.New("leave"))
		}
	case 8:
		n := 1 + w.rng.IntN(8)
		if parts := simParts(n, w.rng.Uint64()|1); len(parts) > 0 {
			w.list = parts
			w.say("the parts are %v", parts)
		}
	case 9:
		w.breakLease()
	case 10:
		if w.rng.IntN(7) == 0 {
			for i, p := range w.machines {
				if p != nil {
					p.crash()
					w.restart(i, w.upTo(w.interval))
				}
			}
		}
	case 11:
		if p := w.coordinator(); p != nil {
			if w.rng.IntN(2) == 0 {
				w.suspend(p, w.length/2+w.upTo(3*w.length))
			} else {
				p.crash()
				w.restart(p.number, w.upTo(w.length))
			}
		}
	}
}

func (w *world) suspend(p *simProcess, d time.Duration) {
	if p == nil {
		return
	}
	w.say("%s sleeps for %v", p.name, d)
	p.machine.Suspend()
	time.AfterFunc(d, func() {
		w.mu.Lock()
		dead := p.dead
		w.mu.Unlock()
		if !dead {
			p.machine.Resume()
		}
	})
}

// coordinator returns the process that holds the office, as far as the record tells.
func (w *world) coordinator() *simProcess {
	c := w.cells["f"]
	if c == nil {
		return nil
	}
	for _, p := range w.machines {
		if p != nil && strings.Contains(c.data, strconv.Quote(p.id())) {
			return p
		}
	}
	return nil
}

// pins lets an operator pin a part to a node, which may not be there, or unpin it.
func (w *world) pins() {
	m := pin{Part: strconv.Itoa(w.rng.IntN(8))}
	if w.rng.IntN(4) > 0 {
		m.Node = fmt.Sprint("n", w.rng.IntN(len(w.machines)+1))
	}
	w.say("part %s is to be at %q", m.Part, m.Node)
	if p := w.coordinator(); p != nil {
		go func() {
			p.fleet.mu.Lock()
			defer p.fleet.mu.Unlock()
			if n := p.fleet.node; n != nil {
				n.inbox.post(func() { n.move(m) })
			}
		}()
	}
}

// breakLease lets an operator look at a lease and break it.
func (w *world) breakLease() {
	name := "f"
	if k := w.rng.IntN(5); k > 0 {
		name = SeatLease("f", k)
	}
	go func() {
		m := lease.NewManager(simLink{&simProcess{w: w, name: "operator", machine: hosttest.New(true)}})
		ctx, cancel := context.WithTimeout(context.Background(), w.length)
		defer cancel()
		if info, err := lease.Inspect(ctx, m, name); err == nil && info.State == lease.Held && !info.Broken {
			err = lease.Break(ctx, m, info)
			w.mu.Lock()
			defer w.mu.Unlock()
			w.say("%s is broken, token %d: %v", name, info.Token, err)
		}
	}()
}

// heal ends all that goes wrong.
func (w *world) heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.say("all is well from now on")
	w.calm = true
	for i, p := range w.machines {
		if p != nil {
			p.cut = false
			p.machine.Resume()
			p.retire(false)
		} else if i == 0 || w.rng.IntN(10) < 7 {
			w.restart(i, w.upTo(w.length))
		}
	}
	if w.blind >= 0 { // an older program is started there
		if p := w.machines[w.blind]; p != nil {
			p.crash()
		}
		w.restart(w.blind, w.upTo(w.length))
	}
}

// end ends the world: everybody leaves at once, and no request succeeds.
func (w *world) end() {
	close(w.over)
	w.mu.Lock()
	all := w.all
	w.mu.Unlock()
	for _, p := range all {
		p.fleet.mu.Lock()
		if n := p.fleet.node; n != nil {
			n.inbox.post(func() { n.fail(errors.New("the world is over")) }) // it does not drain: that takes long
		}
		p.fleet.mu.Unlock()
		p.leave(errors.New("the world is over"))
		p.machine.Resume()
	}
	for _, p := range all {
		<-p.gone
	}
}
