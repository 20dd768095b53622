package simulate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// process is one run of a program that wants to lead, on a machine.
type process struct {
	w      *world
	m      *machine
	name   string
	host   *hostOf
	leader *leader.Leader
	leases watched
	cancel context.CancelCauseFunc
	ended  chan struct{}

	crashed   atomic.Bool // nothing reaches it any more
	unhealthy atomic.Bool

	diceMu sync.Mutex
	dice   *rand.Rand // for what befalls its requests

	// For the observer.
	limbo   []func() // what would have reached it, had it not crashed
	loads   int
	dead    map[string]bool            // IDs of its acquisitions: whether they failed
	seen    map[lease.Version]sighting // by answers
	term    lease.Term                 // its latest
	over    lease.Term                 // the latest that was seen to hold no longer
	onTaken func()                     // is called once, when the store takes its next write
	onHeard func()                     // is called once, when it hears that its next write was taken
	lag     time.Duration              // of that answer
}

// sighting is when a process first saw a version, by its monotonic clock, and what was there.
type sighting struct {
	at time.Duration
	record
}

// start starts a process on the machine, unless the world is over: nobody would end it.
func (w *world) start(m *machine) {
	if w.closed() {
		return
	}
	w.started++
	seed := w.plan.Seed ^ uint64(w.started)<<32
	p := &process{
		w: w, m: m, name: fmt.Sprintf("m%d.%d", m.id, w.started), ended: make(chan struct{}),
		dice: rand.New(rand.NewPCG(seed, 2)), dead: map[string]bool{}, seen: map[lease.Version]sighting{},
	}
	p.host = &hostOf{machine: m, p: p, random: rand.New(rand.NewPCG(seed, 3))}
	m.process = p
	w.processes = append(w.processes, p)
	p.leases = watched{lease.NewManager(link{p}), p}
	id := p.name
	if w.plan.OneName {
		id = "anybody"
	}
	p.leader = leader.New(append(w.plan.options(),
		leader.WithLeaseManager(p.leases),
		leader.WithNodeID(id),
		leader.WithLogger(slog.New(slog.DiscardHandler)),
		leader.WithObserver(p.observe),
		leader.WithHealth(func(context.Context) error {
			if p.unhealthy.Load() {
				return errors.New("unwell")
			}
			return nil
		}),
		leader.WhenStarted(p.work),
	)...)
	ctx, cancel := context.WithCancelCause(host.With(context.Background(), p.host))
	p.cancel = cancel
	w.log("%s: starts", p.name)
	go p.run(ctx)
}

func (p *process) run(ctx context.Context) {
	defer close(p.ended)
	defer func() {
		how := recover()
		if p.w.closed() {
			return
		}
		p.w.log("%s: ends: %v", p.name, how)
		p.w.after(p.restartAfter(), func() { p.w.replace(p) })
	}()
	run := p.leader.Run
	if p.w.plan.Once {
		run = p.leader.RunOnce
	}
	if err := run(ctx); err != nil {
		panic(err) // as a program does that has nothing else to do
	}
}

func (p *process) restartAfter() time.Duration {
	p.diceMu.Lock()
	defer p.diceMu.Unlock()
	return time.Duration(p.dice.Int64N(5e9))
}

// reach does something to the process: when its machine wakes, or never.
func (p *process) reach(f func()) {
	p.m.reach(func() {
		if p.crashed.Load() {
			p.limbo = append(p.limbo, f)
			return
		}
		f()
	})
}

// answer passes on an answer from the store.
func (p *process) answer(to chan *answer, a *answer) {
	p.reach(func() {
		if p.m.cut {
			return
		}
		if _, known := p.seen[a.version]; a.version != "" && !known {
			p.seen[a.version] = sighting{p.host.read().Mono, a.record}
		}
		send(to, a)
		if f := p.onHeard; f != nil && a.wrote() {
			p.onHeard = nil
			p.w.after(1, f)
		}
	})
}

// send gives an answer to whoever asked, unless there has been one.
func send(to chan *answer, a *answer) {
	select {
	case to <- a:
	default:
	}
}

