package simulate

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/hosttest"
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
			Machines: twoMachines(),
			Chances:  []Chance{{named(t, "ends"), 1}},
		}, false)
		require.NoError(t, r.Broken)
	}
}

// twoMachines are machines whose clocks are right. The first has none that counts suspension.
func twoMachines() []Machine {
	return []Machine{{Clocks: hosttest.Clocks{Rate: 1}}, {Clocks: hosttest.Clocks{Rate: 1, Boot: true}}}
}
