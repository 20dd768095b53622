package hosttest

import (
	"math"
	"time"

	"github.com/cloudlease/leader/internal/host"
)

// Clocks are the clocks of one machine, which drift, are stepped, and sleep. They are functions of the true time that has passed
// since the machine started, which their user has: now. Copy them as long as they were not used. They are not safe for
// concurrent use.
type Clocks struct {
	Rate float64       // how fast all of them run; 1 is true time
	Slew float64       // how much faster the wall clock runs than the others: 0.001 gains a thousandth
	Skew time.Duration // how far the wall clock is ahead at the start
	Boot bool          // there is a clock that counts suspension (host.Reading.Boot)
	Tick time.Duration // the step in which they advance, all at once, as those of Windows do; 0 is a nanosecond

	stepped time.Duration // sum of the steps of the wall clock
	slept   time.Duration // how long the machine has slept, in whole ticks: all clocks advance at the same moments
	asleep  bool
	since   time.Duration // when it fell asleep
}

// sinceBoot is the uptime of a machine at the start, because a boot clock never shows 0.
const sinceBoot = time.Hour

// Read returns what the clocks show: the boot clock, a moment later than the others.
func (c *Clocks) Read(now, later time.Duration) host.Reading {
	r := host.Reading{Mono: c.mono(now), Wall: times(1+c.Slew, c.ticks(now)) + c.Skew + c.stepped}
	if c.Boot {
		r.Boot = c.ticks(later) + sinceBoot
	}
	return r
}

func (c *Clocks) ticks(now time.Duration) time.Duration {
	t := times(c.Rate, now)
	return t - t%max(c.Tick, 1)
}

func (c *Clocks) mono(now time.Duration) time.Duration {
	return c.ticks(c.awake(now)) - c.slept
}

// awake returns now, or when the machine fell asleep.
func (c *Clocks) awake(now time.Duration) time.Duration {
	if c.asleep {
		return c.since
	}
	return now
}

// Until returns how long it takes until the monotonic clock shows due, if the machine does not sleep from now on.
func (c *Clocks) Until(due, now time.Duration) time.Duration {
	tick := max(c.Tick, 1)
	shown := due + c.slept
	shown += (tick - shown%tick) % tick
	if c.Rate != 1 {
		shown = time.Duration(math.Ceil(float64(shown) / c.Rate))
	}
	return shown - c.awake(now)
}

// times multiplies; by 1 exactly, also where a float64 has too few digits for nanoseconds, after 104 days.
func times(factor float64, d time.Duration) time.Duration {
	if factor == 1 {
		return d
	}
	return time.Duration(factor * float64(d))
}

// Step moves the wall clock.
func (c *Clocks) Step(d time.Duration) { c.stepped += d }

// Asleep reports whether the machine is suspended.
func (c *Clocks) Asleep() bool { return c.asleep }

// Suspend stops the monotonic clock. It reports whether the machine was awake.
func (c *Clocks) Suspend(now time.Duration) bool {
	if c.asleep {
		return false
	}
	c.asleep, c.since = true, now
	return true
}

// Resume ends Suspend. It reports whether the machine was suspended.
func (c *Clocks) Resume(now time.Duration) bool {
	if !c.asleep {
		return false
	}
	c.asleep = false
	c.slept += c.ticks(now) - c.ticks(c.since)
	return true
}
