package simulate

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Where nobody can tell how old a record is, a lease is held on after the work has returned: whatever time works have to stop in,
// which is over by then, and without going round in a circle (C1).
func TestHoldsOnBeyondItsStopTimeout(t *testing.T) {
	for seed := range uint64(8) {
		r := run(t, Plan{
			Seed: seed, Duration: 20 * time.Second,
			Settings: Settings{
				Length: 3 * time.Second, RenewEvery: time.Second, AcquireEvery: time.Second,
				Once: true, HoldAtLeast: 2900 * time.Millisecond, StopTimeout: 100 * time.Millisecond,
			},
			Machines: []Machine{{Rate: 1}, {Rate: 1, Boot: true}},
			Works:    Works{Ends: 1},
		}, false)
		require.NoError(t, r.Broken)
	}
}
