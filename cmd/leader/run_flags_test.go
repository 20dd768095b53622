package main

import (
	"testing"

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
		{[]string{"--follow", "node-b", "--once"}, "--follow is for nodes that wait: with --once none does"},
	} {
		args := append([]string{"run", "--store", store}, test.flags...)
		commandtest.End(t, commandtest.Command(t, append(args, "--", commandtest.Binary(), "version")...)).Want(t, exitUsage, test.says)
	}
	cmd := commandtest.Command(t, "run", "--store", store, "--", commandtest.Binary(), "version")
	cmd.Env = append(cmd.Env, "LEADER_LEASE_LENGTH=15")
	commandtest.End(t, cmd).Want(t, exitUsage, `missing unit in duration "15": write 15s for 15 seconds`)
}
