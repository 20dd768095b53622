package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/internal/storeurl/urltest"
)

// everyCommand are all that a person can call, the completion's among them.
func everyCommand() (all []*cobra.Command) {
	root := (&app{}).command()
	root.InitDefaultHelpFlag()
	root.InitDefaultCompletionCmd()
	for next := []*cobra.Command{root}; len(next) > 0; next = next[1:] {
		all = append(all, next[0])
		next = append(next, next[0].Commands()...)
	}
	return all
}

// helpOf returns the help as a person sees it.
func helpOf(t *testing.T, cmd *cobra.Command) string {
	t.Helper()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.InitDefaultHelpFlag()
	require.NoError(t, cmd.Help())
	return out.String()
}

// The help of each command fits a terminal, wherever this user's directories are.
func TestHelpFits(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "/"+strings.Repeat("long/", 30))
	for _, cmd := range everyCommand() {
		for line := range strings.SplitSeq(helpOf(t, cmd), "\n") {
			require.LessOrEqual(t, utf8.RuneCountInString(line), helpWidth, "%s --help: %s", cmd.CommandPath(), line)
		}
	}
}

func TestWrap(t *testing.T) {
	t.Parallel()
	require.Equal(t, "aa bb\ncc dd\n\n  a b  cc\n       dd\n  - ee\n    ff\n\n\tleft alone as it is", wrap("aa bb cc\ndd\n\n  a b  cc\n       dd\n  - ee ff\n\n\tleft alone as it is", 7))
	require.Equal(t, "States:\n  held  it\n        is", wrap("States:\n  held  it is", 10))
	require.Equal(t, "  a, b\n      c d", wrap("  a, b\n      c\n      d", 10))
	require.Empty(t, wrap("", 9))
}

// Each flag that takes a value says of what kind it is, and its default as a person would write it.
func TestFlagsHaveTypesAndDefaults(t *testing.T) {
	t.Parallel()
	for _, cmd := range everyCommand() {
		cmd.Flags().AddFlagSet(cmd.PersistentFlags())
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			kind, usage := pflag.UnquoteUsage(f)
			where := "--" + f.Name + " of " + cmd.CommandPath()
			if f.Value.Type() != "bool" {
				require.NotContains(t, []string{"", "string", "int", "strings"}, kind, where)
			}
			require.NotEmpty(t, usage, where)
			require.NotRegexp(t, `m0s$|[A-Z]{3}$|^/|:`, f.DefValue, where)
			if f.Value.Type() == "duration" && f.DefValue == "0s" {
				require.Contains(t, usage, "(default ", where+" has a default that is not nothing, or says what leaving it out means")
			}
		})
	}
}

// A shell that finds no file by ? or & gives up (zsh), or starts something in the background.
func TestURLsAreQuoted(t *testing.T) {
	t.Parallel()
	for _, cmd := range everyCommand() {
		for line := range strings.SplitSeq(cmd.Example, "\n") {
			bare := regexp.MustCompile(`'[^']*'|"[^"]*"`).ReplaceAllString(line, "")
			require.NotRegexp(t, `\w+:\S*[?&*]`, bare, "%s: %s", cmd.CommandPath(), line)
		}
	}
}

func TestCompletionOfFlags(t *testing.T) {
	t.Parallel()
	s := newFullShelf(t)
	complete := func(args ...string) string {
		cmd := commandtest.Command(t, append([]string{"__complete"}, args...)...)
		cmd.Env = append(cmd.Env, "LEADER_STORE="+s.url)
		return commandtest.End(t, cmd).Out
	}
	require.Equal(t, "azblob://\tazblob://ACCOUNT/CONTAINER\ndynamodb://\tdynamodb://TABLE\nfile:\tfile:DIRECTORY\ngs://\tgs://BUCKET\ns3://\ts3://BUCKET\n:6\n",
		complete("status", "--store", ""))
	require.Equal(t, "s3://\ts3://BUCKET\n:6\n", complete("run", "--store", "s"))
	require.Equal(t, "held\theld by node-1\n:4\n", complete("run", "--name", "h"))
	s.acquire(t, "held-together/seats/3", "node-1", time.Hour, nil)
	require.Equal(t, "held-together\n:4\n", complete("fleet", "run", "--name", "h"))
	require.Equal(t, "debug\ninfo\nwarn\nerror\n:4\n", complete("run", "--log-level", ""))
	require.Equal(t, "text\njson\n:4\n", complete("run", "--log-format", ""))
	require.Equal(t, ":4\n", complete("run", "--lease-length", ""), "there are no files that it could be")
	for scheme := range urltest.Places {
		if scheme != "mem" && scheme != "nosuch" { // those are not here
			require.Contains(t, forms, scheme)
		}
	}
}

// What is too much, or is not there, is a usage error for cobra's commands, too.
func TestHelp_OfNothing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ args, says string }{
		{"help nosuch", `there is no command "nosuch"`},
		{"help run nosuch", `there is no command "run nosuch"`},
		{"completion bash extra", `unknown command "extra"`},
		{"completion fish extra", `unknown command "extra"`},
	} {
		commandtest.End(t, commandtest.Command(t, strings.Fields(test.args)...)).Want(t, exitUsage, test.says)
	}
	for _, args := range []string{"help", "help run", "help fleet run"} {
		o := commandtest.End(t, commandtest.Command(t, strings.Fields(args)...))
		o.Want(t, 0, "")
		require.Contains(t, o.Out, "\n  leader"+strings.TrimPrefix(args, "help"))
	}
}
