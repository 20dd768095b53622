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

// process is one run of a program that campaigns for the lease on a machine. Its machine may run another after it.
type process struct {
	w       *world
	m       *machine
	name    string
	host    *hostOf
	leader  *leader.Leader
	leases  watched
	sources []*source // of hints
	cancel  context.CancelCauseFunc
	ended   chan struct{}

	crashed   atomic.Bool // nothing reaches it any more
	unhealthy atomic.Bool
	flooded   atomic.Bool  // its sources of hints tell of a change all the time, and somebody calls Hint
	nudged    atomic.Bool  // Hint was called
	mute      atomic.Int32 // which of its requests are lost: 0 (none), muteRenewals or muteAll
	sickly    float64      // the probability that one call of its health check fails

	diceMu     sync.Mutex
	dice       *rand.Rand // for the fates of its requests, and delays
	healthDice *rand.Rand // for its health checks, of which one runs at a time

	// For the observer.
	limbo   []func() // calls that would have reached it, had it not crashed
	loads   atomic.Int64
	swaps   atomic.Int64
	dead    map[string]bool            // by the ID of each of its acquisitions: whether it failed
	seen    map[lease.Version]sighting // by version, from the answers that it got
	writes  map[string]sighting        // by the nonce of the holder's write, likewise
	term    lease.Term                 // its latest term
	over    lease.Term                 // the latest term for which Check has failed
	id      string                     // the ID of the lease that it acquired last
	grants  map[leader.Op]grant        // when its latest successful call of each kind began
	kept    value                      // the latest value that its work has set, as far as is known
	granted grant                      // the latest of grants that the leader has counted from
	asking  int                        // the number of its acquisitions under way
	resigns time.Duration              // when StepDown was called last
	latest  stint                      // of its work
	rhythm  time.Duration              // when it asks for the lease again by itself, at the earliest, by its monotonic clock
	hinted  time.Duration              // when it asked last because of a hint, likewise
	wrote   time.Duration              // when it last wrote, as judgeWriteEvery counts; 0: unknown
	looks   []time.Duration            // when its leader looked, the latest mostLooks times, likewise
	inFlood time.Duration              // when its leader last looked in a flood of hints, likewise
	stepped time.Duration              // when the wall clock was last stepped back, on a machine without a boot clock
	onTaken func()                     // runs once, when the store takes its next write
	onHeard func()                     // runs once, when it hears that its next write was taken

	onAsking atomic.Pointer[func()] // runs once, as it sends its next write, if that is to acquire the lease

	lag time.Duration // how much longer the answer takes that onHeard waits for
}

const (
	muteRenewals int32 = iota + 1 // renewals never reach the store
	muteAll                       // neither do releases
)

// health is the health check that the leader gets.
func (p *process) health(context.Context) error {
	blip := p.healthDice.Float64() < p.sickly && !p.w.healed.Load()
	if blip {
		p.w.count("health checks that failed once in a while")
	}
	if blip || p.unhealthy.Load() {
		return errors.New("unwell")
	}
	return nil
}

// sighting says when a process first saw a version, by its monotonic clock, and what the record was.
type sighting struct {
	at    time.Duration
	since time.Duration // at the latest, when the record was written: at, less the greatest Age seen
	record
}

