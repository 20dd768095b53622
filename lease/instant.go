package lease

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/cloudlease/leader/internal/host"
)

// ErrClockStepped is the reason of a term that ends early because the wall clock was stepped back on a machine without a
// clock that counts suspension: the step may hide a sleep of any length (R3).
var ErrClockStepped = errors.New("wall clock was stepped back on a machine without a clock that counts suspension")

// An Instant is a moment on all of the machine's clocks at once, with the time counted since (R3). A holder counts with
// it, and rounds up. No clock can be trusted alone: the monotonic clock stands still while the machine is suspended, and
// the wall clock may be stepped back meanwhile.
//
// The zero Instant is infinitely long ago. So is an Instant of a machine without a clock that counts suspension, once a
// sample has shown that the wall clock was stepped back.
type Instant struct {
	host    host.Host
	last    host.Reading  // the sample from which later ones are measured
	base    time.Duration // the count at that sample
	counted time.Duration // the count; it never decreases
	stepped time.Duration // how far the wall clock was stepped back; 0: not at all, or it does not matter
}

const (
	// settleAfter is the time, or the step of a clock, after which later samples are measured from a new one. The clocks are
	// read one after another, so at each reading one of them is a little ahead. Adding that up at every sample would make
	// the count run fast, so it is added up a hundred times a second at most.
	settleAfter = 10 * time.Millisecond
	// rereads bounds how often the clocks are read again if they seem to disagree. A goroutine that waited for its
	// processor between two readings has read different moments.
	rereads = 8
	// agree is the divisor of the time passed within which clocks count as agreeing: less than the hundredth by which a
	// count may be wrong.
	agree = 128
	// slew and grain bound how far a wall clock falls behind the monotonic one without a step: a tenth of the time, and the
	// grain. chrony slews by a twelfth of the time at most, unless it is told otherwise, and by less on all systems but
	// Linux (https://man.archlinux.org/man/chrony.conf.5, maxslewrate); ntpd by 500 ppm
	// (https://docs.ntpsec.org/latest/ntpd.html, option -x). The grain is for clocks that tick, every 16 ms at worst.
	slew  = 10
	grain = 50 * time.Millisecond
)

// Now reads the clocks of the machine that ctx belongs to: this one, except in this module's own simulations.
func Now(ctx context.Context) Instant {
	h := host.From(ctx)
	return Instant{host: h, last: h.Read()}
}

// Sample counts the time since the sample before, by the clock that shows the most. Sample a kept Instant at least at
// each SampleEvery: over a longer time, a step back of the wall clock can hide a suspension. Sampling more often does no harm: the
// count stays within a hundredth of the fastest clock.
func (i Instant) Sample() Instant {
	if i.host == nil || i.stepped > 0 {
		i.counted = math.MaxInt64
		return i
	}
	now := i.read()
	if i.stepped = steppedBack(i.last, now); i.stepped > 0 {
		i.counted = math.MaxInt64
		return i
	}
	passed := now.Since(i.last)
	i.counted = max(i.counted, i.base+min(passed, math.MaxInt64-i.base))
	if max(passed, apart(i.last, now)) >= settleAfter {
		i.last, i.base = now, i.counted
	}
	return i
}

// Elapsed returns the most time that may have passed since the moment. It never decreases from one Sample to the next.
func (i Instant) Elapsed() time.Duration {
	return i.Sample().counted
}

// err returns an ErrClockStepped if a step of the wall clock ended the count, else nil.
func (i Instant) err() error {
	if i.stepped <= 0 {
		return nil
	}
	return fmt.Errorf("%w: by %v, which may hide a sleep of any length", ErrClockStepped, i.stepped.Round(time.Millisecond))
}

// read reads the clocks, and again if they disagree by more than matters. It returns the reading in which they agree best.
func (i Instant) read() host.Reading {
	best := i.host.Read()
	for range rereads {
		passed, differ := best.Since(i.last), apart(i.last, best)
		if differ <= passed/agree || max(passed, differ) < settleAfter {
			break
		}
		if again := i.host.Read(); apart(i.last, again) < differ {
			best = again
		}
	}
	return best
}

// apart returns by how much the clocks disagree about the time between two readings.
func apart(last, now host.Reading) time.Duration {
	mono, wall, boot := now.Mono-last.Mono, now.Wall-last.Wall, now.Boot-last.Boot
	if last.Boot == 0 && now.Boot == 0 {
		boot = mono
	}
	if d := max(mono, wall, boot) - min(mono, wall, boot); d >= 0 {
		return d
	}
	return math.MaxInt64 // the difference overflows
}

// steppedBack returns how far the wall clock has fallen behind the monotonic one between two readings, if slewing does not
// explain it and the machine has no clock that counts suspension. Then a sleep between the two readings cannot be seen: it
// moves the wall clock forward, and the step moves it back.
func steppedBack(last, now host.Reading) time.Duration {
	if last.Boot != 0 || now.Boot != 0 {
		return 0
	}
	passed, shown := now.Mono-last.Mono, now.Wall-last.Wall
	if shown >= passed-passed/slew-grain {
		return 0
	}
	if d := passed - shown; d > 0 {
		return d
	}
	return math.MaxInt64
}
