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

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/lease"
)

func TestOnceHeld(t *testing.T) {
	s := commandtest.NewSite(t)
	holder := s.Start("--node", "n1", "--", "sh", "-c", `echo up >>$FILE; exec sleep 1000`)
	s.AwaitLines(1)
	n := s.Start("--once", "--", "sh", "-c", "echo never >>$FILE")
	require.Equal(t, 0, n.Wait())
	require.Contains(t, n.Output.String(), "there is nothing to do here")
	n = s.Start("--once", "--log-level", "error", "--", "sh", "-c", "echo never >>$FILE")
	require.Equal(t, 0, n.Wait())
	require.Empty(t, n.Output.String(), "cron would send a mail")
	n = s.Start("--once", "--log-level", "error", "--held-exit-code", "9", "--", "true")
	require.Equal(t, 9, n.Wait())
	require.Equal(t, "leader: lease \"leader\" is held by \"n1\" with token 1: there is nothing to do here\n", n.Output.String())
	require.Equal(t, []string{"up"}, s.Lines())
	holder.Signal(syscall.SIGTERM)
	require.Equal(t, 0, holder.Wait())
}

func TestOnceHoldsAtLeast(t *testing.T) {
	s := commandtest.NewSite(t)
	job := func(name string, flags ...string) int {
		flags = append(commandtest.Quick("--once", "--held-exit-code", "9", "--name", name), flags...)
		return s.Start(append(flags, "--", "sh", "-c", "echo done >>$FILE")...).Wait()
	}
	began := time.Now()
	require.Equal(t, 0, job("short", "--hold-at-least", "1500ms"))
	if !newShelf(t).tells(t) { // it keeps the lease itself, as one that is left to run out would look like a crash
		require.GreaterOrEqual(t, time.Since(began), 1500*time.Millisecond)
		return
	}
	commandtest.Eventually(t, "it runs out", func() bool { return job("short") == 0 })
	require.Equal(t, 0, job("long", "--hold-at-least", "1m", "--lease-length", "1m"))
	require.Equal(t, 9, job("long"), "the time counts from the acquisition, and a minute is not over however slowly programs start")
	require.Equal(t, []string{"done", "done", "done"}, s.Lines())
}

// Nothing has been done that must not be done again.
func TestOnceHoldsNothingThatHasNotBegun(t *testing.T) {
	s := commandtest.NewSite(t)
	garbage := filepath.Join(t.TempDir(), "garbage")
	require.NoError(t, os.WriteFile(garbage, []byte("\x00\x01"), 0o700))
	n := s.Start("--once", "--hold-at-least", "1m", "--lease-length", "1m", "--log-level", "error", "--", garbage)
	require.Equal(t, 126, n.Wait())
	require.Contains(t, n.Output.String(), "exec format error")
	require.Equal(t, 1, strings.Count(n.Output.String(), "\n"), n.Output)
	require.Equal(t, lease.Free, s.Lease(defaultName).State)
	require.Equal(t, 7, s.Start("--once", "--hold-at-least", "1m", "--lease-length", "1m", "--", "sh", "-c", "exit 7").Wait())
	if newShelf(t).tells(t) { // elsewhere it is kept, and then given back
		require.Equal(t, lease.Held, s.Lease(defaultName).State, "a job that failed is one that has begun")
	}
}

// The record is deleted: the program is ended at the next renewal.
func TestRunLost(t *testing.T) {
	t.Run("once", func(t *testing.T) {
		s := commandtest.NewSite(t)
		n := s.Start(append(commandtest.Quick("--once", "--log-level", "error"), "--", "sh", "-c", `echo up >>$FILE; exec sleep 1000`)...)
		s.AwaitLines(1)
		s.DeleteRecord(defaultName)
		require.Equal(t, exitLost, n.Wait())
		require.Equal(t, 1, strings.Count(n.Output.String(), "\n"), n.Output)
		require.Contains(t, n.Output.String(), "before it had finished")
	})
	t.Run("again", func(t *testing.T) {
		s := commandtest.NewSite(t)
		n := s.Start(append(commandtest.Quick(), "--", "sh", "-c", `echo $$ >>$FILE; trap 'exit 5' TERM; sleep 1000 & wait`)...)
		first := s.AwaitPids(1)
		s.DeleteRecord(defaultName)
		both := s.AwaitPids(2)
		require.NotEqual(t, both[0], both[1])
		require.False(t, commandtest.Alive(first[0]))
		n.Signal(syscall.SIGTERM)
		require.Equal(t, 5, n.Wait())
	})
	t.Run("the store is out of reach", func(t *testing.T) {
		s := commandtest.NewSite(t)
		n := s.Start(append(commandtest.Quick("--once"), "--", "sh", "-c", `trap 'echo asked >>$FILE; exit 0' TERM; echo up >>$FILE; sleep 1000 & wait`)...)
		s.AwaitLines(1)
		require.NoError(t, os.Rename(s.Store, s.Store+".gone"))
		require.NoError(t, os.Symlink(s.Store, s.Store)) // ELOOP
		require.Equal(t, exitLost, n.Wait())
		require.Equal(t, []string{"up", "asked"}, s.Lines(), "SIGTERM came first")
	})
}
