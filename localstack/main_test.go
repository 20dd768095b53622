//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/localstack/internal/install"
)

// patience is for what takes seconds on an idle machine.
const patience = 3 * time.Minute

// world is a cache directory of the test's own, with the user's installation in it, so that the emulators that the user
// has up are not touched.
type world struct {
	t     testing.TB
	cache string
}

var program string // as go build makes it, for all tests

func TestMain(m *testing.M) {
	status, err := build(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func build(use func() int) (int, error) {
	dir, err := os.MkdirTemp("", "leader-localstack-test-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "localstack")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		return 0, fmt.Errorf("go build: %w: %s", err, out)
	}
	return use(), nil
}

// newWorld installs nothing unless LEADER_EMULATORS is 1: that takes minutes.
func newWorld(t testing.TB) world {
	root, err := install.Root()
	require.NoError(t, err)
	i, found := install.Find(root)
	if !found && os.Getenv("LEADER_EMULATORS") != "1" {
		t.Skip("the emulators are not installed: use make test, or go run ./localstack up")
	}
	if !found {
		i, err = install.Ensure(t.Context(), root, func(line string) { t.Log(line) })
		require.NoError(t, err)
	}
	w := emptyWorld(t)
	require.NoError(t, os.MkdirAll(filepath.Join(w.cache, "leader-emulators"), 0o700))
	require.NoError(t, os.Symlink(string(i), filepath.Join(w.cache, "leader-emulators", filepath.Base(string(i)))))
	return w
}

func emptyWorld(t testing.TB) world {
	w := world{t, t.TempDir()}
	t.Cleanup(func() {
		defer w.end()
		_ = w.command("down").Run()
		w.requireNothingLeft()
	})
	return w
}

func (w world) command(args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir = w.t.TempDir()
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+w.cache, "HOME="+w.cache) // Linux has the first, macOS the second
	return cmd
}

// localStack runs the program and returns what it printed and its status.
func (w world) localStack(args ...string) (stdout, stderr string, status int) {
	w.t.Helper()
	cmd := w.command(args...)
	var out, diagnosis bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diagnosis
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); !exited {
		require.NoError(w.t, err)
	}
	return out.String(), diagnosis.String(), cmd.ProcessState.ExitCode()
}

