package guard

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/internal/suspend"
	"github.com/cloudlease/leader/lease"
)

func bootClock() time.Duration { return host.SinceBoot() }

// as makes a command whose program is this test's binary.
func (s site) as(program string, flags ...string) *commandtest.Node {
	cmd := s.Command(append(flags, "--", os.Args[0])...)
	cmd.Env = append(cmd.Env, programVariable+"="+program, "DEPTH=2")
	cmd.Stdout = os.Stderr // the processes of the tree are not waited for by way of their output
	return s.Launch(cmd)
}

// guardOf is the process between a node and its program.
func guardOf(t *testing.T, program int) int {
	guard, _ := familyOf(strconv.Itoa(program))
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", guard))
	require.NoError(t, err)
	require.Contains(t, string(line), "leader\x00guard")
	return guard
}

func kill(t *testing.T, pid int, s syscall.Signal) {
	t.Helper()
	require.NoError(t, syscall.Kill(pid, s), "process %d", pid)
}

// Whichever process is killed, nothing is left of the program: seven processes, in five sessions.
func TestNoOrphanIsLeft(t *testing.T) {
	const size = 7
	for name, murder := range map[string]func(t *testing.T, n *commandtest.Node, program int){
		"leader":      func(t *testing.T, n *commandtest.Node, _ int) { n.Signal(syscall.SIGKILL) },
		"the program": func(t *testing.T, _ *commandtest.Node, program int) { kill(t, program, syscall.SIGKILL) },
		"leader and the program": func(t *testing.T, n *commandtest.Node, program int) {
			n.Signal(syscall.SIGKILL)
			kill(t, program, syscall.SIGKILL)
		},
		"the program, and leader": func(t *testing.T, n *commandtest.Node, program int) {
			kill(t, program, syscall.SIGKILL)
			n.Signal(syscall.SIGKILL)
		},
		"nobody: leader stops":   func(t *testing.T, n *commandtest.Node, _ int) { n.Signal(syscall.SIGTERM) },
		"leader, while it stops": func(t *testing.T, n *commandtest.Node, _ int) { n.Signal(syscall.SIGTERM); n.Signal(syscall.SIGKILL) },
		"everybody in sight, with SIGTERM": func(t *testing.T, n *commandtest.Node, program int) {
			kill(t, guardOf(t, program), syscall.SIGTERM)
			kill(t, program, syscall.SIGTERM)
			n.Signal(syscall.SIGTERM)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			n := s.as("tree", "--lease-length", "5m", "--stop-timeout", "250ms", "--drain-timeout", "250ms") // no deadline will do it
			pids := s.AwaitPids(size)
			program := programOf(t, n)
			require.Contains(t, pids, program)
			guard := guardOf(t, program)
			murder(t, n, program)
			n.Wait()
			for _, pid := range append(pids, guard) {
				commandtest.Eventually(t, fmt.Sprintf("process %d is gone", pid), func() bool { return !commandtest.Alive(pid) })
			}
		})
	}
}

// programOf is the program's process id, as leader logs it.
func programOf(t *testing.T, n *commandtest.Node) (pid int) {
	commandtest.Eventually(t, "it runs", func() bool {
		_, rest, ok := strings.Cut(n.Output.String(), `msg="the program runs"`)
		_, rest, found := strings.Cut(rest, " pid=")
		pid, _ = strconv.Atoi(strings.Fields(rest + " x")[0])
		return ok && found && pid != 0
	})
	return pid
}

// When the guard is killed, the kernel kills the program, and leader what is left of its process group.
func TestGuardIsKilled(t *testing.T) {
	s := newSite(t)
	n := s.Start("--", "sh", "-c", `sh -c 'trap "" TERM; echo $$ >>$FILE; while :; do sleep 0.01; done' & echo $$ >>$FILE; wait`)
	pids := s.AwaitPids(2)
	kill(t, guardOf(t, programOf(t, n)), syscall.SIGKILL)
	require.Equal(t, 1, n.Wait())
	require.Contains(t, n.Output.String(), "the guard of sh was killed")
	for _, pid := range pids {
		require.False(t, commandtest.Alive(pid))
	}
}

// Then nobody but the kernel can.
func TestGuardAndLeaderAreKilled(t *testing.T) {
	s := newSite(t)
	n := s.Start("--", "sh", "-c", `echo $$ >>$FILE; exec sleep 1000`)
	program := s.AwaitPids(1)[0]
	guard := guardOf(t, program)
	n.Signal(syscall.SIGSTOP)
	kill(t, guard, syscall.SIGKILL)
	commandtest.Eventually(t, "it is killed", func() bool { return !commandtest.Alive(program) })
	n.Signal(syscall.SIGKILL)
	n.Wait()
}

