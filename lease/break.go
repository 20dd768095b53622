package lease

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A Breaker is a Manager that can take a lease away from its holder.
type Breaker interface {
	Break(ctx context.Context, seen Info) error
}

// Break takes the lease away from the holder that seen shows, as Inspect or HeldError told it: one that cannot be
// reached, and goes on renewing. Its next renewal finds the lease lost, and its term ends then, or at its deadline if it
// cannot renew. Nobody else gets the lease before the broken term is surely over: at most a lease length from now.
//
// It is a *HeldError (errors.Is ErrHeld) if somebody else holds the lease by now, and nil if nobody does. A lease that was
// broken is nobody's, and is not broken again, whatever seen shows: else nobody would ever get it. After any other error
// the lease may be broken or not: it is safe to try again. It is errors.ErrUnsupported if the manager cannot.
func Break(ctx context.Context, m Manager, seen Info) error {
	if b, ok := Find[Breaker](m); ok {
		return b.Break(ctx, seen)
	}
	return fmt.Errorf("break: %T: %w", m, errors.ErrUnsupported)
}

// Break is one Load and one Swap. The record becomes that of an acquisition by nobody, of the same length, that is left
// to run out, and says so (Info.Broken): whoever holds the lease counts from before their latest renewal (R2), and everybody else from after this
// write (R1).
func (m *manager) Break(ctx context.Context, seen Info) error {
	return m.explain("break", seen.Name, m.takeAway(ctx, seen))
}

func (m *manager) takeAway(ctx context.Context, seen Info) error {
	if err := CheckName(seen.Name); err != nil {
		return err
	}
	for range maxSwaps {
		now, err := m.load(ctx, seen.Name)
		switch {
		case err != nil:
			return err
		case now.broken(), now.shown() != Held:
			return nil
		case now.ID != seen.ID:
			return &HeldError{Info: now.info(seen.Name)}
		}
		nobody, err := succeed(ctx, now, Request{
			Holder: "nobody", Length: time.Duration(now.Length), Attributes: map[string]string{"broken": now.Holder},
		})
		if err != nil {
			return err
		}
		nobody.Broken = true
		if _, err = m.swap(ctx, seen.Name, now.version, &nobody); !errors.Is(err, ErrConflict) {
			return err
		}
		// R4: the holder has renewed meanwhile, or the conflict was with this call's own write.
	}
	return errRestless
}
