package lease_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// An acquisition that failed and was undone is no term: the history leaves it out.
func TestHistoryLeavesOutWhatWasUndone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cells := memory.NewStore()
		first, unlucky, last := newNode(t.Context(), cells), newNode(t.Context(), cells), newNode(t.Context(), cells)
		require.NoError(t, first.release(first.mustAcquire(t)))
		unlucky.script(lostAnswer)
		_, err := unlucky.acquire()
		require.ErrorIs(t, err, errDown)
		seen := first.stored(t)
		require.Equal(t, []any{lease.Free, uint64(2), true}, []any{seen.State, seen.Token, seen.NoTerm})
		require.Equal(t, uint64(1), seen.Terms()[0].Token)
		held := last.mustAcquire(t)
		require.Equal(t, uint64(3), held.Token)
		require.Len(t, held.History.Terms(), 1)
		require.Equal(t, []any{uint64(1), lease.EndReleased}, []any{held.History.Terms()[0].Token, held.History.Terms()[0].How})
	})
}
