package simulate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/cloudlease/leader"
)

// A Plan is the whole description of a world: what is in it, and what goes wrong. The seed alone determines it. Shrink
// removes parts of it.
type Plan struct {
	Seed     uint64
	Duration time.Duration // how long things go wrong; after it, all is well (see aftermath)
	Settings
	Machines []Machine
	Faults   Faults
	Works    Works
	Events   []Event
}

// Settings are the options of all nodes, and what holds for the whole fleet and its store. A zero StopMargin, StopTimeout or
// HoldAtLeast leaves that option at its default.
type Settings struct {
	Length       time.Duration // of the lease
	RenewEvery   time.Duration
	AcquireEvery time.Duration
	StopMargin   time.Duration
	StopTimeout  time.Duration
	HoldAtLeast  time.Duration
	Ages         bool // the store knows how old a record is (lease.Snapshot.Age)
	Once         bool // each process calls RunOnce instead of Run; the next starts within 5 seconds of its end
	OneName      bool // all nodes have the same node ID
	Apart        bool // a machine's clocks are read up to 50 µs apart, so that they do not quite agree
	Crowded      bool // a node that loses a race for the lease gets "slow down" instead of lease.ErrConflict
}

// apart returns the exclusive bound of the time between reading one clock and the next.
func (s Settings) apart() time.Duration {
	if s.Apart {
		return 50 * time.Microsecond
	}
	return 1
}

// A Machine describes one computer: its clocks, and the ailment that it may have until Plan.Duration is over. Rate, Slew and
// Tick stay within what the lease protocol allows for (see newMachine). To add an ailment: a field here, its draw in
// newMachine, and its effect, which ends in world.heal. Shrink can remove it already.
type Machine struct {
	Rate float64       // how fast all of its clocks run; 1 is true time
	Slew float64       // how much faster its wall clock runs than its other clocks: 0.001 gains a thousandth
	Skew time.Duration // how far its wall clock is ahead at the start
	Boot bool          // it has a clock that counts suspension (host.Reading.Boot)
	Tick time.Duration // the step in which its clocks advance; 0 is a nanosecond

	Mute   bool    // it can acquire the lease, but its renewals and releases never reach the store
	Sickly float64 // the probability that one call of its health check fails
}

// Faults are the probabilities that something goes wrong with one request to the store. At most one of Lost to Slow happens
// to a request; Deaf may come on top. To add one: a field here, its odds in NewPlan, its draw in process.fate, its effect in
// link.ask, its removal in smaller, and in floors (tour_test.go) how often it has to come about.
type Faults struct {
	Lost       float64 // the request never reaches the store
	AnswerLost float64 // the store carries the request out, and its answer is lost
	Late       float64 // the request reaches the store up to two lease lengths later, and its answer is lost
	Repeated   float64 // the client's library sends the request twice, and returns the second answer
	Throttled  float64 // the store answers "slow down", and does nothing
	Slow       float64 // the request and its answer each take up to a quarter of a lease length more
	Deaf       float64 // the sender does not notice the end of its context, for up to two lease lengths

	Latency time.Duration // each way takes up to this longer than its 1 to 21 ms; not a probability
}

// Works are the probabilities that the work of one term does something else than to go on until its context ends.
type Works struct {
	// It returns nil, returns an error, panics, returns leader.ErrStepDown, or goes on after the end of its context.
	Ends, Fails, Panics, StepsDown, Ignores float64

	Asks float64 // the probability that it calls Check 40 times in quick succession after each effect; beside the above
}

// Kind says what an event does. To add one: a constant here, a place in the list in events, its own values in Event.detail,
// its effect in world.strike, its end in world.heal if it lasts, and in floors (tour_test.go) how often it has to come about.
type Kind string

const (
	Crash     Kind = "crash"     // the process stops without a word; another starts after For
	Shutdown  Kind = "shutdown"  // the process's context is cancelled; another starts within 5 seconds of its end
	Suspend   Kind = "suspend"   // the machine sleeps for For
	Step      Kind = "step"      // the machine's wall clock is stepped by By, which may be negative
	Cut       Kind = "cut"       // no request or answer passes between the machine and the store for For
	StepDown  Kind = "step down" // StepDown is called
	Unhealthy Kind = "unhealthy" // the health check fails for For
	Break     Kind = "break"     // an operator on this machine looks at the lease, which takes Lag longer, and breaks it
	Rewind    Kind = "rewind"    // the machine sleeps for For; its wall clock is stepped back by Far, By after it falls asleep
	Look      Kind = "look"      // an operator on this machine inspects the lease, and the answer takes Lag longer
	List      Kind = "list"      // an operator on this machine lists all leases, and pauses for Lag between two of them
)

