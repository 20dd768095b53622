//go:build unix

package main

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/cmd/leader/internal/guard"
	"github.com/cloudlease/leader/cmd/leader/internal/store"
	"github.com/cloudlease/leader/lease"
)

// What leader sets for its program is all different from what it reads: whatever that program finds beside what leader found.
func TestProgramFindsNoFlags(t *testing.T) {
	s := commandtest.NewSite(t)
	set := map[string]bool{}
	finds := func(cmd *exec.Cmd, out, help string, variables ...string) {
		before := strings.Join(cmd.Env, "\n")
		for _, found := range regexp.MustCompile(`(?m)^(\w+)=`).FindAllStringSubmatch(out, -1) {
			if !strings.Contains(before, found[0]) {
				set[found[1]] = true
			}
		}
		for _, variable := range variables {
			require.True(t, set[variable], "%s in %v", variable, set)
			require.Contains(t, help, "\n  "+variable+" ")
		}
	}
	cmd := s.Command("--", "env")
	out, err := cmd.Output()
	require.NoError(t, err)
	finds(cmd, string(out), runHelp, guard.TokenVariable, leaseVariable, holderVariable)

	cmd = s.Fleet(quickFleet("--part", "a", "--", "sh", "-c", `env; echo; sleep 60`)...)
	n := s.Launch(cmd)
	commandtest.Eventually(t, "the program runs", func() bool { return n.Says("\n\n") })
	finds(cmd, n.Output.String(), fleetRunHelp, guard.TokenVariable, leaseVariable, holderVariable, fleetVariable, partVariable)
	for _, cmd := range everyCommand() {
		cmd.Flags().AddFlagSet(cmd.PersistentFlags())
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			require.False(t, set[variableOf(f)], "--%s of %s is read from what is set for the program", f.Name, cmd.CommandPath())
		})
	}
}

func TestNested(t *testing.T) {
	inner := `"$BINARY" run --store "$STORE" `
	for name, test := range map[string]struct {
		name, program, says string
		env                 []string
		code                int
		finds               string
	}{
		"another lease":  {"outer", inner + `-- sh -c 'echo $LEADER_LEASE $LEADER_TOKEN >>$FILE'; exit $?`, "", nil, 0, "leader 1"},
		"the same":       {"outer", inner + `--name outer -- sh -c 'echo never >>$FILE'`, "is held by the leader run that started this one", nil, exitUsage, ""},
		"the same, once": {"outer", inner + `--once --name outer -- sh -c 'echo never >>$FILE'`, "give this one another --name", nil, exitUsage, ""},
		"the same, by the environment": {"outer", inner + `-- sh -c 'echo never >>$FILE'`, "give this one another --name",
			[]string{"LEADER_NAME=outer"}, exitUsage, ""},
		"the default name, in both":     {defaultName, inner + `-- sh -c 'echo never >>$FILE'`, "give this one another --name", nil, exitUsage, ""},
		"what the outer has set, twice": {"outer", inner + `--name middle -- ` + inner + `--name middle -- sh -c 'echo never >>$FILE'`, "give this one another --name", nil, exitUsage, ""},
		"the name in another store":     {"outer", inner + `--store "$STORE-2" --name outer -- sh -c 'echo $LEADER_LEASE $LEADER_TOKEN >>$FILE'`, "", nil, 0, "outer 1"},
	} {
		t.Run(name, func(t *testing.T) {
			s := commandtest.NewSite(t)
			require.NoError(t, s.Command("--name", test.name, "--once", "--", "true").Run(), "so the tokens differ")
			cmd := s.Command("--name", test.name, "--", "sh", "-c", test.program)
			cmd.Env = append(append(cmd.Env, "BINARY="+commandtest.Binary(), "STORE="+store.FileURL(s.Store)), test.env...)
			n := s.Launch(cmd)
			require.Equal(t, test.code, n.Wait())
			require.Contains(t, n.Output.String(), test.says)
			if test.code == 0 {
				require.Equal(t, test.finds, strings.Join(s.Lines(), " "))
			} else {
				require.Empty(t, s.Lines())
			}
			require.Equal(t, lease.Free, s.Lease(test.name).State)
		})
	}
}

// A variable of the environment is for a flag that was not given. What leader run starts itself with, the guard, reads none of them.
func TestVariablesOfFlagsThatAreGiven(t *testing.T) {
	s := commandtest.NewSite(t)
	cmd := s.Command("--timeout", "30s", "--once", "--", "true")
	cmd.Env = append(cmd.Env, "LEADER_TIMEOUT=wrong", "LEADER_STORE=wrong", "LEADER_VERSION=v1.2")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
