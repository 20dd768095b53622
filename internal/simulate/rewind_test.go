package simulate

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// R3 and S1: the leader's machine has no clock that counts suspension. It sleeps for longer than its lease, and its wall clock
// is stepped back by a little more than that: at any moment within a sampling interval of the sleep's beginning or end, also
// during it. Whether or not a sample is taken between the two, the sleep is not hidden.
func TestAStepBackHidesNoSleep(t *testing.T) {
	const sleep, within, grid = 8 * time.Second, 1500 * time.Millisecond, 1500 * time.Millisecond / stepsOfRewinds
	var offsets []time.Duration
	for by := -within; by <= within; by += grid {
		offsets = append(offsets, by, sleep+by)
	}
	for part := range 4 { // of a sampling interval
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			t.Parallel()
			stepped := 0
			for _, by := range offsets {
				r := run(t, Plan{
					Seed: uint64(part), Duration: 30 * time.Second,
					Settings: Settings{Length: 3 * time.Second, RenewEvery: time.Second, AcquireEvery: time.Second},
					Machines: twoMachines(),
					Events: []Event{{
						Fault: named(t, "rewind"), At: 10*time.Second + time.Duration(part)*time.Second/4, Machine: leading,
						For: sleep, By: by, Far: sleep + time.Second/2,
					}},
				}, false)
				require.NoError(t, r.Broken, "the step comes %v after the sleep begins", by)
				stepped += r.Counts["terms lost: the wall clock was stepped back"]
			}
			require.GreaterOrEqual(t, stepped, len(offsets)/3, "terms that are over for the step, and not because their sleep shows")
		})
	}
}