// A second signal kills all that the program has started, however long it would have to drain.
func TestASecondSignalKills(t *testing.T) {
	s := newSite(t)
	n := s.as("tree", "--drain-timeout", "1h")
	pids := s.AwaitPids(7)
	programOf(t, n)
	began := time.Now()
	n.Signal(syscall.SIGTERM)
	commandtest.Eventually(t, "one that is no longer the same decision", func() bool {
		n.Signal(os.Interrupt)
		return strings.Contains(n.Output.String(), "and kills the program")
	})
	require.GreaterOrEqual(t, time.Since(began), time.Second)
	require.Equal(t, 137, n.Wait())
	for _, pid := range pids {
		require.False(t, commandtest.Alive(pid))
	}
	require.Equal(t, lease.Free, s.Lease("leader").State)
}

// What the program starts when it is asked to end is asked to end, too.
func TestWhatIsStartedLateIsStopped(t *testing.T) {
	s := newSite(t)
	n := s.Start("--drain-timeout", "1h", "--stop-timeout", "2s", "--", "sh", "-c",
		`trap 'sh -c "trap \"echo asked >>\$FILE; exit\" TERM; echo late >>\$FILE; while :; do sleep 0.01; done" & while ! grep -q late $FILE; do sleep 0.01; done; exit 0' TERM
		echo up >>$FILE
		while :; do sleep 0.01; done`)
	s.AwaitLines(1)
	n.Signal(syscall.SIGTERM)
	require.Equal(t, 0, n.Wait())
	require.Equal(t, []string{"up", "late", "asked"}, s.Lines())
}

// S1 for who cannot check a term: the program of a leader that is suspended or dead has written its last line before the next
// leader's writes its first.
func TestSuspendedPastTheLease(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			s := newSite(t)
			a := s.as("beat", commandtest.Quick()...)
			s.AwaitLines(10)
			program := programOf(t, a)
			b := s.as("beat", commandtest.Quick("--acquire-every", "10ms")...)
			b.Await("another node leads")
			if signal == syscall.SIGSTOP {
				require.NoError(t, suspend.Between(a.Cmd.Process.Pid, s.Store))
			} else {
				a.Signal(signal)
			}
			var last, first time.Duration
			commandtest.Eventually(t, "the next leader's program runs", func() bool {
				last, first = s.lastAndFirst()
				return first != 0
			})
			assert.Less(t, last, first)
			assert.False(t, commandtest.Alive(program))
			t.Logf("the last line of the first came %v before the first line of the second", first-last)
			if signal == syscall.SIGSTOP {
				a.Signal(syscall.SIGCONT)
				commandtest.Eventually(t, "it stands by", func() bool {
					_, after, ok := strings.Cut(a.Output.String(), "this node leads no more")
					return ok && strings.Contains(after, "another node leads")
				})
			}
		})
	}
}

// Then leader does the guard's work, and keeps the lease from others for as long as it may.
func TestGuardIsSuspended(t *testing.T) {
	s := newSite(t)
	n := s.Start(append(commandtest.Quick(), "--", "sh", "-c", `trap '' TERM; echo $$ >>$FILE; while :; do sleep 0.01; done`)...)
	program := s.AwaitPids(1)[0]
	n.Await("the program runs")
	guard := guardOf(t, program)
	kill(t, guard, syscall.SIGSTOP)
	t.Cleanup(func() { _ = syscall.Kill(guard, syscall.SIGCONT) })
	s.DeleteRecord("leader")
	commandtest.Eventually(t, "it is killed", func() bool { return !commandtest.Alive(program) })
	kill(t, guard, syscall.SIGCONT)
	require.NotEqual(t, program, s.AwaitPids(2)[1], "and started again")
	n.Signal(syscall.SIGKILL)
}

// The same, if the guard is stopped before it has said that the program runs, or before it has started that.
func TestGuardIsSuspendedEarly(t *testing.T) {
	s := newSite(t)
	n := s.Start(append(commandtest.Quick(), "--", "sh", "-c", `echo $$ >>$FILE; exec sleep 1000`)...)
	guard := childOf(t, n.Cmd.Process.Pid)
	kill(t, guard, syscall.SIGSTOP)
	if strings.Contains(n.Output.String(), "the program runs") {
		kill(t, guard, syscall.SIGCONT) // it was too fast; TestGuardIsSuspended is about that
		return
	}
	s.DeleteRecord("leader")
	commandtest.Eventually(t, "the guard is killed", func() bool { return !commandtest.Alive(guard) })
	n.Await("the program runs")
	program := programOf(t, n)
	for _, pid := range s.AwaitPids(1) {
		require.True(t, pid == program || !commandtest.Alive(pid))
	}
}

// lastAndFirst is when token 1 was written last, and 2 first; 0: not at all.
func (s site) lastAndFirst() (last, first time.Duration) {
	for _, line := range s.Lines() {
		token, at, ok := strings.Cut(line, ":")
		n, err := strconv.ParseInt(at, 10, 64)
		if !ok || err != nil {
			continue // it is being written
		}
		switch when := time.Duration(n); {
		case token == "1":
			last = max(last, when)
		case first == 0:
			first = when
		}
	}
	return last, first
}
