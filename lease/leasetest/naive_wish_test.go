package leasetest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cloudlease/leader/lease"
)

// renewal names the holder's write that stands: that of a wish has the ID and the time of the one before.
func (n *naive) renewal(r naiveRecord, version lease.Version) lease.Version {
	if n.flaw == "takes a wish for a renewal" {
		return version
	}
	return lease.Version(r.ID + r.Renewed.String())
}

// wish returns what is asked of the record's holder.
func (n *naive) wish(r naiveRecord) lease.Wish {
	if r.Asked == nil || (r.Released || r.AskedOf != r.Token) && n.flaw != "a wish outlives its term" {
		return lease.Wish{}
	}
	return *r.Asked
}

// found returns the wish as a renewal leaves it.
func (n *naive) found(held lease.Lease, now naiveRecord) *lease.Wish {
	w := n.wish(now)
	switch {
	case n.flaw == "Renew finds no wish":
		return nil
	case n.flaw == "Renew finds what was withdrawn" && w.Kind != "":
		w.State = lease.WishBegun
	case n.flaw != "Renew does not say that it has begun":
		w = w.FoundBy(held)
	}
	return &w
}

func (n *naive) Ask(ctx context.Context, seen lease.Info, w lease.Wish) error {
	if err := w.Check(); err != nil {
		return err
	}
	w.At, w.State = time.Now(), lease.WishAsked
	return n.mark(ctx, "Ask", seen.Name, func(now lease.Info) (lease.Wish, bool, error) {
		switch n.flaw {
		case "asks anybody":
			seen.ID, seen.Token = now.ID, now.Token
		case "asks those who do not heed":
			now.Heeds = []string{w.Kind}
		case "a wish replaces another":
			now.Wish = lease.Wish{}
		case "asks nobody":
			now.State = lease.Held
			seen.ID, seen.Token = now.ID, now.Token
		}
		done, err := w.MayAsk(now, seen)
		return w, done, err
	})
}

func (n *naive) Withdraw(ctx context.Context, seen lease.Info) error {
	return n.mark(ctx, "Withdraw", seen.Name, func(now lease.Info) (lease.Wish, bool, error) {
		w := now.Wish
		w.State = lease.WishWithdrawn
		if n.flaw == "withdraws what was begun" {
			now.Wish.State, seen.Wish = lease.WishAsked, now.Wish
		}
		done, err := lease.MayWithdraw(now, seen)
		return w, done || n.flaw == "Withdraw does nothing", err
	})
}

func (n *naive) mark(ctx context.Context, op, name string, change func(lease.Info) (lease.Wish, bool, error)) error {
	if err := lease.CheckName(name); err != nil {
		return err
	}
	for {
		r, now, err := n.load(ctx, name)
		if err != nil {
			return err
		}
		w, done, err := change(now)
		if err != nil || done {
			return err
		}
		r.Asked, r.AskedOf = &w, r.Token
		r.Released = r.Released || n.flaw == "a wish ends the lease"
		if n.flaw == "a wish is asked twice" {
			_, _, _ = n.load(ctx, name)
		}
		if n.flaw == op+" checks, then writes" {
			_, err = n.force(ctx, name, r)
			return err
		}
		if _, err = n.Swap(ctx, n.key(name), now.Version, n.encode(r)); !errors.Is(err, lease.ErrConflict) {
			return err
		}
	}
}

// takesUp notes in a renewal what was asked meanwhile, by the record that it met; none if it met none.
func (n *naive) takesUp(r *naiveRecord, held lease.Lease, met *naiveRecord) {
	r.Heeds, r.AskedOf = slices.Clone(held.Heeds), held.Token
	switch {
	case met != nil:
		r.Asked = n.found(held, *met)
	case held.Wish.Kind != "" && n.flaw != "a renewal forgets the wish":
		r.Asked = &held.Wish
	}
	if r.Asked != nil && r.Asked.Kind == "" {
		r.Asked = nil
	}
}
