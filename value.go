package leader

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/cloudlease/leader/lease"
)

// SetValue keeps a text in the lease that this work holds: at most 48 KiB of UTF-8. It outlives the work: the next leader's
// [Value] returns it, however this term ends. ctx is the work's, or derived from it.
//
// SetValue renews the lease at once, or with the next attempt if the latest renewal has failed, and returns nil when the value is
// stored. It returns a *lease.LostError if the term ends first, and a lease.ErrInvalid, and sets nothing, for a value that does not
// fit. The error is errors.ErrUnsupported if the lease manager keeps no values. After any other error, such as the end of ctx, the
// value may be stored: once it is set, every later renewal and the release carry it. If a newer value is set before this one was
// sent, only the newer one is stored, and SetValue returns when it is.
//
// While a value is set, programs that do not know values cannot take the lease. An empty one lets them in again.
func SetValue(ctx context.Context, value string) error {
	c := change{apply: func(l *lease.Lease) { l.Value = value }, done: make(chan error, 1)}
	return changeIn(ctx, "SetValue", func(o *options) error { return o.limits.CheckValue(value) }, c)
}

// NoteValue is like SetValue, but sends nothing by itself: the next renewal carries the value, or the release if that comes first. If
// WithHoldAtLeast leaves the lease to run out, a renewal stores the value before.
// It returns nil as soon as the value is set. It costs no request: use it for values that may be stored an interval later.
func NoteValue(ctx context.Context, value string) error {
	c := change{apply: func(l *lease.Lease) { l.Value = value }, noted: true, done: make(chan error, 1)}
	return changeIn(ctx, "NoteValue", func(o *options) error { return o.limits.CheckValue(value) }, c)
}

// SetAttributes publishes other attributes with the lease, in place of those of WithAttributes, until this term ends. They are at
// most 1 KiB, keys included. Like SetValue it renews the lease, and returns the same errors: a *lease.LostError, an
// ErrInvalid for attributes that are not set, errors.ErrUnsupported, or another one after which they may be published.
func SetAttributes(ctx context.Context, attributes map[string]string) error {
	attributes = maps.Clone(attributes)
	check := func(o *options) error {
		if o.limits.MaxValue <= 0 {
			return fmt.Errorf("this lease manager changes nothing of a lease that is held: %w", errors.ErrUnsupported)
		}
		req := o.request()
		req.Attributes = attributes
		return req.Validate(o.limits)
	}
	c := change{apply: func(l *lease.Lease) { l.Attributes = maps.Clone(attributes) }, done: make(chan error, 1)}
	return changeIn(ctx, "SetAttributes", check, c)
}

// Value returns the lease's value: the one that this term has set last, or else the one that it found. It is empty if nobody has
// ever set one, and for a context that is not that of a leader's work.
func Value(ctx context.Context) string {
	if v, ok := valuesIn(ctx); ok {
		return v.current()
	}
	return ""
}

// valuesOf is the key of a work's values in its context.
type valuesOf struct{}

// values pass what a work keeps in its lease to the goroutine of Run, which alone writes the lease.
type values struct {
	opts    *options
	term    lease.Term
	changes chan change // taken while the term lasts

	mu   sync.Mutex
	text string // as it was last set
}

// A change is one of the lease's value or attributes. done receives nil when it is stored, or as soon as it is set if it is only
// noted: then it waits for the next renewal.
type change struct {
	apply func(*lease.Lease)
	noted bool
	done  chan error
}

// valuesIn returns the values of the work whose context this is; false if it is another term's, as in a part of a fleet that runs
// within the work.
func valuesIn(ctx context.Context) (*values, bool) {
	v, ok := ctx.Value(valuesOf{}).(*values)
	term, _ := lease.TermFrom(ctx)
	return v, ok && v.term == term
}

func newValues(o *options, term lease.Term, held lease.Lease) *values {
	return &values{opts: o, term: term, changes: make(chan change), text: held.Value}
}

func (v *values) current() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.text
}

func (v *values) show(text string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.text = text
}

