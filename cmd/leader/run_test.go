//go:build unix

package main

import (
	"errors"
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

	"github.com/cloudlease/leader/internal/transcript"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/file"
)

const (
	stuckAfter = 30 * time.Second
	often      = 2 * time.Millisecond // how often what is waited for is looked at
)

// A site is what the nodes of a test share: a store in a directory, and a file that their programs write to.
type site struct {
	t     *testing.T
	store string
	file  string
}

func newSite(t *testing.T) site {
	t.Parallel()
	dir := t.TempDir()
	s := site{t: t, store: filepath.Join(dir, "store"), file: filepath.Join(dir, "file")}
	// Before the directory is removed, which a guard would make anew that gives its lease back.
	t.Cleanup(func() { eventually(t, "no guard is left", func() bool { return !s.guarded() }) })
	return s
}

// guarded reports whether a guard of this site's runs, where there is a /proc to tell.
func (s site) guarded() bool {
	commands, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range commands {
		command, _ := os.ReadFile(path)
		environ, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "environ"))
		if strings.HasPrefix(string(command), "leader\x00"+guardName+"\x00") && strings.Contains(string(environ), "FILE="+s.file+"\x00") {
			return true
		}
	}
	return false
}

// A node is a leader run that has been started.
type node struct {
	t      *testing.T
	cmd    *exec.Cmd
	output *transcript.Transcript
	done   chan struct{}
}

// command is leader run with the arguments. The program finds the site's file as $FILE.
func (s site) command(args ...string) *exec.Cmd {
	cmd := command(s.t, append([]string{"run", "--store", fileURL(s.store)}, args...)...)
	cmd.Env = append(cmd.Env, "FILE="+s.file, "GORACE=atexit_sleep_ms=0") // else each process takes a second to end
	return cmd
}

// quick is the flags of a short lease.
func quick(args ...string) []string { return append([]string{"--lease-length", "1500ms"}, args...) }

// minute is the flags of a lease that keeps the next leader waiting for longer than a test waits, if it has to run out.
var minute = []string{"--lease-length", "60s", "--acquire-every", "100ms", "--stop-timeout", "500ms"}

func (s site) start(args ...string) *node { return s.launch(s.command(args...)) }

func (s site) launch(cmd *exec.Cmd) *node {
	s.t.Helper()
	n := &node{t: s.t, cmd: cmd, output: &transcript.Transcript{}, done: make(chan struct{})}
	cmd.Stderr = n.output
	if cmd.Stdout == nil {
		cmd.Stdout = n.output
	}
	require.NoError(s.t, cmd.Start())
	go func() {
		defer close(n.done)
		_ = cmd.Wait() // also for all that holds its output
	}()
	s.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGCONT)
		_ = cmd.Process.Kill()
		n.wait()
		if s.t.Failed() {
			s.t.Logf("%v:\n%s", cmd.Args, n.output)
		}
	})
	return n
}

func (n *node) signal(s os.Signal) {
	n.t.Helper()
	require.NoError(n.t, n.cmd.Process.Signal(s))
}

// wait returns the exit code once leader, and all that it started, have ended.
func (n *node) wait() int {
	n.t.Helper()
	select {
	case <-n.done:
	case <-time.After(stuckAfter):
		require.Fail(n.t, "it does not end", n.output.String())
	}
	return n.cmd.ProcessState.ExitCode()
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	require.Eventually(t, is, stuckAfter, often, what)
}

// lines are those that programs have written to the file.
func (s site) lines() []string {
	content, err := os.ReadFile(s.file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	require.NoError(s.t, err)
	return strings.Fields(string(content))
}

// awaitLines waits for n lines, and returns them.
func (s site) awaitLines(n int) (lines []string) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("%d lines in the file", n), func() bool {
		lines = s.lines()
		return len(lines) >= n
	})
	return lines
}

// pids are those that programs have written.
func (s site) awaitPids(n int) (pids []int) {
	for _, line := range s.awaitLines(n) {
		pid, err := strconv.Atoi(line)
		require.NoError(s.t, err)
		pids = append(pids, pid)
	}
	return pids
}

func (s site) lease(name string) lease.Info {
	info, err := lease.Inspect(s.t.Context(), file.New(s.store), name)
	require.NoError(s.t, err)
	return info
}

func TestRunEnvironment(t *testing.T) {
	s := newSite(t)
	for token := 1; token <= 2; token++ {
		cmd := s.command("--name", "a", "--node", "n1", "--attribute", "b=c,d=e", "--attribute", "f=g=h",
			"--attribute", `q="a", 'b'`, "--attribute", "empty=", "--attribute", "b c= d", "--",
			"sh", "-c", `echo "$0 $1 $LEADER_TOKEN $LEADER_LEASE $LEADER_HOLDER $FILE"; cat`, "--name", "x")
		cmd.Stdin = strings.NewReader("typed")
		out, err := cmd.Output()
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("--name x %d a n1 %s\ntyped", token, s.file), string(out))
	}
	require.Equal(t, lease.Free, s.lease("a").State)
	require.Equal(t, map[string]string{"b": "c,d=e", "f": "g=h", "q": `"a", 'b'`, "empty": "", "b c": " d"}, s.lease("a").Attributes)
}

