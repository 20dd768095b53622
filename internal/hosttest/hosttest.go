// Package hosttest provides a machine for tests. Tests can step its clocks and suspend it. It takes its time from the
// test's testing/synctest bubble.
package hosttest

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cloudlease/leader/internal/host"
)

// A Machine is a host.Host. Make one with New, inside the bubble.
type Machine struct {
	mu        sync.Mutex
	born      time.Time
	slept     time.Duration
	step      time.Duration
	bootClock bool
	asleep    time.Time // zero: awake
	awake     chan struct{}
	timers    map[*timer]struct{}
	random    *rand.Rand
}

// sinceBoot is the uptime of a new machine, because a boot clock never shows 0.
const sinceBoot = time.Hour

// New returns a machine whose clocks are right. With bootClock, it has a clock that counts suspension.
func New(bootClock bool) *Machine {
	m := &Machine{
		born: time.Now(), bootClock: bootClock, awake: make(chan struct{}), timers: map[*timer]struct{}{},
		random: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())), // seeded at random, because IDs must differ between machines
	}
	close(m.awake)
	return m
}

// StepWall moves the wall clock.
func (m *Machine) StepWall(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.step += d
}

// Suspend stops the monotonic clock and all timers. The wall clock and the boot clock go on.
func (m *Machine) Suspend() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.asleep.IsZero() {
		return
	}
	m.asleep, m.awake = time.Now(), make(chan struct{})
	for t := range m.timers {
		t.real.Stop()
	}
}

// Resume ends Suspend.
func (m *Machine) Resume() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.asleep.IsZero() {
		return
	}
	m.slept += time.Since(m.asleep)
	m.asleep = time.Time{}
	close(m.awake)
	for t := range m.timers {
		t.real.Reset(t.due - m.mono())
	}
}

// Awake returns a channel that is closed while the machine is not suspended. Anything that happens on the machine waits
// for it.
func (m *Machine) Awake() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.awake
}

func (m *Machine) mono() time.Duration {
	now := time.Now()
	if !m.asleep.IsZero() {
		now = m.asleep
	}
	return now.Sub(m.born) - m.slept
}

// Read implements host.Host.
func (m *Machine) Read() host.Reading {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := host.Reading{Mono: m.mono(), Wall: time.Duration(time.Now().Add(m.step).UnixNano())}
	if m.bootClock {
		r.Boot = time.Since(m.born) + sinceBoot
	}
	return r
}

// Now implements host.Host.
func (m *Machine) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Now().Add(m.step)
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
	t := &timer{machine: m, due: m.mono() + d}
	m.timers[t] = struct{}{}
	if !m.asleep.IsZero() {
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
