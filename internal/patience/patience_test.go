package patience

import (
	"context"
	"iter"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAskGivesUp(t *testing.T) {
	t.Parallel()
	err := Tell(t.Context(), time.Millisecond, func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err() // as some SDKs do, without the cause
	})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "the store has not answered within 1ms: check the URL")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, context.Canceled, Tell(ctx, time.Hour, context.Context.Err))
	require.NoError(t, Tell(t.Context(), time.Hour, func(context.Context) error { return nil }))
}

// A list may be silent because there is much else to go through: the error says so.
func TestEachGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var searched atomic.Int32
		all := func(ctx context.Context) iter.Seq2[int, error] {
			return func(func(int, error) bool) {
				for ctx.Err() == nil {
					time.Sleep(time.Second)
					searched.Add(1)
				}
			}
		}
		var errs []error
		for _, err := range Each(t.Context(), 10*time.Second, all) {
			errs = append(errs, err)
		}
		require.Len(t, errs, 1)
		require.ErrorIs(t, errs[0], ErrSilent)
		require.ErrorContains(t, errs[0], "has not answered within 10s")
		require.ErrorContains(t, errs[0], "or has found none of the list in much else that it keeps")
		require.Positive(t, searched.Load())
	})
}
