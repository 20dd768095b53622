//go:build unix

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
)

// The second signal kills the programs, none begins again, and the node leaves, also if nobody is there to take its parts.
func TestFleetRun_ASecondSignal(t *testing.T) {
	const deaf = `trap '' TERM; echo "begins:$LEADER_PART:$LEADER_TOKEN:$LEADER_HOLDER:$$" >>$FILE; while :; do sleep 0.02; done`
	s := commandtest.NewSite(t)
	start := func(node string) *commandtest.Node {
		return s.Launch(s.Fleet("--name", "ships", "--lease-length", "1h", "--renew-every", "500ms", "--calm", "500ms", "--stop-timeout", "1s", "--leave-timeout", "1h", "--drain-timeout", "100ms",
			"--shards", "2", "--node", node, "--", "sh", "-c", deaf))
	}
	a := start("a")
	working(t, s, 2, "a")
	b := start("b")
	begun := func() (all []note) {
		return slices.DeleteFunc(notes(t, s), func(n note) bool { return n.node != "b" })
	}
	commandtest.Eventually(t, "b has a part", func() bool { return len(begun()) > 0 })
	a.Signal(syscall.SIGSTOP) // the coordinator
	b.Signal(syscall.SIGTERM)
	b.Await("this node drains")
	require.True(t, commandtest.Alive(begun()[0].pid), "its programs go on")
	commandtest.Eventually(t, "a signal more than a second later kills", func() bool {
		_ = b.Cmd.Process.Signal(syscall.SIGTERM)
		return b.Says("asked to stop again, and kills")
	})
	began := time.Now()
	require.Equal(t, 0, b.Wait())
	require.Less(t, time.Since(began), time.Minute)
	require.Len(t, begun(), 1, "%s", b.Output.String())
	require.Equal(t, 1, strings.Count(b.Output.String(), "the program runs"))
	require.NotContains(t, b.Output.String(), "is begun again")
}

// A program that can never run ends leader fleet run, as it ends leader run.
func TestFleetRun_CannotRun(t *testing.T) {
	for what, file := range map[string]struct {
		text string
		code int
	}{
		"no interpreter": {"#!/no/such/interpreter\n", 127},
		"no program":     {"\x7fELF is not all", 126},
	} {
		t.Run(what, func(t *testing.T) {
			s := commandtest.NewSite(t)
			path := filepath.Join(t.TempDir(), "program")
			require.NoError(t, os.WriteFile(path, []byte(file.text), 0o755))
			n := s.Launch(s.Fleet(quickFleet("--shards", "2", "--leave-timeout", "1h", "--", path)...))
			require.Equal(t, file.code, n.Wait(), "%s", n.Output.String())
			n.Await("the program cannot be run")
			require.Empty(t, seats(t, s))
		})
	}
}

// Who closes the terminal ends the node, in order. The programs do not get the SIGHUP: they would be begun again.
func TestFleetRun_TheTerminalIsClosed(t *testing.T) {
	s := commandtest.NewSite(t)
	cmd := s.Fleet(quickFleet("--shards", "2", "--node", "a", "--leave-timeout", "100ms", "--", "sh", "-c", diary)...)
	terminal, err := pty.Start(cmd) // which nobody reads: it would not be closed while a read waits
	require.NoError(t, err)
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	working(t, s, 2, "a")
	require.NoError(t, terminal.Close())
	commandtest.Eventually(t, "it gives its seat back", func() bool { return len(seats(t, s)) == 0 })
	require.NoError(t, cmd.Wait())
	require.Len(t, notes(t, s), 4, "each program begins and ends once")
}
