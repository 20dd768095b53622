package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/internal/hosttest"
	"github.com/cloudlease/leader/lease"
)

// A simProcess is one run of a program that takes part in the fleet. Its machine may run another after it.
type simProcess struct {
	w       *world
	number  int // of the machine
	name    string
	machine *hosttest.Machine
	fleet   *Fleet
	leave   context.CancelCauseFunc
	gone    chan struct{}

	// The world's lock guards these.
	dead    bool // nothing of it happens any more
	leaving bool
	cut     bool // most of its requests fail
	blind   bool // it cannot make sense of plans
	retired bool // an operator has drained it
	wrecked bool // a work of it has panicked, or called runtime.Goexit
	gives   bool // it gives up a work that does not stop (WithStopTimeout)
	list    []string
}

// A simWork is the work of a part, on a process.
type simWork struct {
	p         *simProcess
	term      lease.Term
	seat      string
	seatToken uint64
}

// start starts a process on a machine.
func (w *world) start(number int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.machines[number] != nil || w.isOver() {
		return
	}
	w.started++
	p := &simProcess{w: w, number: number, name: fmt.Sprintf("n%d.%d", number, w.started), gone: make(chan struct{}), list: w.list}
	p.machine = hosttest.NewWith(hosttest.Clocks{Rate: 0.955 + 0.09*w.rng.Float64(), Boot: w.rng.IntN(4) > 0, Skew: w.upTo(10*time.Minute) - 5*time.Minute})
	p.blind = w.calm && w.blind == number
	ctx, leave := context.WithCancelCause(host.With(context.Background(), p.machine))
	p.leave = leave
	opts := []Option{
		WithName("f"), WithNodeID(p.id()), WithLeaseManager(lease.NewManager(simLink{p})), WithLogger(slog.New(slog.DiscardHandler)),
		WithLeaseLength(w.length), WithDrainTimeout(w.length + w.upTo(4*w.length)),
		WithPartsFrom(w.interval+w.upTo(w.interval), p.parts), WhenAssigned(p.work), WithHealth(p.health),
	}
	if p.gives = w.rng.IntN(3) == 0; p.gives {
		opts = append(opts, WithStopTimeout(w.length+w.upTo(3*w.length)))
	}
	if w.rng.IntN(3) == 0 {
		opts = append(opts, WithWake(p.hint))
	}
	p.fleet = New(opts...)
	p.fleet.options.decode = func(text string) (*plan, error) {
		if p.isBlind() {
			return nil, fmt.Errorf("%w: of another world", lease.ErrRecord)
		}
		return decodePlan(text)
	}
	if w.random {
		rng := rand.New(rand.NewPCG(w.rng.Uint64(), 1))
		p.fleet.options.assign = func(base *plan, s situation) (*plan, []string) {
			if w.isCalm() {
				return assign(base, s)
			}
			return randomAssign(rng, base, s)
		}
	}
	w.machines[number] = p
	w.all = append(w.all, p)
	w.say("%s starts", p.name)
	go p.run(ctx)
}

// id is the node's, and that of every process on its machine.
func (p *simProcess) id() string { return fmt.Sprint("n", p.number) }

func (p *simProcess) run(ctx context.Context) {
	w := p.w
	defer close(p.gone)
	how, err := p.takesPart(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.say("%s: Run ends: %v, %v", p.name, err, how)
	w.judgeEnd(p, err, how)
	if w.machines[p.number] == p {
		w.machines[p.number] = nil
		w.restart(p.number, w.upTo(2*w.length))
	}
}

// takesPart calls Run. It returns the value of a panic, and the error.
func (p *simProcess) takesPart(ctx context.Context) (panicked any, err error) {
	defer func() { panicked = recover() }()
	return nil, p.fleet.Run(ctx)
}

func (p *simProcess) isBlind() bool {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	return p.blind
}

func (p *simProcess) parts(context.Context) ([]string, error) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	if !p.w.calm && p.w.rng.IntN(5) == 0 {
		return nil, errors.New("no list")
	}
	return p.w.list, nil
}

func (p *simProcess) health(context.Context) error {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	if !p.w.calm && p.w.sickly && p.w.rng.IntN(60) == 0 {
		return unwell[p.w.rng.IntN(len(unwell))]
	}
	return nil
}

// unwell are errors of a health check: those of another lease or store do not tell of the fleet's.
var unwell = []error{errors.New("unwell"), lease.ErrMisconfigured, lease.ErrInvalid, &lease.HeldError{Info: lease.Info{Name: "g", State: lease.Held}}}

// hint tells after a while that there is something, whether there is or not; or it fails. In the end it tells nothing.
func (p *simProcess) hint(ctx context.Context, _ lease.Info) error {
	p.w.mu.Lock()
	d, how := p.w.upTo(p.w.length), p.w.rng.IntN(10)
	p.w.mu.Unlock()
	select {
	case <-time.After(d):
	case <-ctx.Done():
	case <-p.w.over:
	}
	if p.w.isCalm() {
		select {
		case <-ctx.Done():
		case <-p.w.over:
		}
	}
	switch how {
	case 0:
		return errors.New("no idea")
	case 1:
		panic("no idea")
	}
	return nil
}

