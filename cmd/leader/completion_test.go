package main

import (
	"bytes"
	"errors"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
)

func TestCompletion(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		o := commandtest.End(t, commandtest.Command(t, "completion", shell))
		o.Want(t, 0, "")
		require.Greater(t, len(o.Out), 1000)
		if path, err := exec.LookPath(shell); err == nil && shell == "bash" {
			check := exec.Command(path, "-n")
			check.Stdin = strings.NewReader(o.Out)
			out, err := check.CombinedOutput()
			require.NoError(t, err, "%s", out)
		}
	}
}

// In a real shell: what a person gets for a tab.
func TestCompletionInBash(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil || runtime.GOOS == "windows" {
		t.Skip("there is no bash here")
	}
	s := newFullShelf(t)
	cmd := exec.Command(bash, "--norc", "-c", `
		_get_comp_words_by_ref() { cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=("${COMP_WORDS[@]}") cword=$COMP_CWORD; }
		__ltrim_colon_completions() { :; }
		compopt() { :; }
		source <("$1" completion bash)
		COMP_WORDS=("$1" status h) COMP_CWORD=2 COMP_LINE="$1 status h" COMP_POINT=${#COMP_LINE} COMP_TYPE=9
		__start_leader
		echo "${COMPREPLY[*]}"`, "bash", commandtest.Binary()) // what is defined first comes with bash-completion
	cmd.Env = append(commandtest.Command(t).Env, "LEADER_STORE="+s.url)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s", stderr.String())
	require.Equal(t, "held", strings.TrimSpace(string(out)), "%s", stderr.String())
}

func TestCompletionOfNames(t *testing.T) {
	t.Parallel()
	s := newFullShelf(t)
	complete := func(args ...string) string {
		cmd := commandtest.Command(t, append([]string{"__complete"}, args...)...)
		cmd.Env = append(cmd.Env, "LEADER_STORE="+s.url)
		return commandtest.End(t, cmd).Out
	}
	for _, command := range []string{"status", "list", "watch", "break", "handover", "value show", "value clear", "checkpoint set x 1 --lease"} {
		require.Equal(t, "held\theld by node-1\n:4\n", complete(append(strings.Fields(command), "h")...))
	}
	s.save(t, "held-too", "held", 1)
	for _, command := range []string{"show", "list", "set"} {
		require.Equal(t, "held-too\n:4\n", complete("checkpoint", command, ""))
		require.Equal(t, "held-too\n:4\n", complete("checkpoint", command, "h"))
		require.Equal(t, ":4\n", complete("checkpoint", command, "x"))
		require.Equal(t, ":4\n", complete("checkpoint", command, "held-too", ""))
	}
	for _, k := range []string{"1", "2"} {
		s.acquire(t, "held-together/seats/"+k, "node-1", time.Hour, nil)
	}
	for _, command := range []string{"status", "watch", "reset"} {
		require.Equal(t, "held-together\n:4\n", complete("fleet", command, ""))
		require.Equal(t, "held-together\n:4\n", complete("fleet", command, "held-t"))
		require.Equal(t, ":4\n", complete("fleet", command, "x"))
		require.Equal(t, ":4\n", complete("fleet", command, "held-together", ""))
	}
	require.Contains(t, complete("status", ""), "broken\tbroken by nobody\n")
	require.Equal(t, ":4\n", complete("status", "held", ""), "there is one name")
	require.Equal(t, ":4\n", complete("status", "--store", "ftp://x", ""))
	require.Contains(t, complete("status", "--"), "--json\tprint JSON")
}

// documented are the commands whose help has every section.
var documented = []string{
	"status", "list", "watch", "break", "handover", "doctor", "checkpoint show", "checkpoint list", "checkpoint set", "value show", "value clear",
	"fleet status", "fleet watch", "fleet reset",
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, name := range documented {
		o := commandtest.End(t, commandtest.Command(t, append(strings.Fields(name), "--help")...))
		o.Want(t, 0, "")
		for _, part := range []string{"\nUsage:\n", "\nExamples:\n", "\nExit codes:\n", "\nEnvironment: LEADER_STORE", "NO_COLOR", "--store store"} {
			require.Contains(t, o.Out, part, name)
		}
		require.NotContains(t, o.Out, "\x1b")
		if name != "break" && name != "handover" && name != "checkpoint set" && name != "fleet reset" && !strings.HasPrefix(name, "value ") {
			require.Contains(t, o.Out, "--json")
			require.Contains(t, o.Out, "LEADER_JSON")
		}
	}
}

// The help of each command names the variables of all its flags.
func TestHelpNamesTheVariables(t *testing.T) {
	t.Parallel()
	named := 0
	for _, cmd := range everyCommand() {
		_, variables, has := strings.Cut(cmd.Long, "\nEnvironment: ")
		if !has {
			continue
		}
		named++
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if f.Name == "help" {
				return
			}
			key := variableOf(f)
			require.Regexp(t, `\b`+key+`\b`, variables, cmd.CommandPath())
			require.True(t, key != "" || strings.Contains(cmd.Long, "flags alone"), "--%s of %s", f.Name, cmd.CommandPath())
		})
	}
	require.GreaterOrEqual(t, named, len(documented))
}

// refined is the root command as main is to run it, and what it prints.
func refined(args ...string) (text string, err error) {
	var out bytes.Buffer
	a := &app{out: &out, err: &out}
	root := a.command()
	a.refine(root)
	root.SetArgs(append([]string{}, args...)) // nil means the arguments of this process
	err = root.Execute()
	return out.String(), err
}

func TestSuggestions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"stauts"}, `there is no command "stauts": did you mean status?; see leader --help`},
		{[]string{"xyz", "a"}, `there is no command "xyz"; see leader --help`},
		{[]string{"checkpoint", "shwo", "a"}, `there is no command "shwo": did you mean show?; see leader checkpoint --help`},
		{[]string{"fleet", "stauts"}, `there is no command "stauts": did you mean status?; see leader fleet --help`},
		{[]string{"value", "a"}, `there is no command "a"; see leader value --help`},
		{[]string{"completion", "bsh"}, `there is no command "bsh": did you mean bash or fish or zsh?; see leader completion --help`},
		{[]string{"list", "--jsn"}, "unknown flag: --jsn: did you mean --json?; see leader list --help"},
		{[]string{"watch", "--evry", "1s"}, "unknown flag: --evry: did you mean --every?; see leader watch --help"},
		{[]string{"list", "--stroe=x"}, "unknown flag: --stroe: did you mean --store?; see leader list --help"},
		{[]string{"list", "--xyz"}, "unknown flag: --xyz; see leader list --help"},
		{[]string{"list", "-x"}, "unknown shorthand flag: 'x' in -x; see leader list --help"},
	} {
		_, err := refined(test.args...)
		require.EqualError(t, err, test.want)
		coded, ok := errors.AsType[*exitError](err)
		require.True(t, ok)
		require.Equal(t, exitUsage, coded.code)
	}
}

func TestRootSaysWhatThereIs(t *testing.T) {
	t.Parallel()
	text, err := refined()
	require.NoError(t, err)
	for _, name := range []string{"status", "list", "watch", "break", "handover", "fleet", "checkpoint", "value", "doctor", "version", "completion"} {
		require.Contains(t, text, "\n  "+name+" ")
	}
}
