package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// maxAbove leaves enough plans for any fleet.
const maxAbove = 1 << 62

// Reset replaces the plan of a fleet, which may be damaged, by one without parts: the next coordinator divides them anew. It is for an
// operator, once all nodes have stopped: the error is a *lease.HeldError if somebody coordinates, or has a seat, and another lease.ErrHeld
// if somebody has coordinated while Reset looked at the seats. Where the store does not tell how old a record is, Reset watches leases that
// nobody has released until they change or run out: it takes a lease length longer after a crash. If ctx ends first, nothing was replaced.
//
// The new plan's epoch is greater than the old one and than above, so the tokens of the parts go on growing (FS2). If the old epoch cannot
// be read, give the greatest token of a part that was ever seen as above: with 0, the error is a lease.ErrRecord, and the plan stays. After
// an error of the store the plan may be replaced or not: it is safe to try again. The error is a lease.ErrInvalid if above
// is more than 2^62: each plan needs a greater number, and the greatest is 2^63-1.
func Reset(ctx context.Context, m lease.Manager, name string, above uint64) error {
	if above > maxAbove {
		return fmt.Errorf("fleet %q: %w: too few tokens are greater than %d: give %d at most", name, lease.ErrInvalid, above, uint64(maxAbove))
	}
	office, err := lease.Inspect(ctx, m, name)
	if err != nil {
		return err
	}
	epoch, known := planEpoch(office.Value)
	if epoch = max(epoch, above); epoch == 0 && office.Value != "" && !known {
		return fmt.Errorf("fleet %q: %w: the plan's epoch cannot be read: give the greatest token of a part that was seen, so that the new tokens are greater", name, lease.ErrRecord)
	}
	width := minWidth
	if p, err := decodePlan(office.Value); err == nil {
		width = p.Width
	}
	if err := nobodyThere(ctx, m, office, width); err != nil {
		return err
	}
	fresh, err := encodePlan(&plan{Epoch: epoch + 1, Width: width})
	if err != nil {
		return err
	}
	held, err := m.Acquire(ctx, lease.Request{Name: name, Holder: "reset", Length: max(DefaultLeaseLength, lease.LimitsOf(m).MinLength)})
	if err != nil {
		return err
	}
	if held.Value != office.Value { // its epoch may be greater than that of the new plan
		return errors.Join(fmt.Errorf("fleet %q: %w: a node has published another plan meanwhile", name, lease.ErrHeld), giveBack(ctx, m, held))
	}
	untilWritable(ctx, m)
	held.Value, held.ValueNumber = fresh, 1
	stored, err := m.Renew(ctx, held)
	if err != nil {
		return errors.Join(err, giveBack(ctx, m, held))
	}
	return giveBack(ctx, m, stored)
}

// giveBack releases the office, also once ctx has ended: nodes that start need not wait until it runs out.
func giveBack(ctx context.Context, m lease.Manager, held lease.Lease) error {
	ctx, cancel := host.WithTimeout(context.WithoutCancel(ctx), lease.LimitsOf(m).WriteEvery+lease.UndoTimeout(held.Length))
	defer cancel()
	untilWritable(ctx, m)
	return m.Release(ctx, held)
}

// untilWritable waits until the store takes another write to a lease that was just written.
func untilWritable(ctx context.Context, m lease.Manager) {
	if every := lease.LimitsOf(m).WriteEvery; every > 0 {
		_ = pauseFor(ctx, every, nil) // if ctx ends, the write fails by itself
	}
}

// nobodyThere returns a *lease.HeldError if the office or a seat is held. It looks at all seats that there are, if the store can list them,
// since a damaged plan does not tell how many that may be. A seat that cannot be read may be held.
func nobodyThere(ctx context.Context, m lease.Manager, office lease.Info, width int) error {
	var taken []lease.Info // as far as one look can tell
	look := func(info lease.Info, err error) error {
		switch err = cmp.Or(err, info.Err); {
		case err != nil:
			return err
		case info.State == lease.Held && info.Timed:
			return &lease.HeldError{Info: info}
		case info.State == lease.Held:
			taken = append(taken, info)
		}
		return nil
	}
	for info, err := range lease.List(ctx, m, office.Name+"/seats/") {
		if errors.Is(err, errors.ErrUnsupported) {
			break
		}
		if err := look(info, err); err != nil {
			return err
		}
	}
	seats := make([]lease.Info, width)
	manyAtOnce(width, func(i int) {
		var err error
		if seats[i], err = lease.Inspect(ctx, m, SeatLease(office.Name, i+1)); err != nil {
			seats[i].Err = err
		}
	})
	for _, seat := range seats {
		if err := look(seat, nil); err != nil {
			return err
		}
	}
	if err := look(office, nil); err != nil {
		return err
	}
	for _, seen := range taken {
		if err := runsOut(ctx, m, seen); err != nil {
			return err
		}
	}
	return nil
}

// runsOut watches a lease that seemed to be held, where the store does not tell how old a record is: if its holder is dead, it runs out.
func runsOut(ctx context.Context, m lease.Manager, seen lease.Info) error {
	watching, leave := host.WithTimeout(ctx, seen.Length+every(seen))
	defer leave()
	for now := seen; now.State == lease.Held; {
		if err := pauseFor(watching, min(every(now)/4, cmp.Or(now.RetryAfter, now.Length)), nil); err != nil {
			return fmt.Errorf("%w, or its holder is dead, and it has not run out yet: %w", &lease.HeldError{Info: now}, err)
		}
		var err error
		if now, err = lease.Inspect(ctx, m, seen.Name); err != nil {
			return err
		}
		if now.State == lease.Held && now.Version != seen.Version {
			return &lease.HeldError{Info: now}
		}
	}
	return nil
}
