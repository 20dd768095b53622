//go:build unix

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/lease"
)

const line = "\r\x1b[K" // begins the line of progress again

// A hand-over on a terminal: a person has been asked, and the holder, which the test plays, has not renewed yet.
func (s shelf) handOverOnScreen(t *testing.T, name, to string) (*screen, lease.Lease) {
	t.Helper()
	l := s.heed(t, name, "one", time.Hour)
	before := s.inspect(t, name)
	c := onScreen(t, commandtest.Command(t, "handover", name, "--to", to, "--store", s.url))
	c.see(t, "Ask one to hand over to "+to+"? Type yes: ")
	require.Contains(t, c.text(), "\nNobody checks that "+to+" is there and well: look at its /standby first. If it does not ask for the lease, nobody leads for up to 40m1s\n"+
		"(at the default acquire interval), and then another node does.\n")
	require.Equal(t, before.Version, s.inspect(t, name).Version, "nothing is written before somebody has said yes")
	c.enter(t, "yes")
	c.see(t, "Asked. one begins at its next renewal, within 20m0s.\n")
	c.see(t, line+"waiting until one renews the lease ...")
	return c, l
}

func (s shelf) renew(t *testing.T, l lease.Lease) lease.Lease {
	t.Helper()
	l, err := s.Renew(t.Context(), l)
	require.NoError(t, err)
	return l
}

// A person sees each step, and in the end who leads.
func TestHandoverShowsItsSteps(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	c, l := s.handOverOnScreen(t, "a", "two")
	l = s.renew(t, l)
	c.see(t, line+"waiting until the work of one has stopped ...")
	l.Next = "two"
	require.NoError(t, s.Release(t.Context(), l))
	c.see(t, line+"the lease is free: waiting for two ...")
	s.heed(t, "a", "two", time.Hour)
	require.Zero(t, c.end(t))
	require.Contains(t, c.text(), line+green+"Handed over.\x1b[0m two leads, with token 2, ")
	require.True(t, strings.HasSuffix(c.text(), "s after it was asked for.\n"+line), "%q", c.text())
}

// If the holder refuses, or another node leads, the line of progress goes, and the reason stays.
func TestHandoverShowsWhyItFailed(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	c, l := s.handOverOnScreen(t, "refused", "two")
	l = s.renew(t, l)
	l.Wish = lease.Wish{}
	s.renew(t, l)
	require.Equal(t, exitFailed, c.end(t))
	require.Contains(t, c.text(), line+"leader: one leads on: it has refused, or somebody has taken the hand-over back\n")

	c, l = s.handOverOnScreen(t, "another", "two")
	l = s.renew(t, l)
	require.NoError(t, s.Release(t.Context(), l))
	s.heed(t, "another", "three", time.Hour)
	require.Equal(t, exitOther, c.end(t))
	require.Contains(t, c.text(), line+"leader: one has given the lease up, and three leads, with token 2, instead of two, which has not asked for the lease in time\n")
}

// An answer that is not yes changes nothing.
func TestHandoverAsks(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"y", "", "\x04"} {
		s := newShelf(t)
		s.heed(t, "a", "one", time.Hour)
		before := s.inspect(t, "a")
		c := onScreen(t, commandtest.Command(t, "handover", "a", "--to", "two", "--store", s.url))
		c.see(t, "Type yes: ")
		c.enter(t, answer)
		require.Equal(t, exitFailed, c.end(t))
		require.Contains(t, c.text(), "leader: nothing was changed: the answer was not yes\n")
		require.Equal(t, before.Version, s.inspect(t, "a").Version)
	}
}

// Ctrl-C ends the wait and not the hand-over, and says so, and how to take it back. That works.
func TestHandoverIsInterrupted(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	c, _ := s.handOverOnScreen(t, "a", "two")
	_, err := c.file.WriteString("\x03")
	require.NoError(t, err)
	require.Equal(t, exitFailed, c.end(t))
	require.Contains(t, c.text(), line+"leader: interrupted, and the hand-over goes on; to take it back while one has not begun: leader handover a --cancel\n")
	require.Equal(t, "two", s.inspect(t, "a").Wish.For)

	c = onScreen(t, commandtest.Command(t, "handover", "a", "--cancel", "--store", s.url))
	require.Zero(t, c.end(t))
	require.True(t, strings.HasSuffix(c.text(), "\n"+green+"Taken back.\x1b[0m one leads on.\n"), "%q", c.text())
	require.False(t, s.inspect(t, "a").Wish.Stands())
}

// With --wait=false, the command ends once the holder is asked. The holder itself is not asked to hand over to itself.
func TestHandoverWithoutAWait(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.heed(t, "a", "one", time.Hour)
	c := onScreen(t, commandtest.Command(t, "handover", "a", "--to", "two", "--wait=false", "--store", s.url))
	c.see(t, "Type yes: ")
	c.enter(t, "yes")
	require.Zero(t, c.end(t))
	require.True(t, strings.HasSuffix(c.text(), "Asked. one begins at its next renewal, within 20m0s.\n"), "%q", c.text())
	require.NotContains(t, c.text(), line)

	c = onScreen(t, commandtest.Command(t, "handover", "a", "--to", "one", "--store", s.url))
	require.Zero(t, c.end(t))
	require.True(t, strings.HasSuffix(c.text(), "one leads already: there is nothing to do.\n"), "%q", c.text())
	require.NotContains(t, c.text(), "Type yes")
}
