//go:build unix

package main

import (
	"syscall"
	"testing"

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
				// Azure has no shorter leases. A request may take an interval: emulators on a busy machine stall for a second and more.
				return s.Launch(s.Fleet("--store", url, "--name", "ships", "--lease-length", "15s", "--renew-every", "3s", "--calm", "1s",
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
