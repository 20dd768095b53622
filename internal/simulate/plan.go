package simulate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/internal/hosttest"
	"github.com/cloudlease/leader/lease"
)

// A Plan is the whole description of a world: what is in it, and what goes wrong. The seed alone determines it. Shrink
// removes parts of it.
type Plan struct {
	Seed     uint64
	Duration time.Duration // how long things go wrong; after it, all is well (see aftermath)
	Settings
	Machines []Machine
	Chances  []Chance // of the faults of requests, works and hints
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
	WriteEvery   time.Duration // how often a process may write to the lease at most (lease.Limits); 0: as often as it likes
	Ages         bool          // the store knows how old a record is (lease.Snapshot.Age)
	Once         bool          // each process calls RunOnce instead of Run; the next starts within 5 seconds of its end
	OneName      bool          // all nodes have the same node ID
	Apart        bool          // a machine's clocks are read up to 50 µs apart, so that they do not quite agree
	Crowded      bool          // a node that loses a race for the lease gets "slow down" instead of lease.ErrConflict
	Sources      int           // how many sources of hints each node has (leader.WithWake)
	Latency      time.Duration // each way of a request takes up to this longer than its 1 to 21 ms, until Plan.Duration is over
}

// apart returns the exclusive bound of the time between reading one clock and the next.
func (s Settings) apart() time.Duration {
	if s.Apart {
		return 50 * time.Microsecond
	}
	return 1
}

// A Machine describes one computer: its clocks, and the ailment that it may have until Plan.Duration is over. Rate, Slew and
// Tick stay within what the lease protocol allows for (see newMachine).
type Machine struct {
	hosttest.Clocks
	Ailment  *Fault  // nil: it is well
	Severity float64 // of the ailment, up to 1
}

func (m Machine) String() string {
	s := fmt.Sprintf("rate %.4f, slew %.5f, skew %v, boot clock %v, tick %v", m.Rate, m.Slew, m.Skew.Round(time.Second), m.Boot, m.Tick)
	if m.Ailment != nil {
		s += fmt.Sprintf(", %s (%.2f)", m.Ailment.name, m.Severity)
	}
	return s
}

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

// An Event befalls one machine, or the process on it. Its Fault says what For, By and Far mean.
type Event struct {
	*Fault
	At      time.Duration
	Machine int // an index into Plan.Machines, or leading
	Moment  Moment
	For     time.Duration
	By      time.Duration
	Far     time.Duration
	Lag     time.Duration // with Heard, how much longer than others the answer takes; of an operator's answers likewise
}

func (e Event) String() string {
	whom := fmt.Sprintf("m%d", e.Machine)
	if e.Machine == leading {
		whom = "the leader's machine"
	}
	s := fmt.Sprintf("%v %v of %s %s", e.At.Round(time.Millisecond), e.name, whom, e.Moment)
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
	if r.IntN(8) > 0 { // in one world of eight, nothing goes wrong with requests
		p.draw(ofRequest, r)
		p.Latency = time.Duration(0.12 * r.Float64() * float64(r.IntN(2)) * float64(p.Length))
	}
	p.draw(ofWork, r)
	p.Events = events(r, &p)
	if p.Sources = max(r.IntN(4)-1, 0); p.Sources > 0 {
		p.draw(ofHint, r)
	}
	if r.IntN(4) == 0 { // the end of Run leaves a release time to wait for as long as this
		p.WriteEvery = p.RenewEvery / 4
	}
	return p
}

// draw gives every second plan a chance of a fault.
func (p *Plan) draw(of victim, r *rand.Rand) {
	for _, f := range faultsOf(of) {
		if odds := f.odds * r.Float64(); r.IntN(2) == 0 {
			p.Chances = append(p.Chances, Chance{f, odds})
		}
	}
}

// newMachine draws a machine. Half of them count suspension; the clocks of a sixth tick 64 times a second.
func newMachine(r *rand.Rand) Machine {
	m := Machine{Clocks: hosttest.Clocks{
		Rate: 0.951 + 0.098*r.Float64(), // any two differ by less than the margin, a tenth
		Skew: time.Duration(r.Int64N(int64(12*time.Hour))) - 6*time.Hour,
		Boot: r.IntN(2) == 0,
	}}
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
	m.Ailment, m.Severity = drawn(faultsOf(ofMachine), r, 24), r.Float64()
	return m
}

func settings(r *rand.Rand) Settings {
	s := Settings{
		Length: 3*time.Second + time.Duration(r.Int64N(13e9)),
		Ages:   r.IntN(2) == 0, OneName: r.IntN(4) == 0, Apart: r.IntN(2) == 0, Crowded: r.IntN(6) == 0,
	}
	s.RenewEvery, s.AcquireEvery = s.Length/lease.IntervalsPerLength, s.Length/lease.IntervalsPerLength
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

func events(r *rand.Rand, p *Plan) []Event {
	kinds, shares := faultsOf(ofEvent), 0
	for _, f := range kinds {
		shares += f.share
	}
	moments := []Moment{AtOnce, Taken, Heard}
	var all []Event
	for range r.IntN(14) {
		e := Event{
			Fault: drawn(kinds, r, shares), At: time.Duration(r.Int64N(int64(p.Duration))), Machine: r.IntN(len(p.Machines)),
		}
		if r.IntN(2) == 0 {
			e.Machine, e.Moment = leading, moments[r.IntN(len(moments))]
		}
		if e.Moment == Heard && r.IntN(2) == 0 {
			e.Lag = time.Duration(r.Int64N(int64(p.Length / 4)))
		}
		if e.detail != nil {
			e.detail(&e, r, p)
		}
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b Event) int { return int(a.At - b.At) })
	return all
}

func (p Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %v long\n  %+v\n", p.Seed, p.Duration.Round(time.Second), p.Settings)
	for i, m := range p.Machines {
		fmt.Fprintf(&b, "  m%d: %v\n", i, m)
	}
	for _, c := range p.Chances {
		fmt.Fprintf(&b, "  %v, in %.1f %%: %s\n", c.Fault, 100*c.Odds, c.what)
	}
	for _, e := range p.Events {
		fmt.Fprintf(&b, "  %v\n", e)
	}
	return b.String()
}
