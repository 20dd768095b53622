package file

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

const hintWithin = 30 * time.Second // on a busy machine

func watchLease(t *testing.T, m lease.Manager, name string) <-chan struct{} {
	t.Helper()
	hints, err := lease.Watch(t.Context(), m, name)
	require.NoError(t, err)
	return hints
}

func wantHint(t *testing.T, hints <-chan struct{}, what string) {
	t.Helper()
	select {
	case _, ok := <-hints:
		require.True(t, ok, "the watch has ended: %s", what)
	case <-time.After(hintWithin):
		require.Fail(t, "no hint", what)
	}
}

func take(t *testing.T, m lease.Manager, name string) lease.Lease {
	t.Helper()
	held, err := m.Acquire(t.Context(), lease.Request{Name: name, Holder: "a", Length: time.Minute})
	require.NoError(t, err)
	return held
}

// Another process's Store changes leases: each change but a renewal is seen, in a directory that was not there, also of a name that is
// split into directories.
func TestWatchOfAnotherProcess(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "not.tmp", "there", "yet.lock")
	here, there := New(dir), New(dir)
	for _, name := range []string{"orders", strings.Repeat("long", 60)} {
		hints := watchLease(t, here, name)
		held := take(t, there, name)
		wantHint(t, hints, "it was acquired")
		marker := watchLease(t, here, name+"2")
		for range 5 {
			renewed, err := there.Renew(t.Context(), held)
			require.NoError(t, err)
			held = renewed
		}
		take(t, there, name+"2") // its events come after those of the renewals
		wantHint(t, marker, "it was acquired")
		assert.Empty(t, hints, "renewals are no news")
		held.Value, held.ValueNumber = "new", 1
		held, err := there.Renew(t.Context(), held)
		require.NoError(t, err)
		wantHint(t, hints, "it has another value")
		require.NoError(t, there.Release(t.Context(), held))
		wantHint(t, hints, "it was released")
	}
}

// The directory is removed, or renamed, and made again: that is a hint, and the watch goes on.
func TestWatchOfADirectoryThatGoes(t *testing.T) {
	t.Parallel()
	for name, remove := range map[string]func(dir string) error{
		"removed":          os.RemoveAll,
		"removed, above":   func(dir string) error { return os.RemoveAll(filepath.Dir(dir)) },
		"renamed":          func(dir string) error { return os.Rename(dir, dir+".old") },
		"only its records": func(dir string) error { return os.Remove(filepath.Join(dir, "lease-orders.json")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "state.json", "lease-s.lock")
			here, there := New(dir), New(dir)
			take(t, there, "orders")
			hints := watchLease(t, here, "orders")
			for range 3 {
				if err := remove(dir); err != nil {
					if runtime.GOOS == "windows" {
						t.Skip("this system keeps a directory that is watched: ", err)
					}
					require.NoError(t, err)
				}
				wantHint(t, hints, "its record is gone")
				require.NoError(t, os.RemoveAll(dir+".old"))
				held := take(t, there, "orders")
				wantHint(t, hints, "it was acquired")
				require.NoError(t, there.Release(t.Context(), held))
				wantHint(t, hints, "it was released")
			}
		})
	}
}

// Many leases in a directory share one watcher of the system, and it is closed with the last watch.
func TestWatchesShareOneWatcher(t *testing.T) {
	dir := t.TempDir()
	s := NewStore(dir)
	m := lease.NewManager(s)
	take(t, m, "orders")
	require.Nil(t, s.watches.system, "nobody watches")
	var all []<-chan struct{}
	ctx, cancel := context.WithCancel(t.Context())
	for i := range 100 {
		hints, err := lease.Watch(ctx, m, fmt.Sprint("lease ", i))
		require.NoError(t, err)
		all = append(all, hints)
	}
	s.watches.mu.Lock()
	assert.Equal(t, []string{s.dir}, s.watches.system.WatchList())
	s.watches.mu.Unlock()
	for i, hints := range all {
		take(t, m, fmt.Sprint("lease ", i))
		wantHint(t, hints, "it was acquired")
	}
	cancel()
	for _, hints := range all {
		for range hints {
		}
	}
	require.Eventually(t, func() bool {
		s.watches.mu.Lock()
		defer s.watches.mu.Unlock()
		return s.watches.system == nil && len(s.watches.cells) == 0
	}, hintWithin, time.Millisecond)
}

// What cannot be watched is an error that says so, and what happens to a watch later ends it.
func TestWatchThatCannotBe(t *testing.T) {
	t.Parallel()
	_, err := lease.Watch(t.Context(), New(""), "orders")
	assert.ErrorIs(t, err, lease.ErrMisconfigured)
	_, err = lease.Watch(t.Context(), New(t.TempDir()), "")
	assert.ErrorIs(t, err, lease.ErrInvalid)

	place := filepath.Join(t.TempDir(), "place")
	require.NoError(t, os.WriteFile(place, nil, 0o600))
	_, err = lease.Watch(t.Context(), New(filepath.Join(place, "leases")), "orders")
	if runtime.GOOS != "windows" {
		assert.ErrorIs(t, err, lease.ErrMisconfigured)
		assert.ErrorContains(t, err, "watch lease \"orders\": the system's file events: ")
	}
}

// Where readers wait for a writer, one that is stuck holds up the watch of its own lease for a moment, and no other's for long.
func TestWatchOfALeaseWhoseWriterIsStuck(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := lease.NewManager(NewStore(dir, func(s *Store) { s.lockReads = true }))
	there := New(dir)
	stuck := take(t, there, "stuck")
	writer := flock.New(filepath.Join(dir, "lease-stuck.lock"))
	require.NoError(t, writer.Lock())

	watched := make(chan (<-chan struct{}), 2)
	for _, name := range []string{"stuck", "orders"} {
		go func() {
			hints, err := lease.Watch(t.Context(), m, name)
			assert.NoError(t, err, name)
			watched <- hints
		}()
	}
	var both []<-chan struct{}
	for range 2 {
		select {
		case hints := <-watched:
			both = append(both, hints)
		case <-time.After(hintWithin):
			require.Fail(t, "the watch hangs")
		}
	}
	held := take(t, there, "orders")
	require.NoError(t, there.Release(t.Context(), held))
	require.NoError(t, writer.Unlock())
	require.NoError(t, there.Release(t.Context(), stuck))
	for _, hints := range both {
		wantHint(t, hints, "it was released")
	}
}
