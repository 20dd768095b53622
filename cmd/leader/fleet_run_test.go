//go:build unix

package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/internal/suspend"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/file"
)

// quickFleet is the flags of a fleet that is in balance soon. A busy machine costs no node its seat.
func quickFleet(args ...string) []string {
	return append([]string{"--name", "ships", "--lease-length", "5s", "--renew-every", "500ms", "--calm", "500ms"}, args...)
}

// diary is a program that writes when it begins and ends: part, token, node and process id, in one word each.
const diary = `echo "begins:$LEADER_PART:$LEADER_TOKEN:$LEADER_HOLDER:$$" >>$FILE
	trap 'echo "ends:$LEADER_PART:$LEADER_TOKEN:$LEADER_HOLDER:$$" >>$FILE; exit 0' TERM
	while :; do sleep 0.02; done`

// a note is a line of the diary.
type note struct {
	did, part, node string
	token           uint64
	pid             int
}

func notes(t *testing.T, s commandtest.Site) (all []note) {
	t.Helper()
	for _, line := range s.Lines() {
		f := strings.Split(line, ":")
		if len(f) != 5 || f[4] == "" {
			continue // it is being written
		}
		token, err1 := strconv.ParseUint(f[2], 10, 64)
		pid, err2 := strconv.Atoi(f[4])
		require.NoError(t, err1)
		require.NoError(t, err2)
		all = append(all, note{f[0], f[1], f[3], token, pid})
	}
	return all
}

// working waits until each of n parts is worked on by one of the nodes, and each of these has one. It returns who has which.
func working(t *testing.T, s commandtest.Site, n int, nodes ...string) (at map[string]note) {
	t.Helper()
	// On a service that stalls, a seat may have to run out first.
	commandtest.Within(t, 2*time.Minute, fmt.Sprintf("%v work on %d parts", nodes, n), func() bool {
		at = map[string]note{}
		for _, line := range notes(t, s) {
			if line.did == "begins" {
				at[line.part] = line
			} else if at[line.part].token == line.token {
				delete(at, line.part)
			}
		}
		busy := map[string]bool{}
		for _, line := range at {
			busy[line.node] = true
		}
		return len(at) == n && len(busy) == len(nodes) && !slices.ContainsFunc(nodes, func(node string) bool { return !busy[node] })
	})
	return at
}

// seats returns the seats of the fleet that are held.
func seats(t *testing.T, s commandtest.Site) (held []string) {
	t.Helper()
	o, err := fleet.Inspect(t.Context(), file.New(s.Store), "ships")
	require.NoError(t, err)
	for _, n := range o.Nodes {
		if n.State == lease.Held {
			held = append(held, n.Node)
		}
	}
	return held
}

// A part moves when its program has ended, to a node that works on it under a greater token. A node that is asked to stop waits
// until others have its parts.
func TestFleetRun(t *testing.T) {
	s := commandtest.NewSite(t)
	start := func(node string) *commandtest.Node {
		return s.Launch(s.Fleet(quickFleet("--shards", "4", "--node", node, "--", "sh", "-c", diary)...))
	}
	a := start("a")
	first := working(t, s, 4, "a")
	b := start("b")
	working(t, s, 4, "a", "b")
	require.ElementsMatch(t, []string{"a", "b"}, seats(t, s))
	a.Signal(syscall.SIGTERM)
	require.Equal(t, 0, a.Wait())
	last := working(t, s, 4, "b")
	b.Signal(syscall.SIGTERM)
	require.Equal(t, 0, b.Wait())
	require.Empty(t, seats(t, s))
	require.Equal(t, lease.Free, s.Lease("ships").State)

	running, tokens, ended := map[string]note{}, map[string]uint64{}, map[string]string{}
	for _, line := range notes(t, s) {
		if line.did == "begins" {
			require.Zero(t, running[line.part], "%v, while another program works on the part", line)
			again := line.token == tokens[line.part] && line.node == ended[line.part] // on a very busy machine
			require.True(t, again || line.token > tokens[line.part], line)
			running[line.part], tokens[line.part] = line, line.token
			continue
		}
		require.Equal(t, running[line.part].pid, line.pid)
		delete(running, line.part)
		ended[line.part] = line.node
	}
	require.Empty(t, running, "each has ended by itself")
	for part := range first {
		require.Greater(t, last[part].token, first[part].token)
	}
}

// A program that exits with 0 is done; after another exit it is started again, in the same term.
func TestFleetRun_Exits(t *testing.T) {
	s := commandtest.NewSite(t)
	n := s.Launch(s.Fleet(quickFleet("--part", "good", "--part", "bad", "--", "sh", "-c",
		`echo $LEADER_FLEET:$LEADER_PART:$LEADER_TOKEN:$LEADER_LEASE >>$FILE; test $LEADER_PART = good`)...))
	var lines []string
	commandtest.Eventually(t, "the failed program has begun three times", func() bool {
		lines = s.Lines()
		return len(lines) >= 4
	})
	n.Signal(syscall.SIGTERM)
	require.Equal(t, 0, n.Wait())
	slices.Sort(lines)
	require.Equal(t, 1, strings.Count(strings.Join(lines, " "), ":good:"))
	bad := lines[0]
	require.Regexp(t, `^ships:bad:\d+:ships/parts/bad$`, bad)
	for _, line := range lines[:3] {
		require.Equal(t, bad, line, "the same term")
	}
	require.Contains(t, n.Output.String(), "the program has ended with status 1")
}

