package explore

import (
	"slices"
	"time"

	"github.com/cloudlease/leader/internal/host"
)

// step is the step of time. Leases are shorter than a second, so that the only timer of a term is its deadline.
const step = 100 * time.Millisecond

// kind describes a machine: the rate of its clocks, in hundredths of the true rate, and whether it has a clock that counts
// suspension.
type kind struct {
	rate int
	boot bool
}

// kinds are the machines of the nodes, in order. The clocks of any two differ by less than a lease's margin; those of the first
// two by almost as much, so that without a margin the standby would be faster than the holder.
var kinds = [maxNodes]kind{{rate: 95, boot: true}, {rate: 104}, {rate: 100, boot: true}}

// up is how long a machine has run when a process starts, so that no clock shows zero.
const up = time.Hour

// machine is the computer of a node. It implements host.Host, and needs no locks.
type machine struct {
	kind
	flaws
	now    time.Duration // true time since the machine started
	slept  time.Duration // how much of it the machine has slept
	asleep bool
	napped bool          // it has slept for a step at least
	wall   time.Duration // sum of the steps of the wall clock
	timers []*timer      // that are set
	drawn  name          // how many random numbers were drawn
}

type timer struct {
	m   *machine
	due time.Duration // by the monotonic clock
	f   func()
}

func (m *machine) rated(d time.Duration) time.Duration { return d * time.Duration(m.rate) / 100 }

// Read implements host.Host.
func (m *machine) Read() host.Reading {
	r := host.Reading{Mono: m.rated(m.now - m.slept), Wall: m.rated(m.now) + m.wall}
	if m.boot {
		r.Boot = m.rated(m.now)
	}
	if m.hiddenSleep {
		r.Wall = r.Mono + m.wall
		r.Boot = 0
	}
	if m.wallForMono {
		r.Mono = r.Wall
	}
	return r
}

// Now implements host.Host. No decision depends on it, so it may be constant, which makes equal records equal.
func (m *machine) Now() time.Time { return time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC) }

// Uint64 implements host.Host. Two numbers make a random text; both are the same here, and are the name that stands for it.
func (m *machine) Uint64() uint64 {
	m.drawn++
	return uint64((m.drawn + 1) / 2)
}

// AfterFunc implements host.Host. It is ring that calls f, when nothing else runs, in no goroutine.
func (m *machine) AfterFunc(d time.Duration, f func()) host.Timer {
	t := &timer{m: m, due: m.Read().Mono + d, f: f}
	m.timers = append(m.timers, t)
	return t
}

// Stop implements host.Timer.
func (t *timer) Stop() bool {
	i := slices.Index(t.m.timers, t)
	if i >= 0 {
		t.m.timers = slices.Delete(t.m.timers, i, i+1)
	}
	return i >= 0
}

// ring calls the functions of the timers that are due.
func (m *machine) ring() {
	for !m.asleep {
		i := slices.IndexFunc(m.timers, func(t *timer) bool { return t.due <= m.Read().Mono })
		if i < 0 {
			return
		}
		t := m.timers[i]
		t.Stop()
		t.f()
	}
}
