// Package host is the machine that a process runs on, as the lease protocol sees it: clocks, timers and randomness.
//
// Code that decides something by time takes its host from the context, so that a simulation can give every node of
// one process a machine of its own, with clocks that are wrong, that drift and that stop.
package host

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"time"
)

// A Host tells the time in every way there is, wakes its callers and draws random numbers. It is safe for concurrent
// use.
type Host interface {
	// Read reads all clocks at once.
	Read() Reading
	// Now is the wall clock, for people and for time.Time values that are handed out.
	Now() time.Time
	// AfterFunc calls f in its own goroutine once d has passed on the monotonic clock.
	AfterFunc(d time.Duration, f func()) Timer
	// Uint64 draws from all 64-bit numbers with equal chance.
	Uint64() uint64
}

// A Timer is what AfterFunc started. Stop reports whether it kept the function from being called.
type Timer interface {
	Stop() bool
}

// A Reading is what the clocks showed at one moment. Each counts from a zero of its own, so only differences between
// readings of one Host mean something. On a machine without a clock that counts suspension (Boot is 0), a step back of
// the wall clock may hide that it slept.
type Reading struct {
	Mono time.Duration // never steps, but stands still while the machine is suspended
	Wall time.Duration // goes on during suspension, but may step either way
	Boot time.Duration // never steps and counts suspension; always 0 where there is no such clock, and never where there is
}

// Since is the most that may have passed since an earlier reading, by whichever clock shows most; never negative.
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

// WithTimeout is context.WithTimeout on the clock of the host that ctx carries.
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

// overdue says what context.WithTimeout's contexts say once their time is up.
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

// closely is how far apart clocks are read that count as read at one moment; attempts is how often that is tried.
const (
	closely  = 10 * time.Microsecond
	attempts = 3
)

func (system) Read() Reading {
	now := time.Now()
	if now == now.Round(0) { // no monotonic reading: a testing/synctest bubble, whose one clock is all the time there is
		return Reading{Mono: now.Sub(start), Wall: time.Duration(now.UnixNano())}
	}
	return together(monoAndWall, SinceBoot)
}

func monoAndWall() (mono, wall time.Duration) {
	now := time.Now()
	return now.Sub(start), time.Duration(now.UnixNano())
}

// together reads all clocks. If a thread had to wait for its processor in between, what it read is of two moments, and a
// difference of two such readings is longer than the time that passed, so it reads again: the last attempt counts.
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

// Jitter returns d less a random part of it, at most a sixteenth: enough to keep a fleet out of step, and never
// longer than the interval that was asked for.
func Jitter(h Host, d time.Duration) time.Duration {
	if d < 16 {
		return d
	}
	return d - time.Duration(h.Uint64()%uint64(d/16))
}
