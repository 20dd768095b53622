package simulate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/cloudlease/leader"
)

// A Plan is all that makes a world: what there is, and what befalls it. It follows from the seed alone; shrinking takes
// parts out of it.
type Plan struct {
	Seed     uint64
	Duration time.Duration // of the time in which things go wrong
	Settings
	Machines []Machine
	Faults   Faults
	Works    Works
	Events   []Event
}

// Settings are of the fleet and its store.
type Settings struct {
	Length       time.Duration // of the lease
	RenewEvery   time.Duration
	AcquireEvery time.Duration
	StopMargin   time.Duration
	StopTimeout  time.Duration
	HoldAtLeast  time.Duration
	Ages         bool // the store tells Age
	Once         bool // each process tries once, and another starts when it has ended
	OneName      bool // all nodes have the same node ID
	Apart        bool // clocks are read a little after one another
	Crowded      bool // whoever loses a race for the lease is told to slow down, not that there was a conflict
}

// apart is the most that passes between reading one clock and the next, and one nanosecond.
func (s Settings) apart() time.Duration {
	if s.Apart {
		return 50 * time.Microsecond
	}
	return 1
}

// A Machine has clocks, and may have an ailment for as long as things go wrong.
type Machine struct {
	Rate float64       // of all its clocks, against the true time
	Slew float64       // of its wall clock, against its others
	Skew time.Duration // of its wall clock
	Boot bool          // it has a clock that counts suspension
	Tick time.Duration // of its clocks; 0: they show nanoseconds

	Mute   bool    // it acquires the lease, and its renewals and releases never reach the store
	Sickly float64 // how often its health check fails, when it is asked
}

// Faults are how likely things go wrong with one request.
type Faults struct {
	Lost       float64 // it never reaches the store
	AnswerLost float64 // it does, but its answer is lost
	Late       float64 // it reaches the store after its sender has given up
	Repeated   float64 // the client's library sends it again, and passes on the answer to the second
	Throttled  float64 // the store refuses it for now
	Slow       float64 // it takes seconds
	Deaf       float64 // its sender does not notice that its context has ended, until long after

	Latency time.Duration // the most that a request is under way, and again its answer
}

// Works are how likely a term's work does something else than to go on until its context ends.
type Works struct {
	Ends, Fails, Panics, StepsDown, Ignores float64

	Asks float64 // Check, some hundred times in a row
}

// Kind is what an event is.
type Kind string

const (
	Crash     Kind = "crash"     // the process is gone, and another starts after For
	Shutdown  Kind = "shutdown"  // the process is asked to end, and another starts after For
	Suspend   Kind = "suspend"   // the machine sleeps for For
	Step      Kind = "step"      // the wall clock moves by By
	Cut       Kind = "cut"       // no request or answer passes for For
	StepDown  Kind = "step down" // StepDown is called
	Unhealthy Kind = "unhealthy" // the health check fails for For
	Break     Kind = "break"     // somebody takes the lease away from whoever holds it, by way of this machine
	Rewind    Kind = "rewind"    // the machine sleeps for For; By after it begins to, the wall clock is stepped back by Far
	Look      Kind = "look"      // somebody inspects the lease by way of this machine's manager, and the answer takes Lag
	List      Kind = "list"      // likewise, all leases, and whoever reads the list takes Lag
)

// Moment is when exactly an event happens: the worst ones are not met by chance.
type Moment string

const (
	AtOnce Moment = ""
	Taken  Moment = "once the store has taken its next write"
	Heard  Moment = "once it has heard that its next write was taken"
	Asking Moment = "while it asks for the lease"
)

// leading stands for the machine that leads when the event's time has come.
const leading = -1

// An Event befalls one machine.
type Event struct {
	At      time.Duration
	Machine int // or leading
	Moment  Moment
	Kind    Kind
	For     time.Duration
	By      time.Duration
	Far     time.Duration
	Lag     time.Duration // for so much longer than others, the answer that is to be heard is under way
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

// NewPlan returns the plan of the seed's world.
func NewPlan(seed uint64) Plan {
	r := rand.New(rand.NewPCG(seed, 1))
	p := Plan{Seed: seed, Settings: settings(r), Duration: time.Duration(40+r.IntN(120)) * time.Second}
	for range 2 + min(r.IntN(6), r.IntN(6)) {
		p.Machines = append(p.Machines, newMachine(r))
	}
	sometimes := func(most float64) float64 { return most * r.Float64() * float64(r.IntN(2)) }
	if r.IntN(8) > 0 { // else nothing goes wrong with requests
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

// newMachine returns a machine with a clock that counts suspension, or without; in either case its clocks may tick.
func newMachine(r *rand.Rand) Machine {
	m := Machine{
		Rate: 0.951 + 0.098*r.Float64(), // two of them differ by less than the margin
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
		if slew := -0.08 * r.Float64(); m.Boot { // as chrony does, which may be far behind
			m.Slew = slew
		} // elsewhere it would be the only clock that shows a sleep, at a rate that is further off than the margin allows
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

// detail is what is special about the kind of event.
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
		// About when the sleep begins, while it lasts, or about when it ends.
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
