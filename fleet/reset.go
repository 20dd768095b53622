package fleet

import (
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
// if somebody has coordinated while Reset looked at the seats.
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
	if err := nobodySeated(ctx, m, name, width); err != nil {
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

// nobodySeated returns a *lease.HeldError if a seat is held. It looks at all seats that there are, if the store can list them, since a
// damaged plan does not tell how many that may be.
func nobodySeated(ctx context.Context, m lease.Manager, name string, width int) error {
	for info, err := range lease.List(ctx, m, name+"/seats/") {
		if errors.Is(err, errors.ErrUnsupported) {
			break
		}
		if err != nil {
			return err
		}
		if info.State == lease.Held {
			return &lease.HeldError{Info: info}
		}
	}
	for k := 1; k <= width; k++ {
		info, err := lease.Inspect(ctx, m, SeatLease(name, k))
		if err != nil {
			return err
		}
		if info.State == lease.Held {
			return &lease.HeldError{Info: info}
		}
	}
	return nil
}
