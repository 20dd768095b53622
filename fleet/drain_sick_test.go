package fleet_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/fleet/fleettest"
	"github.com/cloudlease/leader/lease"
)

// sickFleet has nodes a, b and c, and d, whose works need so long to return, and which drains since it is sick. It returns d, its seat, and
// what makes it healthy.
func sickFleet(t *testing.T, ships *fleettest.Fleet, stop time.Duration) (d *fleettest.Node, seat int, heal func()) {
	var sick atomic.Bool
	joinThree(ships)
	d = ships.Join("d", func(ctx context.Context, _ string) error {
		<-ctx.Done()
		time.Sleep(stop)
		return nil
	}, fleet.WithHealth(func(context.Context) error {
		if sick.Load() {
			return errors.New("sick")
		}
		return nil
	}))
	ships.Settle()
	require.NotZero(t, ships.Loads()["d"])
	seat = d.Status().Seat
	sick.Store(true)
	for drains := false; !drains; time.Sleep(interval / 50) {
		o, err := fleet.Inspect(t.Context(), ships.Store(), "ships")
		require.NoError(t, err)
		for _, n := range o.Nodes {
			drains = drains || n.Seat == seat && n.Draining
		}
	}
	return d, seat, func() { sick.Store(false) }
}

// A node that drains since it is sick is asked all the same: when it is healthy, it takes nothing until Resume.
func TestDrain_ASickNode(t *testing.T) {
	inFleet(t, func(t *testing.T, ships *fleettest.Fleet) {
		d, seat, heal := sickFleet(t, ships, 2*interval)
		require.NoError(t, fleet.Drain(anHour(t), ships.Store(), "ships", seat))
		heal()
		ships.Settle()
		require.Zero(t, ships.Loads()["d"])
		require.True(t, d.Status().Draining)
		require.NotZero(t, d.Status().Seat)
		require.NoError(t, fleet.Resume(anHour(t), ships.Store(), "ships", d.Status().Seat))
		ships.Settle()
		require.NotZero(t, ships.Loads()["d"])
	})
}

// A node that leaves its seat before it has found the wish has not been drained, and Drain says so.
func TestDrain_TheSessionEndsBeforeItIsAsked(t *testing.T) {
	asked, drained := 0, 0
	for range 20 {
		inFleet(t, func(t *testing.T, ships *fleettest.Fleet) {
			d, seat, heal := sickFleet(t, ships, 0)
			err := fleet.Drain(anHour(t), ships.Store(), "ships", seat)
			heal()
			ships.Settle()
			if err == nil {
				drained++
				require.True(t, d.Status().Draining)
				return
			}
			asked++
			require.ErrorIs(t, err, lease.ErrRefused)
		})
	}
	t.Logf("drained %d times; %d times its session ended before", drained, asked)
}

// A sick node that was drained keeps its seat, so that Resume reaches it. It takes parts once it is healthy.
func TestResume_ASickNode(t *testing.T) {
	inFleet(t, func(t *testing.T, ships *fleettest.Fleet) {
		d, seat, heal := sickFleet(t, ships, 2*interval)
		require.NoError(t, fleet.Drain(anHour(t), ships.Store(), "ships", seat))
		time.Sleep(4 * length)
		require.Equal(t, seat, d.Status().Seat)
		require.NoError(t, fleet.Resume(anHour(t), ships.Store(), "ships", seat))
		require.False(t, d.Status().Draining)
		time.Sleep(4 * length)
		require.Zero(t, d.Status().Seat, "it is sick")
		heal()
		ships.Settle()
		require.NotZero(t, ships.Loads()["d"])
	})
}

// A health check is never called twice at a time, not by the next Run either. Until the one that was left behind has returned, the node is
// not healthy.
func TestHealth_OneCallAtATime(t *testing.T) {
	inFleet(t, func(t *testing.T, ships *fleettest.Fleet) {
		release := make(chan struct{})
		var calls atomic.Int32
		a := ships.Join("a", fleettest.Wait, fleet.WithHealth(func(context.Context) error { calls.Add(1); <-release; return nil }))
		ships.Settle()
		require.NoError(t, a.Leave())
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() { left <- a.Run(ctx) }()
		time.Sleep(10 * length)
		require.Equal(t, int32(1), calls.Load())
		require.ErrorIs(t, a.Status().Health, fleet.ErrUnhealthy)
		close(release)
		ships.Settle()
		require.NoError(t, a.Status().Health)
		require.Equal(t, map[string]int{"a": 12}, ships.Loads())
		cancel()
		require.NoError(t, <-left)
	})
}
