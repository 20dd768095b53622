package lease

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A Breaker is a Manager that can take a lease away from its holder, as the function Break says.
type Breaker interface {
	Break(ctx context.Context, seen Info) error
}

// Break takes the lease away from the holder that seen shows: the Info that Inspect returned, or that a HeldError has. It is
// for a holder that nobody can reach, and that goes on renewing. The holder's next renewal finds the lease lost, and its term ends then, or
// at its deadline if it cannot renew. No other node gets the lease before the broken term is certainly over: at most a
// lease length from now.
//
// The error is a *HeldError (errors.Is ErrHeld) if another node holds the lease by now, and nil if nobody does. A broken
// lease is not broken again, whatever seen shows: else nobody would ever get it. After any other error the lease may be
// broken or not: it is safe to try again. The error is errors.ErrUnsupported if the manager has no Break.
func Break(ctx context.Context, m Manager, seen Info) error {
	if b, ok := Find[Breaker](m); ok {
		return b.Break(ctx, seen)
	}
	return fmt.Errorf("break: %T: %w", m, errors.ErrUnsupported)
}

// Break is one Load and one Swap. It writes the record of an acquisition by nobody, of the same length, which runs out
// (Info.Broken). The holder counts from before its latest renewal (R2), and everybody else from after this write (R1).
func (m *manager) Break(ctx context.Context, seen Info) error {
	return m.explain("break", seen.Name, m.takeAway(ctx, seen))
}

func (m *manager) takeAway(ctx context.Context, seen Info) error {
	if err := CheckName(seen.Name); err != nil {
		return err
	}
	for range MaxSwaps {
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
	return ErrTooManyConflicts
}
