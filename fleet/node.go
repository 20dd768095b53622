package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/internal/host"
)

// A node is one call of Run. One goroutine uses all of it: what happens elsewhere is posted to its inbox, and after that step
// does what follows. So taking a plan, marking what it ends and computing the acknowledgement are one critical section (F3).
type node struct {
	fleet *Fleet
	opts  *options
	host  host.Host
	born  time.Duration // when it began, by the monotonic clock
	log   *slog.Logger
	inner *slog.Logger // of the leaders of the seat and the office
	inbox *inbox

	ctx     context.Context // the caller's: its end begins the drain
	life    context.Context // ends when nothing is left to do; everything runs in it
	late    context.Context // ends when Run waits for requests no longer; what gives something back runs in it
	running sync.WaitGroup  // goroutines that post to the inbox

	plan    *plan         // the latest that was read, or acknowledged (F2)
	heard   time.Duration // when a plan was last read or acknowledged, by the monotonic clock
	alien   error         // why the value that stands in the plan's place is none that this node understands; nil if it is
	text    string        // of the plan
	older   error         // the plan that stands there is not of the chain that this node has read; nil if it is
	unsaid  error         // why the seat does not say what this node has to say; nil if it does
	changed bool          // the plan, the session or a work has changed, and its consequences were not drawn yet
	reader  *planReader   // by which plans are read
	peek    peeking       // looks at the plan while parts are to come
	vigils  map[place]*vigil
	unwoken map[int]bool // ways of WithWake whose failure was told

	seat    *seat                 // nil: none, and none is asked for
	trySeat time.Duration         // when the next seat may be tried
	avoid   map[int]time.Duration // until when a seat is not tried again

	parts    map[string]*part // those with a term here
	stopping map[string]*part // those of them whose work was cancelled and has not returned
	failed   map[string]*part // those of them whose work is to begin again

	office     *office            // what this node does as the coordinator; nil if it is not
	quitting   context.CancelFunc // ends the campaign for the office
	campaigner *leader.Leader     // asks for the office
	campaigns  bool               // the campaign has not ended

	health   error // why this node is unhealthy
	probe    probe
	draining bool          // this node is to leave
	retired  bool          // it is to have no parts, and goes on
	drainBy  time.Duration // when it leaves whatever it has
	endBy    time.Duration // when the end of Run is to be over; never: it has not begun
	was      session       // its latest session
	failure  error         // what Run returns
	panicked *panicked     // what Run panics with

	wake time.Duration // when step is to run next, at the latest
}

// never is a time that does not come.
const never = time.Duration(math.MaxInt64)

func newNode(ctx context.Context, f *Fleet) *node {
	n := &node{
		fleet: f, opts: &f.options, host: host.From(ctx), born: host.From(ctx).Read().Mono, inbox: newInbox(), ctx: ctx, endBy: never,
		avoid: map[int]time.Duration{}, parts: map[string]*part{}, stopping: map[string]*part{}, failed: map[string]*part{},
		vigils: map[place]*vigil{}, unwoken: map[int]bool{},
	}
	n.reader = &planReader{Manager: poster{n.opts.manager, &f.board, []string{wishMove}, n.wished}, show: n.shown, now: n.now, barred: f.whyBarred}
	if n.log = n.opts.logger; n.log == nil {
		n.log = slog.Default()
	}
	n.inner = slog.New(warnings{n.log.With("fleet", n.opts.name).Handler()})
	n.log = slog.New(logbook{n.log.With("fleet", n.opts.name, "node", n.opts.node).Handler(), f.logbook})
	return n
}

// run runs the node until it has left.
func (n *node) run() error {
	late, abandon := context.WithCancel(context.WithoutCancel(n.ctx))
	defer abandon()
	life, die := context.WithCancel(late)
	n.life, n.late = life, late
	n.campaign()
	alarm := host.NewAlarm(n.host)
	defer alarm.Stop()
	ends := n.ctx.Done()
	for {
		n.inbox.take()
		n.wake = never
		n.step()
		n.show()
		if n.isOver() {
			break
		}
		if n.wake != never {
			alarm.Set(n.wake - n.now())
		}
		select {
		case <-n.inbox.ready:
		case <-alarm.C:
		case <-ends:
			ends = nil
			n.drain()
		}
	}
	die()
	n.answered()
	return n.failure
}

// step does what follows from what has happened, and notes when there is something to do next.
func (n *node) step() {
	n.check()
	n.endDeaf()
	n.endBeyond()
	n.giveUp()
	n.drainOn()
	n.retry()
	if n.changed {
		n.changed = false
		n.evaluate()
		n.acknowledge()
	}
	n.vacate()
	n.leaveOn()
	n.takeSeat()
	n.coordinate()
	n.peekOn()
}

