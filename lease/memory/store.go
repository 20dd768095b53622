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
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// Store is a lease.Store in memory. It knows exactly how old a cell is. Make one with NewStore.
type Store struct {
	mu     sync.Mutex
	cells  map[string]cell
	writes uint64
	hints  map[string]map[chan struct{}]bool // of those who watch a cell, by its name
}

type cell struct {
	data    []byte
	version lease.Version
	written time.Duration // by host.Monotonic
}

// NewStore returns a Store without cells.
func NewStore() *Store {
	return &Store{cells: map[string]cell{}, hints: map[string]map[chan struct{}]bool{}}
}

// String returns "memory". No URL names this store: Open makes a new one for mem:.
func (s *Store) String() string { return "memory" }

// Load implements lease.Store.
func (s *Store) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return lease.Snapshot{}, context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cells[name].snapshot(host.Monotonic()), nil
}

// Swap implements lease.Store. Data that is not UTF-8 text of at most 64 KiB is an ErrInvalid.
func (s *Store) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	if err := ctx.Err(); err != nil {
		return "", context.Cause(ctx)
	}
	if err := lease.CheckCell(data); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.cells[name]
	if before.version != old {
		return "", fmt.Errorf("%w: its version is %q, not %q", lease.ErrConflict, before.version, old)
	}
	s.writes++
	version := lease.Version(strconv.FormatUint(s.writes, 10))
	s.cells[name] = cell{bytes.Clone(data), version, host.Monotonic()}
	if len(s.hints[name]) > 0 && !lease.IsRenewal(before.data, data) {
		s.hint(name)
	}
	return version, nil
}

// hint tells all who watch the cell.
func (s *Store) hint(name string) {
	for hints := range s.hints[name] {
		select {
		case hints <- struct{}{}:
		default: // there is one already
		}
	}
}

// Watch implements lease.Watcher. It fails only if ctx has ended.
func (s *Store) Watch(ctx context.Context, name string) (<-chan struct{}, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	hints := make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hints[name] == nil {
		s.hints[name] = map[chan struct{}]bool{}
	}
	s.hints[name][hints] = true
	context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if delete(s.hints[name], hints); len(s.hints[name]) == 0 {
			delete(s.hints, name)
		}
		close(hints)
	})
	return hints, nil
}

// List implements lease.Lister, in the order of the names.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[lease.Cell, error] {
	return func(yield func(lease.Cell, error) bool) {
		s.mu.Lock()
		cells, now := maps.Clone(s.cells), host.Monotonic()
		s.mu.Unlock()
		for _, name := range slices.Sorted(maps.Keys(cells)) {
			if !strings.HasPrefix(name, prefix) {
				continue
			}
			if ctx.Err() != nil {
				yield(lease.Cell{}, context.Cause(ctx))
				return
			}
			if !yield(lease.Cell{Name: name, Snapshot: cells[name].snapshot(now)}, nil) {
				return
			}
		}
	}
}

func (c cell) snapshot(now time.Duration) lease.Snapshot {
	if c.version == "" {
		return lease.Snapshot{}
	}
	return lease.Snapshot{Data: bytes.Clone(c.data), Version: c.version, Age: max(now-c.written, 1)}
}
