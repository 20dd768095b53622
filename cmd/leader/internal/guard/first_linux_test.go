package guard

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/lease"
)

// contain has the command run as the first process of a PID namespace, as in a container.
func contain(t *testing.T, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	unshare := []string{"unshare", "--pid", "--fork", "--kill-child", "--mount-proc"}
	if os.Geteuid() != 0 {
		unshare = append(unshare, "--user", "--map-root-user")
	}
	if out, err := exec.Command(unshare[0], append(unshare[1:], "true")...).CombinedOutput(); err != nil {
		t.Skipf("no PID namespace can be made here: %v: %s", err, out)
	}
	cmd.Args = append(append(unshare, cmd.Path), cmd.Args[1:]...)
	path, err := exec.LookPath(unshare[0])
	require.NoError(t, err)
	cmd.Path = path
	return cmd
}

// childOf is the only child of a process.
func childOf(t *testing.T, parent int) (pid int) {
	t.Helper()
	commandtest.Eventually(t, fmt.Sprintf("a child of process %d", parent), func() bool {
		stats, err := filepath.Glob("/proc/[0-9]*/stat")
		require.NoError(t, err)
		for _, stat := range stats {
			name := filepath.Base(filepath.Dir(stat))
			if of, _ := familyOf(name); of == parent {
				pid, _ = strconv.Atoi(name)
			}
		}
		return pid != 0
	})
	return pid
}

// What health checks leave behind is waited for, and the exit status of each check, and of the program, is its own.
func TestFirstProcessWaitsForOrphans(t *testing.T) {
	s := newSite(t)
	sick := filepath.Join(t.TempDir(), "sick")
	// Each check leaves five processes behind, which say their numbers and end a little later than their parent.
	check := `for i in 1 2 3 4 5; do (sleep 0.02; exec sh -c 'echo $$ >>$FILE') & done; if test -e ` + sick + `; then echo it is sick; exit 9; fi`
	// The program ends when none of ten is left, not even as a zombie.
	program := `while test $(wc -l <$FILE) -lt 10; do sleep 0.01; done
		for pid in $(head -n 10 $FILE); do while test -e /proc/$pid; do sleep 0.01; done; done; touch ` + sick + `; exec sleep 1000`
	require.NoError(t, os.WriteFile(s.File, nil, 0o600))
	n := s.Launch(contain(t, s.Command("--renew-every", "2s", "--acquire-every", "50ms",
		"--health-cmd", check, "--", "sh", "-c", program)))
	commandtest.Eventually(t, "nothing is left of ten", func() bool { _, err := os.Stat(sick); return err == nil })
	require.NotContains(t, n.Output.String(), "this node is unhealthy", "each check was good")
	n.Await("exit status 9: it is sick")
	kill(t, childOf(t, n.Cmd.Process.Pid), syscall.SIGTERM)
	require.Equal(t, 0, n.Wait())
}

func TestFirstProcessEndsAsTheProgram(t *testing.T) {
	for name, test := range map[string]struct {
		program string
		signals []syscall.Signal
		code    int
	}{
		"status": {`test $PPID != 1 && exit 7`, nil, 7},
		"signal": {`kill -USR1 $$`, nil, 128 + int(syscall.SIGUSR1)},
		"TERM":   {`trap 'exit 5' TERM; echo up >>$FILE; while :; do sleep 0.01; done`, []syscall.Signal{syscall.SIGTERM}, 5},
		"passed on": {`trap 'echo HUP >>$FILE' HUP; trap 'exit 0' TERM; echo up >>$FILE; while :; do sleep 0.01; done`,
			[]syscall.Signal{syscall.SIGHUP, syscall.SIGTERM}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			n := s.Launch(contain(t, s.Command("--", "sh", "-c", test.program)))
			for i, signal := range test.signals {
				s.AwaitLines(i + 1)
				kill(t, childOf(t, n.Cmd.Process.Pid), signal)
			}
			require.Equal(t, test.code, n.Wait())
			require.Equal(t, lease.Free, s.Lease("leader").State)
		})
	}
}

// The end of the first process would be everybody's: it waits until the guard has stopped the program.
func TestFirstProcessOutlivesLeader(t *testing.T) {
	s := newSite(t)
	n := s.Launch(contain(t, s.Command("--lease-length", "5m", "--", "sh", "-c",
		`trap 'sleep 0.1; echo stopped >>$FILE; exit' TERM; echo up >>$FILE; while :; do sleep 0.01; done`)))
	s.AwaitLines(1)
	kill(t, childOf(t, childOf(t, n.Cmd.Process.Pid)), syscall.SIGKILL)
	require.Equal(t, 137, n.Wait())
	require.Equal(t, []string{"up", "stopped"}, s.Lines())
}

// At a terminal, ^C is one signal to the program.
func TestFirstProcessAtATerminal(t *testing.T) {
	s := newSite(t)
	contain(t, s.Command())
	y := s.sit(`trap : INT; unshare --pid --fork --kill-child --mount-proc "$BINARY" run --store "$STORE" -- sh -c '
		trap "echo caught >>$FILE" INT; echo ready; while ! test -s $FILE; do sleep 0.01; done
		read line; echo "got $line"; exit 3'; echo "status $?"`)
	y.see("ready")
	y.see("the program runs") // and has the terminal
	y.press("\x03")
	s.AwaitLines(1)
	y.press("\x1a")
	y.press("hello\n")
	y.see("got hello")
	y.see("status 3")
	require.Equal(t, []string{"caught"}, s.Lines())
}

// It is one to leader, too, while no program runs: a second one means more.
func TestFirstProcessPassesOnNoSecondSignal(t *testing.T) {
	s := newSite(t)
	contain(t, s.Command())
	s.Start("--", "sh", "-c", "echo up >>$FILE; exec sleep 1000")
	s.AwaitLines(1)
	y := s.sit(`trap : INT; unshare --pid --fork --kill-child --mount-proc "$BINARY" run --store "$STORE" -- true; echo "status $?"`)
	y.see("another node leads")
	y.press("\x03")
	y.see("status 0")
	require.NotContains(t, y.Output.String(), "killing")
}
