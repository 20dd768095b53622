package fleet_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet/fleettest"
)

// R8: a coordinator whose machine has slept finds, before it has left the office, what the next one has published since. Nobody has edited a
// record, and it says nothing of that.
func TestOffice_ACoordinatorThatHasSlept(t *testing.T) {
	tr := &troubles{}
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		f.SetLatency(40 * time.Millisecond)
		a, b := f.Join("a", fleettest.Wait), f.Join("b", fleettest.Wait)
		f.Settle()
		const phases = 120
		for i := range phases {
			coordinator := a
			if b.Status().Coordinates {
				coordinator = b
			}
			time.Sleep(interval * time.Duration(i) / phases)
			coordinator.Sleep(4 * length)
			time.Sleep(4 * length)
			f.Settle()
		}
		require.NotContains(t, strings.Join(tr.all, "\n"), "somebody has edited")
		require.Equal(t, map[string]int{"a": 6, "b": 6}, f.Loads())
	}, tr.option())
}
