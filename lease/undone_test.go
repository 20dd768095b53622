package lease_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

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

// A rationed is a store that takes a write of a cell only once in a second, as Cloud Storage does, from all clients together.
type rationed struct {
	lease.Store
	wrote time.Time
}

func (l *rationed) Limits() lease.Limits { return lease.Limits{WriteEvery: time.Second} }

func (l *rationed) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	if time.Since(l.wrote) < l.Limits().WriteEvery {
		return "", errDown
	}
	version, err := l.Store.Swap(ctx, name, old, data)
	if err == nil {
		l.wrote = time.Now()
	}
	return version, err
}

// A store that limits the writes of a cell takes the write that undoes another one only after that time.
func TestUndoneWhereWritesAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cells := &rationed{Store: memory.NewStore()}
		lossy := &faulty{store: cells, onSwap: []swapFault{lostAnswer}}
		_, err := lease.NewManager(struct {
			*faulty
			lease.Limiter
		}{lossy, cells}).Acquire(t.Context(), lease.Request{Name: "n", Holder: "unlucky", Length: 15 * time.Second})
		require.ErrorIs(t, err, errDown)
		seen, err := lease.Inspect(t.Context(), lease.NewManager(cells), "n")
		require.NoError(t, err)
		require.Equal(t, []any{lease.Free, true}, []any{seen.State, seen.NoTerm})
	})
}