// Moment says when exactly an event strikes: at Event.At, or at a point of the protocol that follows it. Chance alone seldom
// meets the worst moments.
type Moment string

const (
	AtOnce Moment = ""
	Taken  Moment = "once the store has taken its next write"
	Heard  Moment = "once it has heard that its next write was taken"
	Asking Moment = "while it asks for the lease" // as it sends its next write, if that is to acquire the lease
)

// leading as an Event.Machine means the machine that leads at Event.At. If none does, the event is dropped.
const leading = -1

// An Event befalls one machine, or the process on it. Its Kind says what For, By and Far mean.
type Event struct {
	At      time.Duration
	Machine int // an index into Plan.Machines, or leading
	Moment  Moment
	Kind    Kind
	For     time.Duration
	By      time.Duration
	Far     time.Duration
	Lag     time.Duration // with Heard, how much longer than others the answer takes; with Break, Look and List, see there
}

func (e Event) String() string {
	whom := fmt.Sprintf("m%d", e.Machine)
	if e.Machine == leading {
		whom = "the leader's machine"
	}
	s := fmt.Sprintf("%v %v of %s %s", e.At.Round(time.Millisecond), e.Kind, whom, e.Moment)
	if e.For != 0 {
		s += fmt.Sprintf(" for %v", e.For.Round(time.Millisecond))
	}
	if e.By != 0 {
		s += fmt.Sprintf(" by %v", e.By.Round(time.Millisecond))
	}
	if e.Far != 0 {
		s += fmt.Sprintf(", %v back", e.Far.Round(time.Millisecond))
	}
	if e.Lag != 0 {
		s += fmt.Sprintf(", %v late", e.Lag.Round(time.Millisecond))
	}
	return s
}

// NewPlan returns the plan of the world that has this seed.
func NewPlan(seed uint64) Plan {
	r := rand.New(rand.NewPCG(seed, 1))
	p := Plan{Seed: seed, Settings: settings(r), Duration: time.Duration(40+r.IntN(120)) * time.Second}
	for range 2 + min(r.IntN(6), r.IntN(6)) {
		p.Machines = append(p.Machines, newMachine(r))
	}
	sometimes := func(most float64) float64 { return most * r.Float64() * float64(r.IntN(2)) }
	if r.IntN(8) > 0 { // in one world of eight, nothing goes wrong with requests
		p.Faults = Faults{
			Lost: sometimes(0.2), AnswerLost: sometimes(0.3), Late: sometimes(0.2), Repeated: sometimes(0.3),
			Throttled: sometimes(0.2), Slow: sometimes(0.2), Deaf: sometimes(0.2),
			Latency: time.Duration(sometimes(0.12) * float64(p.Length)),
		}
	}
	p.Works = Works{
		Ends: sometimes(0.2), Fails: sometimes(0.2), Panics: sometimes(0.1), StepsDown: sometimes(0.2), Ignores: sometimes(0.3),
		Asks: sometimes(0.08),
	}
	p.Events = events(r, p)
	return p
}

// newMachine draws a machine. Half of them count suspension; the clocks of a sixth tick 64 times a second.
func newMachine(r *rand.Rand) Machine {
	m := Machine{
		Rate: 0.951 + 0.098*r.Float64(), // any two differ by less than the margin, a tenth
		Skew: time.Duration(r.Int64N(int64(12*time.Hour))) - 6*time.Hour,
		Boot: r.IntN(2) == 0,
	}
	if r.IntN(6) == 0 {
		m.Tick = time.Second / 64
	}
	switch r.IntN(8) {
	case 0, 1:
		m.Slew = 0.001 * (r.Float64() - 0.5)
	case 2:
		if slew := -0.08 * r.Float64(); m.Boot { // chrony may slew the clock back by this much
			m.Slew = slew
		} // without a boot clock, only the wall clock shows a sleep, and such a rate is further off than the margin allows
	}
	switch r.IntN(24) {
	case 0:
		m.Mute = true
	case 1, 2:
		m.Sickly = 0.3 * r.Float64()
	}
	return m
}