func TestRunFlagsFromTheEnvironment(t *testing.T) {
	s := newSite(t)
	cmd := s.command("sh", "-c", `echo $LEADER_LEASE $LEADER_HOLDER`)
	cmd.Env = append(cmd.Env, "LEADER_NAME=b", "LEADER_NODE=n2", "LEADER_ATTRIBUTE=c=d,e=f")
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, "b n2\n", string(out))
	require.Equal(t, map[string]string{"c": "d,e=f"}, s.lease("b").Attributes)
}

func TestRunExitCodes(t *testing.T) {
	s := newSite(t)
	plain := filepath.Join(t.TempDir(), "plain")
	require.NoError(t, os.WriteFile(plain, []byte("#!/bin/sh\n"), 0o600))
	notAProgram := filepath.Join(t.TempDir(), "garbage")
	require.NoError(t, os.WriteFile(notAProgram, []byte("\x00\x01"), 0o700))
	for name, test := range map[string]struct {
		args []string
		code int
		says string
	}{
		"success":                  {[]string{"--", "true"}, 0, ""},
		"failure":                  {[]string{"--", "sh", "-c", "exit 7"}, 7, ""},
		"signal":                   {[]string{"--", "sh", "-c", "kill -USR1 $$"}, 128 + int(syscall.SIGUSR1), ""},
		"kill":                     {[]string{"--", "sh", "-c", "kill -KILL $$"}, 137, ""},
		"once, success":            {[]string{"--once", "--", "true"}, 0, ""},
		"once, failure":            {[]string{"--once", "--", "sh", "-c", "exit 7"}, 7, ""},
		"once, signal":             {[]string{"--once", "--", "sh", "-c", "kill -TERM $$"}, 143, ""},
		"no such program":          {[]string{"--", "no-such-program"}, 127, "no-such-program"},
		"not executable":           {[]string{"--", plain}, 126, "permission denied"},
		"not a program":            {[]string{"--", notAProgram}, 126, "exec format error"},
		"no program":               {nil, 2, "there is no program"},
		"no such flag":             {[]string{"--no-such-flag", "--", "true"}, 2, "unknown flag"},
		"an interval":              {[]string{"--lease-length", "-1s", "--", "true"}, 2, "--lease-length"},
		"stop timeout":             {[]string{"--stop-timeout", "14s", "--", "true"}, 2, "--lease-length of 1m10s"},
		"drain timeout":            {[]string{"--drain-timeout", "0s", "--", "true"}, 2, "--drain-timeout 0s is not positive"},
		"renewals":                 {[]string{"--renew-every", "7s", "--", "true"}, 2, "each 7s"},
		"hold without once":        {[]string{"--hold-at-least", "1s", "--", "true"}, 2, "--hold-at-least is for --once"},
		"code without once":        {[]string{"--held-exit-code", "1", "--", "true"}, 2, "--held-exit-code is for --once"},
		"holds too long":           {[]string{"--once", "--hold-at-least", "1m", "--", "true"}, 2, "--hold-at-least 1m0s"},
		"log":                      {[]string{"--log-format", "xml", "--", "true"}, 2, "--log-format"},
		"attribute":                {[]string{"--attribute", "a", "--", "true"}, 2, `"a" is not key=value`},
		"attribute without key":    {[]string{"--attribute", "=a", "--", "true"}, 2, `"=a" is not key=value`},
		"level":                    {[]string{"--log-level", "loud", "--", "true"}, 2, "--log-level"},
		"health URL":               {[]string{"--health-http", "localhost:80", "--", "true"}, 2, "--health-http"},
		"address":                  {[]string{"--listen", "127.0.0.1:99999", "--", "true"}, 1, "--listen"},
		"name":                     {[]string{"--name", "a\tb", "--", "true"}, 2, "control character"},
		"store":                    {[]string{"--store", "tape://a", "--", "true"}, 2, "tape"},
		"the guard, by a person":   {[]string{"--", binary, "guard", "/bin/true", "true"}, 2, "guard is started by leader run alone"},
		"unhealthy from the start": {[]string{"--once", "--health-cmd", "echo sick; false", "--", "true"}, 1, "sick"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"--name", strings.NewReplacer(" ", "-", ",", "").Replace(name)}, test.args...)
			cmd := s.command(args...)
			out, _ := cmd.CombinedOutput()
			require.Equal(t, test.code, cmd.ProcessState.ExitCode(), "%s", out)
			require.Contains(t, string(out), test.says)
		})
	}
}

