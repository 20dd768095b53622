package emulators

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sleeper is a process that ends by itself after a minute, with variables in its environment.
func sleeper(t *testing.T, env ...string) (pid int, done <-chan struct{}) {
	cmd := exec.Command("sleep", "60")
	cmd.Env = env
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	return cmd.Process.Pid, ended
}

func requireEnds(t *testing.T, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		require.Fail(t, "the process still runs")
	}
}

func assertRuns(t *testing.T, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
		assert.Fail(t, "the process was ended")
	default:
	}
}

func TestSweepEndsASetsProcessesAndNoOthers(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("nothing is swept here: the environment of processes is not to be read")
	}
	dir := t.TempDir()
	_, ours := sleeper(t, "A=b", setVariable+"="+dir)
	_, first := sleeper(t, setVariable+"="+dir, "A=b")
	var others []<-chan struct{}
	for _, env := range []string{setVariable + "=" + dir + "2", "X" + setVariable + "=" + dir, "OTHER=" + dir} {
		_, other := sleeper(t, env)
		others = append(others, other)
	}
	require.NoError(t, sweep(dir))
	requireEnds(t, ours)
	requireEnds(t, first)
	for _, other := range others {
		assertRuns(t, other)
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

// LocalStack takes its Java process along, if it is asked to end and not killed.
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
	p, err := start("localstack", command{args: []string{"sh", "-c", "echo starting; echo no java >&2; exit 3"}}, dir, dir)
	require.NoError(t, err)
	var ports Ports
	require.NoError(t, choosePorts(&ports))
	err = await(t.Context(), services[2], p, ports)
	require.EqualError(t, err, "localstack ended by itself: exit status 3\n"+filepath.Join(dir, "localstack.log")+
		" ends with:\n    starting\n    no java")
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
