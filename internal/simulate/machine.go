package simulate

import (
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cloudlease/leader/internal/host"
)

// machine is one computer: its clocks, and whether it sleeps. Processes come and go on it.
type machine struct {
	Machine
	w  *world
	id int

	mu      sync.Mutex
	steps   time.Duration // of the wall clock
	slept   time.Duration // by the true time
	asleep  bool
	since   time.Duration // true time at which it fell asleep
	waiting []func()      // what reaches it when it wakes

	process *process // that runs on it
	cut     bool     // nothing passes between it and the store
}

func (m *machine) mono(now time.Duration) time.Duration {
	if m.asleep {
		now = m.since
	}
	return time.Duration(m.Rate * float64(now-m.slept))
}

func (m *machine) read() host.Reading {
	now := m.w.time()
	m.mu.Lock()
	defer m.mu.Unlock()
	r := host.Reading{Mono: m.mono(now), Wall: time.Duration(m.Rate*float64(now)) + m.Skew + m.steps}
	if m.Boot {
		r.Boot = time.Duration(m.Rate * float64(now))
	}
	return r
}

func (m *machine) step(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.steps += d
}

func (m *machine) sleeps() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.asleep
}

func (m *machine) suspend() bool {
	now := m.w.time()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.asleep {
		return false
	}
	m.asleep, m.since = true, now
	return true
}

func (m *machine) resume() {
	now := m.w.time()
	m.mu.Lock()
	if !m.asleep {
		m.mu.Unlock()
		return
	}
	m.asleep = false
	m.slept += now - m.since
	waiting := m.waiting
	m.waiting = nil
	m.mu.Unlock()
	for _, f := range waiting {
		m.w.after(0, f)
	}
}

// reach does something on the machine, now or when it wakes.
func (m *machine) reach(f func()) {
	m.mu.Lock()
	if m.asleep {
		m.waiting = append(m.waiting, f)
		m.mu.Unlock()
		return
	}
	m.mu.Unlock()
	f()
}

// hostOf is the machine as one of its processes sees it. It implements host.Host.
type hostOf struct {
	*machine
	p      *process
	mu     sync.Mutex
	random *rand.Rand
}

var epoch = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func (h *hostOf) Read() host.Reading { return h.read() }

func (h *hostOf) Now() time.Time { return epoch.Add(h.read().Wall) }

func (h *hostOf) Uint64() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.random.Uint64()
}

type timer struct {
	h       *hostOf
	due     time.Duration // by the monotonic clock
	f       func()
	mu      sync.Mutex
	rings   *happening
	settled bool
}

// AfterFunc implements host.Host.
func (h *hostOf) AfterFunc(d time.Duration, f func()) host.Timer {
	t := &timer{h: h, due: h.read().Mono + d, f: f}
	t.wait()
	return t
}

func (t *timer) wait() {
	left := float64(t.due - t.h.read().Mono)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.settled {
		t.rings = t.h.w.after(time.Duration(math.Ceil(left/t.h.Rate)), t.ring)
	}
}

// ring happens when the timer may be due: unless the machine has slept meanwhile.
func (t *timer) ring() {
	t.h.p.reach(func() {
		if t.h.read().Mono < t.due {
			t.wait()
			return
		}
		if t.Stop() {
			go t.f()
		}
	})
}

func (t *timer) Stop() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	pending := !t.settled
	t.settled = true
	t.h.w.drop(t.rings)
	return pending
}
