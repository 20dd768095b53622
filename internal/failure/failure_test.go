package failure_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/failure"
	"github.com/cloudlease/leader/lease"
)

func TestWithCause(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	refused, silent := errors.New("refused"), errors.New("the store is silent")
	require.Equal(t, refused, failure.WithCause(ctx, refused), "the context goes on")
	require.NoError(t, failure.WithCause(ctx, nil))

	cancel(silent)
	err := failure.WithCause(ctx, refused)
	require.EqualError(t, err, "the store is silent: refused")
	require.ErrorIs(t, err, silent)
	require.ErrorIs(t, err, refused)
	require.NoError(t, failure.WithCause(ctx, nil), "the call has succeeded before the context ended")
	known := fmt.Errorf("load: %w", silent)
	require.Equal(t, known, failure.WithCause(ctx, known), "not twice")
}

func TestEnded(t *testing.T) {
	t.Parallel()
	timeout := fmt.Errorf("dial: %w", context.DeadlineExceeded)
	require.False(t, failure.Ended(t.Context(), timeout), "a connection has timed out by itself")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.True(t, failure.Ended(ctx, timeout))
	require.True(t, failure.Ended(ctx, ctx.Err()))
	require.False(t, failure.Ended(ctx, errors.New("refused")), "the answer came before the end")
	require.False(t, failure.Ended(ctx, nil))
}

func TestMisconfigured(t *testing.T) {
	t.Parallel()
	err := failure.Misconfigured("no bucket is named", "pass one to New")
	require.ErrorIs(t, err, lease.ErrMisconfigured)
	require.EqualError(t, err, "no bucket is named: pass one to New")
}
