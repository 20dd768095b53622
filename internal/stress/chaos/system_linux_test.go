package chaos

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func withParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// awaitStop waits until all threads of a process that was sent SIGSTOP have stopped. A thread that waits for a disk runs on
// until that has answered.
func awaitStop(t *testing.T, pid int) {
	require.Eventually(t, func() bool {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		require.NoError(t, err)
		for _, path := range threads {
			if fields := statFields(path); len(fields) > 0 && fields[0] != "T" {
				return false
			}
		}
		return len(threads) > 0
	}, patience, time.Millisecond)
}

// statFields returns the fields after the name in a stat file, which are the state, the parent, and more; none if the process
// has ended. The name may be anything: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
func statFields(path string) []string {
	stat, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
}

// holdsLock reports whether a process has a lock of flock(2): https://man7.org/linux/man-pages/man5/proc_locks.5.html
func holdsLock(t *testing.T, pid int) bool {
	locks, err := os.ReadFile("/proc/locks")
	require.NoError(t, err)
	for line := range strings.Lines(string(locks)) {
		fields := strings.Fields(line) // 1: FLOCK ADVISORY WRITE pid ...; a process that waits has -> before FLOCK
		if len(fields) > 4 && fields[1] == "FLOCK" && fields[4] == strconv.Itoa(pid) {
			return true
		}
	}
	return false
}
