//go:build unix

package main

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/internal/emulator"
)

// On each service: two nodes divide the parts. One is asked to stop, and the other one gets what it had, under greater tokens.
func TestFleetRunOnServices(t *testing.T) {
	for _, service := range emulator.Services {
		t.Run(string(service), func(t *testing.T) {
			s := commandtest.NewSite(t)
			url := placeOn(t, service)
			start := func(node string) *commandtest.Node {
				// Azure has no shorter leases, and Cloud Storage takes one write a second.
				return s.Launch(s.Fleet("--store", url, "--name", "ships", "--lease-length", "15s", "--renew-every", "1s", "--calm", "1s",
					"--shards", "4", "--node", node, "--", "sh", "-c", diary))
			}
			a := start("a")
			first := working(t, s, 4, "a")
			b := start("b")
			at := working(t, s, 4, "a", "b")
			status, err := commandtest.Command(t, "fleet", "status", "--store", url, "ships").CombinedOutput()
			require.NoError(t, err, string(status))
			require.Regexp(t, `(?s)4 parts.*\ba\b.*\bb\b`, string(status))
			a.Signal(syscall.SIGTERM)
			require.Equal(t, 0, a.Wait())
			last := working(t, s, 4, "b")
			b.Signal(syscall.SIGTERM)
			require.Equal(t, 0, b.Wait())
			for part, line := range at {
				require.GreaterOrEqual(t, line.token, first[part].token)
				require.GreaterOrEqual(t, last[part].token, line.token)
				require.True(t, line.node == "b" || last[part].token > line.token, "part %s has moved", part)
			}
		})
	}
}

// Where the store tells of no change, a part that moves stands still for a shorter time if the nodes follow each other. Two fleets do the same at
// once, and those of one do. The programs take so long to end that nobody looks at the store often any more.
func TestFleetRun_Follow(t *testing.T) {
	sites := map[bool]commandtest.Site{true: commandtest.NewSite(t), false: {T: t, Store: t.TempDir(), File: filepath.Join(t.TempDir(), "file")}}
	url := placeOn(t, emulator.DynamoDB)
	const every = 3 * time.Second
	program := strings.Replace(diary, "trap '", fmt.Sprintf("trap 'sleep $((%.0f+LEADER_PART)); ", (4*every).Seconds()), 1)
	start := func(follow bool, node string, flags ...string) *commandtest.Node {
		flags = append(flags, "--store", url, "--name", fmt.Sprint("ships-", follow), "--shards", "3", "--node", node, "--lease-length", (5 * every).String(),
			"--renew-every", every.String(), "--calm", every.String(), "--drain-timeout", "1m", "--leave-timeout", "1m")
		if follow {
			address := freeAddress(t)
			flags = append(flags, "--listen", address, "--attribute", "watch=http://"+address+"/watch", "--follow", "127.0.0.1")
		}
		return sites[follow].Launch(sites[follow].Fleet(append(flags, "--", "sh", "-c", program)...))
	}
	var leaving []*commandtest.Node
	for follow := range sites { // the first one coordinates, and neither gives nor gets
		start(follow, "c", "--weight", "0").Await("this node is the coordinator")
	}
	for follow := range sites {
		leaving = append(leaving, start(follow, "a"), start(follow, "b"))
		start(follow, "d")
	}
	for _, s := range sites {
		working(t, s, 3, "a", "b", "d")
	}
	for _, n := range leaving {
		n.Signal(syscall.SIGTERM)
	}
	stood := map[bool]time.Duration{}
	ended := map[bool]map[string]time.Time{true: {}, false: {}}
	moved := map[bool]map[string]bool{true: {}, false: {}}
	commandtest.Eventually(t, "all parts have moved", func() bool {
		for follow, s := range sites {
			for _, line := range notes(t, s) {
				at, seen := ended[follow][line.part]
				switch {
				case line.did == "ends" && !seen:
					ended[follow][line.part] = time.Now()
				case line.did == "begins" && line.node == "d" && seen && !moved[follow][line.part]:
					moved[follow][line.part] = true
					stood[follow] += time.Since(at)
				}
			}
		}
		return len(moved[true]) == 2 && len(moved[false]) == 2
	})
	t.Logf("of two parts, together: %v if the nodes follow each other, else %v", stood[true], stood[false])
	require.Less(t, 2*stood[true], stood[false])
}

// freeAddress returns an address of this machine that nobody listens at.
func freeAddress(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}
