package fleet_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/fleet/fleettest"
	"github.com/cloudlease/leader/lease"
)

// What a health check says of another lease or store is no answer of the fleet's: it does not end Run, also if it is there before this node first
// asks for the office; it names nobody who coordinates; and it costs no request more (F7).
func TestHealth_AnErrorOfAnotherLease(t *testing.T) {
	for what, sick := range map[string]error{
		"misconfigured": lease.ErrMisconfigured,
		"invalid":       lease.ErrInvalid,
		"held":          &lease.HeldError{Info: lease.Info{Name: "other", Holder: "x", State: lease.Held, RetryAfter: time.Hour}},
	} {
		t.Run(what, func(t *testing.T) {
			inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
				var well atomic.Bool
				var reads, writes atomic.Int64
				a := f.Join("a", fleettest.Wait, fleet.WithHealth(func(context.Context) error {
					if well.Load() {
						return nil
					}
					return fmt.Errorf("my other store: %w", sick)
				}))
				f.Settle()
				require.True(t, a.Status().Running)
				require.ErrorIs(t, a.Status().Health, sick)
				f.Count(&reads, &writes)
				time.Sleep(20 * interval)
				require.LessOrEqual(t, reads.Load(), int64(22))
				require.Zero(t, writes.Load())
				well.Store(true)
				time.Sleep(3 * interval)
				require.True(t, a.Status().Coordinates)
				f.Settle()
				require.Equal(t, map[string]int{"a": 12}, f.Loads())
			})
		})
	}
}