func changeIn(ctx context.Context, name string, check func(*options) error, c change) error {
	v, ok := valuesIn(ctx)
	if !ok {
		if _, inner := lease.TermFrom(ctx); inner {
			return fmt.Errorf("leader: %s: no Leader made the term of this context (a part of a fleet or leadertest.Context did, say), and it keeps nothing in a lease: use a checkpoint: %w", name, errors.ErrUnsupported)
		}
		return fmt.Errorf("leader: %s: the context is not that of a leader's work", name)
	}
	err := check(v.opts)
	if err == nil {
		err = v.set(ctx, c)
	}
	if err == nil || errors.Is(err, lease.ErrLost) {
		return err
	}
	return fmt.Errorf("leader: %s: lease %q: %w", name, v.opts.lease, err)
}

// set hands the change over, and waits until it is stored, or set if it is only noted.
func (v *values) set(ctx context.Context, c change) error {
	select {
	case v.changes <- c:
	case <-v.term.Done():
		return v.term.Check()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-c.done:
		return err
	case <-v.term.Done():
	case <-ctx.Done():
	}
	select {
	case err := <-c.done: // at the same moment
		return err
	default:
	}
	if lost := v.term.Check(); lost != nil {
		return lost
	}
	return context.Cause(ctx)
}

// A waiter waits until a change is stored.
type waiter struct {
	number uint64 // Lease.ValueNumber of the change
	done   chan<- error
}

// change makes the next renewal, and every write after it, carry a change (V2), and lets that renewal begin at once if somebody waits. The number
// is raised before anything is sent, so that a late renewal of before cannot take the change back (V3).
func (h *holding) change(c change) {
	h.held.ValueNumber++
	c.apply(&h.held)
	h.values.show(h.held.Value)
	if c.noted {
		c.done <- nil
		return
	}
	h.urgent = h.held.ValueNumber
	h.waiting = append(h.waiting, waiter{h.held.ValueNumber, c.done})
	if h.pending == nil && h.failures == 0 { // after a failure the next one comes by R4 alone
		h.hurry()
	}
}

// hurry makes a renewal due as soon as the store allows.
func (h *holding) hurry() {
	h.next = h.run.scheduled(h.soonest(0))
}

// soonest returns when the next renewal may begin: so long after the latest write, and as the store allows.
func (h *holding) soonest(after time.Duration) time.Duration {
	return max(h.run.mono(), h.wrote+max(after, h.opts.limits.WriteEvery))
}

// published shows in Status what a renewal has published. An answer that comes after the term's end revives nothing there (R8).
func (h *holding) published() {
	if h.term.Check() == nil {
		h.run.found(info(h.held, lease.Held))
	}
}

// stored goes on after a renewal that has stored the changes up to the number.
func (h *holding) stored(number uint64) {
	h.kept = number
	if number > 0 {
		h.published()
	}
	if h.settle(number, nil); h.urgent > number {
		h.hurry()
	}
}

// storeLast stores the changes that no answer has shown to be stored yet (V2), for a lease that is left to run out: no release will carry
// them. It tries for half of what the end of Run may still take.
func (h *holding) storeLast() {
	r := h.run
	until := r.mono() + r.left()/2
	h.urgent = h.held.ValueNumber // also of what was only noted: a renewal in flight may not carry it
	h.hurry()
	for h.held.ValueNumber > h.kept && h.term.Check() == nil && r.mono() < until {
		if h.pending == nil {
			r.breathe(min(h.next.at, until) - r.mono())
			h.renew(r.mono())
		}
		q := h.pending
		h.pending = nil
		h.heed(q, await(r, OpRenew, q))
	}
}

// settle tells those who wait for the changes up to the number how they fared.
func (h *holding) settle(number uint64, err error) {
	for len(h.waiting) > 0 && h.waiting[0].number <= number {
		h.waiting[0].done <- err
		h.waiting = h.waiting[1:]
	}
}

// took goes on from the lease that a renewal has returned. Changes that were made since it was sent stay (V2).
func (h *holding) took(renewed lease.Lease) {
	if h.held.ValueNumber > renewed.ValueNumber {
		renewed.Value, renewed.Attributes, renewed.ValueNumber = h.held.Value, h.held.Attributes, h.held.ValueNumber
	}
	h.held = renewed
}
