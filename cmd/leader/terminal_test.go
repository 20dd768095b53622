//go:build unix

package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/internal/transcript"
)

// A screen is a pseudo-terminal with a command on it, and all that it has shown.
type screen struct {
	file *os.File // this end of it
	cmd  *exec.Cmd

	shown transcript.Transcript
	read  chan struct{} // closed once the command has closed its end
}

// onScreen starts the command with all three streams on a terminal.
func onScreen(t testing.TB, cmd *exec.Cmd, env ...string) *screen {
	t.Helper()
	cmd.Env = append(append(cmd.Env, "TERM=xterm", "NO_COLOR="), env...)
	file, err := pty.Start(cmd)
	require.NoError(t, err)
	s := &screen{file: file, cmd: cmd, read: make(chan struct{})}
	go func() {
		defer close(s.read)
		_, _ = io.Copy(&s.shown, file) // it ends in an error, EIO, on Linux
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = file.Close()
		<-s.read
	})
	return s
}

func (s *screen) text() string { return strings.ReplaceAll(s.shown.String(), "\r\n", "\n") }

// see waits until the text is shown.
func (s *screen) see(t testing.TB, text string) {
	t.Helper()
	if !assert.Eventually(t, func() bool { return strings.Contains(s.text(), text) }, 20*time.Second, 5*time.Millisecond) {
		require.FailNow(t, "not shown", "%q, but:\n%s", text, s.text())
	}
}

func (s *screen) enter(t testing.TB, line string) {
	t.Helper()
	_, err := s.file.WriteString(line + "\n")
	require.NoError(t, err)
}

// end waits for the command, and returns its exit code.
func (s *screen) end(t testing.TB) int {
	t.Helper()
	err := s.cmd.Wait()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		require.NoError(t, err)
	}
	select {
	case <-s.read:
	case <-time.After(20 * time.Second):
		t.Fatal("the terminal stays open")
	}
	return s.cmd.ProcessState.ExitCode()
}

const (
	green = "\x1b[32m"
	red   = "\x1b[31;1m"
)

// Colours are for a terminal, and for users who ask for them.
func TestColours(t *testing.T) {
	t.Parallel()
	s := newFullShelf(t)
	shown := func(env ...string) string {
		c := onScreen(t, commandtest.Command(t, "list", "--store", s.url), env...)
		require.Zero(t, c.end(t))
		return c.text()
	}
	text := shown()
	require.Contains(t, text, green+"held")
	require.Contains(t, text, red+"unreadable")
	require.NotContains(t, shown("NO_COLOR=1"), "\x1b[3")
	require.NotContains(t, shown("TERM=dumb"), "\x1b")
	require.NotContains(t, commandtest.End(t, commandtest.Command(t, "list", "--store", s.url)).Out, "\x1b")
}
