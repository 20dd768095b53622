//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

func TestOnceHeld(t *testing.T) {
	s := newSite(t)
	holder := s.start("--node", "n1", "--", "sh", "-c", `echo up >>$FILE; exec sleep 1000`)
	s.awaitLines(1)
	n := s.start("--once", "--", "sh", "-c", "echo never >>$FILE")
	require.Equal(t, 0, n.wait())
	require.Contains(t, n.output.String(), "there is nothing to do here")
	n = s.start("--once", "--log-level", "error", "--", "sh", "-c", "echo never >>$FILE")
	require.Equal(t, 0, n.wait())
	require.Empty(t, n.output.String(), "cron would send a mail")
	n = s.start("--once", "--log-level", "error", "--held-exit-code", "9", "--", "true")
	require.Equal(t, 9, n.wait())
	require.Equal(t, "leader: lease \"leader\" is held by \"n1\" with token 1: there is nothing to do here\n", n.output.String())
	require.Equal(t, []string{"up"}, s.lines())
	holder.signal(syscall.SIGTERM)
	require.Equal(t, 0, holder.wait())
}

func TestOnceHoldsAtLeast(t *testing.T) {
	s := newSite(t)
	job := func(flags ...string) int {
		return s.start(append(quick("--once", "--held-exit-code", "9"), append(flags, "--", "sh", "-c", "echo done >>$FILE")...)...).wait()
	}
	began := time.Now()
	require.Equal(t, 0, job("--hold-at-least", "1500ms"))
	if !newShelf(t).tells(t) { // it keeps the lease itself, as one that is left to run out would look like a crash
		require.GreaterOrEqual(t, time.Since(began), 1500*time.Millisecond)
		return
	}
	require.Equal(t, 9, job())
	require.Equal(t, []string{"done"}, s.lines())
	eventually(t, "it runs out", func() bool { return job() == 0 })
}

// Nothing has been done that must not be done again.
func TestOnceHoldsNothingThatHasNotBegun(t *testing.T) {
	s := newSite(t)
	garbage := filepath.Join(t.TempDir(), "garbage")
	require.NoError(t, os.WriteFile(garbage, []byte("\x00\x01"), 0o700))
	n := s.start("--once", "--hold-at-least", "1m", "--lease-length", "1m", "--log-level", "error", "--", garbage)
	require.Equal(t, 126, n.wait())
	require.Contains(t, n.output.String(), "exec format error")
	require.Equal(t, 1, strings.Count(n.output.String(), "\n"), n.output)
	require.Equal(t, lease.Free, s.lease(defaultName).State)
	require.Equal(t, 7, s.start("--once", "--hold-at-least", "1m", "--lease-length", "1m", "--", "sh", "-c", "exit 7").wait())
	if newShelf(t).tells(t) { // elsewhere it is kept, and then given back
		require.Equal(t, lease.Held, s.lease(defaultName).State, "a job that failed is one that has begun")
	}
}

// The record is deleted: the program is ended at the next renewal.
func TestRunLost(t *testing.T) {
	record := func(s site) string { return filepath.Join(s.store, "lease-leader.json") }
	t.Run("once", func(t *testing.T) {
		s := newSite(t)
		n := s.start(append(quick("--once", "--log-level", "error"), "--", "sh", "-c", `echo up >>$FILE; exec sleep 1000`)...)
		s.awaitLines(1)
		require.NoError(t, os.Remove(record(s)))
		require.Equal(t, exitLost, n.wait())
		require.Equal(t, 1, strings.Count(n.output.String(), "\n"), n.output)
		require.Contains(t, n.output.String(), "before it had finished")
	})
	t.Run("again", func(t *testing.T) {
		s := newSite(t)
		n := s.start(append(quick(), "--", "sh", "-c", `echo $$ >>$FILE; trap 'exit 5' TERM; sleep 1000 & wait`)...)
		first := s.awaitPids(1)
		require.NoError(t, os.Remove(record(s)))
		both := s.awaitPids(2)
		require.NotEqual(t, both[0], both[1])
		require.False(t, alive(first[0]))
		n.signal(syscall.SIGTERM)
		require.Equal(t, 5, n.wait())
	})
	t.Run("the store is out of reach", func(t *testing.T) {
		s := newSite(t)
		n := s.start(append(quick("--once"), "--", "sh", "-c", `trap 'echo asked >>$FILE; exit 0' TERM; echo up >>$FILE; sleep 1000 & wait`)...)
		s.awaitLines(1)
		require.NoError(t, os.Rename(s.store, s.store+".gone"))
		require.NoError(t, os.Symlink(s.store, s.store)) // ELOOP
		require.Equal(t, exitLost, n.wait())
		require.Equal(t, []string{"up", "asked"}, s.lines(), "SIGTERM came first")
	})
}
