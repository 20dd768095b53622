package simulate

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloudlease/leader/internal/host"
)

// machine is one computer of a running world: its clocks, whether it sleeps, and whether the network reaches it. One process
// at a time runs on it. mu guards its clocks, and the fields from ahead to recent; the world's goroutine alone uses the others.
type machine struct {
	Machine
	w  *world
	id int

	mu      sync.Mutex
	ahead   time.Duration // sum of the steps forward of its wall clock
	waiting []func()      // calls that reached it while it slept, to be made when it wakes
	recent  []jolt        // jolts within the latest sampling interval that it was awake

	process *process    // the process that runs on it; nil if none will
	cut     bool        // nothing passes between it and the store
	closed  atomic.Bool // its requests are refused at once
}

// read reads the clocks one after another, so that they do not quite agree.
func (m *machine) read() host.Reading {
	now := m.w.time()
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.Read(now, now+time.Duration(uint64(now)*0x9e3779b97f4a7c15>>32)%m.w.plan.apart())
}

// most returns the most that any of the machine's clocks has counted by now, steps back left out. A holder never counts more
// (R3), so the observer measures terms with it.
func (m *machine) most() time.Duration {
	now := m.w.time()
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Duration(m.Rate*(1+max(m.Slew, 0))*float64(now)) + m.ahead
}

// A jolt is a sleep of the machine, or a step of its wall clock.
type jolt struct {
	at          time.Duration // by the monotonic clock
	sleep, step time.Duration
}

// shows reports whether the jolt will show on one of the machine's clocks, and notes it if so. The world leaves out jolts
// that do not show, as the design promises nothing about them. With a boot clock, every jolt shows. Without one, a sleep
// is hidden if the wall clock is stepped back by no more than the sleep within the same sampling interval: no reading
// tells this from a machine that stayed awake (S1).
func (m *machine) shows(j jolt) bool {
	if m.Boot {
		return true
	}
	j.at = m.read().Mono
	m.mu.Lock()
	defer m.mu.Unlock()
	j.sleep = time.Duration(m.Rate * (1 + m.Slew) * float64(j.sleep)) // as the wall clock shows it
	all := append(m.recent, j)
	for len(all) > 0 && all[0].at < j.at-sampling {
		all = all[1:]
	}
	var sum jolt
	for i := len(all) - 1; i >= 0; i-- {
		sum.step, sum.sleep = sum.step+all[i].step, sum.sleep+all[i].sleep
		if sum.step < 0 && sum.sleep > 0 && sum.step+sum.sleep > -explained {
			return false
		}
	}
	m.recent = all
	return true
}

const (
	// sampling is more than the time between two samples of a holder (R3).
	sampling = 1200 * time.Millisecond
	// explained is more than the wall clock falls behind in a sampling interval by slewing, and by reading clocks one by one.
	explained = 300 * time.Millisecond
)

func (m *machine) step(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Step(d)
	m.ahead += max(d, 0)
}

func (m *machine) sleeps() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.Asleep()
}

func (m *machine) suspend() bool {
	now := m.w.time()
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.Suspend(now)
}

func (m *machine) resume() {
	now := m.w.time()
	m.mu.Lock()
	if !m.Resume(now) {
		m.mu.Unlock()
		return
	}
	waiting := m.waiting
	m.waiting = nil
	m.mu.Unlock()
	for _, f := range waiting {
		m.w.after(0, f)
	}
}

// reach calls f, which affects the machine: at once, or when it wakes.
func (m *machine) reach(f func()) {
	m.mu.Lock()
	if m.Asleep() {
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
	t.wait(0)
	return t
}

// wait waits until the timer is due, for no shorter than least.
func (t *timer) wait(least time.Duration) {
	left := max(t.h.until(t.due), least)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.settled {
		t.rings = t.h.w.after(left, t.ring)
	}
}

// until returns the true time left until the monotonic clock shows due, provided that the machine does not sleep in between.
func (m *machine) until(due time.Duration) time.Duration {
	now := m.w.time()
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.Until(due, now)
}

// ring makes the timer ring if it is due. If the machine has slept since it was set, the timer waits on.
func (t *timer) ring() {
	t.h.p.reach(func() {
		if t.h.read().Mono < t.due {
			t.wait(1) // it is due, or a part of a nanosecond is left: the time must go on
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
