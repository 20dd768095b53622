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
		r.History = n.history(r, now)
		r.Token++
		r.ID, r.Holder, r.Broken = newName(), "nobody", true
		r.Released = n.flaw == "Break gives the lease away at once"
		if n.flaw == "Break forgets the value" {
			r.Value = ""
		}
		if n.flaw == "Break leaves the lease to its holder" {
			r.ID = seen.ID
		}
		if n.flaw == "Break checks, then writes" {
			_, err = n.force(ctx, seen.Name, r)
			return err
		}
		if _, err = n.swap(ctx, seen.Name, now.Version, r); !errors.Is(err, lease.ErrConflict) {
			return err
		}
	}
}

// history returns that of the record which replaces this one.
func (n *naive) history(r naiveRecord, seen lease.Info) lease.History {
	t := lease.PastTerm{Token: r.Token, Holder: r.Holder, Begun: r.Acquired, Ended: r.Renewed, How: lease.EndReleased}
	switch {
	case r.Token == 0, r.Broken && n.flaw != "a Break is a term", n.flaw == "an acquisition adds no term":
		return r.History
	case n.flaw == "every term was released":
	case seen.State == lease.Held:
		t.How = lease.EndBroken
	case seen.State == lease.Expired:
		t.How = lease.EndExpired
	}
	after := r.History.After(t)
	switch {
	case n.flaw == "a history of one term":
		after = lease.History("").After(t)
	case n.flaw == "a history without bound":
		return after
	}
	return after.Fit(500)
}
