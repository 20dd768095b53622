package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/examples/internal/journal"
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
func build(t *testing.T, args ...string) (cmd *exec.Cmd, temp string) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "fleet.exe")
	out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	temp = t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	cmd = exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+temp, "TMP="+temp, "TEMP="+temp)
	return cmd, temp
}

// FS1 to FS3, FL1 and FL2, with real processes: what a user sees who tries a fleet for the first time, with shorter leases.
func TestFleet(t *testing.T) {
	t.Parallel()
	cmd, temp := build(t, "-lease", "2s", "-parts", "24")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	require.NoError(t, err)
	for _, told := range []string{
		`a +starts, as process \d+`,
		`[a-e] +is the coordinator`,
		`balance: a [45], b [45], c [45], d [45], e [45], after`,
		`[a-e] +is killed \(SIGKILL\), with \d+ parts`,
		`balance: [a-e] 6, [a-e] 6, [a-e] 6, [a-e] 6, after`,
		`balance: [a-e] 8, [a-e] 8, [a-e] 8, after`,
		`g +starts, as process`,
		`[a-g] +is asked to stop \(` + nodes.StoppedBy + `\), with \d+ parts`,
		`[a-g] +has ended: exit status 0`,
		`k +starts, as process`,
		`balance: h 6, i 6, j 6, k 6, after`,
		`no longer gap than FL1 and FL2 promise +ok`,
		`a late line of an old term is refused +ok`,
	} {
		require.Regexp(t, told, string(out))
	}
	if nodes.CanSuspend {
		require.Regexp(t, `balance: [a-e] 12, [a-e] 12, after`, string(out))
		require.Regexp(t, `[a-e] +has lost its seat: lease "journals/seats/\d+" with token \d+ is lost`, string(out))
	}
	for _, r := range journal.Rules {
		require.Regexp(t, r.Name+` +ok`, string(out))
	}
	require.NotContains(t, string(out), "BROKEN")
	moves := regexp.MustCompile(`moves: (\d+), the least possible is (\d+)`).FindAllStringSubmatch(string(out), -1)
	require.GreaterOrEqual(t, len(moves), 6)
	for _, m := range moves {
		took, err1 := strconv.Atoi(m[1])
		least, err2 := strconv.Atoi(m[2])
		require.NoError(t, err1)
		require.NoError(t, err2)
		require.GreaterOrEqual(t, took, least, "the least is the least: %s", m[0])
	}
	empty(t, temp)
}

// Ctrl-C leaves nothing behind: no process, no directory.
func TestInterrupted(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("os.Process.Signal cannot send an interrupt on Windows")
	}
	t.Parallel()
	cmd, temp := build(t, "-lease", "2s", "-parts", "8")
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var said []byte
	for buffer := make([]byte, 1024); !bytes.Contains(said, []byte("balance: ")); {
		n, err := stdout.Read(buffer)
		said = append(said, buffer[:n]...)
		require.NoError(t, err, string(said))
	}
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &exit)
	require.Equal(t, 1, exit.ExitCode())
	require.Equal(t, "fleet: interrupted\n", complaint.String())
	if runtime.GOOS == "linux" {
		for _, pid := range regexp.MustCompile(`as process (\d+)`).FindAllStringSubmatch(string(said), -1) {
			require.NoDirExists(t, "/proc/"+pid[1], "process %s was left behind", pid[1])
		}
	}
	empty(t, temp)
}

func empty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestJournalRefusesLateLines(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "7")
	old, err := claimJournal(path, 3, "a")
	require.NoError(t, err)
	defer old.Close()
	require.NoError(t, old.append())

	fresh, err := claimJournal(path, 5, "b")
	require.NoError(t, err)
	defer fresh.Close()
	require.ErrorIs(t, old.append(), errLate, "from the claim on, and not from the first line after it on")
	_, err = claimJournal(path, 4, "a")
	require.ErrorIs(t, err, errLate)
	require.NoError(t, fresh.append())
	again, err := claimJournal(path, 5, "b") // a work that has failed, and is begun again in its term
	require.NoError(t, err)
	defer again.Close()

	entries, err := journal.Read(path)
	require.NoError(t, err)
	var tokens []uint64
	for i, e := range entries {
		tokens = append(tokens, e.Token)
		require.EqualValues(t, i+1, e.Number)
	}
	require.Equal(t, []uint64{3, 3, 5, 5, 5}, tokens)
}

// Each rule finds its violations.
func TestVerify(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	allowed := func(before, after journal.Entry) time.Duration { return 2 * time.Second }
	for _, test := range []struct{ lines, finds string }{
		{"1 1 a 0, 2 1 a 1, 3 4 b 3", ""},
		{"", "is empty"},
		{"1 4 a 0, 2 3 b 1", "comes after a line with token 4"},
		{"1 4 a 0, 2 4 b 1", "has the token of node a"},
		{"1 4 a 0, 3 4 a 1", "comes where number 2 should"},
		{"1 4 a 0, 1 4 a 1", "comes where number 2 should"},
		{"1 4 a 0, 2 5 b 3", "3.00s after the line before it, and 2.00s are promised"},
	} {
		var entries []journal.Entry
		for line := range strings.SplitSeq(test.lines, ", ") {
			if line == "" {
				continue
			}
			var e journal.Entry
			var after time.Duration
			_, err := fmt.Sscan(line, &e.Number, &e.Token, &e.Node, &after)
			require.NoError(t, err)
			e.At = start.Add(after * time.Second)
			entries = append(entries, e)
		}
		err := journal.Broken(verify(map[string][]journal.Entry{"0": entries}, 1, allowed))
		if test.finds == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, test.finds)
		}
	}
}

func TestBalance(t *testing.T) {
	t.Parallel()
	b := newBalance(4)
	b.crew = map[string]bool{"a": true, "b": true}
	require.False(t, b.settled())
	require.Zero(t, b.least())
	for i, node := range []string{"a", "a", "b", "b"} {
		b.begins(node, strconv.Itoa(i), 1)
	}
	require.True(t, b.settled())
	require.Zero(t, b.moves)

	b.crew["c"] = true
	require.False(t, b.settled())
	require.Equal(t, 1, b.least(), "two nodes keep one, and one keeps two")
	b.begins("c", "3", 2)
	b.begins("b", "3", 1) // a message that comes late
	require.True(t, b.settled())
	require.Equal(t, 1, b.moves)
	require.Equal(t, "a 2, b 1, c 1", b.String())

	delete(b.crew, "a")
	require.False(t, b.settled())
	require.Equal(t, 2, b.least())
}
