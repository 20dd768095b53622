package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cloudlease/leader/cmd/leader/internal/show"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/internal/patience"
	"github.com/cloudlease/leader/lease"
)

// waitUntilHandedOver waits until another node leads than the one that was seen, or it is certain that the node that was named will not.
func (a *app) waitUntilHandedOver(ctx context.Context, s *store.Store, seen lease.Info, to string, begun time.Time) error {
	defer a.progress("")
	looked := time.Now() // when the lease was last held by anybody
	for {
		now, err := inspect(ctx, s, seen.Name)
		if err != nil {
			return fmt.Errorf("the holder is asked, but whether it hands over cannot be seen: %w", err)
		}
		leads := now.State == lease.Held && !now.Broken
		switch {
		case leads && now.ID != seen.ID:
			a.progress("")
			return a.handedOver(now, seen, to, time.Since(begun))
		case leads:
			looked = time.Now()
			if !now.Wish.Stands() || now.Wish.For != to {
				return fmt.Errorf("%s leads on: it has refused, or somebody has taken the hand-over back", show.Printable(seen.Holder))
			}
		case now.Broken:
			return &exitError{code: exitOther, err: errors.New("the lease was broken meanwhile: no node leads until it has run out")}
		case time.Since(looked) > 2*seen.Length:
			return &exitError{code: exitOther, err: fmt.Errorf("%s has given the lease up, and no node has taken it", show.Printable(seen.Holder))}
		}
		a.progress("%s", handingOver(now, seen, to))
		if !patience.Wait(ctx, betweenLooks(seen)) {
			return context.Cause(ctx)
		}
	}
}

// betweenLooks is the pause between two looks at a lease that is to change.
func betweenLooks(of lease.Info) time.Duration {
	return min(max(of.Length/50, 50*time.Millisecond), time.Second)
}

// handingOver says what is waited for.
func handingOver(now, seen lease.Info, to string) string {
	switch {
	case now.State != lease.Held:
		return fmt.Sprintf("the lease is free: waiting for %s ...", show.Printable(to))
	case now.Wish.State == lease.WishBegun:
		return fmt.Sprintf("waiting until the work of %s has stopped ...", show.Printable(seen.Holder))
	}
	return fmt.Sprintf("waiting until %s renews the lease ...", show.Printable(seen.Holder))
}

// handedOver says who leads, and fails if that is another node than the one that was named.
func (a *app) handedOver(now, seen lease.Info, to string, took time.Duration) error {
	if now.Holder != to {
		return &exitError{code: exitOther, err: fmt.Errorf("%s has given the lease up, and %s leads, with token %d, instead of %s, which has not asked for the lease in time",
			show.Printable(seen.Holder), show.Printable(now.Holder), now.Token, show.Printable(to))}
	}
	fmt.Fprintf(a.out, "%s %s leads, with token %d, %v after it was asked for.\n",
		show.Good("Handed over."), show.Printable(now.Holder), now.Token, took.Round(100*time.Millisecond))
	return nil
}
