package chaos

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// ownSet is the process that keeps the emulators of this test alone: localstack run. They are its descendants, and no other
// process is ever sent a signal.
var ownSet *os.Process

// startEmulators starts a set of emulators, which ends with the test, and sets the environment for them.
func startEmulators(t *testing.T) {
	// The command of the set prints its environment, and runs until its standard input ends.
	binary, err := build("../../../localstack")
	require.NoError(t, err)
	cmd := exec.Command(binary, "run", "--", "sh", "-c", "env; echo; exec cat")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, startProcess(cmd))
	ownSet = cmd.Process
	t.Cleanup(func() {
		require.NoError(t, stdin.Close())
		require.NoError(t, cmd.Wait())
	})
	lines := bufio.NewScanner(stdout)
	for lines.Scan() && lines.Text() != "" {
		name, value, _ := strings.Cut(lines.Text(), "=")
		if os.Getenv(name) != value {
			t.Setenv(name, value)
		}
	}
	require.NoError(t, lines.Err())
	require.Equal(t, "1", os.Getenv("LEADER_EMULATORS"), "the emulators run")
	// Unset what would lead past the emulators: the set's command does not have it either.
	for _, name := range []string{"AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"} {
		t.Setenv(name, "")
		require.NoError(t, os.Unsetenv(name))
	}
}

// suspendEmulator sends SIGSTOP to an emulator of the test's own, and to all its descendants, such as LocalStack's Java
// process. It finds the emulator by its working directory, which has its name.
func suspendEmulator(t *testing.T, name string) (resume func()) {
	var members []*os.Process
	for _, pid := range descendants(t, ownSet.Pid) {
		if dir, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); err == nil && filepath.Base(dir) == name {
			members = append(members, find(t, pid))
			for _, child := range descendants(t, pid) {
				members = append(members, find(t, child))
			}
			break
		}
	}
	require.NotEmpty(t, members, "the process of %s", name)
	signal := func(s syscall.Signal) {
		for _, p := range members {
			require.NoError(t, p.Signal(s), "%s, process %d", name, p.Pid)
		}
	}
	signal(syscall.SIGSTOP)
	t.Logf("%s: %d processes are suspended", name, len(members))
	return func() { signal(syscall.SIGCONT) }
}

// find returns a process, and makes sure that it still is a descendant of the set (pidfd_open).
func find(t *testing.T, pid int) *os.Process {
	p, err := os.FindProcess(pid)
	require.NoError(t, err)
	require.Contains(t, descendants(t, ownSet.Pid), pid)
	t.Cleanup(func() { _ = p.Release() })
	return p
}

// descendants returns all processes below one: children first, then their children.
func descendants(t *testing.T, of int) (below []int) {
	found, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	children := map[int][]int{}
	for _, path := range found {
		fields := statFields(path)
		if len(fields) < 2 {
			continue // it has ended
		}
		pid, err1 := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		parent, err2 := strconv.Atoi(fields[1])
		require.NoError(t, err1)
		require.NoError(t, err2)
		children[parent] = append(children[parent], pid)
	}
	for level := children[of]; len(level) > 0; {
		below = append(below, level...)
		var next []int
		for _, pid := range level {
			next = append(next, children[pid]...)
		}
		slices.Sort(next)
		level = next
	}
	return below
}
