package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/examples/internal/nodes"
)

// TestMain lets a test start nodes as the program does: by running itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "node" {
		main()
		os.Exit(0)
	}
	flag.Parse()
	_ = flag.Set("test.parallel", "4") // whatever the processors: these tests wait, most of the time
	os.Exit(m.Run())
}

// build compiles the program as go run does, and returns a command that runs it with a new temporary directory.
func build(t *testing.T) (cmd *exec.Cmd, temp string) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "quickstart.exe")
	out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	temp = t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd = exec.CommandContext(ctx, binary)
	cmd.Env = append(os.Environ(), "TMPDIR="+temp, "TMP="+temp, "TEMP="+temp)
	return cmd, temp
}

// L1 and S1, with real processes: what a user sees who tries the library for the first time.
func TestQuickstart(t *testing.T) {
	t.Parallel()
	cmd, temp := build(t)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	require.NoError(t, err)
	for _, told := range []string{
		`a +starts, as process \d+`,
		`[abc] +1 +leads`,
		`[abc] +\d+ +is killed`,
		`failover: \d\.\d\ds, or \d\.\d\d lease lengths`,
		`[abc] +\d+ +is asked to stop`,
		`[abc] +has ended: exit status 0`,
		`The journal: \d+ lines of \d+ terms\.`,
		`no line of an older term after one of a newer +ok`,
		`no two nodes with the same token +ok`,
		`numbers go on without gap or repeat +ok`,
		`no longer pause than is promised +ok`,
		`leader killed: another led after \d\.\d\ds, at most 4\.00s promised +ok`,
		`leader asked to stop: another led after \d\.\d\ds, at most 1\.00s promised +ok`,
	} {
		require.Regexp(t, told, string(out))
	}
	if nodes.CanSuspend {
		require.Regexp(t, `its work has returned; its term's Check says: lease "journal" with token \d+ is lost`, string(out))
		require.Regexp(t, `knew \d+ ms after it was woken; lines written since: 0\n`, string(out))
		require.Regexp(t, `leader suspended: another led after \d\.\d\ds, at most 4\.00s promised +ok`, string(out))
	}
	require.NotContains(t, string(out), "BROKEN")
	empty(t, temp)
}

// Ctrl-C leaves nothing behind: no process, no directory.
func TestInterrupted(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("os.Process.Signal cannot send an interrupt on Windows")
	}
	t.Parallel()
	cmd, temp := build(t)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	moment := " leads\n"
	if nodes.CanSuspend {
		moment = " is suspended (SIGSTOP)\n" // a process that cannot hear that it is to end
	}
	said := readUntil(t, stdout, moment)
	interrupted := time.Now()
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &exit)
	require.Less(t, time.Since(interrupted), patience/2, "the nodes end as they are asked to, and need not be killed")
	require.Equal(t, 1, exit.ExitCode())
	require.Equal(t, "quickstart: interrupted\n", complaint.String())

	pids := regexp.MustCompile(`as process (\d+)`).FindAllStringSubmatch(said, -1)
	require.GreaterOrEqual(t, len(pids), 3)
	for _, pid := range pids {
		require.False(t, alive(t, pid[1]), "process %s was left behind", pid[1])
	}
	empty(t, temp)
}

func readUntil(t *testing.T, from interface{ Read([]byte) (int, error) }, end string) string {
	t.Helper()
	var said []byte
	for buffer := make([]byte, 1024); !bytes.Contains(said, []byte(end)); {
		n, err := from.Read(buffer)
		said = append(said, buffer[:n]...)
		require.NoError(t, err, string(said))
	}
	return string(said)
}

func empty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}
