// Package host represents the machine that a process runs on, as the lease protocol needs it: clocks, timers and
// randomness.
//
// Code that decides something by time takes its host from the context. So a simulation can give each node in one
// process its own machine, with clocks that are wrong, that drift and that stop.
package host

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"time"
)

// A Host tells the time by all its clocks, wakes its callers and draws random numbers. It is safe for concurrent use.
type Host interface {
	// Read reads all clocks at once.
	Read() Reading
	// Now returns the wall clock's time, for people and for time.Time values that are handed out.
	Now() time.Time
	// AfterFunc calls f in its own goroutine once d has passed on the monotonic clock.
	AfterFunc(d time.Duration, f func()) Timer
	// Uint64 returns a random number; all 64-bit numbers are equally likely.
	Uint64() uint64
}

// A Timer is started by AfterFunc. Stop reports whether it kept the function from being called.
type Timer interface {
	Stop() bool
}

// A Reading has the times of all clocks at one moment. Each clock counts from its own zero, so only differences between
// readings of one Host mean something. On a machine without a clock that counts suspension (Boot is 0), a step back of
// the wall clock may hide that the machine slept.
type Reading struct {
	Mono time.Duration // never steps, but stands still while the machine is suspended
	Wall time.Duration // goes on during suspension, but may step either way
	Boot time.Duration // never steps and counts suspension; always 0 if there is no such clock, otherwise never 0
}

// Since returns the most that may have passed since an earlier reading, by the clock that shows most; never negative.
func (r Reading) Since(earlier Reading) time.Duration {
	return max(r.Mono-earlier.Mono, r.Wall-earlier.Wall, r.Boot-earlier.Boot, 0)
}

type contextKey struct{}

// With returns a context that carries h.
func With(ctx context.Context, h Host) context.Context {
	return context.WithValue(ctx, contextKey{}, h)
}

// From returns the host that ctx carries, or the real one.
func From(ctx context.Context) Host {
	if h, ok := ctx.Value(contextKey{}).(Host); ok {
		return h
	}
	return System
}

// WithTimeout is like context.WithTimeout, but by the clock of the host that ctx carries.
func WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	h := From(ctx)
	if h == System {
		return context.WithTimeout(ctx, d)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	timer := h.AfterFunc(d, func() { cancel(context.DeadlineExceeded) })
	return overdue{ctx}, func() {
		timer.Stop()
		cancel(context.Canceled)
	}
}

// overdue makes Err return the error that context.WithTimeout's contexts return after their deadline.
type overdue struct{ context.Context }

func (c overdue) Err() error {
	err := c.Context.Err()
	if err != nil && context.Cause(c.Context) == context.DeadlineExceeded {
		return context.DeadlineExceeded
	}
	return err
}

// System is the real machine.
var System Host = system{}

type system struct{}

var start = time.Now()

// closely is the longest time between readings of clocks that count as one moment; attempts is the number of tries for
// that.
const (
	closely  = 10 * time.Microsecond
	attempts = 3
)

func (system) Read() Reading { return read(time.Now) }

func read(now func() time.Time) Reading {
	if now := now(); inBubble(now) {
		both := time.Duration(now.UnixNano()) // above zero, as the monotonic clock is elsewhere
		return Reading{Mono: both, Wall: both}
	}
	return together(func() (mono, wall time.Duration) { return Monotonic(), time.Duration(now().UnixNano()) }, SinceBoot)
}

// inBubble reports whether a time was read in a testing/synctest bubble, which has only one clock: it has no monotonic reading.
// Nor has one that a wrong wall clock shows, before 1885 or after 2157 (https://pkg.go.dev/time#hdr-Monotonic_Clocks).
func inBubble(now time.Time) bool {
	return !hasMonotonic(now) && now.Year() > 1885 && now.Year() < 2157
}

func hasMonotonic(t time.Time) bool { return t != t.Round(0) }

// Monotonic returns the time of the monotonic clock, whatever the wall clock shows.
func Monotonic() time.Duration { return monotonic(start, SinceBoot) }

// monotonic goes by time.Since: the Sub of two times goes by the wall clock if one of them has no monotonic reading. If start has
// none, the boot clock stands in, which never steps either. Without one, no time passes: so a standby never takes a lease from
// another by watching it, and a holder goes by the wall clock.
func monotonic(start time.Time, boot func() time.Duration) time.Duration {
	if !hasMonotonic(start) {
		return boot()
	}
	return time.Since(start)
}

// together reads all clocks. If a thread must wait for its processor in between, the reading mixes two moments, and the
// difference of two such readings exceeds the time that passed. So together then reads again; the last attempt counts.
func together(pair func() (mono, wall time.Duration), boot func() time.Duration) Reading {
	var r Reading
	mono, wall := pair()
	for range attempts {
		r = Reading{Mono: mono, Wall: wall, Boot: boot()}
		mono, wall = pair()
		if max(mono-r.Mono, wall-r.Wall) <= closely {
			break
		}
	}
	return r
}

func (system) Now() time.Time { return time.Now() }

func (system) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }

func (system) Uint64() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: https://pkg.go.dev/crypto/rand#Read
	return binary.LittleEndian.Uint64(b[:])
}

// Jitter returns d less a random part of it, at most a sixteenth. That keeps a fleet out of step, and never exceeds the
// requested interval.
func Jitter(h Host, d time.Duration) time.Duration {
	if d < 16 {
		return d
	}
	return d - time.Duration(h.Uint64()%uint64(d/16))
}
