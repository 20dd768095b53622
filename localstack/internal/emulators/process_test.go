//go:build unix

package emulators

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A bystander is a process that repeats each line that it reads, with given variables in its environment.
type bystander struct {
	pid  int
	done chan struct{}
	in   io.Writer
	out  *bufio.Reader
}

func stand(t *testing.T, env ...string) bystander {
	cmd := exec.Command("cat")
	cmd.Env = env
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	b := bystander{cmd.Process.Pid, make(chan struct{}), in, bufio.NewReader(out)}
	go func() {
		defer close(b.done)
		_, _ = cmd.Process.Wait() // cmd.Wait would close the pipes
	}()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-b.done; _ = in.Close(); _ = out.Close() })
	return b
}

// assertRuns makes the process answer. It would get a signal that was sent before first.
func (b bystander) assertRuns(t *testing.T) {
	t.Helper()
	_, _ = io.WriteString(b.in, "there?\n") // if this fails, there is no answer
	answer, err := b.out.ReadString('\n')
	assert.NoError(t, err, "the process was ended")
	assert.Equal(t, "there?\n", answer)
}

func requireEnds(t *testing.T, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		require.Fail(t, "the process still runs")
	}
}

func TestSweepEndsASetsProcessesAndNoOthers(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("nothing is swept here: the environment of processes is not to be read")
	}
	dir := t.TempDir()
	ours, first := stand(t, "A=b", setVariable+"="+dir), stand(t, setVariable+"="+dir, "A=b")
	var others []bystander
	for _, env := range []string{setVariable + "=" + dir + "2", "X" + setVariable + "=" + dir, "OTHER=" + dir} {
		others = append(others, stand(t, env))
	}
	require.NoError(t, sweep(dir))
	requireEnds(t, ours.done)
	requireEnds(t, first.done)
	for _, other := range others {
		other.assertRuns(t)
	}
}

func TestStopAllEndsWhatIgnoresIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stubborn := command{args: []string{"sh", "-c", `trap "" TERM; echo up; sleep 60`}}
	p, err := start("stubborn", stubborn, dir, dir)
	require.NoError(t, err)
	require.Eventually(t, func() bool { log, _ := os.ReadFile(p.log); return string(log) == "up\n" }, 20*time.Second, 10*time.Millisecond)
	require.NoError(t, stopAll([]*process{p}, dir, 10*time.Millisecond))
	assert.EqualError(t, p.err, "signal: killed")
}

// LocalStack ends its Java process if it is asked to end, and not if it is killed.
func TestStopAllAsksFirst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	polite := command{args: []string{"sh", "-c", `trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done`}}
	p, err := start("polite", polite, dir, dir)
	require.NoError(t, err)
	require.Eventually(t, func() bool { log, _ := os.ReadFile(p.log); return string(log) == "up\n" }, 20*time.Second, 10*time.Millisecond)
	require.NoError(t, stopAll([]*process{p}, dir, time.Minute))
	log, err := os.ReadFile(p.log)
	require.NoError(t, err)
	assert.Equal(t, "up\nbye\n", string(log))
	assert.NoError(t, p.err)
}

func TestAnEmulatorThatEndsByItself(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	set := filepath.Join(dir, "sets", "run-1")
	require.NoError(t, os.MkdirAll(set, 0o700))
	p, err := start("localstack", command{args: []string{"sh", "-c", "echo starting; echo no java >&2; exit 3"}}, set, set)
	require.NoError(t, err)
	var ports Ports
	require.NoError(t, choosePorts(&ports, services))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err = await(ctx, services[len(services)-1], p, ports)
	want := "localstack ended by itself: exit status 3\n" + filepath.Join(dir, "localstack.log") + " ends with:\n    starting\n    no java"
	require.EqualError(t, err, want)
	assert.EqualError(t, p.died(), want, "and again")
	require.NoError(t, os.RemoveAll(set))
	assert.FileExists(t, filepath.Join(dir, "localstack.log"), "the log stays when the set is gone")
}

func TestAnEmulatorThatCannotBeStarted(t *testing.T) {
	t.Parallel()
	_, err := start("azurite", command{args: []string{filepath.Join(t.TempDir(), "node")}}, t.TempDir(), t.TempDir())
	require.ErrorContains(t, err, "start azurite: ")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestAnEmulatorHasNoSettingsOfTheUser(t *testing.T) { // not parallel: it sets the environment
	t.Setenv("AWS_ENDPOINT_URL", "http://elsewhere")
	t.Setenv("PYTHONPATH", "/elsewhere")
	dir := t.TempDir()
	p, err := start("env", command{args: []string{"env"}, env: []string{"SERVICES=dynamodb,s3"}}, dir, dir)
	require.NoError(t, err)
	requireEnds(t, p.done)
	require.NoError(t, p.err)
	log, err := os.ReadFile(p.log)
	require.NoError(t, err)
	assert.NotContains(t, string(log), "elsewhere")
	assert.Contains(t, string(log), "SERVICES=dynamodb,s3\n")
	assert.Contains(t, string(log), setVariable+"="+dir+"\n")
}

func TestStatusIsAsAShellReportsIt(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -TERM $$": 143, "kill -KILL $$": 137} {
		cmd := exec.Command("sh", "-c", script)
		err := cmd.Run()
		if _, exited := errors.AsType[*exec.ExitError](err); !exited {
			require.NoError(t, err)
		}
		assert.Equal(t, want, statusOf(cmd.ProcessState), script)
	}
}

// PostgreSQL does not run as root, and root's home directory is for root alone: such a process is neither, and has its files.
func TestAProcessThatIsNotRoot(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 || runtime.GOOS != "linux" {
		t.Skip("only root on Linux needs it")
	}
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o700))
	p, err := start("id", command{args: []string{"sh", "-c", "id -u; echo mine >file; cat file"}, noRoot: true}, dir, dir)
	require.NoError(t, err)
	requireEnds(t, p.done)
	require.NoError(t, p.err)
	log, err := os.ReadFile(p.log)
	require.NoError(t, err)
	assert.Equal(t, "65534\nmine\n", string(log))
}

// A server that is asked in its way to end, as PostgreSQL is.
func TestStopAllAsksEachInItsWay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	polite := command{args: []string{"sh", "-c", `trap 'echo INT; exit 0' INT; trap '' TERM; echo up; while :; do sleep 0.05; done`}, stop: os.Interrupt}
	p, err := start("polite", polite, dir, dir)
	require.NoError(t, err)
	require.Eventually(t, func() bool { log, _ := os.ReadFile(p.log); return string(log) == "up\n" }, 20*time.Second, 10*time.Millisecond)
	require.NoError(t, stopAll([]*process{p}, dir, time.Minute))
	log, err := os.ReadFile(p.log)
	require.NoError(t, err)
	assert.Equal(t, "up\nINT\n", string(log))
}