// retire lets an operator drain the node, or have it go on. The caller holds the world's lock.
func (p *simProcess) retire(drain bool) {
	p.w.say("%s is drained: %v", p.name, drain)
	p.retired = drain
	go func() { // of two at one instant, whichever comes last tells what was asked for last
		p.fleet.mu.Lock()
		defer p.fleet.mu.Unlock()
		n := p.fleet.node
		if n == nil {
			return
		}
		p.w.mu.Lock()
		defer p.w.mu.Unlock()
		n.inbox.post(map[bool]func(){true: n.retire, false: n.goOn}[p.retired])
	}()
}

// lookSlowly has somebody on the node look at the plan a few times, and the answers take their time: they come late, and in any order.
// The caller holds the world's lock.
func (p *simProcess) lookSlowly() {
	if p == nil {
		return
	}
	for range 4 {
		wait, back := p.w.upTo(p.w.length), p.w.upTo(4*p.w.length)
		time.AfterFunc(wait, func() {
			p.fleet.mu.Lock()
			n := p.fleet.node
			p.fleet.mu.Unlock()
			if n != nil && n.reader != nil && p.awake() {
				ctx, cancel := context.WithTimeout(context.WithValue(host.With(context.Background(), p.machine), slowly{}, back), 5*p.w.length)
				defer cancel()
				_, _ = n.reader.Inspect(ctx, "f")
			}
		})
	}
}

// slowly is the key of how long the answer takes to a request.
type slowly struct{}

// awake waits while the machine sleeps. It reports whether the process lives; if not, it waits for the end of the world.
func (p *simProcess) awake() bool {
	select {
	case <-p.machine.Awake():
	case <-p.w.over:
		return false
	}
	if p.isDead() {
		<-p.w.over
		return false
	}
	return true
}

func (p *simProcess) isDead() bool {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	return p.dead
}

// crash ends a process without a word: its works are gone with it. The caller holds the world's lock.
func (p *simProcess) crash() {
	w := p.w
	if p.dead {
		return
	}
	w.say("%s crashes", p.name)
	p.dead = true
	p.machine.Suspend()
	for part, works := range w.works {
		for _, v := range works {
			if v.p == p {
				w.dropWork(part, v)
			}
		}
	}
	if w.machines[p.number] == p {
		w.machines[p.number] = nil
	}
}

// work is the work of a part: it goes on until its context ends, or until it fails; and then it takes its time.
func (p *simProcess) work(ctx context.Context, part string) error {
	w := p.w
	if !p.awake() {
		return nil
	}
	term, _ := lease.TermFrom(ctx)
	status := p.fleet.Status()
	v := &simWork{p: p, term: term, seat: SeatLease("f", status.Seat), seatToken: status.Token}
	w.begins(v, part)
	defer w.returns(v, part)
	w.mu.Lock()
	ends, how := time.Duration(-1), w.rng.IntN(4)
	if !w.calm && w.rng.IntN(8) == 0 {
		ends = w.upTo(3 * w.length)
	}
	w.mu.Unlock()
	var early <-chan time.Time
	if ends >= 0 {
		early = time.After(ends)
	}
	select {
	case <-ctx.Done():
	case <-early:
		if !p.awake() || w.isCalm() {
			<-ctx.Done()
			break
		}
		switch how {
		case 0, 1:
			return errors.New("out of paper")
		case 2:
			p.wrecks()
			panic("out of luck")
		case 3:
			p.wrecks()
			runtime.Goexit()
		}
	case <-w.over:
		return nil
	}
	select {
	case <-time.After(w.tidyTime()):
	case <-w.over:
	}
	p.awake()
	return nil
}

// wrecks notes that a work is about to panic, or to call runtime.Goexit.
func (p *simProcess) wrecks() {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.wrecked = true
}

// tidyTime draws how long a work takes to return: some ignore their contexts.
func (w *world) tidyTime() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.calm, w.rng.IntN(2) == 0:
		return w.upTo(w.length / 60)
	case w.rng.IntN(5) > 0:
		return w.upTo(2 * w.interval)
	}
	return w.length + w.upTo(5*w.length)
}

// begins checks the promises when a work begins (FS1, FS2).
func (w *world) begins(v *simWork, part string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	token := v.term.Token()
	w.say("%s begins part %s, token %d, in %s token %d", v.p.name, part, token, v.seat, v.seatToken)
	for _, o := range w.works[part] {
		if o.term.Check() == nil {
			w.breaks("FS1: part %s: %s begins with token %d while %s has it, with token %d", part, v.p.name, token, o.p.name, o.term.Token())
		}
		if o.p == v.p {
			w.breaks("F1: part %s: %s runs it twice", part, v.p.name)
		}
	}
	last := w.tokens[part]
	if token < last.token || token == last.token && last.p != v.p {
		w.breaks("FS2: part %s: %s begins with token %d after token %d of %s", part, v.p.name, token, last.token, last.p.name)
	}
	w.tokens[part] = simToken{token, v.p}
	w.works[part] = append(w.works[part], v)
	w.terms++
	w.changed = time.Now()
}

func (w *world) returns(v *simWork, part string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !v.p.dead {
		w.say("%s has returned from part %s, token %d", v.p.name, part, v.term.Token())
		w.dropWork(part, v)
	}
}

func (w *world) dropWork(part string, v *simWork) {
	var left []*simWork
	for _, o := range w.works[part] {
		if o != v {
			left = append(left, o)
		}
	}
	w.works[part] = left
	w.changed = time.Now()
}
