package leasetest

import (
	"context"
	"errors"

	"github.com/cloudlease/leader/lease"
)

// Break writes a record of nobody's, which is left to run out.
func (n *naive) Break(ctx context.Context, seen lease.Info) error {
	for {
		r, now, err := n.load(ctx, seen.Name)
		switch {
		case err != nil:
			return err
		case now.State != lease.Held, r.Broken && n.flaw != "Break breaks again", n.flaw == "Break does nothing":
			return nil
		case now.ID != seen.ID && n.flaw != "Break takes from anybody":
			return &lease.HeldError{Info: now}
		}
		r.Token++
		r.ID, r.Holder, r.Broken = newName(), "nobody", true
		r.Released = n.flaw == "Break gives the lease away at once"
		if n.flaw == "Break forgets the value" {
			r.Value = ""
		}
		if n.flaw == "Break leaves the lease to its holder" {
			r.ID = seen.ID
		}
		if _, err = n.swap(ctx, seen.Name, now.Version, r); !errors.Is(err, lease.ErrConflict) {
			return err
		}
	}
}
