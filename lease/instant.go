package lease

import (
	"context"
	"math"
	"time"

	"github.com/cloudlease/leader/internal/host"
)

// An Instant is a moment on all of the machine's clocks at once, and what has been counted since (R3). The holder of a
// lease counts with it, and rounds up: no clock can be trusted alone, as the monotonic one stands still while the
// machine is suspended, and the wall clock may be stepped back at the same time.
//
// The zero Instant is infinitely long ago.
type Instant struct {
	host    host.Host
	last    host.Reading
	counted time.Duration
}

// Now reads this machine's clocks.
func Now() Instant { return nowOn(host.System) }

// NowIn is Now, in a simulation by this module, on the clocks of the machine that ctx belongs to.
func NowIn(ctx context.Context) Instant { return nowOn(host.From(ctx)) }

func nowOn(h host.Host) Instant { return Instant{host: h, last: h.Read()} }

// Sample counts what passed since the sample before: the largest of what the clocks say. An Instant that is kept is
// sampled at least every second; over a longer time, a step back of the wall clock can hide a suspension.
func (i Instant) Sample() Instant {
	if i.host == nil {
		i.counted = math.MaxInt64
		return i
	}
	now := i.host.Read()
	passed := now.Since(i.last)
	i.counted += min(passed, math.MaxInt64-i.counted)
	i.last = now
	return i
}

// Elapsed is the most that may have passed since the moment.
func (i Instant) Elapsed() time.Duration {
	return i.Sample().counted
}