// start starts a process on the machine. Once the world is over it does not: nothing would end the process.
func (w *world) start(m *machine) {
	if w.closed() {
		return
	}
	w.started++
	seed := w.plan.Seed ^ uint64(w.started)<<32
	p := &process{
		w: w, m: m, name: fmt.Sprintf("m%d.%d", m.id, w.started), ended: make(chan struct{}),
		dice: rand.New(rand.NewPCG(seed, 2)), healthDice: rand.New(rand.NewPCG(seed, 7)),
		dead: map[string]bool{}, seen: map[lease.Version]sighting{}, writes: map[string]sighting{}, grants: map[leader.Op]grant{},
	}
	if m.Ailment != nil && !w.healed.Load() {
		w.count(m.Ailment.String())
		m.Ailment.ails(p, m.Severity)
	}
	p.host = &hostOf{machine: m, p: p, random: rand.New(rand.NewPCG(seed, 3))}
	m.process = p
	w.processes = append(w.processes, p)
	p.leases = watched{lease.NewManager(link{p}), p}
	p.leader = leader.New(append(append(w.plan.options(), p.wakes(seed)...),
		leader.WithLeaseManager(p.leases),
		leader.WithNodeID(p.label()),
		leader.WithLogger(slog.New(slog.DiscardHandler)),
		leader.WithObserver(p.observe),
		leader.WithHealth(p.health),
		leader.WhenStarted(p.work),
	)...)
	ctx, cancel := context.WithCancelCause(host.With(context.Background(), p.host))
	p.cancel = cancel
	w.log("%s: starts", p.name)
	go p.run(ctx)
}

// label is the process's node ID.
func (p *process) label() string {
	if p.w.plan.OneName {
		return "anybody"
	}
	return p.name
}

func (p *process) run(ctx context.Context) {
	defer close(p.ended)
	panicked, err := p.takesPart(ctx)
	if p.w.closed() {
		return
	}
	p.w.log("%s: ends: %v, %v", p.name, err, panicked)
	p.w.judgeEnd(p, err, panicked, ctx.Err() != nil)
	p.w.after(p.restartAfter(), func() { p.w.replace(p) })
}

// takesPart calls Run, or RunOnce. It returns the value of a panic, and the error.
func (p *process) takesPart(ctx context.Context) (panicked any, err error) {
	defer func() { panicked = recover() }()
	if p.w.plan.Once {
		return nil, p.leader.RunOnce(ctx)
	}
	return nil, p.leader.Run(ctx)
}

func (p *process) restartAfter() time.Duration {
	p.diceMu.Lock()
	defer p.diceMu.Unlock()
	return time.Duration(p.dice.Int64N(5e9))
}

// reach calls f, which affects the process: at once, or when its machine wakes. A crashed process is never reached.
func (p *process) reach(f func()) {
	p.m.reach(func() {
		if p.crashed.Load() {
			p.limbo = append(p.limbo, f)
			return
		}
		f()
	})
}

// answer delivers an answer of the store, unless the machine is cut off.
func (p *process) answer(to chan *answer, a *answer) {
	p.reach(func() {
		if p.m.cut {
			return
		}
		if p.m.id%2 == 0 { // on the way to this machine, something else sets the Date: at the end of the answer
			p.w.setAge(a)
		}
		p.sees(a)
		send(to, a)
		if f := p.onHeard; f != nil && a.wrote() {
			p.onHeard = nil
			p.w.after(1, f)
		}
	})
}

// sees notes what an answer shows.
func (p *process) sees(a *answer) {
	if a.version == "" {
		return
	}
	now := p.host.read().Mono
	s, known := p.seen[a.version]
	if !known {
		s = sighting{now, now, a.record}
		if of, seen := p.writes[a.record.Nonce]; seen { // an operator has asked something: nobody has renewed the lease
			s.at, s.since = of.at, of.since
		}
	}
	s.since = min(s.since, now-a.snapshot.Age)
	p.seen[a.version], p.writes[a.record.Nonce] = s, s
}

// send passes on an answer, unless the request has had one.
func send(to chan *answer, a *answer) {
	select {
	case to <- a:
	default:
	}
}

// alive reports whether the process can run at this moment.
func (p *process) alive() bool { return !p.crashed.Load() && !p.m.sleeps() }

// mayHold reports whether Check may be nil for the process's term while the process can act on it.
func (p *process) mayHold() bool { return p.term != p.over && p.alive() }

