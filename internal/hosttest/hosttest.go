// Package hosttest provides machines for tests. Machine takes its time from the test's testing/synctest bubble; Clocks are for
// machines that take it from elsewhere.
package hosttest

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cloudlease/leader/internal/host"
)

// A Machine is a host.Host. Make one with New, inside the bubble.
type Machine struct {
	mu     sync.Mutex
	born   time.Time
	clocks Clocks
	awake  chan struct{}
	timers map[*timer]struct{}
	random *rand.Rand
}

// New returns a machine whose clocks are right. With bootClock, it has a clock that counts suspension.
func New(bootClock bool) *Machine {
	return NewWith(Clocks{Rate: 1, Boot: bootClock})
}

// NewWith returns a machine with such clocks. The wall clock is ahead of the right time by its Skew.
func NewWith(clocks Clocks) *Machine {
	now := time.Now()
	clocks.Skew += time.Duration(now.UnixNano())
	m := &Machine{
		born: now, clocks: clocks,
		awake: make(chan struct{}), timers: map[*timer]struct{}{},
		random: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())), // seeded at random, because IDs must differ between machines
	}
	close(m.awake)
	return m
}

// StepWall moves the wall clock.
func (m *Machine) StepWall(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clocks.Step(d)
}

// Suspend stops the monotonic clock and all timers. The wall clock and the boot clock go on.
func (m *Machine) Suspend() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.clocks.Suspend(time.Since(m.born)) {
		return
	}
	m.awake = make(chan struct{})
	for t := range m.timers {
		t.real.Stop()
	}
}

// Resume ends Suspend.
func (m *Machine) Resume() {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Since(m.born)
	if !m.clocks.Resume(now) {
		return
	}
	close(m.awake)
	for t := range m.timers {
		t.real.Reset(m.clocks.Until(t.due, now))
	}
}

// Awake returns a channel that is closed while the machine is not suspended. Anything that happens on the machine waits
// for it.
func (m *Machine) Awake() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.awake
}

// Read implements host.Host.
func (m *Machine) Read() host.Reading {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.read()
}

func (m *Machine) read() host.Reading {
	now := time.Since(m.born)
	return m.clocks.Read(now, now)
}

// Now implements host.Host.
func (m *Machine) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Unix(0, int64(m.read().Wall))
}

// Uint64 implements host.Host.
func (m *Machine) Uint64() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.random.Uint64()
}

const never = 100 * 365 * 24 * time.Hour

type timer struct {
	machine *Machine
	due     time.Duration
	real    *time.Timer
}

// AfterFunc implements host.Host.
func (m *Machine) AfterFunc(d time.Duration, f func()) host.Timer {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := &timer{machine: m, due: m.read().Mono + d}
	m.timers[t] = struct{}{}
	if d > 0 {
		d = max(m.clocks.Until(t.due, time.Since(m.born)), 1) // rounding must not make time stand still
	}
	if m.clocks.Asleep() {
		d = never // Resume sets the right time
	}
	t.real = time.AfterFunc(d, func() {
		if t.Stop() {
			f()
		}
	})
	return t
}

// Stop implements host.Timer.
func (t *timer) Stop() bool {
	t.machine.mu.Lock()
	defer t.machine.mu.Unlock()
	_, pending := t.machine.timers[t]
	delete(t.machine.timers, t)
	t.real.Stop()
	return pending
}