// When leader is killed, its guards end the programs, and other nodes take the parts once the seat has run out.
func TestFleetRun_Killed(t *testing.T) {
	s := commandtest.NewSite(t)
	start := func(node string) *commandtest.Node {
		return s.Launch(s.Fleet(quickFleet("--shards", "4", "--node", node, "--", "sh", "-c", diary)...))
	}
	a := start("a")
	working(t, s, 4, "a")
	start("b")
	at := working(t, s, 4, "a", "b")
	a.Signal(syscall.SIGKILL)
	for _, line := range at {
		if line.node == "a" {
			commandtest.Eventually(t, "the guard has ended the program", func() bool { return !commandtest.Alive(line.pid) })
		}
	}
	after := working(t, s, 4, "b")
	for part, line := range at {
		if line.node == "a" {
			require.Greater(t, after[part].token, line.token)
		}
	}
}

// When leader is suspended, its guards end the programs before the seat has run out: nobody else has the parts before that.
func TestFleetRun_Suspended(t *testing.T) {
	s := commandtest.NewSite(t)
	start := func(node string) *commandtest.Node {
		return s.Launch(s.Fleet(quickFleet("--shards", "2", "--node", node, "--", "sh", "-c", diary)...))
	}
	a := start("a")
	working(t, s, 2, "a")
	start("b")
	at := working(t, s, 2, "a", "b")
	require.NoError(t, suspend.Between(a.Cmd.Process.Pid, s.Store))
	after := working(t, s, 2, "b")
	for part, line := range at {
		if line.node == "a" {
			require.False(t, commandtest.Alive(line.pid), "part %s is worked on by two", part)
			require.Greater(t, after[part].token, line.token)
		}
	}
	a.Signal(syscall.SIGCONT)
	working(t, s, 2, "a", "b")
}

// A program that does not end is killed after --drain-timeout when its part moves; and at the second signal.
func TestFleetRun_Stubborn(t *testing.T) {
	const deaf = `trap 'echo "asked:$LEADER_PART:$LEADER_TOKEN:$LEADER_HOLDER:$$" >>$FILE' TERM
		echo "begins:$LEADER_PART:$LEADER_TOKEN:$LEADER_HOLDER:$$" >>$FILE; while :; do sleep 0.02; done`
	s := commandtest.NewSite(t)
	start := func(node, drain string) *commandtest.Node {
		return s.Launch(s.Fleet(quickFleet("--shards", "2", "--node", node, "--drain-timeout", drain, "--leave-timeout", "1ms", "--", "sh", "-c", deaf)...))
	}
	begun := func(node string, n int) (pids []int) {
		commandtest.Eventually(t, fmt.Sprintf("%s begins %d programs", node, n), func() bool {
			pids = nil
			for _, line := range notes(t, s) {
				if line.node == node && line.did == "begins" {
					pids = append(pids, line.pid)
				}
			}
			return len(pids) >= n
		})
		return pids
	}
	a := start("a", "100ms")
	had := begun("a", 2)
	b := start("b", "1h")
	begun("b", 1)
	alive := slices.DeleteFunc(had, func(pid int) bool { return !commandtest.Alive(pid) })
	require.Len(t, alive, 1, "the program of the part that has moved was killed")
	a.Signal(syscall.SIGTERM)
	require.Equal(t, 0, a.Wait())
	had = begun("b", 2)

	b.Signal(syscall.SIGTERM)
	asked := func() bool {
		return slices.ContainsFunc(notes(t, s), func(n note) bool { return n.did == "asked" && n.node == "b" })
	}
	commandtest.Eventually(t, "the program was asked to end", asked)
	commandtest.Eventually(t, "a signal more than a second later kills", func() bool {
		_ = b.Cmd.Process.Signal(syscall.SIGTERM)
		return b.Says("asked to stop again, and kills")
	})
	require.Equal(t, 0, b.Wait())
	for _, pid := range had {
		require.False(t, commandtest.Alive(pid))
	}
}

// The program of a part that runs the same fleet would start programs without end.
func TestFleetRun_Nested(t *testing.T) {
	s := commandtest.NewSite(t)
	cmd := s.Fleet(quickFleet("--part", "a", "--", "sh", "-c",
		`"$BINARY" fleet run --store "$STORE" --name ships --part a -- true; echo "code:$?" >>$FILE; sleep 60`)...)
	cmd.Env = append(cmd.Env, "BINARY="+commandtest.Binary(), "STORE="+store.FileURL(s.Store))
	n := s.Launch(cmd)
	s.AwaitLines(1)
	require.Equal(t, []string{"code:" + strconv.Itoa(exitUsage)}, s.Lines())
	n.Await(`this process works on part "a" of fleet "ships"`)
	n.Signal(os.Interrupt)
	require.Equal(t, 0, n.Wait())
}

// The terminal is leader's: no program takes it from the others, and ^C drains the node.
func TestFleetRun_InATerminal(t *testing.T) {
	s := commandtest.NewSite(t)
	screen := onScreen(t, s.Fleet(quickFleet("--shards", "2", "--leave-timeout", "1ms", "--drain-timeout", "1s", "--", "sh", "-c", "trap '' INT; "+diary)...))
	commandtest.Eventually(t, "both programs run", func() bool { return len(notes(t, s)) == 2 })
	_, err := screen.file.WriteString("\x03")
	require.NoError(t, err)
	screen.see(t, "leader is asked to stop")
	require.Equal(t, 0, screen.end(t))
}