// read takes a plan that the store has shown, or has acknowledged (F2), by a request of that time.
func (n *node) read(text string, sent time.Duration) {
	if text == "" { // nobody has made a plan yet, or what stood in its place is gone, and bars nobody from making one (F4)
		n.alien, n.older = nil, nil
		return
	}
	if text == n.text && n.alien == nil {
		n.heard, n.older = n.now(), nil
		return
	}
	p, err := n.opts.decode(text)
	older := err == nil && n.plan != nil && (p.Epoch < n.plan.Epoch || p.Epoch == n.plan.Epoch && text != n.text)
	if (err != nil || older) && sent < n.heard {
		return // the answer comes late: this node has read the newest plan since the request was sent
	}
	if err != nil {
		if n.alien == nil {
			n.trouble("reading the plan", err)
		}
		n.alien = err
		return
	}
	n.alien = nil
	if older {
		n.readOlder(p)
		return
	}
	n.heard, n.older = n.now(), nil
	n.plan, n.text, n.changed = p, text, true
	n.emit(PlanEvent{Origin: n.origin(), Epoch: p.Epoch, Parts: len(p.Parts)})
}

// evaluate stops what the plan does not give to this session, and begins what it does (F1, F3).
func (n *node) evaluate() {
	taken, given := 0, 0
	for _, p := range n.parts {
		if cause := n.loses(p); cause != nil && p.state != Stopping {
			n.stop(p, cause)
			given++
		}
	}
	defer func() { n.tellParts(taken, given) }()
	if !n.takesParts() {
		return
	}
	comes := false
	for _, e := range n.plan.Parts {
		if e.Owner != n.seat.id || n.parts[e.Part] != nil {
			continue
		}
		if e.From != (session{}) && e.From != n.seat.id { // F3: begun by nobody
			comes = true
			continue
		}
		n.begin(e)
		taken++
	}
	if comes {
		n.peekFor(n.plan.Epoch)
	}
}

// takesParts reports whether this node has a session in which parts may be begun.
func (n *node) takesParts() bool {
	return n.plan != nil && n.seat != nil && !n.seat.ended && n.seat.id != (session{}) && n.seat.term.Check() == nil
}

// loses returns why this node has a part no more; nil if it has it still.
func (n *node) loses(p *part) error {
	if p.seat.ended {
		return p.seat.cause
	}
	if lost := p.seat.term.Check(); lost != nil {
		return lost
	}
	if e, ok := n.plan.find(p.name); !ok || e.Owner != p.seat.id || e.Token != p.token {
		return ErrMoved
	}
	return nil
}

// acknowledge says in the seat which plan this node has taken, and which works have not returned though it does not give them to
// this session (F3). That goes at once when somebody waits for it: the session is new, a part was lost, a work has returned or the
// node drains. A newer epoch alone goes with the next renewal.
func (n *node) acknowledge() {
	st := n.seat
	if st == nil || st.id == (session{}) || st.ended {
		return
	}
	epoch := uint64(0)
	if n.plan != nil {
		epoch = n.plan.Epoch
	}
	v := n.opts.saying(st.id, epoch)
	v.Draining = st.drains
	for name := range n.stopping {
		v.Stopping = append(v.Stopping, name)
	}
	v.Stopping = sorted(v.Stopping)
	if v.says(st.said) {
		n.unsaid = nil
		return
	}
	text, err := encodeSeat(v)
	if err == nil {
		err = n.opts.limits.CheckValue(text)
	}
	if err != nil {
		n.unsaid = fmt.Errorf("fleet: this node cannot say in its seat what it has taken: %w", err)
		n.trouble("acknowledging the plan", err)
		return
	}
	n.unsaid = nil
	urgent := st.said.Token != v.Token || st.said.Draining != v.Draining || !slices.Equal(st.said.Stopping, v.Stopping) || n.isAwaited(st)
	st.said = v
	st.teller.tell(text, urgent)
}

// isAwaited reports whether the plan waits for this session's acknowledgement: a part was taken from it that it has not
// acknowledged, whether it has worked on that or not.
func (n *node) isAwaited(st *seat) bool {
	return n.plan != nil && slices.ContainsFunc(n.plan.Parts, func(e entry) bool { return e.From == st.id && e.Token > st.said.Epoch })
}

// now returns how long this run has gone on, by the monotonic clock. All waiting goes by it.
func (n *node) now() time.Duration { return n.host.Read().Mono - n.born }

// wakeAt makes step run at a time, at the latest.
func (n *node) wakeAt(at time.Duration) { n.wake = min(n.wake, at) }

// leaderOptions are those that the seat and the office share.
func (n *node) leaderOptions() []leader.Option {
	return []leader.Option{
		leader.WithNodeID(n.opts.node), leader.WithLeaseLength(n.opts.length),
		leader.WithRenewEvery(n.opts.interval), leader.WithAcquireEvery(n.opts.interval),
		leader.WithEndTimeout(n.opts.endTimeout), leader.WithLogger(n.inner),
	}
}

var (
	errLeaving = errors.New("fleet: this node leaves")
	errBeyond  = errors.New("fleet: the seat is beyond those that the coordinator looks at")
	errGoexit  = errors.New("the function called runtime.Goexit")
)
