package script

import (
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	_ "modernc.org/sqlite"

	"github.com/cloudlease/leader/internal/suspend"
	"github.com/cloudlease/leader/internal/transcript"
)

const stuckAfter = 30 * time.Second

// A stale worker's write is refused: one that was suspended between two of them, with all that would have stopped it.
func TestStaleTokenIsRefused(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3")
	}
	dir := t.TempDir()
	leader := filepath.Join(dir, "leader")
	out, err := exec.Command("go", "build", "-buildvcs=false", "-o", leader, "../../cmd/leader").CombinedOutput()
	require.NoError(t, err, "%s", out)
	database := filepath.Join(dir, "effects.db")
	start := func() (*exec.Cmd, *transcript.Transcript) {
		cmd := exec.CommandContext(t.Context(), leader, "run", "--store", "file://"+dir+"/lease", "--lease-length", "1500ms", "--",
			python, "worker.py", database)
		text := &transcript.Transcript{}
		cmd.Stdout, cmd.Stderr = text, text
		require.NoError(t, cmd.Start())
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // also for the guard and the worker
			if t.Failed() {
				t.Log(text)
			}
		})
		return cmd, text
	}
	db, err := sql.Open("sqlite", "file:"+database+"?_pragma=busy_timeout(10000)")
	require.NoError(t, err)
	defer db.Close()
	effects := func(token int) (n int) {
		_ = db.QueryRow("SELECT count(*) FROM effects WHERE token = ?", token).Scan(&n) // no table: none
		return n
	}
	await := func(what string, is func() bool) {
		t.Helper()
		require.Eventually(t, is, stuckAfter, 5*time.Millisecond, what)
	}

	first, text := start()
	await("the first to work", func() bool { return effects(1) > 2 })
	worker := numberAfter(t, text.String(), " pid=")
	guard := parent(t, worker)
	family := []int{first.Process.Pid, guard, worker}
	locks, err := filepath.Glob(filepath.Join(dir, "lease", "*.lock"))
	require.NoError(t, err)
	require.Len(t, locks, 1)
	require.NoError(t, suspend.Between(first.Process.Pid, locks[0]))
	for _, pid := range family[1:] {
		require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	}
	t.Cleanup(func() {
		for _, pid := range family[:2] { // or they would not end
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
	})

	_, _ = start()
	await("the second to work", func() bool { return effects(2) > 2 })
	before := effects(1)
	require.NoError(t, syscall.Kill(worker, syscall.SIGCONT)) // it has not been told of anything
	await("the worker to end", func() bool { return strings.Contains(text.String(), "token 1 is stale: another node leads") })
	require.Equal(t, before, effects(1))
	rows, err := db.Query("SELECT token, position FROM effects ORDER BY rowid")
	require.NoError(t, err)
	defer rows.Close()
	for last, n := 0, 1; rows.Next(); n++ {
		var token, position int
		require.NoError(t, rows.Scan(&token, &position))
		require.GreaterOrEqual(t, token, last)
		require.Equal(t, n, position, "each once, and in order")
		last = token
	}
	require.NoError(t, rows.Err())
}

func numberAfter(t *testing.T, text, key string) int {
	_, rest, _ := strings.Cut(text, key)
	n, err := strconv.Atoi(strings.Fields(rest + " none")[0])
	require.NoError(t, err, text)
	return n
}

// parent is a process's parent: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
func parent(t *testing.T, pid int) int {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	n, err := strconv.Atoi(strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))[1])
	require.NoError(t, err)
	return n
}
