package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/internal/spawn"
	"github.com/cloudlease/leader/lease"
)

func (s shelf) inspect(t testing.TB, name string) lease.Info {
	t.Helper()
	info, err := lease.Inspect(t.Context(), s, name)
	require.NoError(t, err)
	return info
}

// Where nobody can be asked, nothing is done without --yes, whatever is piped in.
func TestBreakNeedsAWord(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.acquire(t, "a", "one", time.Hour, nil)
	before := s.inspect(t, "a")
	cmd := commandtest.Command(t, "break", "a", "--store", s.url)
	cmd.Stdin = strings.NewReader("yes\n")
	o := commandtest.End(t, cmd)
	o.Want(t, exitUsage, "give --yes")
	require.Contains(t, o.Out, "holder        one")
	require.Equal(t, before.Version, s.inspect(t, "a").Version)
}

func TestBreak(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	l := s.acquire(t, "a", "one", time.Hour, nil)
	o := commandtest.End(t, commandtest.Command(t, "break", "a", "--yes", "--store", s.url))
	o.Want(t, 0, "")
	require.Regexp(t, `Broken. No other node leads before the lease has run out: by \d\d:\d\d:\d\d at the latest, 1h0m0s from now.\n$`, o.Out)
	_, err := s.Renew(t.Context(), l)
	require.ErrorIs(t, err, lease.ErrLost)
	_, err = s.Acquire(t.Context(), lease.Request{Name: "a", Holder: "two", Length: time.Hour})
	require.ErrorIs(t, err, lease.ErrHeld)

	broken := s.inspect(t, "a")
	o = commandtest.End(t, commandtest.Command(t, "break", "a", "--yes", "--store", s.url))
	o.Want(t, 0, "")
	require.Contains(t, o.Out, "The lease is broken already.")
	require.Equal(t, broken.Version, s.inspect(t, "a").Version)
}

func TestBreakOfWhatNobodyHolds(t *testing.T) {
	t.Parallel()
	s := newFullShelf(t)
	s.needToTell(t)
	for _, name := range []string{"never", "free", "expired"} {
		o := commandtest.End(t, commandtest.Command(t, "break", name, "--wait", "--store", s.url))
		o.Want(t, 0, "")
		require.Contains(t, o.Out, "Nobody holds the lease: there is nothing to break.")
	}
	commandtest.End(t, commandtest.Command(t, "break", "notes", "--yes", "--store", s.url)).Want(t, exitFailed, "not a lease record")
}

func TestBreakWaits(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	const length = 2 * time.Second
	s.hold(t, "a", "one", length)
	began := time.Now()
	o := commandtest.End(t, commandtest.Command(t, "break", "a", "--yes", "--wait", "--store", s.url))
	o.Want(t, 0, "")
	require.Contains(t, o.Out, "\nThe lease is free.\n")
	require.GreaterOrEqual(t, time.Since(began), length)
	require.Equal(t, uint64(3), s.acquire(t, "a", "two", length, nil).Token)
}

// It is told also if somebody takes the lease as soon as it is free.
func TestBreakWaitsForTheNext(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.hold(t, "a", "one", 2*time.Second)
	wait := spawn.Start(t, commandtest.Command(t, "break", "a", "--yes", "--wait", "--store", s.url))
	wait.After("Broken.")
	require.Eventually(t, func() bool {
		_, err := s.Acquire(t.Context(), lease.Request{Name: "a", Holder: "two", Length: time.Hour})
		return err == nil
	}, 20*time.Second, time.Millisecond)
	require.Regexp(t, `^The lease is free.$|^The lease was free, and two has it now, with token 3.$`, wait.Line())
}

// Somebody else may take the lease while the command asks.
func TestBreakOfAnother(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	l := s.acquire(t, "a", "one", time.Hour, nil)
	seen := s.inspect(t, "a")
	require.NoError(t, s.Release(t.Context(), l))
	s.acquire(t, "a", "two", time.Hour, nil)
	err := breakSeen(t.Context(), &store.Store{Manager: s}, seen)
	require.ErrorIs(t, err, lease.ErrHeld)
	require.ErrorContains(t, err, "nothing was broken")
	require.Equal(t, "two", s.inspect(t, "a").Holder)

	err = breakSeen(t.Context(), &store.Store{Manager: struct{ lease.Manager }{s}}, seen)
	require.ErrorContains(t, err, "this store cannot break leases; stop the holder, or wait")
}
