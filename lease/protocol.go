package lease

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/cloudlease/leader/internal/host"
)

// MaxSwaps is how often one call tries to write a cell. Each conflict needs another write to land meanwhile, so a store that
// answers with conflicts time after time is broken.
const MaxSwaps = 8

// ErrTooManyConflicts is the error of a call that has met MaxSwaps conflicts. errors.Is finds ErrConflict in it.
var ErrTooManyConflicts = fmt.Errorf("%w, %d times in one call", ErrConflict, MaxSwaps)

// UndoTimeout returns how long a failed Acquire may try to undo what its write may have done, also after its context has
// ended: a third of the lease's length, five seconds at most (R6).
func UndoTimeout(length time.Duration) time.Duration { return min(length/3, 5*time.Second) }

// Acquire is one Load and, if nobody holds the lease, one Swap. After a failure it tries for a third of the lease's
// length, five seconds at most, to undo what the swap may have done, even if ctx has ended. If that shows that another
// node holds the lease by now, the error is a *HeldError: some stores answer the losers of a race with another error than
// a conflict.
func (m *manager) Acquire(ctx context.Context, req Request) (Lease, error) {
	l, err := m.acquire(ctx, req)
	return l, m.explain("acquire", req.Name, err)
}

func (m *manager) acquire(ctx context.Context, req Request) (Lease, error) {
	if err := req.Validate(m.Limits()); err != nil {
		return Lease{}, err
	}
	seen, err := m.load(ctx, req.Name)
	if err != nil {
		return Lease{}, err
	}
	if seen.state() == Held {
		return Lease{}, &HeldError{Info: seen.info(req.Name)}
	}
	if left := seen.leftTo(req); left != nil {
		return Lease{}, left
	}
	ours, err := succeed(ctx, seen, req)
	if err != nil {
		return Lease{}, err
	}
	for range MaxSwaps {
		version, err := m.swap(ctx, req.Name, seen.version, &ours)
		if err == nil {
			return ours.lease(req.Name, version), nil
		}
		if !errors.Is(err, ErrConflict) {
			return Lease{}, m.failed(ctx, req, ours.ID, seen, err)
		}
		now, err := m.load(ctx, req.Name)
		if err != nil {
			return Lease{}, m.failed(ctx, req, ours.ID, seen, err)
		}
		switch {
		case now.ID == ours.ID && !now.Released:
			// R4: the conflict was with our own write. Write again: only a write that was first sent within this call
			// counts (R2), and the store's client may have sent that one long ago.
		case now.version == seen.version:
			// Nothing has changed: the store could not decide between writes of the same moment.
		case now.state() == Held:
			return Lease{}, &HeldError{Info: now.info(req.Name)} // the version that our write would replace is gone, so it never lands
		case now.leftTo(req) != nil:
			return Lease{}, now.leftTo(req) // likewise
		default:
			if ours, err = succeed(ctx, now, req); err != nil { // another node's whole term came and went
				return Lease{}, err
			}
		}
		seen = now
	}
	return Lease{}, m.failed(ctx, req, ours.ID, seen, ErrTooManyConflicts)
}

// succeed returns the record of a new acquisition after the one that was seen. A missing record counts as token 0 (R5). The
// value is that of the record which the swap replaces (V1).
func succeed(ctx context.Context, seen cell, req Request) (record, error) {
	if seen.Token == math.MaxUint64 {
		return record{}, fmt.Errorf("%w: its token has no successor", ErrRecord)
	}
	h := host.From(ctx)
	return record{
		Token: seen.Token + 1, ID: randomText(h), Holder: req.Holder,
		Length: req.Length, Attributes: maps.Clone(req.Attributes), RenewEvery: req.RenewEvery, Heeds: HeedsText(req.Heeds),
		Value: seen.Value, Acquired: stamp(h), Renewed: stamp(h), History: seen.historyAfter(stamp(h)), HoldAtLeast: req.HoldAtLeast,
	}, nil
}

// historyAfter returns the history of the record that replaces this one now. A term is in it unless nobody led by it.
func (c cell) historyAfter(now time.Time) History {
	t := PastTerm{Token: c.Token, Holder: c.Holder, Begun: c.Acquired, Ended: c.Renewed}
	switch {
	case c.missing(), c.broken(), c.ghost, c.Undone:
		return c.History
	case c.Released:
		t.How = EndReleased
	case c.state() == Held: // Break alone replaces such a record
		t.How, t.Ended = EndBroken, now
	default:
		t.How, t.Ended = endOf(c.mayRunOut()), ranOut(c.Renewed, time.Duration(c.Length))
	}
	return c.History.After(t)
}

// failed undoes an acquisition that ended in err, and returns the error to return.
func (m *manager) failed(ctx context.Context, req Request, id string, replaced cell, err error) error {
	now, looked := m.abandon(ctx, req, id, replaced)
	if !looked || now.ID == id || now.state() != Held || errors.Is(err, ErrMisconfigured) {
		return err
	}
	return &HeldError{Info: now.info(req.Name), Err: err}
}

