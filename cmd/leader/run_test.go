//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/lease"
)

func TestRunEnvironment(t *testing.T) {
	s := commandtest.NewSite(t)
	for token := 1; token <= 2; token++ {
		cmd := s.Command("--name", "a", "--node", "n1", "--attribute", "b=c,d=e", "--attribute", "f=g=h",
			"--attribute", `q="a", 'b'`, "--attribute", "empty=", "--attribute", "b c= d", "--",
			"sh", "-c", `echo "$0 $1 $LEADER_TOKEN $LEADER_LEASE $LEADER_HOLDER $FILE"; cat`, "--name", "x")
		cmd.Stdin = strings.NewReader("typed")
		out, err := cmd.Output()
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("--name x %d a n1 %s\ntyped", token, s.File), string(out))
	}
	require.Equal(t, lease.Free, s.Lease("a").State)
	require.Equal(t, map[string]string{"b": "c,d=e", "f": "g=h", "q": `"a", 'b'`, "empty": "", "b c": " d"}, s.Lease("a").Attributes)
}

func TestRunFlagsFromTheEnvironment(t *testing.T) {
	s := commandtest.NewSite(t)
	cmd := s.Command("sh", "-c", `echo $LEADER_LEASE $LEADER_HOLDER`)
	cmd.Env = append(cmd.Env, "LEADER_NAME=b", "LEADER_NODE=n2", `LEADER_ATTRIBUTE=c=d,"e=f,g=""h""",i=`)
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, "b n2\n", string(out))
	require.Equal(t, map[string]string{"c": "d", "e": `f,g="h"`, "i": ""}, s.Lease("b").Attributes)
}

func TestRunExitCodes(t *testing.T) {
	s := commandtest.NewSite(t)
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
		"address":                  {[]string{"--listen", "127.0.0.1:99999", "--", "true"}, 2, "--listen"},
		"name":                     {[]string{"--name", "a\tb", "--", "true"}, 2, "control character"},
		"store":                    {[]string{"--store", "tape://a", "--", "true"}, 2, "tape"},
		"the guard, by a person":   {[]string{"--", commandtest.Binary(), "guard", "/bin/true", "true"}, 2, "only leader run starts the guard"},
		"unhealthy from the start": {[]string{"--once", "--health-cmd", "echo sick; false", "--", "true"}, 1, "sick"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"--name", strings.NewReplacer(" ", "-", ",", "").Replace(name)}, test.args...)
			cmd := s.Command(args...)
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
			s := commandtest.NewSite(t)
			n := s.Start(append(commandtest.Quick(test.args...), "--", "sh", "-c", test.program)...)
			for i, signal := range test.signals {
				s.AwaitLines(i + 1)
				n.Signal(signal)
			}
			require.Equal(t, test.code, n.Wait())
			require.Equal(t, lease.Free, s.Lease(defaultName).State, "it is released")
		})
	}
}

func TestRunStopsAStandby(t *testing.T) {
	s := commandtest.NewSite(t)
	s.Start("--", "sh", "-c", `echo up >>$FILE; exec sleep 1000`)
	s.AwaitLines(1)
	for signal, code := range map[syscall.Signal]int{syscall.SIGTERM: 0, syscall.SIGINT: 0, syscall.SIGQUIT: 0} {
		n := s.Start("--", "sh", "-c", `echo never >>$FILE`)
		n.Await("another node leads")
		n.Signal(syscall.SIGHUP) // for programs that run
		n.Signal(syscall.SIGUSR1)
		n.Signal(signal)
		require.Equal(t, code, n.Wait())
	}
	require.Equal(t, []string{"up"}, s.Lines())
}

// The lease is kept until the last process has ended, and renewed meanwhile.
func TestRunReleasesWhenAllHaveEnded(t *testing.T) {
	s := commandtest.NewSite(t)
	n := s.Start("--lease-length", "9s", "--stop-timeout", "1500ms", "--", "sh", "-c",
		`sh -c 'trap "echo asked >>$FILE" TERM; echo up >>$FILE; while :; do sleep 0.01; done' &
		while ! test -s $FILE; do sleep 0.01; done; exit 4`)
	require.Equal(t, []string{"up", "asked"}, s.AwaitLines(2), "the program has ended, and what it has left behind is to")
	require.Equal(t, lease.Held, s.Lease(defaultName).State)
	require.Equal(t, 4, n.Wait())
	require.Equal(t, lease.Free, s.Lease(defaultName).State)
}

func TestRunPassesSignalsOn(t *testing.T) {
	s := commandtest.NewSite(t)
	n := s.Start("--", "sh", "-c", `for s in HUP USR1 USR2 QUIT WINCH; do trap "echo $s >>$FILE" $s; done
		echo up >>$FILE; while :; do sleep 0.01; done`)
	for i, signal := range []os.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGQUIT, syscall.SIGWINCH} {
		s.AwaitLines(i + 1)
		n.Signal(signal)
	}
	require.Equal(t, []string{"up", "HUP", "USR1", "USR2", "QUIT", "WINCH"}, s.AwaitLines(6))
}

// As under nohup.
func TestRunLeavesIgnoredSignalsAlone(t *testing.T) {
	s := commandtest.NewSite(t)
	cmd := s.Command("--", "sh", "-c", `trap 'echo HUP >>$FILE' HUP; trap 'echo USR1 >>$FILE' USR1; echo up >>$FILE; while :; do sleep 0.01; done`)
	cmd.Args = append([]string{"sh", "-c", `trap '' HUP; exec "$@"`, "sh", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	n := s.Launch(cmd)
	s.AwaitLines(1)
	n.Signal(syscall.SIGHUP)
	n.Signal(syscall.SIGUSR1)
	require.Equal(t, []string{"up", "USR1"}, s.AwaitLines(2), "a shell cannot trap what was ignored when it began")
}

func TestRunHandsOver(t *testing.T) {
	s := commandtest.NewSite(t)
	program := []string{"--", "sh", "-c", `echo $LEADER_TOKEN >>$FILE; exec sleep 1000`}
	a := s.Start(append(commandtest.Quick(), program...)...)
	s.AwaitLines(1)
	b := s.Start(append(commandtest.Quick(), program...)...)
	b.Await("another node leads")
	a.Signal(syscall.SIGTERM)
	require.Equal(t, 0, a.Wait())
	require.Equal(t, []string{"1", "2"}, s.AwaitLines(2))
}