func (p *process) observe(e leader.Event) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	switch e := e.(type) {
	case leader.RequestEvent:
		if e.Op == leader.OpAcquire {
			p.rests(e.Err)
		}
		due := usable(p.w.plan.Length) * 98 / 100
		switch { // a renewal that succeeds after the deadline, or just before, extends nothing
		case e.Err != nil:
		case e.Op == leader.OpAcquire, e.Op == leader.OpRenew && p.m.most()-p.granted.count < due:
			p.granted = p.grants[e.Op]
		}
	case leader.StateEvent:
		p.w.logLocked("%s: %v, token %d (%v)", p.name, e.To, e.Token, e.Cause)
		if e.To == leader.Leading {
			p.w.judgeTerm(p, e.Token)
			p.w.judgeVigil(p)
		}
		if e.To == leader.Stopping && e.Cause != nil {
			p.w.judgeStop(p, e.Cause)
		}
	case leader.OverrunEvent:
		p.w.counts["overruns"]++
	}
}

// A job is the work of one term.
type job struct {
	*process
	ctx     context.Context
	term    lease.Term
	random  *rand.Rand
	notices time.Duration // how long after its context's end it notices that
	faults  []*Fault      // what it does besides going on until its context ends
}

// work is the work of a term.
func (p *process) work(ctx context.Context) error {
	term, _ := leader.TermFrom(ctx)
	p.w.working(p, term, true)
	defer p.w.working(p, term, false)
	return p.stint(ctx, term, p.labour)
}

// labour has an effect now and then, if Check allows it, until its context ends, or one of its faults ends it.
func (p *process) labour(ctx context.Context, term lease.Term) error {
	j := &job{process: p, ctx: ctx, term: term, random: rand.New(rand.NewPCG(p.w.plan.Seed, 4+term.Token()))}
	j.faults = strike(p.w.chances(), ofWork, j.random)
	j.notices = time.Duration(1 + 2*j.random.Int64N(1e6))
	for n, ends := 0, 1+j.random.IntN(20); j.goesOn(p.w.plan.Length / 3); n++ {
		p.act(term)
		for _, f := range j.ailing() {
			switch {
			case f.during != nil:
				f.during(j)
			case f.returns != nil && n >= ends:
				p.w.count(f.String())
				return f.returns()
			}
		}
	}
	for n := j.random.IntN(4); n > 0; n-- { // it tidies up
		p.sleep(context.Background(), 0, j.upTo(time.Second))
		p.act(term)
	}
	for _, f := range j.ailing() {
		if f.late != nil {
			f.late(j)
		}
	}
	return ctx.Err()
}

// upTo draws how long the job waits.
func (j *job) upTo(d time.Duration) time.Duration {
	return time.Duration(1 + j.random.Int64N(int64(d)))
}

// goesOn waits for up to d, and reports whether the context has not ended meanwhile.
func (j *job) goesOn(d time.Duration) bool { return j.sleep(j.ctx, j.notices, j.upTo(d)) }

// ailing returns what is wrong with the work by now.
func (j *job) ailing() []*Fault {
	if j.w.healed.Load() {
		return nil
	}
	return j.faults
}

// ask calls Check 40 times in quick succession.
func (j *job) ask() {
	for n := 0; n < 40 && !j.w.healed.Load() && j.goesOn(4*time.Millisecond); n++ {
		j.w.count("work: asks much")
		_ = j.term.Check()
	}
}

// goOn has more effects after the end of the context.
func (j *job) goOn() {
	for n := 0; n < 10 && !j.w.healed.Load(); n++ {
		j.w.count("work: ignores its end")
		j.sleep(context.Background(), 0, j.upTo(j.w.plan.Length/2))
		j.act(j.term)
	}
}

// sleep waits on the machine's clock, and reports whether it has waited for all of d.
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

// notices returns a channel that is closed after the delay, for a goroutine that waits for a context's end. Other goroutines of the
// process may notice the same end: at the same instant, the scheduler would choose which of them is first.
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
		p.w.judgeCount(p)
		p.w.acted(p, term)
	default:
		p.w.count("effects that Check forbade")
	}
}

// holds reports whether the process's term holds, and checks R8: once it does not, it never does again. Check samples the
// clocks (R3), so the observer calls it no more than it must: else it would hide a holder that does not sample by itself.
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
