package leasetest

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/cloudlease/leader/lease"
)

// write does the work of Renew and Release: it swaps the change in, from the lease's version.
func (n *naive) write(ctx context.Context, held lease.Lease, op string, change func(*naiveRecord)) (lease.Lease, error) {
	if err := n.validate(held.Validate(n.Limits())); err != nil {
		return lease.Lease{}, err
	}
	r := naiveRecord{
		Token: held.Token, ID: held.ID, Holder: held.Holder, Length: held.Length.String(), Attributes: held.Attributes,
		Acquired: held.Acquired, Renewed: time.Now(), RenewEvery: held.RenewEvery, Value: held.Value, Number: held.ValueNumber,
		History: held.History, Hold: held.HoldAtLeast,
	}
	n.takesUp(&r, held, nil)
	if n.flaw == "a renewal forgets the history" {
		r.History = ""
	}
	if n.flaw == "keeps no values, silently" {
		r.Value = ""
	}
	if n.flaw == "trims values" {
		r.Value = strings.TrimSpace(r.Value)
	}
	change(&r)
	from := held.Version
	if n.flaw == endsWhatRanOut {
		if now, info, err := n.load(ctx, held.Name); err == nil && info.State == lease.Expired && now.ID == held.ID {
			return lease.Lease{}, &lease.LostError{Name: held.Name, Token: held.Token, Now: info, Reason: lease.LostExpired}
		}
	}
	if n.flaw == op+" checks, then writes" {
		if err := n.check(ctx, held); err != nil {
			return lease.Lease{}, err
		}
		version, err := n.force(ctx, held.Name, r)
		return n.lease(held.Name, r, version), err
	}
	for {
		version, err := n.swap(ctx, held.Name, from, r)
		if !errors.Is(err, lease.ErrConflict) {
			return n.lease(held.Name, r, version), err
		}
		now, info, err := n.load(ctx, held.Name)
		if err != nil {
			return lease.Lease{}, err
		}
		lost := &lease.LostError{Name: held.Name, Token: held.Token, Now: info}
		switch {
		case info.Version == "" && n.flaw != op+" creates what is gone":
			lost.Reason = lease.LostGone
		case info.Version != "" && now.ID != held.ID && n.flaw != op+" takes from others":
			lost.Reason = lease.LostTaken
		case now.Released && now.ID == held.ID && n.flaw != op+" ignores that it was released":
			lost.Reason = lease.LostReleased
		case n.flaw == op+" trusts its version":
			lost.Reason = lease.LostTaken
		case n.flaw == "a late write of its own will do" && op == "Renew" && now.Asked == nil && now.Number == held.ValueNumber:
			return n.lease(held.Name, now, info.Version), nil
		case n.flaw == op+" writes blindly after a conflict":
			version, err := n.force(ctx, held.Name, r)
			return n.lease(held.Name, r, version), err
		default:
			from = info.Version
			n.takesUp(&r, held, &now)
			if now.Number > r.Number && n.flaw != op+" takes a newer value back" {
				r.Value, r.Attributes, r.Number = now.Value, now.Attributes, now.Number
			}
			continue
		}
		switch n.flaw {
		case "does not say how it was lost":
			lost.Reason = lease.LostTaken
		case "does not say to whom it was lost":
			lost.Now = lease.Info{}
		case "errors say nothing":
			return lease.Lease{}, lease.ErrLost
		}
		return lease.Lease{}, lost
	}
}

func (n *naive) Renew(ctx context.Context, held lease.Lease) (lease.Lease, error) {
	if n.flaw == "Renew writes nothing" {
		_, _, err := n.load(ctx, held.Name)
		return held, err
	}
	return n.write(ctx, held, "Renew", func(r *naiveRecord) {
		switch n.flaw {
		case "Renew makes a new ID":
			r.ID = newName()
		case "Renew forgets the renew interval":
			r.RenewEvery = 0
		case "Renew forgets the time to hold":
			r.Hold = 0
		case "Renew raises the token":
			r.Token++
		}
	})
}

func (n *naive) Release(ctx context.Context, held lease.Lease) error {
	if n.flaw == "does not release what ran out" && time.Since(held.Acquired) >= held.Length {
		return &lease.LostError{Name: held.Name, Token: held.Token, Reason: lease.LostExpired}
	}
	_, err := n.write(ctx, held, "Release", func(r *naiveRecord) {
		r.Released, r.Next = true, held.Next
		if n.flaw == "Release writes no value" {
			_, before, _ := n.load(ctx, held.Name)
			r.Value = before.Value
		}
	})
	if err == nil && n.flaw == "Release deletes" {
		err = n.Delete(ctx, held.Name)
	}
	return err
}

// check returns an error unless the lease is still the caller's.
func (n *naive) check(ctx context.Context, held lease.Lease) error {
	now, info, err := n.load(ctx, held.Name)
	switch {
	case err != nil:
		return err
	case info.Version == "":
		return &lease.LostError{Name: held.Name, Token: held.Token, Now: info, Reason: lease.LostGone}
	case now.ID != held.ID:
		return &lease.LostError{Name: held.Name, Token: held.Token, Now: info, Reason: lease.LostTaken}
	case now.Released:
		return &lease.LostError{Name: held.Name, Token: held.Token, Now: info, Reason: lease.LostReleased}
	}
	return nil
}

// force writes over what is there, as an UPDATE does that has only the name in its condition.
func (n *naive) force(ctx context.Context, name string, r naiveRecord) (lease.Version, error) {
	for {
		s, err := n.Load(ctx, n.key(name))
		if err != nil {
			return "", err
		}
		if v, err := n.swap(ctx, name, s.Version, r); !errors.Is(err, lease.ErrConflict) {
			return v, err
		}
	}
}

// forceOver writes over any record that has the ID, as a condition on the holder does that forgets its renewals.
func (n *naive) forceOver(ctx context.Context, name, id string, r naiveRecord) (lease.Version, error) {
	for {
		now, info, err := n.load(ctx, name)
		if err != nil {
			return "", err
		}
		if now.ID != id {
			return "", lease.ErrConflict
		}
		if v, err := n.swap(ctx, name, info.Version, r); !errors.Is(err, lease.ErrConflict) {
			return v, err
		}
	}
}