func TestRunStops(t *testing.T) {
	for name, test := range map[string]struct {
		args    []string
		program string
		signals []os.Signal
		code    int
	}{
		"TERM, to whom it may concern": {nil, `echo up >>$FILE; exec sleep 1000`, []os.Signal{syscall.SIGTERM}, 0},
		"INT":                          {nil, `echo up >>$FILE; exec sleep 1000`, []os.Signal{os.Interrupt}, 0},
		"its own status":               {nil, `trap 'exit 5' TERM; echo up >>$FILE; while :; do sleep 0.01; done`, []os.Signal{syscall.SIGTERM}, 5},
		"none":                         {nil, `trap 'exit 0' TERM; echo up >>$FILE; while :; do sleep 0.01; done`, []os.Signal{syscall.SIGTERM}, 0},
		"it ignores that":              {[]string{"--drain-timeout", "100ms"}, `trap '' TERM; echo up >>$FILE; while :; do sleep 1; done`, []os.Signal{syscall.SIGTERM}, 137},
		"while it is stopped":          {nil, `trap 'exit 6' TERM; echo up >>$FILE; kill -STOP $$; while :; do sleep 0.01; done`, []os.Signal{syscall.SIGTERM}, 6},
		"once":                         {[]string{"--once"}, `echo up >>$FILE; exec sleep 1000`, []os.Signal{syscall.SIGTERM}, 143},
		"once, INT":                    {[]string{"--once"}, `trap 'exit 0' TERM; echo up >>$FILE; while :; do sleep 0.01; done`, []os.Signal{os.Interrupt}, 130},
		"once, its own status":         {[]string{"--once"}, `trap 'exit 5' TERM; echo up >>$FILE; while :; do sleep 0.01; done`, []os.Signal{os.Interrupt}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			n := s.start(append(quick(test.args...), "--", "sh", "-c", test.program)...)
			for i, signal := range test.signals {
				s.awaitLines(i + 1)
				n.signal(signal)
			}
			require.Equal(t, test.code, n.wait())
			require.Equal(t, lease.Free, s.lease(defaultName).State, "it is released")
		})
	}
}

func TestRunStopsAStandby(t *testing.T) {
	s := newSite(t)
	s.start("--", "sh", "-c", `echo up >>$FILE; exec sleep 1000`)
	s.awaitLines(1)
	for signal, code := range map[syscall.Signal]int{syscall.SIGTERM: 0, syscall.SIGINT: 0, syscall.SIGQUIT: 0} {
		n := s.start("--", "sh", "-c", `echo never >>$FILE`)
		eventually(t, "it waits", func() bool { return strings.Contains(n.output.String(), "another node leads") })
		n.signal(syscall.SIGHUP) // for programs that run
		n.signal(syscall.SIGUSR1)
		n.signal(signal)
		require.Equal(t, code, n.wait())
	}
	require.Equal(t, []string{"up"}, s.lines())
}

// The lease is kept until the last process has ended, and renewed meanwhile.
func TestRunReleasesWhenAllHaveEnded(t *testing.T) {
	s := newSite(t)
	n := s.start("--lease-length", "9s", "--stop-timeout", "1500ms", "--", "sh", "-c",
		`sh -c 'trap "echo asked >>$FILE" TERM; echo up >>$FILE; while :; do sleep 0.01; done' &
		while ! test -s $FILE; do sleep 0.01; done; exit 4`)
	require.Equal(t, []string{"up", "asked"}, s.awaitLines(2), "the program has ended, and what it has left behind is to")
	require.Equal(t, lease.Held, s.lease(defaultName).State)
	require.Equal(t, 4, n.wait())
	require.Equal(t, lease.Free, s.lease(defaultName).State)
}

func TestRunPassesSignalsOn(t *testing.T) {
	s := newSite(t)
	n := s.start("--", "sh", "-c", `for s in HUP USR1 USR2 QUIT WINCH; do trap "echo $s >>$FILE" $s; done
		echo up >>$FILE; while :; do sleep 0.01; done`)
	for i, signal := range []os.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGQUIT, syscall.SIGWINCH} {
		s.awaitLines(i + 1)
		n.signal(signal)
	}
	require.Equal(t, []string{"up", "HUP", "USR1", "USR2", "QUIT", "WINCH"}, s.awaitLines(6))
}

// As under nohup.
func TestRunLeavesIgnoredSignalsAlone(t *testing.T) {
	s := newSite(t)
	cmd := s.command("--", "sh", "-c", `trap 'echo HUP >>$FILE' HUP; trap 'echo USR1 >>$FILE' USR1; echo up >>$FILE; while :; do sleep 0.01; done`)
	cmd.Args = append([]string{"sh", "-c", `trap '' HUP; exec "$@"`, "sh", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	n := s.launch(cmd)
	s.awaitLines(1)
	n.signal(syscall.SIGHUP)
	n.signal(syscall.SIGUSR1)
	require.Equal(t, []string{"up", "USR1"}, s.awaitLines(2), "a shell cannot trap what was ignored when it began")
}

func TestRunHandsOver(t *testing.T) {
	s := newSite(t)
	program := []string{"--", "sh", "-c", `echo $LEADER_TOKEN >>$FILE; exec sleep 1000`}
	a := s.start(append(quick(), program...)...)
	s.awaitLines(1)
	b := s.start(append(quick(), program...)...)
	eventually(t, "it waits", func() bool { return strings.Contains(b.output.String(), "another node leads") })
	a.signal(syscall.SIGTERM)
	require.Equal(t, 0, a.wait())
	require.Equal(t, []string{"1", "2"}, s.awaitLines(2))
}
