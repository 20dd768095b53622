package alone

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCalls(t *testing.T) {
	for _, name := range Calls {
		call, err := Call(name)
		require.NoError(t, err)
		for range 100 {
			require.NoError(t, call(), name)
		}
	}
	_, err := Call("other")
	require.Error(t, err)
}

// The store allocates nothing, so all that is measured is the manager's.
func TestInstantAllocatesNothing(t *testing.T) {
	held, _, err := records(t.Context())
	require.NoError(t, err)
	s := &instant{cells: held}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		_, _ = s.Load(t.Context(), "")
		_, _ = s.Swap(t.Context(), "", "", nil)
	}))
	require.NotEqual(t, held[0].Version, held[1].Version, "each look shows another renewal")
}
