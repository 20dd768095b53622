//go:build unix

package install

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// These tests install a few small files, with the real directories, locks and renames. The real steps need the
// registries and minutes: every start of the emulators has run them.

// small returns an installer with two steps, each of which makes a file. It calls before before each step.
func small(t *testing.T, root string, before func(step string) error) installer {
	write := func(name string) step {
		return step{name, func(ctx context.Context, s site) error {
			if err := before(name); err != nil {
				return err
			}
			if ctx.Err() != nil {
				return errors.New("signal: killed") // as a program says
			}
			fmt.Fprintln(s.log, name, "is written")
			return os.WriteFile(filepath.Join(s.dir, name), nil, 0o600)
		}}
	}
	return installer{
		root: root, key: "key", steps: []step{write("one"), write("two")}, tell: func(line string) { t.Log(line) },
		usable: func(dir string) bool { _, err := os.Stat(filepath.Join(dir, "two")); return err == nil },
	}
}

func names(t *testing.T, dir string) (names []string) {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestInstallsOnce(t *testing.T) {
	t.Parallel()
	root, steps := filepath.Join(t.TempDir(), "new"), 0
	in := small(t, root, func(string) error { steps++; return nil })
	for range 2 {
		i, err := in.ensure(t.Context())
		require.NoError(t, err)
		assert.Equal(t, Installation(filepath.Join(root, "key")), i)
		assert.Equal(t, []string{"one", "two"}, names(t, string(i)))
	}
	assert.Equal(t, 2, steps)
	assert.Equal(t, []string{"key", "key.lock"}, names(t, root), "nothing else is left")
}

func TestAnInterruptedInstallationIsRepeated(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	ctx, interrupt := context.WithCancel(t.Context())
	_, err := small(t, root, func(step string) error {
		if step == "two" {
			interrupt()
		}
		return nil
	}).ensure(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "install two: ")
	assert.NotContains(t, names(t, root), "key")

	i, err := small(t, root, func(string) error { return nil }).ensure(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"one", "two"}, names(t, string(i)))
}

// A killed installer leaves no lock behind, and a program that it started may still write to its directory.
func TestLeftoversOfAKilledInstallerAreRemoved(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	old := filepath.Join(root, "key.partial-1")
	require.NoError(t, os.Mkdir(old, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(old, "two"), []byte("half"), 0o600))
	i, err := small(t, root, func(step string) error {
		require.NoError(t, os.MkdirAll(old, 0o700)) // the program that still writes
		return os.WriteFile(filepath.Join(old, "late"), nil, 0o600)
	}).ensure(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"one", "two"}, names(t, string(i)))
	assert.NoFileExists(t, filepath.Join(old, "two"))
	content, err := os.ReadFile(filepath.Join(string(i), "two"))
	require.NoError(t, err)
	assert.Empty(t, content)
}

func TestAnUnusableInstallationIsReplaced(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(root, "key"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(root, "key", "old"), nil, 0o600))
	i, err := small(t, root, func(string) error { return nil }).ensure(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"one", "two"}, names(t, string(i)))
}

// A lock on a file belongs to its open file, so two goroutines compete for it as two processes do.
func TestTwoInstallersAtOnce(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	waiting := make(chan struct{})
	var mu sync.Mutex
	var steps []string
	before := func(step string) error {
		mu.Lock()
		steps = append(steps, step)
		mu.Unlock()
		<-waiting // the one that installs goes on when the other waits for it
		return nil
	}
	var group sync.WaitGroup
	for range 2 {
		in := small(t, root, before)
		in.tell = func(line string) {
			if strings.Contains(line, "another process is installing") {
				close(waiting)
			}
		}
		group.Go(func() {
			_, err := in.ensure(t.Context())
			assert.NoError(t, err)
		})
	}
	group.Wait()
	assert.Equal(t, []string{"one", "two"}, steps)
}

func TestWaitingForAnotherInstallerEndsWithTheContext(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	unlock, err := small(t, root, nil).lock(t.Context())
	require.NoError(t, err)
	defer unlock()
	ctx, interrupt := context.WithCancel(t.Context())
	in := small(t, root, nil)
	in.tell = func(string) { interrupt() }
	_, err = in.ensure(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func TestAFailedStepKeepsItsLog(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	in := small(t, root, func(string) error { return nil })
	in.steps[1].run = func(ctx context.Context, s site) error {
		err := run(s.command(ctx, "sh", "-c", `n=0; while [ $n -lt 100 ]; do echo "line $n"; n=$((n+1)); done; exit 3`))
		return fmt.Errorf("tell pip your proxy: %w", err)
	}
	_, err := in.ensure(t.Context())
	log := filepath.Join(root, "key.log")
	require.ErrorContains(t, err, "install two: tell pip your proxy: sh: exit status 3:\n    line 94\n    line 95\n")
	require.ErrorContains(t, err, "    line 99\n"+log+" has all that was printed")
	assert.Equal(t, []string{"key.lock", "key.log"}, names(t, root))
	content, err := os.ReadFile(log)
	require.NoError(t, err)
	assert.Equal(t, 100, strings.Count(string(content), "\n"))
}

func TestACancelledStepTakesItsProgramsAlong(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	read, write, err := os.Pipe()
	require.NoError(t, err)
	defer read.Close()
	require.NoError(t, read.SetReadDeadline(time.Now().Add(20*time.Second)))
	go func() {
		_, _ = read.Read(make([]byte, 3)) // the inner program runs, and has the pipe open
		cancel()
	}()
	cmd := testSite(t).command(ctx, "sh", "-c", "(echo up >&3; exec sleep 60); true")
	cmd.ExtraFiles = []*os.File{write}
	err = run(cmd)
	require.ErrorContains(t, err, "killed")
	require.NoError(t, write.Close())
	_, err = read.Read(make([]byte, 3))
	require.ErrorIs(t, err, io.EOF, "the inner program still runs")
}
