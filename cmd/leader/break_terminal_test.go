//go:build unix

package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
)

func TestBreakAsks(t *testing.T) {
	t.Parallel()
	for answer, breaks := range map[string]bool{"yes": true, " yes ": true, "y": false, "no": false, "": false, "YES": false, "\x04": false} {
		t.Run(answer, func(t *testing.T) {
			t.Parallel()
			s := newShelf(t)
			s.acquire(t, "a", "one", time.Hour, nil)
			before := s.inspect(t, "a")
			c := onScreen(t, commandtest.Command(t, "break", "a", "--store", s.url))
			c.see(t, "Take the lease from one? Type yes: ")
			require.Equal(t, before.Version, s.inspect(t, "a").Version)
			c.enter(t, answer)
			if breaks {
				require.Zero(t, c.end(t))
				require.Contains(t, c.text(), green+"Broken.")
				require.Equal(t, "nobody", s.inspect(t, "a").Holder)
				return
			}
			require.Equal(t, exitFailed, c.end(t))
			require.Contains(t, c.text(), "leader: nothing was changed: the answer was not yes\n")
			require.Equal(t, before.Version, s.inspect(t, "a").Version)
		})
	}
}

func TestBreakShowsThatItWaits(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.hold(t, "a", "one", 2*time.Second)
	c := onScreen(t, commandtest.Command(t, "break", "a", "--yes", "--wait", "--store", s.url))
	c.see(t, "\r\x1b[Kwaiting until it is free, up to ")
	require.Zero(t, c.end(t))
	require.Contains(t, c.text(), "\r\x1b[KThe lease is free.\n")
}

// Ctrl-C ends the wait, and says what goes on.
func TestBreakIsInterrupted(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.acquire(t, "a", "one", time.Hour, nil)
	c := onScreen(t, commandtest.Command(t, "break", "a", "--yes", "--wait", "--store", s.url))
	c.see(t, "\r\x1b[Kwaiting until it is free, up to ")
	_, err := c.file.WriteString("\x03")
	require.NoError(t, err)
	require.Equal(t, exitFailed, c.end(t))
	require.Contains(t, c.text(), "leader: interrupted, and the lease stays broken until it has run out\n")
}
