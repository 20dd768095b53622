//go:build unix

package guard

import (
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/internal/transcript"
	"github.com/cloudlease/leader/lease"
)

// A typist sits at the terminal of a shell that runs leader in its foreground.
type typist struct {
	*commandtest.Node
	keys *os.File
}

// press types, and see waits until something is to be seen.
func (y *typist) press(keys string) {
	_, err := y.keys.WriteString(keys)
	require.NoError(y.T, err)
}

func (y *typist) see(text string) {
	y.T.Helper()
	commandtest.Eventually(y.T, "to see "+text, func() bool { return strings.Contains(y.Output.String(), text) })
}

// sit starts a shell with the script in a terminal; in it, run is leader run.
func (s site) sit(script string) *typist {
	cmd := s.Command()
	cmd.Env = append(cmd.Env, "BINARY="+commandtest.Binary(), "STORE=file://"+s.Store, "PS1=", "LEADER_LOG_LEVEL=info")
	cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c", `run() { "$BINARY" run --store "$STORE" "$@"; }; ` + script}
	n := &commandtest.Node{T: s.T, Cmd: cmd, Output: &transcript.Transcript{}, Done: make(chan struct{})}
	terminal, err := pty.Start(cmd)
	require.NoError(s.T, err)
	raw, err := terminal.SyscallConn()
	require.NoError(s.T, err)
	require.NoError(s.T, raw.Control(func(fd uintptr) { err = syscall.SetNonblock(int(fd), true) })) // so that Close ends Read
	require.NoError(s.T, err)
	go func() {
		defer close(n.Done)
		_, _ = io.Copy(n.Output, terminal) // until nobody has the other end
		_ = cmd.Wait()
	}()
	s.T.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = terminal.Close() // SIGHUP
		n.Wait()
		if s.T.Failed() {
			s.T.Logf("the terminal:\n%s", n.Output)
		}
	})
	return &typist{n, terminal}
}

func TestTerminal(t *testing.T) {
	t.Run("the program reads what is typed", func(t *testing.T) {
		s := newSite(t)
		y := s.sit(`run -- sh -c 'echo ready; read line; echo "got $line"'; echo "status $?"; read line; echo "after: $line"`)
		y.see("ready")
		y.press("hello\n")
		y.see("got hello")
		y.see("status 0")
		y.press("world\n")
		y.see("after: world")
		require.Equal(t, 0, y.Wait())
	})
	t.Run("^C", func(t *testing.T) {
		s := newSite(t)
		y := s.sit(`trap : INT; run -- sh -c 'echo ready; exec sleep 1000'; echo "status $?"`)
		y.see("ready")
		y.see("the program runs") // and has the terminal
		y.press("\x03")
		y.see("status 130")
		require.Equal(t, 0, y.Wait())
		require.Equal(t, lease.Free, s.Lease("leader").State)
	})
	t.Run("^C while the program runs is the program's", func(t *testing.T) {
		s := newSite(t)
		y := s.sit(`trap : INT; run -- sh -c 'trap "echo caught; exit 3" INT; echo ready; while :; do sleep 0.01; done'; echo "status $?"`)
		y.see("ready")
		y.see("the program runs") // and has the terminal
		y.press("\x03")
		y.see("caught")
		y.see("status 3")
	})
	t.Run("^C to a standby", func(t *testing.T) {
		s := newSite(t)
		s.Start("--", "sh", "-c", "echo up >>$FILE; exec sleep 1000")
		s.AwaitLines(1)
		y := s.sit(`trap : INT; run -- true; echo "status $?"`)
		y.see("another node leads")
		y.press("\x03")
		y.see("status 0")
	})
	t.Run("^Z does nothing", func(t *testing.T) {
		s := newSite(t)
		y := s.sit(`run -- sh -c 'echo ready; while read line; do echo "got $line"; done'; echo "status $?"`)
		y.see("ready")
		y.see("the program runs")
		y.press("\x1a")
		y.press("hello\n")
		y.see("got hello")
		y.press("\x04")
		y.see("status 0")
	})
	t.Run("what the program changed is changed back", func(t *testing.T) {
		s := newSite(t)
		y := s.sit(`run -- sh -c 'stty raw -echo; kill -KILL $$'; echo "status $?"; stty -a`)
		y.see("status 137")
		y.see(" echo ")
		y.see(" icanon ")
	})
	t.Run("who writes in the background is stopped", func(t *testing.T) { // tostop: but leader is not, for its log
		s := newSite(t)
		y := s.sit(`stty tostop; run -- sh -c 'echo ready; read line; echo "got $line"'; echo "status $?"`)
		y.see("ready")
		y.see("the program runs") // says leader, whose terminal is the program's by then
		y.press("hello\n")
		y.see("got hello")
		y.see("status 0")
	})
	t.Run("in the background there is nothing to read", func(t *testing.T) {
		s := newSite(t)
		y := s.sit(`set -m; run -- sh -c 'read line || echo "it is empty"' & wait $!; echo "status $?"`)
		y.see("it is empty")
		y.see("status 0")
	})
	t.Run("it is closed", func(t *testing.T) {
		s := newSite(t)
		y := s.sit(`exec "$BINARY" run --store "$STORE" -- sh -c 'echo $$ >>$FILE; echo ready; exec sleep 1000'`)
		y.see("ready")
		pid := s.AwaitPids(1)[0]
		require.NoError(t, y.keys.Close())
		commandtest.Eventually(t, "the program has ended", func() bool { return syscall.Kill(pid, 0) != nil })
		commandtest.Eventually(t, "the lease is free", func() bool { return s.Lease("leader").State == lease.Free })
	})
	t.Run("it is closed, to a standby", func(t *testing.T) {
		s := newSite(t)
		s.Start("--", "sh", "-c", "echo up >>$FILE; exec sleep 1000")
		s.AwaitLines(1)
		y := s.sit(`exec "$BINARY" run --store "$STORE" -- true`)
		y.see("another node leads")
		require.NoError(t, y.keys.Close())
		require.Equal(t, 0, y.Wait())
	})
}