func settings(r *rand.Rand) Settings {
	s := Settings{
		Length: 3*time.Second + time.Duration(r.Int64N(13e9)),
		Ages:   r.IntN(2) == 0, OneName: r.IntN(4) == 0, Apart: r.IntN(2) == 0, Crowded: r.IntN(6) == 0,
	}
	s.RenewEvery, s.AcquireEvery = s.Length/3, s.Length/3
	if r.IntN(2) == 0 {
		s.RenewEvery = s.Length / time.Duration(3+r.IntN(5))
		s.AcquireEvery = s.Length / time.Duration(1+r.IntN(12))
	}
	if r.IntN(4) == 0 {
		s.StopMargin = time.Millisecond + time.Duration(r.Int64N(int64(s.Length/8)))
	}
	if r.IntN(4) == 0 {
		s.StopTimeout = time.Millisecond + time.Duration(r.Int64N(int64(s.Length)))
	}
	if r.IntN(6) == 0 {
		s.Once, s.HoldAtLeast = true, time.Millisecond+time.Duration(r.Int64N(int64(s.Length-time.Millisecond)))
	}
	return s
}

func (s Settings) options() []leader.Option {
	options := []leader.Option{
		leader.WithLeaseLength(s.Length), leader.WithRenewEvery(s.RenewEvery), leader.WithAcquireEvery(s.AcquireEvery),
	}
	if s.StopMargin > 0 {
		options = append(options, leader.WithStopMargin(s.StopMargin))
	}
	if s.StopTimeout > 0 {
		options = append(options, leader.WithStopTimeout(s.StopTimeout))
	}
	if s.HoldAtLeast > 0 {
		options = append(options, leader.WithHoldAtLeast(s.HoldAtLeast))
	}
	return options
}

func events(r *rand.Rand, p Plan) []Event {
	kinds := []Kind{
		Crash, Shutdown, Suspend, Step, Cut, StepDown, Unhealthy, Rewind, Suspend, Crash, Cut, Break, Rewind, Look, List,
	}
	moments := []Moment{AtOnce, Taken, Heard}
	var all []Event
	for range r.IntN(14) {
		e := Event{
			At: time.Duration(r.Int64N(int64(p.Duration))), Machine: r.IntN(len(p.Machines)),
			Kind: kinds[r.IntN(len(kinds))], For: time.Duration(r.Int64N(int64(3 * p.Length))),
		}
		if r.IntN(2) == 0 {
			e.Machine, e.Moment = leading, moments[r.IntN(len(moments))]
		}
		if e.Moment == Heard && r.IntN(2) == 0 {
			e.Lag = time.Duration(r.Int64N(int64(p.Length / 4)))
		}
		e.detail(r, p)
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b Event) int { return int(a.At - b.At) })
	return all
}

// detail draws the values that the event's kind takes, and clears those that it does not.
func (e *Event) detail(r *rand.Rand, p Plan) {
	switch e.Kind {
	case Step:
		e.By, e.For = time.Duration(r.Int64N(int64(4*time.Hour)))-2*time.Hour, 0
	case StepDown:
		e.For = 0
		if e.Machine != leading && r.IntN(2) == 0 {
			e.Moment = Asking
		}
	case Rewind:
		// The step comes about when the sleep begins, during it, or about when it ends.
		const about = 1500 * time.Millisecond
		e.By = time.Duration(r.Int64N(int64(2*about))) - about
		switch r.IntN(3) {
		case 1:
			e.By = time.Duration(r.Int64N(int64(e.For + 1)))
		case 2:
			e.By += e.For
		}
		e.Far = e.For + time.Duration(r.Int64N(2e9)) - time.Second
	case Break, Look, List:
		e.Lag, e.Moment, e.For = 0, AtOnce, 0
		if r.IntN(2) == 0 {
			e.Lag = time.Duration(r.Int64N(int64(p.Length)))
		}
	}
}

func (p Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %v long\n  %+v\n", p.Seed, p.Duration.Round(time.Second), p.Settings)
	for i, m := range p.Machines {
		fmt.Fprintf(&b, "  m%d: %+v\n", i, m)
	}
	fmt.Fprintf(&b, "  faults: %+v\n  works: %+v\n", p.Faults, p.Works)
	for _, e := range p.Events {
		fmt.Fprintf(&b, "  %v\n", e)
	}
	return b.String()
}
