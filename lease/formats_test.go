package lease_test

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// The records in testdata/format-1 were written by a program that did not know format 2.
func formerRecord(t testing.TB, state string) lease.Store {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "format-1", state+".json"))
	require.NoError(t, err)
	cells := memory.NewStore()
	_, err = cells.Swap(t.Context(), name, "", data)
	require.NoError(t, err)
	return cells
}

// formerLength is the length of the leases in them.
const formerLength = 15 * time.Second

// A fleet is upgraded node by node: the first node of the new version takes over what one of the version before has left, and
// leaves what that one can take over again.
func TestRecordsOfTheFormerFormatAreTakenOver(t *testing.T) {
	for state, want := range map[string]struct {
		after  time.Duration // until it is free
		holder string
		token  uint64
	}{
		"held":     {formerLength, "old-1", 1},
		"released": {0, "old-1", 1},
		"broken":   {formerLength, "nobody", 2},
	} {
		t.Run(state, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				node := newNode(t.Context(), formerRecord(t, state))
				info := node.stored(t)
				require.Equal(t, want.holder, info.Holder)
				require.Equal(t, want.token, info.Token)
				require.Equal(t, formerLength, info.Length)
				require.Equal(t, state == "broken", info.Broken)
				require.Equal(t, want.after > 0, info.State == lease.Held)
				if want.after > 0 {
					require.Equal(t, want.after, node.refused(t).RetryAfter)
					time.Sleep(want.after - 1)
					node.refused(t)
					time.Sleep(time.Nanosecond)
				}
				held := node.mustAcquire(t)
				require.Equal(t, want.token+1, held.Token)
				require.Equal(t, `{"format":1`, formatOf(t, node), "a program of the version before can read it")

				held = node.keep(t, held, "a value")
				require.Equal(t, `{"format":2`, formatOf(t, node), "which would lose the value")
				require.NoError(t, node.release(node.keep(t, held, "")))
				require.Equal(t, `{"format":1`, formatOf(t, node))
			})
		})
	}
}

// formatOf returns the beginning of the record.
func formatOf(t testing.TB, n *node) string {
	t.Helper()
	s, err := n.store.Load(t.Context(), name)
	require.NoError(t, err)
	return string(s.Data[:len(`{"format":1`)])
}