// abandon gives up an acquisition that may have written, or may write yet (R6). It makes one attempt to release it; if its
// record shows up later, this manager counts it as free. It returns the cell that it found, and whether it could look.
func (m *manager) abandon(ctx context.Context, req Request, id string, replaced cell) (cell, bool) {
	m.watch.bury(req.Name, replaced.version, id, replaced.sent, host.From(ctx).Read().Mono)
	ctx, cancel := host.WithTimeout(context.WithoutCancel(ctx), UndoTimeout(req.Length))
	defer cancel()
	seen, err := m.load(ctx, req.Name)
	if err == nil && seen.ID == id && !seen.Released && m.rest(ctx) {
		ours := seen.record
		ours.Released, ours.Undone, ours.Wish = true, true, wish{}
		_, _ = m.swap(ctx, req.Name, seen.version, &ours) // if this fails, the record runs out
	}
	return seen, err == nil
}

// rest waits until the store takes the next write of a lease that has just been written. It reports false if ctx ends first.
func (m *manager) rest(ctx context.Context) bool {
	if m.Limits().WriteEvery == 0 {
		return true
	}
	alarm := host.NewAlarm(host.From(ctx))
	defer alarm.Stop()
	alarm.Set(m.Limits().WriteEvery)
	select {
	case <-alarm.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Renew is one Swap. It writes the attributes and the value of held.
func (m *manager) Renew(ctx context.Context, held Lease) (Lease, error) {
	l, err := m.renew(ctx, held)
	return l, m.explain("renew", held.Name, err)
}

func (m *manager) renew(ctx context.Context, held Lease) (Lease, error) {
	if err := held.Validate(m.Limits()); err != nil {
		return Lease{}, err
	}
	ours := held.record()
	ours.Renewed = stamp(host.From(ctx))
	from := held.Version
	for range MaxSwaps {
		version, err := m.swap(ctx, held.Name, from, &ours)
		if err == nil {
			return ours.lease(held.Name, version), nil
		}
		if !errors.Is(err, ErrConflict) {
			return Lease{}, err // R4: it may have happened
		}
		now, err := m.load(ctx, held.Name)
		if err != nil {
			return Lease{}, err
		}
		if lost := now.lostBy(held); lost != nil {
			return Lease{}, lost
		}
		// R4: the conflict was with an earlier renewal of ours. Seeing it proves nothing about when it was sent (R2),
		// so write again.
		from = now.version
		ours.keepNewer(now.record)
		// Or somebody asks something: the record tells, whatever this call found before.
		ours.Wish = wishOf(now.wish().FoundBy(held), held.Token)
	}
	return Lease{}, ErrTooManyConflicts
}

// keepNewer takes the value and the attributes of a record of the same acquisition, if that has a later change of them (V3): a
// renewal that was sent later may land sooner.
func (r *record) keepNewer(found record) {
	if found.Number > r.Number {
		r.Value, r.Attributes, r.Number = found.Value, found.Attributes, found.Number
	}
}

// Release is one Swap. The record stays, and the token with it (R5).
func (m *manager) Release(ctx context.Context, held Lease) error {
	return m.explain("release", held.Name, m.release(ctx, held))
}

func (m *manager) release(ctx context.Context, held Lease) error {
	if err := held.Validate(m.Limits()); err != nil {
		return err
	}
	free := held.record()
	free.Released, free.Renewed = true, stamp(host.From(ctx))
	free.Next, free.Wish = held.Next, wish{}
	var sent []string // the nonces of this call's writes
	from := held.Version
	for range MaxSwaps {
		_, err := m.swap(ctx, held.Name, from, &free)
		sent = append(sent, free.Nonce)
		if err == nil {
			return nil
		}
		if !errors.Is(err, ErrConflict) {
			return err
		}
		now, err := m.load(ctx, held.Name)
		if err != nil {
			return err
		}
		if slices.Contains(sent, now.Nonce) {
			return nil // R4: the conflict was with a write of this call
		}
		if lost := now.lostBy(held); lost != nil {
			return lost
		}
		from = now.version // R6: a renewal that was given up has landed; it is ours to release, too
		free.keepNewer(now.record)
	}
	return ErrTooManyConflicts
}

// lostBy returns how the holder has lost the lease, by a look that showed the cell; nil if it still has it. The ID alone
// tells (R4): several holders may have one name.
func (c cell) lostBy(held Lease) error {
	lost := &LostError{Name: held.Name, Token: held.Token, Now: c.info(held.Name)}
	switch {
	case c.missing():
		lost.Reason = LostGone // R4: do not create it anew: another term may have come and gone
	case c.ID != held.ID:
		lost.Reason = LostTaken
	case c.Released:
		lost.Reason = LostReleased
	default:
		return nil
	}
	return lost
}

func (r record) lease(name string, version Version) Lease {
	return Lease{
		Name: name, Holder: r.Holder, ID: r.ID, Token: r.Token, Length: time.Duration(r.Length),
		Attributes: maps.Clone(r.Attributes), RenewEvery: time.Duration(r.RenewEvery), Acquired: r.Acquired, Version: version,
		Value: r.Value, ValueNumber: r.Number, History: r.History, Heeds: HeedsIn(r.Heeds), Wish: r.wish(), HoldAtLeast: r.HoldAtLeast,
	}
}

func (l Lease) record() record {
	return record{
		Token: l.Token, ID: l.ID, Holder: l.Holder, Length: l.Length, Attributes: l.Attributes,
		RenewEvery: l.RenewEvery, Acquired: l.Acquired, Value: l.Value, Number: l.ValueNumber, History: l.History,
		Heeds: HeedsText(l.Heeds), Wish: wishOf(l.Wish, l.Token), HoldAtLeast: l.HoldAtLeast,
	}
}

// stamp returns the wall clock's time as records show it to people.
func stamp(h host.Host) time.Time { return h.Now().UTC().Truncate(time.Millisecond) }
