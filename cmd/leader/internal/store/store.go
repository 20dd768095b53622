// Package store opens the store that a command uses. Each answer comes within a limit, or is an error that says what to check: no
// command hangs, whatever the store does.
package store

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"strings"
	"time"

	"github.com/cloudlease/leader/checkpoint"
	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/internal/failure"
	"github.com/cloudlease/leader/internal/patience"
	"github.com/cloudlease/leader/lease"
)

// A Store is a store that is open.
type Store struct {
	Manager lease.Manager
	Limit   time.Duration // for one answer; 0: patience.Default

	own bool // this user's own directory, which the first lease makes
}

// Open opens the store with the URL. The store must be closed. A URL that makes no sense, and what is set up wrongly here, is a
// lease.ErrMisconfigured. Any other error is temporary.
func Open(ctx context.Context, url string, limit time.Duration) (*Store, error) {
	switch scheme, _, _ := strings.Cut(url, ":"); {
	case url == "" && Default() == "":
		return nil, failure.Misconfigured("this user has no home directory for the default store", "give a --store")
	case url == "":
		return nil, failure.Misconfigured("--store is empty", "give the URL of a store, or leave it out")
	case strings.EqualFold(scheme, "mem"):
		return nil, failure.Misconfigured("--store mem: is the memory of one process, where no other finds the leases", "give the URL of a directory or a service")
	}
	// A client may keep the context, for the credentials that it gets later.
	m, err := patience.Ask(context.WithoutCancel(ctx), cmp.Or(limit, patience.Default), func(context.Context) (lease.Manager, error) { return lease.Open(ctx, url) })
	if err != nil {
		return nil, err
	}
	return &Store{Manager: m, Limit: limit, own: url == Default()}, nil
}

func (s *Store) Close() { _ = lease.Close(s.Manager) }

func (s *Store) limit() time.Duration { return cmp.Or(s.Limit, patience.Default) }

// Inspect looks at a lease. It is an error if the place of the leases is not there.
func (s *Store) Inspect(ctx context.Context, name string) (lease.Info, error) {
	info, err := patience.Ask(ctx, s.limit(), func(ctx context.Context) (lease.Info, error) { return lease.Inspect(ctx, s.Manager, name) })
	if err == nil {
		err = s.FindPlace(ctx, info)
	}
	return info, err
}

// FindPlace is an error if what was found, a lease that was never taken or none at all, is so because the place of the leases is
// not there.
func (s *Store) FindPlace(ctx context.Context, found lease.Info) error {
	if found.State != lease.Free || found.Token != 0 || s.own {
		return nil
	}
	return patience.Tell(ctx, s.limit(), func(ctx context.Context) error { return lease.FindPlace(ctx, s.Manager) })
}

// MakePlace makes the place of the leases, and waits for it for so long at least. It reports whether there was none.
func (s *Store) MakePlace(ctx context.Context, location string, atLeast time.Duration) (made bool, err error) {
	return patience.Ask(ctx, max(s.limit(), atLeast), func(ctx context.Context) (bool, error) { return lease.MakePlace(ctx, s.Manager, location) })
}

// List goes through the leases whose names begin with the prefix. It ends with the first error.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[lease.Info, error] {
	return patience.Each(ctx, s.limit(), func(ctx context.Context) iter.Seq2[lease.Info, error] { return lease.List(ctx, s.Manager, prefix) })
}

// Break takes a lease away from the holder that was seen.
func (s *Store) Break(ctx context.Context, seen lease.Info) error {
	return patience.Tell(ctx, s.limit(), func(ctx context.Context) error { return lease.Break(ctx, s.Manager, seen) })
}

// AskHolder asks something of the holder that was seen.
func (s *Store) AskHolder(ctx context.Context, seen lease.Info, w lease.Wish) error {
	return patience.Tell(ctx, s.limit(), func(ctx context.Context) error { return lease.Ask(ctx, s.Manager, seen, w) })
}

// WithdrawWish takes the wish back that was seen.
func (s *Store) WithdrawWish(ctx context.Context, seen lease.Info) error {
	return patience.Tell(ctx, s.limit(), func(ctx context.Context) error { return lease.Withdraw(ctx, s.Manager, seen) })
}

// Checkpoint looks at a checkpoint. It is an error if the place of the leases is not there.
func (s *Store) Checkpoint(ctx context.Context, name string) (checkpoint.Info[json.RawMessage], error) {
	info, err := patience.Ask(ctx, s.limit(), func(ctx context.Context) (checkpoint.Info[json.RawMessage], error) {
		return checkpoint.Inspect[json.RawMessage](ctx, s.Manager, name)
	})
	if err == nil && info.Lease == "" {
		err = s.FindPlace(ctx, lease.Info{})
	}
	return info, err
}

// Fleet looks at a fleet. It is an error if the place of the leases is not there.
func (s *Store) Fleet(ctx context.Context, name string) (fleet.Overview, error) {
	o, err := patience.Ask(ctx, s.limit(), func(ctx context.Context) (fleet.Overview, error) { return fleet.Inspect(ctx, s.Manager, name) })
	if err == nil {
		err = s.FindPlace(ctx, o.Coordinator)
	}
	return o, err
}

// ResetFleet replaces a fleet's plan. It may watch leases for so long besides.
func (s *Store) ResetFleet(ctx context.Context, name string, above uint64, watching time.Duration) error {
	return patience.Tell(ctx, s.limit()+watching, func(ctx context.Context) error { return fleet.Reset(ctx, s.Manager, name, above) })
}

// ResetCheckpoint writes a checkpoint.
func (s *Store) ResetCheckpoint(ctx context.Context, name string, value json.RawMessage, opts ...checkpoint.ResetOption) error {
	return patience.Tell(ctx, s.limit(), func(ctx context.Context) error { return checkpoint.Reset(ctx, s.Manager, name, value, opts...) })
}

// Checkpoints goes through the checkpoints whose names begin with the prefix. It ends with the first error.
func (s *Store) Checkpoints(ctx context.Context, prefix string) iter.Seq2[checkpoint.Info[json.RawMessage], error] {
	return patience.Each(ctx, s.limit(), func(ctx context.Context) iter.Seq2[checkpoint.Info[json.RawMessage], error] {
		return checkpoint.List[json.RawMessage](ctx, s.Manager, prefix)
	})
}
