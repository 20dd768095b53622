package script

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
	effects := func() []effect { return effectsIn(t, python, database) }
	by := func(token int) (n int) {
		for _, e := range effects() {
			if e.token() == token {
				n++
			}
		}
		return n
	}
	await := func(what string, is func() bool) {
		t.Helper()
		require.Eventually(t, is, stuckAfter, 50*time.Millisecond, what)
	}

	first, text := start()
	await("the first to work", func() bool { return by(1) > 2 })
	worker := numberAfter(t, text.String(), " pid=")
	guard := parent(t, worker)
	require.NoError(t, suspend.Between(first.Process.Pid, filepath.Join(dir, "lease")))
	require.NoError(t, syscall.Kill(guard, syscall.SIGSTOP))
	suspendBetweenWrites(t, worker, python, database)
	t.Cleanup(func() {
		for _, pid := range []int{first.Process.Pid, guard} { // or they would not end
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
	})

	_, _ = start()
	await("the second to work", func() bool { return by(2) > 2 })
	before := by(1)
	require.NoError(t, syscall.Kill(worker, syscall.SIGCONT)) // it has not been told of anything
	await("the worker to end", func() bool { return strings.Contains(text.String(), "token 1 is stale: another node leads") })
	require.Equal(t, before, by(1))
	last := 0
	for i, e := range effects() {
		require.GreaterOrEqual(t, e.token(), last)
		require.Equal(t, i+1, e.position(), "each once, and in order")
		last = e.token()
	}
}

// suspendBetweenWrites suspends the worker at a time when it does not have the database locked: nobody could write until it is woken.
func suspendBetweenWrites(t *testing.T, worker int, python, database string) {
	for {
		require.NoError(t, syscall.Kill(worker, syscall.SIGSTOP))
		require.Eventually(t, func() bool { return stat(t, worker)[0] == "T" }, stuckAfter, time.Millisecond, "the worker to be suspended")
		out, err := exec.CommandContext(t.Context(), python, "-c", `
import sqlite3, sys
try:
    sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None).execute("BEGIN IMMEDIATE")
    print("free")
except sqlite3.OperationalError as busy:
    print(busy)
`, database).CombinedOutput()
		require.NoError(t, err, "%s", out)
		if string(out) == "free\n" {
			return
		}
		require.Equal(t, "database is locked\n", string(out))
		require.NoError(t, syscall.Kill(worker, syscall.SIGCONT))
	}
}

// An effect is a row that the worker wrote: its token, and its position.
type effect [2]int

func (e effect) token() int    { return e[0] }
func (e effect) position() int { return e[1] }

// effectsIn reads the effects with Python, as the worker writes them; there are none before there is a table.
func effectsIn(t *testing.T, python, database string) (effects []effect) {
	out, err := exec.CommandContext(t.Context(), python, "-c", `
import json, sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=10)
table = db.execute("SELECT name FROM sqlite_master WHERE name = 'effects'").fetchone()
print(json.dumps(db.execute("SELECT token, position FROM effects ORDER BY rowid").fetchall() if table else []))
`, database).Output()
	assert.NoError(t, err)
	assert.NoError(t, json.Unmarshal(out, &effects))
	return effects
}

func numberAfter(t *testing.T, text, key string) int {
	_, rest, _ := strings.Cut(text, key)
	n, err := strconv.Atoi(strings.Fields(rest + " none")[0])
	require.NoError(t, err, text)
	return n
}

func parent(t *testing.T, pid int) int {
	n, err := strconv.Atoi(stat(t, pid)[1])
	require.NoError(t, err)
	return n
}

// stat says how a process is: its state, its parent, and more: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
func stat(t *testing.T, pid int) []string {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	assert.NoError(t, err)
	return strings.Fields(string(line[strings.LastIndexByte(string(line), ')')+1:]) + " none none")
}
