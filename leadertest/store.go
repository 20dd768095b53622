package leadertest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/cloudlease/leader/lease"
)

// Store returns the store of the manager below, for what a program keeps beside its leases, as lease.StoreOf does. The faults of Load and
// Swap hit its requests, and Forget its cells. If the manager below has no store, each request is an errors.ErrUnsupported.
func (m *Manager) Store() lease.Store {
	below, ok := lease.StoreOf(m.inner)
	if !ok || below == nil {
		below = noStore{m.inner}
	}
	return &cells{m, below}
}

// FindPlace implements lease.PlaceFinder, if the manager below is one. Else it returns nil, unless a fault hits it.
func (m *Manager) FindPlace(ctx context.Context) error {
	_, err := do(ctx, m, Place, func() (struct{}, error) {
		if f, ok := lease.Find[lease.PlaceFinder](m.inner); ok {
			return struct{}{}, f.FindPlace(ctx)
		}
		return struct{}{}, nil
	})
	return err
}

// MakePlace implements lease.PlaceMaker, if the manager below is one.
func (m *Manager) MakePlace(ctx context.Context, location string) (bool, error) {
	made, err := do(ctx, m, Place, func() (bool, error) {
		if p, ok := lease.Find[lease.PlaceMaker](m.inner); ok {
			return p.MakePlace(ctx, location)
		}
		return false, errors.ErrUnsupported
	})
	return made && err == nil, err
}

// cells is the store below as callers of a Manager see it.
type cells struct {
	m     *Manager
	below lease.Store
}

// Load implements lease.Store.
func (c *cells) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	found, err := do(ctx, c.m, Load, func() (lease.Snapshot, error) { return c.below.Load(ctx, c.m.within(name)) })
	if err != nil {
		return lease.Snapshot{}, err
	}
	return found, nil
}

// Swap implements lease.Store.
func (c *cells) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	version, err := do(ctx, c.m, Swap, func() (lease.Version, error) { return c.below.Swap(ctx, c.m.within(name), old, data) })
	if err != nil {
		return "", err
	}
	return version, nil
}

// List implements lease.Lister, if the store below is one.
func (c *cells) List(ctx context.Context, prefix string) iter.Seq2[lease.Cell, error] {
	return func(yield func(lease.Cell, error) bool) {
		below, err := do(ctx, c.m, Load, func() (lease.Lister, error) {
			if l, ok := c.below.(lease.Lister); ok {
				return l, nil
			}
			return nil, fmt.Errorf("list: %T: %w", c.below, errors.ErrUnsupported)
		})
		if err != nil {
			yield(lease.Cell{}, err)
			return
		}
		for cell, err := range below.List(ctx, beginning(prefix)) {
			name, is := c.m.outer(cell.Name)
			if err == nil && (!is || !strings.HasPrefix(name, prefix)) {
				continue
			}
			cell.Name = name
			if !yield(cell, err) {
				return
			}
		}
	}
}

// noStore stands for the store of a manager that has none.
type noStore struct{ of lease.Manager }

func (s noStore) Load(context.Context, string) (lease.Snapshot, error) {
	return lease.Snapshot{}, fmt.Errorf("%T has no store: %w", s.of, errors.ErrUnsupported)
}

func (s noStore) Swap(context.Context, string, lease.Version, []byte) (lease.Version, error) {
	return "", fmt.Errorf("%T has no store: %w", s.of, errors.ErrUnsupported)
}