// processes returns those that have the world's directory in their environment or their command line: the program, its
// supervisors and all that they started.
func (w world) processes() (found []string) {
	if runtime.GOOS != "linux" {
		return nil // and the tests are the weaker for it
	}
	dirs, err := filepath.Glob("/proc/[0-9]*")
	require.NoError(w.t, err)
	for _, dir := range dirs {
		line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		environ, _ := os.ReadFile(filepath.Join(dir, "environ"))
		if bytes.Contains(line, []byte(w.cache)) || bytes.Contains(environ, []byte(w.cache)) {
			found = append(found, filepath.Base(dir)+" "+strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

// end kills what a test that failed left behind.
func (w world) end() {
	for _, process := range w.processes() {
		number, _, _ := strings.Cut(process, " ")
		if pid, err := strconv.Atoi(number); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

func (w world) requireNothingLeft() {
	w.t.Helper()
	require.EventuallyWithT(w.t, func(c *assert.CollectT) { assert.Empty(c, w.processes()) }, patience, 50*time.Millisecond)
	sets, err := filepath.Glob(filepath.Join(w.cache, "leader-emulators", "sets", "*", "lock"))
	require.NoError(w.t, err)
	assert.Empty(w.t, sets, "the sets' directories")
}

// environment returns the variables of a shell that evaluates only these commands.
func (w world) environment(exports string) map[string]string {
	w.t.Helper()
	shell := exec.Command("sh", "-c", `eval "$1"; exec env`, "sh", exports)
	shell.Env = []string{}
	out, err := shell.Output()
	require.NoError(w.t, err)
	variables := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		variables[name] = value
	}
	return variables
}

func TestUpAndDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	out, _, status := w.localStack("status")
	assert.Equal(t, 1, status)
	assert.Contains(t, out, "no emulators run: go run ./localstack up")

	// Two at once: one starts them, and the other finds them running. A process that waits for the supervisor's end
	// would wait for ever if the supervisor had its output open; so would a reader of env's output.
	var group sync.WaitGroup
	var exports, told [2]string
	for n := range 2 {
		group.Go(func() {
			var status int
			exports[n], told[n], status = w.localStack("env")
			assert.Zero(t, status, told[n])
		})
	}
	group.Wait()
	assert.Equal(t, exports[0], exports[1])
	assert.Equal(t, 1, strings.Count(told[0]+told[1], "starting the emulators"), told)
	variables := w.environment(exports[0])
	assert.Equal(t, "1", variables["LEADER_EMULATORS"])
	smoke(t, variables)

	out, _, status = w.localStack("up")
	assert.Zero(t, status)
	assert.Contains(t, out, "the emulators run already, since ")
	assert.Contains(t, out, variables["AWS_ENDPOINT_URL"])

	_, told[0], status = w.localStack("up", "-gcs-port", "1")
	assert.Equal(t, 1, status)
	assert.Contains(t, told[0], "fake-gcs-server runs already, on port ")

	out, told[0], status = w.localStack("status")
	assert.Zero(t, status, told[0])
	assert.Contains(t, out, "the emulators run, since ")
	if runtime.GOOS == "linux" {
		assert.Len(t, w.processes(), 7, "the supervisor, fake-gcs-server, Azurite, PostgreSQL, MariaDB, LocalStack and its Java")
	}

	out, told[0], status = w.localStack("down")
	assert.Zero(t, status, told[0])
	assert.Contains(t, out, "the emulators are stopped")
	w.requireNothingLeft()
	out, _, status = w.localStack("down")
	assert.Zero(t, status)
	assert.Contains(t, out, "no emulators run")
}

// An emulator is killed, and then the supervisor, which takes the others along, but for LocalStack's Java.
func TestWhatDiesWhileItIsUp(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("a supervisor that is killed leaves its emulators behind here")
	}
	w := newWorld(t)
	_, told, status := w.localStack("up")
	require.Zero(t, status, told)
	w.kill("azurite/dist/src/blob/main.js")
	for _, command := range []string{"status", "up"} {
		_, told, status = w.localStack(command)
		assert.Equal(t, 1, status)
		assert.Contains(t, told, "azurite does not answer as it should: stop the emulators and start them again")
	}
	w.kill(program + " supervise")
	require.Eventually(t, func() bool { return len(w.processes()) <= 1 }, patience, 50*time.Millisecond)
	out, _, status := w.localStack("status")
	assert.Equal(t, 1, status)
	assert.Contains(t, out, "no emulators run")
	_, told, status = w.localStack("down")
	assert.Zero(t, status, told)
	w.requireNothingLeft()
}

// kill kills the one process of this world that has the text in its command line.
func (w world) kill(text string) {
	w.t.Helper()
	found := 0
	for _, process := range w.processes() {
		number, line, _ := strings.Cut(process, " ")
		if !strings.Contains(line, text) {
			continue
		}
		found++
		pid, err := strconv.Atoi(number)
		require.NoError(w.t, err)
		require.NoError(w.t, syscall.Kill(pid, syscall.SIGKILL))
		require.Eventually(w.t, func() bool { return syscall.Kill(pid, 0) != nil }, patience, 10*time.Millisecond)
	}
	require.Equal(w.t, 1, found, text)
}

func TestRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	started := filepath.Join(t.TempDir(), "started")
	cmd := w.command("run", "--", "sh", "-c", `trap 'echo "got it"; exit 42' TERM; env > "$1.new"; mv "$1.new" "$1"; while :; do sleep 0.05; done`, "sh", started)
	var out, told bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &told
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // if the test has failed by then
	awaitFile(t, ctx, started)

	content, err := os.ReadFile(started)
	require.NoError(t, err)
	assert.Contains(t, string(content), "\nLEADER_EMULATORS=1\n")
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	err = cmd.Wait()
	assert.Equal(t, 42, cmd.ProcessState.ExitCode(), "%v: %s", err, told.String())
	assert.Equal(t, "got it\n", out.String())
	w.requireNothingLeft()
}

func TestAStarterThatIsKilledLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	started := filepath.Join(t.TempDir(), "started")
	cmd := w.command("run", "--", "sh", "-c", `echo > "$1"; exec sleep 600`, "sh", started)
	require.NoError(t, cmd.Start())
	awaitFile(t, ctx, started)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	w.requireNothingLeft()
}

func TestAnInterruptedUpLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
		cmd := w.command("up")
		said, err := cmd.StderrPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		line := make([]byte, 100)
		for text := ""; !strings.Contains(text, "fake-gcs-server"); { // the first one is ready, the others are not
			n, err := said.Read(line)
			require.NoError(t, err)
			text += string(line[:n])
		}
		require.NoError(t, cmd.Process.Signal(signal))
		_ = cmd.Wait()
		assert.False(t, cmd.ProcessState.Success())
		w.requireNothingLeft()
	}
}

func awaitFile(t testing.TB, ctx context.Context, file string) {
	t.Helper()
	for ctx.Err() == nil {
		if _, err := os.Stat(file); err == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	require.Fail(t, "there is no "+file)
}

func TestAPortThatIsTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	taken := occupied(t)
	for _, flag := range []string{"-localstack-port", "-gcs-port", "-azurite-port", "-postgres-port", "-mariadb-port"} {
		_, told, status := w.localStack("up", flag, strconv.Itoa(taken))
		assert.Equal(t, 1, status)
		assert.Contains(t, told, fmt.Sprintf("port %d cannot be used: ", taken))
		assert.Contains(t, told, "name another, or none for a free one")
		w.requireNothingLeft()
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	w := emptyWorld(t)
	for _, c := range []struct {
		args   []string
		status int
		told   string
	}{
		{nil, 2, "name a command"},
		{[]string{"start"}, 2, `there is no command "start"`},
		{[]string{"up", "-fast"}, 2, "flag provided but not defined: -fast"},
		{[]string{"up", "now"}, 2, `up takes no arguments: ["now"]`},
		{[]string{"up", "-h"}, 0, "usage: go run ./localstack COMMAND"},
		{[]string{"run"}, 2, "run takes a command to run"},
		{[]string{"up", "-only", "postgres"}, 2, "up starts all: -only is for run"},
		{[]string{"run", "-only", "oracle", "--", "true"}, 1, `there is no service "oracle"`},
		{[]string{"run", "--", "no-such-command"}, 1, `exec: "no-such-command": executable file not found`},
	} {
		_, told, status := w.localStack(c.args...)
		assert.Equal(t, c.status, status, c.args)
		assert.Contains(t, told, c.told, c.args)
	}
}
