package explore

import (
	"slices"
	"time"

	"github.com/cloudlease/leader/internal/host"
)

// step is how much time passes at once. A lease is shorter than a second, so that a term's one timer is its deadline.
const step = 100 * time.Millisecond

// kind is what kind of machine a node is: how fast its clocks run, against the true time, in hundredths; and whether it
// has a clock that counts suspension.
type kind struct {
	rate int
	boot bool
}

// kinds are the machines of the nodes, in their order. The clocks of any two differ by less than a lease's margin, and
// those of the first two by almost as much: without a margin, the standby would be the faster one.
var kinds = [maxNodes]kind{{rate: 95, boot: true}, {rate: 104}, {rate: 100, boot: true}}

// up is how long a machine has been running when a process starts: a clock's zero is a time like any other, long ago.
const up = time.Hour

// machine is the computer of a node. It implements host.Host. Nothing about it is concurrent.
type machine struct {
	kind
	flaws
	now    time.Duration // true time since the machine started
	slept  time.Duration // part of it
	asleep bool
	napped bool          // for a step at least
	wall   time.Duration // what the wall clock was stepped by
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

// Now implements host.Host. It is for people, so it may be anything: always the same, it makes the same records the same.
func (m *machine) Now() time.Time { return time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC) }

// Uint64 implements host.Host. A random text is made of two numbers, which are the same here: its name.
func (m *machine) Uint64() uint64 {
	m.drawn++
	return uint64((m.drawn + 1) / 2)
}

// AfterFunc implements host.Host. The function is called by ring, in no goroutine of its own, when nothing else runs.
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
