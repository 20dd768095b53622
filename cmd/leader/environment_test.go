package main

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// shared are the variables of flags that several commands explain in different words, and what all of them mean.
var shared = map[string]string{
	"LEADER_ATTRIBUTE":      "what this node publishes",
	"LEADER_CANCEL":         "take back what was asked for",
	"LEADER_DRAIN_TIMEOUT":  "how long a program may take to end if it is asked to",
	"LEADER_EVERY":          "how often to look",
	"LEADER_FLEET_WAIT":     "how long to wait for the fleet",
	"LEADER_HEALTH_CMD":     "whether this node is well",
	"LEADER_HEALTH_HTTP":    "whether this node is well",
	"LEADER_HEALTH_TIMEOUT": "how long that may take",
	"LEADER_LEASE_LENGTH":   "the length of the leases",
	"LEADER_LISTEN":         "where this node shows its status",
	"LEADER_NAME":           "the lease or the fleet",
	"LEADER_NODE":           "this node",
	"LEADER_RENEW_EVERY":    "how often this node renews",
	"LEADER_STOP_TIMEOUT":   "how long a program may take to end if the lease is lost",
	"LEADER_TO":             "the node that is to get it",
	"LEADER_VERBOSE":        "tell more",
	"LEADER_WAIT":           "whether to wait until it is done",
}

// Who sets a variable for one command does not break another: it has one type, and one meaning.
func TestAVariableIsOneThing(t *testing.T) {
	t.Parallel()
	of, different := map[string]*pflag.Flag{}, map[string]bool{}
	for _, cmd := range everyCommand() {
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			key := variableOf(f)
			if key == "" || f.Name == "help" {
				return
			}
			if of[key] == nil {
				of[key] = f
			}
			require.Equal(t, of[key].Value.Type(), f.Value.Type(), "%s, as %s reads it", key, cmd.CommandPath())
			if of[key].Usage != f.Usage {
				different[key] = true
				require.NotEmpty(t, shared[key], "--%s of %s: does %s mean the same for the other commands that have it? Say what, or give the flag another variable",
					f.Name, cmd.CommandPath(), key)
			}
		})
	}
	require.Greater(t, len(of), 40)
	require.Len(t, shared, len(different), "%v", different)
}

// The variable of a flag that may be repeated is a list.
func TestListsFromTheEnvironment(t *testing.T) {
	t.Parallel()
	lists := map[string]bool{}
	for _, cmd := range everyCommand() {
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			require.Equal(t, strings.Contains(f.Usage, "may be repeated"), mayBeRepeated(f), "--%s of %s", f.Name, cmd.CommandPath())
			lists[f.Name] = lists[f.Name] || mayBeRepeated(f)
		})
	}
	require.True(t, lists["attribute"] && lists["follow"] && lists["tell"] && lists["host"])

	for name, test := range map[string]struct {
		flag, value, want, says string
	}{
		"one":                {"host", "a.example", "[a.example]", ""},
		"two":                {"host", "a.example,b.example", "[a.example,b.example]", ""},
		"networks":           {"follow", "10.0.0.0/8,10.1.0.0/16,.example.com", "10.0.0.0/8 10.1.0.0/16 .example.com", ""},
		"attributes":         {"attribute", "a=1,b=2=3", "a=1 b=2=3", ""},
		"a comma in a value": {"attribute", `"a=1,2",b=3`, "a=1,2 b=3", ""},
		"a quote in a value": {"attribute", `"a=""x""",b=3`, `a="x" b=3`, ""},
		"a line in a value":  {"attribute", "\"a=1\n2\",b=3", "a=1\n2 b=3", ""},
		"twice":              {"attribute", "a=1,a=2", "", `the key "a" is given twice`},
		"no attribute":       {"attribute", "a=1,b", "", `"b" is not key=value`},
		"no list":            {"attribute", `a="1",b=2`, "", "it is no list: write a=1,b=2, and put"},
		"two lines":          {"attribute", "a=1\nb=2", "", "it is no list"},
		"no host":            {"follow", "10.0.0.0/8, 10.1.0.0/16", "", `" 10.1.0.0/16" is not a host`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flags := pflag.NewFlagSet("", pflag.ContinueOnError)
			flags.Var(&attributes{}, "attribute", "")
			flags.Var(&hosts{}, "follow", "")
			flags.StringArray("host", nil, "")
			f := flags.Lookup(test.flag)
			err := setFrom(flags, f, test.value)
			if test.says != "" {
				require.ErrorContains(t, err, test.says)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, f.Value.String())
			require.True(t, f.Changed)
		})
	}
}
