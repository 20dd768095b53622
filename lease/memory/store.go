package memory

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/cloudlease/leader/lease"
)

// Store is a lease.Store in memory. Make one with NewStore.
type Store struct {
	mu     sync.Mutex
	cells  map[string]lease.Snapshot
	writes uint64
}

// NewStore returns a Store without cells.
func NewStore() *Store { return &Store{cells: map[string]lease.Snapshot{}} }

// String names the store in errors.
func (s *Store) String() string { return "memory" }

// Load implements lease.Store.
func (s *Store) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return lease.Snapshot{}, context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return copied(s.cells[name]), nil
}

// Swap implements lease.Store.
func (s *Store) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	if err := ctx.Err(); err != nil {
		return "", context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.cells[name].Version; found != old {
		return "", fmt.Errorf("%w: its version is %q, not %q", lease.ErrConflict, found, old)
	}
	s.writes++
	version := lease.Version(strconv.FormatUint(s.writes, 10))
	s.cells[name] = lease.Snapshot{Data: bytes.Clone(data), Version: version}
	return version, nil
}

// List implements lease.Lister, in the order of the names.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[lease.Cell, error] {
	return func(yield func(lease.Cell, error) bool) {
		s.mu.Lock()
		cells := maps.Clone(s.cells)
		s.mu.Unlock()
		for _, name := range slices.Sorted(maps.Keys(cells)) {
			if !strings.HasPrefix(name, prefix) {
				continue
			}
			if ctx.Err() != nil {
				yield(lease.Cell{}, context.Cause(ctx))
				return
			}
			if !yield(lease.Cell{Name: name, Snapshot: copied(cells[name])}, nil) {
				return
			}
		}
	}
}

func copied(s lease.Snapshot) lease.Snapshot {
	s.Data = bytes.Clone(s.Data)
	return s
}