// alive says that the process can do something at this moment.
func (p *process) alive() bool { return !p.crashed.Load() && !p.m.sleeps() }

// mayHold says that the process's term may hold, and matters.
func (p *process) mayHold() bool { return p.term != p.over && p.alive() }

func (p *process) observe(e leader.Event) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	switch e := e.(type) {
	case leader.StateEvent:
		p.w.logLocked("%s: %v, token %d (%v)", p.name, e.To, e.Token, e.Cause)
		if e.To == leader.Leading {
			p.w.judgeTerm(p, e.Token)
		}
		if e.To == leader.Stopping && e.Cause != nil {
			p.w.judgeStop(e.Cause)
		}
	case leader.OverrunEvent:
		p.w.counts["overruns"]++
	}
}

// work is what is done while the process leads: something every now and then, if Check allows it.
func (p *process) work(ctx context.Context) error {
	term, _ := leader.TermFrom(ctx)
	p.w.working(p, term, true)
	defer p.w.working(p, term, false)
	r := rand.New(rand.NewPCG(p.w.plan.Seed, 4+term.Token()))
	roll, ends := r.Float64(), 1+r.IntN(20)
	in := func(odds float64) bool { roll -= odds; return roll < 0 && !p.w.healed.Load() }
	how := ""
	works := p.w.plan.Works
	for _, c := range []struct {
		how  string
		odds float64
	}{{"ends", works.Ends}, {"fails", works.Fails}, {"panics", works.Panics}, {"steps down", works.StepsDown}} {
		if how == "" && in(c.odds) {
			how = c.how
		}
	}
	ignores := in(works.Ignores)
	notices := time.Duration(1 + 2*r.Int64N(1e6))
	for n := 0; p.sleep(ctx, notices, time.Duration(1+r.Int64N(int64(p.w.plan.Length)/3))); n++ {
		p.act(term)
		if n < ends || how == "" {
			continue
		}
		p.w.count("work " + how)
		switch how {
		case "ends":
			return nil
		case "fails":
			return errors.New("out of paper")
		case "panics":
			panic("out of luck")
		case "steps down":
			return leader.ErrStepDown
		}
	}
	for n := r.IntN(4); n > 0; n-- { // it puts its things away
		p.sleep(context.Background(), 0, time.Duration(1+r.Int64N(1e9)))
		p.act(term)
	}
	for n := 0; ignores && n < 10 && !p.w.healed.Load(); n++ {
		p.w.count("work ignores its end")
		p.sleep(context.Background(), 0, time.Duration(1+r.Int64N(int64(p.w.plan.Length)/2)))
		p.act(term)
	}
	return ctx.Err()
}

// sleep waits on the machine's clock, and reports whether it has waited for so long.
func (p *process) sleep(ctx context.Context, notices, d time.Duration) bool {
	rang := make(chan struct{})
	t := p.host.AfterFunc(d, func() { close(rang) })
	defer t.Stop()
	select {
	case <-rang:
		return true
	case <-ctx.Done():
	case <-p.w.over:
		return false
	}
	select {
	case <-rang:
		return true
	case <-p.notices(notices):
	case <-p.w.over:
	}
	return false
}

// notices is closed after the delay: whoever waits for a context's end notices it then. It is not at once, when others of the
// process notice it, too, for which of them is the first would be the scheduler's choice.
func (p *process) notices(delay time.Duration) <-chan struct{} {
	noticed := make(chan struct{})
	p.w.after(delay, func() { p.reach(func() { close(noticed) }) })
	return noticed
}

// act has an effect on the world, if the term holds.
func (p *process) act(term lease.Term) {
	switch {
	case p.w.closed():
	case p.holds():
		p.w.acted(p, term)
	default:
		p.w.count("effects that Check forbade")
	}
}

// holds says that the process's term holds, R8: once it does not, it never does again. To ask samples the clocks (R3), so the
// observer asks no more than he has to: else a holder that did not sample by itself would not be noticed.
func (p *process) holds() bool {
	if p.term.Check() != nil {
		p.over = p.term
		return false
	}
	if p.over == p.term {
		p.w.fail("R8: Check holds again on %s, with token %d", p.name, p.term.Token())
	}
	return true
}
