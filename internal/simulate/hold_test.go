package simulate

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Where nobody can tell how old a record is, the node keeps the lease after the work has returned. It does so whatever
// StopTimeout is, which is over by then, and does not spin meanwhile (C1).
func TestHoldsOnBeyondItsStopTimeout(t *testing.T) {
	for seed := range uint64(8) {
		r := run(t, Plan{
			Seed: seed, Duration: 20 * time.Second,
			Settings: Settings{
				Length: 3 * time.Second, RenewEvery: time.Second, AcquireEvery: time.Second,
				Once: true, HoldAtLeast: 2900 * time.Millisecond, StopTimeout: 100 * time.Millisecond,
			},
			Machines: []Machine{{Rate: 1}, {Rate: 1, Boot: true}},
			Chances:  []Chance{{named(t, "ends"), 1}},
		}, false)
		require.NoError(t, r.Broken)
	}
}
