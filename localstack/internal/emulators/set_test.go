//go:build unix

package emulators

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A lock on a file belongs to the one who opened it. So a test that creates a set looks like its supervisor to the code.

func TestASetIsAliveWhileItsLockIsHeld(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	_, running, err := sharedSet(root).read()
	require.NoError(t, err)
	assert.False(t, running, "nothing was ever started")

	s, lock, err := create(root, shared)
	require.NoError(t, err)
	state := State{PID: 12, Since: time.Now().Round(0), Ready: true, Ports: Ports{LocalStack: 1, GCS: 2, Azurite: 3}}
	require.NoError(t, s.write(state))
	for range 2 {
		got, running, err := sharedSet(root).read()
		require.NoError(t, err)
		assert.True(t, running)
		assert.True(t, state.Since.Equal(got.Since))
		got.Since = state.Since
		assert.Equal(t, state, got)
	}

	require.NoError(t, lock.Close()) // as the system does when the process ends
	_, running, err = sharedSet(root).read()
	require.NoError(t, err)
	assert.False(t, running)
}

func TestAStateThatCannotBeRead(t *testing.T) {
	t.Parallel()
	s, lock, err := create(t.TempDir(), shared)
	require.NoError(t, err)
	defer lock.Close()
	require.NoError(t, os.WriteFile(s.path("set.json"), []byte("{"), 0o600))
	_, _, err = s.read()
	require.ErrorContains(t, err, s.path("set.json")+" cannot be read: ")
	require.ErrorContains(t, err, "remove it when no emulators run")
}

// The supervisor was killed, the machine has restarted, and another process has its process ID.
func TestDownLeavesAProcessAloneThatHasTheSupervisorsNumber(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s, lock, err := create(root, shared)
	require.NoError(t, err)
	other := stand(t)
	require.NoError(t, s.write(State{PID: other.pid, Ready: true}))
	require.NoError(t, lock.Close())

	stopped, err := Starter{Root: root}.Down(t.Context())
	require.NoError(t, err)
	assert.False(t, stopped)
	require.NoError(t, s.stop(t.Context(), other.pid)) // also if it was still alive when the state was read
	other.assertRuns(t)
	assert.NoDirExists(t, string(s), "what is left of the set is cleared away")
}

func TestDownSignalsTheSupervisor(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s, lock, err := create(root, shared)
	require.NoError(t, err)
	supervisor := stand(t)
	require.NoError(t, s.write(State{PID: supervisor.pid, Ready: true}))
	go func() {
		<-supervisor.done
		_ = lock.Close()
	}()
	stopped, err := Starter{Root: root}.Down(t.Context())
	require.NoError(t, err)
	assert.True(t, stopped)
	requireEnds(t, supervisor.done)
}

func TestASupervisorThatDoesNotEnd(t *testing.T) {
	t.Parallel()
	s, lock, err := create(t.TempDir(), shared)
	require.NoError(t, err)
	defer lock.Close() // only now, not when the process ends
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = s.stop(ctx, stand(t).pid)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "kill it, and call down again")
}

func TestClearingTouchesOnlyTheDead(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	alive, lock, err := create(root, "")
	require.NoError(t, err)
	defer lock.Close()
	dead, deadLock, err := create(root, "")
	require.NoError(t, err)
	left := stand(t, setVariable+"="+string(dead)) // like LocalStack's Java process
	used := stand(t, setVariable+"="+string(alive))
	require.NoError(t, clear(root))
	assert.DirExists(t, string(dead))
	left.assertRuns(t)

	require.NoError(t, deadLock.Close())
	next, nextLock, err := create(root, shared) // a new set clears dead ones away
	require.NoError(t, err)
	defer nextLock.Close()
	assert.NoDirExists(t, string(dead))
	assert.DirExists(t, string(alive))
	assert.DirExists(t, string(next))
	used.assertRuns(t)
	if runtime.GOOS == "linux" {
		requireEnds(t, left.done)
	}
}

func TestUpAndDownWaitForOneAnother(t *testing.T) {
	t.Parallel()
	st := Starter{Root: filepath.Join(t.TempDir(), "new")}
	unlock, err := st.lockShared(t.Context())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = st.Down(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "wait for another up or down")
	unlock()
	_, err = st.Down(t.Context())
	require.NoError(t, err)
}
