package fleet_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/fleet/fleettest"
	"github.com/cloudlease/leader/lease"
)

// A node in a seat that cannot be read is not gone: it works on its parts, as far as the plan tells.
func TestInspect_ASeatThatCannotBeRead(t *testing.T) {
	asked(t, func(t *testing.T, ships *fleettest.Fleet, nodes map[string]*fleettest.Node) {
		whole, err := fleet.Inspect(t.Context(), ships.Store(), "ships")
		require.NoError(t, err)
		office, err := lease.Inspect(t.Context(), ships.Store(), "ships")
		require.NoError(t, err)
		broken, seat := errors.New("not a lease record"), nodes["b"].Status().Seat
		o, err := fleet.OverviewOf(office, func(name string) lease.Info {
			if name == fleet.SeatLease("ships", seat) {
				return lease.Info{Name: name, Err: broken}
			}
			info, err := lease.Inspect(t.Context(), ships.Store(), name)
			require.NoError(t, err)
			return info
		})
		require.NoError(t, err)
		names := map[int]string{}
		for i, n := range o.Nodes {
			names[n.Seat] = n.String()
			if n.Seat == seat {
				require.Equal(t, fleet.NodeInfo{Seat: seat, Parts: whole.Nodes[i].Parts, Err: broken}, n)
			} else {
				require.Equal(t, whole.Nodes[i].Parts, n.Parts)
				require.Equal(t, n.Node, n.String())
			}
		}
		require.Regexp(t, `^seat \d+, which cannot be read$`, names[seat])
		for i, p := range o.Parts {
			require.Empty(t, p.Why, p.Part)
			require.Equal(t, names[p.Seat], p.Node)
			require.Equal(t, whole.Parts[i].Token, p.Token)
		}
	})
}
