package lease

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/cloudlease/leader/internal/host"
)

// ErrClockStepped says why a holder's term is over before its time: its machine has no clock that counts suspension, and
// its wall clock was stepped back, which may hide a sleep of any length (R3).
var ErrClockStepped = errors.New("wall clock was stepped back on a machine without a clock that counts suspension")

// An Instant is a moment on all of the machine's clocks at once, and what has been counted since (R3). The holder of a
// lease counts with it, and rounds up: no clock can be trusted alone, as the monotonic one stands still while the
// machine is suspended, and the wall clock may be stepped back at the same time.
//
// The zero Instant is infinitely long ago. So is one of a machine that has no clock that counts suspension, once a
// sample has shown that its wall clock was stepped back.
type Instant struct {
	host    host.Host
	last    host.Reading  // of the latest sample that later ones are measured from
	base    time.Duration // what had been counted by then
	counted time.Duration // what has been counted; it never becomes less
	stepped time.Duration // how far the wall clock was stepped back; 0: not, or it does not matter
}

const (
	// settleAfter is how much time passes before later samples are measured from a new one, unless a clock was stepped
	// by as much. The clocks are read one after another, and whichever leads at one reading leads by that for once: to
	// add it up at each of many samples would make the count run fast. So it is added up a hundred times a second at most.
	settleAfter = 10 * time.Millisecond
	// rereads is how often the clocks are read again if they seem to disagree: a goroutine that waited for its processor
	// between two of them has read different moments.
	rereads = 8
	// agree is the part of the time that passed by which clocks may disagree and still tell the same time: less than
	// the hundredth that a count may be wrong by.
	agree = 128
	// slew and grain bound what a wall clock falls behind the monotonic one without a step: a tenth of the time, and the
	// grain. chrony slews by a twelfth of the time at most, unless it is told otherwise, and by less on all systems but
	// Linux (https://man.archlinux.org/man/chrony.conf.5, maxslewrate); ntpd by 500 ppm
	// (https://docs.ntpsec.org/latest/ntpd.html, option -x). The grain is for clocks that tick, every 16 ms at worst.
	slew  = 10
	grain = 50 * time.Millisecond
)

// Now reads this machine's clocks.
func Now() Instant { return nowOn(host.System) }

// NowIn is Now, in a simulation by this module, on the clocks of the machine that ctx belongs to.
func NowIn(ctx context.Context) Instant { return nowOn(host.From(ctx)) }

func nowOn(h host.Host) Instant { return Instant{host: h, last: h.Read()} }

// Sample counts what passed since the sample before: the largest of what the clocks say. An Instant that is kept is
// sampled at least every second; over a longer time, a step back of the wall clock can hide a suspension. It may be
// sampled as often as one likes: what is counted stays within a hundredth of what the fastest clock says.
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

// Elapsed is the most that may have passed since the moment. It never becomes less from one Sample to the next.
func (i Instant) Elapsed() time.Duration {
	return i.Sample().counted
}

// err is why the count came to an end: an ErrClockStepped; nil if it did not.
func (i Instant) err() error {
	if i.stepped <= 0 {
		return nil
	}
	return fmt.Errorf("%w: by %v, which may hide a sleep of any length", ErrClockStepped, i.stepped.Round(time.Millisecond))
}

// read reads the clocks, again if they disagree and that matters: what they agree on best is what they show.
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

// apart is by how much the clocks disagree about what passed between two readings.
func apart(last, now host.Reading) time.Duration {
	mono, wall, boot := now.Mono-last.Mono, now.Wall-last.Wall, now.Boot-last.Boot
	if last.Boot == 0 && now.Boot == 0 {
		boot = mono
	}
	if d := max(mono, wall, boot) - min(mono, wall, boot); d >= 0 {
		return d
	}
	return math.MaxInt64 // more than can be said
}

// steppedBack is how far the wall clock has fallen behind the monotonic one between two readings, if no slewing explains
// it and there is no clock that counts suspension. Whatever else happened between the two cannot be known then: a sleep
// moves the wall clock forward, and the step takes that back.
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
