package leaderui

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// Where a look shows only some of the leases, a seat that it does not show may be held: the fleet is read again.
func TestFleets_OfManyLeases(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := lease.NewManager(memory.NewStore())
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		for _, name := range []string{"node-a", "node-b"} {
			f := fleet.New(fleet.WithLeaseManager(m), fleet.WithName("ships"), fleet.WithNodeID(name), fleet.WithShards(6), fleet.WithCalm(time.Second),
				fleet.WhenAssigned(func(ctx context.Context, _ string) error { <-ctx.Done(); return nil }))
			go func() { ended <- f.Run(ctx) }()
		}
		defer func() {
			cancel()
			<-ended
			<-ended
		}()
		time.Sleep(time.Minute)
		whole, err := lookAt(ctx, m, func() {})
		require.NoError(t, err)
		require.Len(t, whole.sights, 3)
		require.Empty(t, whole.fleets[0].orphans())

		read := map[string]lease.Info{}
		for info, err := range lease.List(ctx, m, "") {
			require.NoError(t, err)
			read[info.Name] = info
		}
		last := whole.sights[2].Name
		delete(read, last)
		some := glance{sights: whole.sights[:2], cut: true}
		some.readFleets(ctx, m, read, func() {})
		require.Len(t, some.fleets, 1)
		require.Empty(t, some.fleets[0].orphans(), "parts of %s", last)
		require.Equal(t, 1+some.fleets[0].Width, some.requests)
	})
}
