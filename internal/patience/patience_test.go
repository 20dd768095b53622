package patience

import (
	"context"
	"testing"
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
