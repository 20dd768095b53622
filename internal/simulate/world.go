package simulate

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/cloudlease/leader/lease"
)

// world is one run of a plan, with its observer.
type world struct {
	queue
	plan     Plan
	store    store
	machines []*machine
	over     chan struct{}
	healed   atomic.Bool // nothing goes wrong any more
	steps    int
	deleted  bool // an outsider has deleted the record (see afterDelete)

	mu        sync.Mutex // guards the fields below, which goroutines of the processes write
	processes []*process
	started   int
	history   history
	counts    map[string]int
	broken    error // the first promise that was broken
	newest    uint64
	newestBy  *process            // the process that began the newest term
	running   map[uint64]*process // by token, the processes whose work runs
	brokenIDs map[string]bool     // of the records that a Break wrote
	register  uint64              // the greatest token that the fenced register has seen
	writer    *process            // the process that sent it
	bequest   bequest             // of the leader that was told to hand over
}

// A Result says how a world went.
type Result struct {
	Plan    Plan
	Broken  error          // the promise that was broken; nil if none was
	History string         // "" unless it was to be told
	Counts  map[string]int // how often each thing came about
	Steps   int
	Sum     uint64 // a hash of the times of all steps
}

// Run runs a plan. The caller gives it a testing/synctest bubble for itself. To tell the history takes longer than to run the
// world, so ask for it only if you will read it: a second run of the plan has the same history.
func Run(plan Plan, tell bool) Result {
	w := &world{
		plan: plan, over: make(chan struct{}),
		counts: map[string]int{}, running: map[uint64]*process{}, brokenIDs: map[string]bool{}, history: history{told: tell},
	}
	for i, m := range plan.Machines {
		w.machines = append(w.machines, &machine{Machine: m, w: w, id: i})
		w.after(time.Duration(i)*time.Second/7, func() { w.start(w.machines[i]) })
	}
	for _, e := range plan.Events {
		w.after(e.At, func() { w.befall(e) })
	}
	w.live(plan.Duration)
	w.do(w.heal)
	w.aftermath()
	sum := w.sum
	w.end()
	return Result{
		Plan: plan, Broken: w.broken, History: w.history.String(), Counts: w.counts, Steps: w.steps, Sum: sum,
	}
}

// mostSteps is far more steps than any world has.
const mostSteps = 100_000

// live lets things happen until the given time, or until a promise is broken.
func (w *world) live(until time.Duration) {
	for w.broken == nil {
		what, ok := w.next(until)
		if !ok {
			break
		}
		w.do(what)
		if w.steps++; w.steps > mostSteps {
			w.fail("C1: %d things have happened: somebody goes round in a circle", w.steps)
		}
		if w.steps%16 == 0 {
			w.do(w.judgeAll)
		}
	}
}

// do lets something happen, and waits until every goroutine waits again.
func (w *world) do(what func()) {
	what()
	synctest.Wait()
}

func (w *world) log(format string, args ...any) {
	if !w.history.told {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.logLocked(format, args...)
}

func (w *world) logLocked(format string, args ...any) {
	if w.history.told && !w.closed() {
		w.history.add(w.time(), fmt.Sprintf(format, args...))
	}
}

func (w *world) count(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts[what]++
}

func (w *world) closed() bool {
	select {
	case <-w.over:
		return true
	default:
		return false
	}
}

// chances returns what may go wrong with a request or a work by now.
func (w *world) chances() []Chance {
	if w.healed.Load() {
		return nil
	}
	return w.plan.Chances
}

// latency returns how much longer each way of a request may take by now.
func (w *world) latency() time.Duration {
	if w.healed.Load() {
		return 0
	}
	return w.plan.Latency
}

// storeClock draws how far the clock is ahead on the store's machine that a request reaches. Any two agree within two
// seconds.
func (w *world) storeClock(p *process) time.Duration {
	p.diceMu.Lock()
	defer p.diceMu.Unlock()
	return time.Duration(p.dice.Int64N(2e9))
}

// befall starts an event whose time has come: now, or at its moment.
func (w *world) befall(e Event) {
	p := w.leading()
	if e.Machine != leading {
		p = w.machines[e.Machine].process
	}
	if p == nil {
		return
	}
	strike := func() { w.strike(p, e) }
	switch e.Moment {
	case AtOnce:
		strike()
	case Taken:
		p.onTaken = strike
	case Heard:
		p.onHeard, p.lag = strike, e.Lag
	case Asking:
		p.onAsking.Store(&strike)
	}
}

// strike lets an event happen to a process and its machine.
func (w *world) strike(p *process, e Event) {
	if p.m.process != p || w.healed.Load() {
		return
	}
	w.log("%s: %s", p.name, e.name)
	w.count(e.Fault.String())
	e.strikes(w, p, e)
}

// step steps the wall clock of a machine, if that will show.
func (w *world) step(m *machine, d time.Duration) {
	switch {
	case w.healed.Load():
	case !m.shows(jolt{step: d}):
		w.count("jolts that would show on no clock")
	default:
		m.step(d)
		w.noteStep(m, d)
	}
}

func (w *world) suspend(m *machine, d time.Duration) {
	if w.healed.Load() || m.sleeps() {
		return
	}
	if !m.shows(jolt{sleep: d}) {
		w.count("jolts that would show on no clock")
		return
	}
	m.suspend()
	w.log("m%d: sleeps", m.id)
	w.after(d, func() {
		w.log("m%d: wakes", m.id)
		if p := m.process; p != nil && w.running[p.term.Token()] == p && d > w.plan.Length {
			w.count("sleeps of a leader, longer than its lease")
		}
		m.resume()
	})
}

func (w *world) crash(p *process) {
	p.crashed.Store(true)
	w.mu.Lock()
	defer w.mu.Unlock()
	for token, q := range w.running {
		if q == p {
			delete(w.running, token)
			w.counts["crashes of a leader"]++
		}
	}
}

// replace starts the next process on the machine, unless one has started since.
func (w *world) replace(p *process) {
	p.m.reach(func() {
		if p.m.process == p {
			w.start(p.m)
		}
	})
}

// heal ends everything that goes wrong.
func (w *world) heal() {
	w.healed.Store(true)
	for _, p := range w.processes {
		p.onTaken, p.onHeard, p.lag = nil, nil, 0
		p.onAsking.Store(nil)
		p.mute.Store(0)
	}
	for _, m := range w.machines {
		m.cut = false
		m.closed.Store(false)
		m.resume()
		if m.process != nil {
			m.process.unhealthy.Store(false)
		}
	}
	w.healHints()
}

// end lets every goroutine end, also those of the processes that crashed.
func (w *world) end() {
	close(w.over)
	for _, m := range w.machines {
		m.resume()
	}
	for _, p := range w.processes {
		p.crashed.Store(false)
		p.cancel(errOver)
		for _, f := range p.limbo {
			w.after(0, f)
		}
	}
	synctest.Wait()
	for {
		what, ok := w.next(w.time() + 365*24*time.Hour)
		if !ok {
			break
		}
		w.do(what)
	}
	for _, p := range w.processes {
		select {
		case <-p.ended:
		default:
			w.broken = errors.Join(w.broken, fmt.Errorf("%s: Run does not end", p.name))
		}
	}
}

// working notes that a term's work begins or ends.
func (w *world) working(p *process, term lease.Term, begins bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if begins {
		for token, q := range w.running {
			if q == p {
				w.breaks("%s works under token %d, and its work under token %d has not returned", p.name, term.Token(), token)
			}
		}
		p.term = term
		w.running[term.Token()] = p
	} else if w.running[term.Token()] == p {
		delete(w.running, term.Token())
	}
}
