package fleet_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/fleet/fleettest"
	"github.com/cloudlease/leader/leadertest"
)

// Heard grows while a node reads no plan, and is less than an interval or two otherwise.
func TestStatus_Heard(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		a, b := f.Join("a", fleettest.Wait), f.Join("b", fleettest.Wait)
		f.Settle()
		require.Less(t, a.Status().Heard, 2*interval)
		require.Less(t, b.Status().Heard, 2*interval)
		b.Store.Set(leadertest.CutOff)
		time.Sleep(2 * length)
		require.Less(t, a.Status().Heard, 2*interval)
		require.Greater(t, b.Status().Heard, length)
		b.Store.Set(leadertest.None)
		f.Settle()
		require.Less(t, b.Status().Heard, 2*interval)
	})
}

// Validate says what Run says, and runs nothing.
func TestValidate(t *testing.T) {
	f := fleet.New(fleet.WithShards(0))
	require.ErrorContains(t, f.Validate(), "WithShards: 0 shards")
	require.Equal(t, f.Run(t.Context()), f.Validate())
}
