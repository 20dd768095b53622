//go:build unix

package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
)

func TestCheckpointSetAsks(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.save(t, "cp", "orders", 5)
	for answer, value := range map[string]string{"no": "5", "yes": "4"} {
		c := onScreen(t, commandtest.Command(t, "checkpoint", "set", "cp", "4", "--store", s.url))
		c.see(t, "Set it to 4? Type yes: ")
		c.enter(t, answer)
		if code := c.end(t); answer == "yes" {
			require.Zero(t, code)
			require.Contains(t, s.run(t, "checkpoint", "show", "cp").Out, "value   "+value)
			continue
		}
		require.Contains(t, c.text(), "leader: nothing was changed: the answer was not yes\n")
	}
}

// The value of a lease does not steer the reader's terminal.
func TestValueOnATerminal(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	require.NoError(t, s.Release(t.Context(), valued(t, s, "a", "one", "two\n\tlines \x1b[2Jé", time.Hour)))
	c := onScreen(t, commandtest.Command(t, "value", "show", "a", "--store", s.url))
	require.Zero(t, c.end(t))
	require.Contains(t, c.text(), "lines \\u001b[2Jé\n")
	require.NotContains(t, c.text(), "\x1b[2J")

	c = onScreen(t, commandtest.Command(t, "value", "clear", "a", "--store", s.url))
	c.see(t, "Remove the value? Type yes: ")
	c.enter(t, "yes")
	require.Zero(t, c.end(t))
	require.Empty(t, s.inspect(t, "a").Value)
}
