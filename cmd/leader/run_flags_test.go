package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
)

// What is wrong with the flags is said before anything is asked.
func TestRunFlags(t *testing.T) {
	t.Parallel()
	store := newShelf(t).url
	for _, test := range []struct {
		flags []string
		says  string
	}{
		{[]string{"--lease-length", "15"}, `missing unit in duration "15": write 15s for 15 seconds; see leader run --help`},
		{[]string{"--lease-length", "15ns"}, "--lease-length 15ns: it is at least 100ms, and usually some seconds"},
		{[]string{"--renew-every", "5ns"}, "--renew-every 5ns: it is at least 10ms"},
		{[]string{"--acquire-every", "5us"}, "--acquire-every 5µs: it is at least 10ms"},
		{[]string{"--health-after", "0"}, "--health-after 0: at least one failure makes a node unhealthy"},
		{[]string{"--health-after", "3"}, "--health-after is for --health-cmd and --health-http"},
		{[]string{"--health-timeout", "3s"}, "--health-timeout is for --health-cmd and --health-http"},
		{[]string{"--follow", "10.0.0.0/33"}, `"10.0.0.0/33" is not a host: give a name, a domain as .example.com, an address, or a network as 10.0.0.0/8`},
		{[]string{"--follow", "10.0.0.0/8", "--listen", ":0"}, "--follow: let the others follow this node, too: give --listen :8080, say, and --attribute watch=http://"},
		{[]string{"--health-cmd", "true", "--health-timeout", "6s"}, "--health-timeout 6s is more than 5s, the time between two renewals"},
		{[]string{"--health-http", "http://127.0.0.1:99999/"}, "--health-http"},
		{[]string{"--health-http", "http://:80/"}, "--health-http"},
		{[]string{"--attribute", "a=1", "--attribute", "a=2"}, `the key "a" is given twice`},
		{[]string{"--listen", ":0", "--follow", "10.0.0.0/8", "--attribute", "watch=10.0.0.7"}, "it is a URL by which the others reach this node"},
		{[]string{"--once", "--hold-at-least", "-1s"}, "--hold-at-least -1s is negative"},
		{[]string{"--store", "mem:"}, "the memory of one process"},
		{[]string{"--store", "MEM:x"}, "the memory of one process"},
		{[]string{"--store", ""}, "--store is empty"},
		{[]string{"--store", "tape:x"}, "there are: azblob, dynamodb, file, gs, s3: write it as one of these"},
		{[]string{"--follow", "node-b", "--once"}, "--follow is for nodes that wait: with --once none does"},
	} {
		args := append([]string{"run", "--store", store}, test.flags...)
		commandtest.End(t, commandtest.Command(t, append(args, "--", commandtest.Binary(), "version")...)).Want(t, exitUsage, test.says)
	}
	cmd := commandtest.Command(t, "run", "--store", store, "--", commandtest.Binary(), "version")
	cmd.Env = append(cmd.Env, "LEADER_LEASE_LENGTH=15")
	commandtest.End(t, cmd).Want(t, exitUsage, `missing unit in duration "15": write 15s for 15 seconds`)
}

// An empty variable of the environment is as none.
func TestEmptyVariables(t *testing.T) {
	t.Parallel()
	cmd := commandtest.Command(t, "list")
	for _, variable := range []string{"LEADER_STORE", "LEADER_TIMEOUT", "LEADER_JSON"} {
		cmd.Env = append(cmd.Env, variable+"=")
	}
	require.Equal(t, commandtest.Outcome{Err: "There are no leases.\n"}, commandtest.End(t, cmd))
}
