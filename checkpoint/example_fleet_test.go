package checkpoint_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/checkpoint"
	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// divide returns a node of a fleet that follows 12 partitions.
func divide(manager lease.Manager, next func(ctx context.Context, partition string, after int64) (position int64, err error)) *fleet.Fleet {
	return fleet.New(
		fleet.WithLeaseManager(manager),
		fleet.WithName("search"),
		fleet.WithShards(12),
		fleet.WhenAssigned(func(ctx context.Context, partition string) error {
			cp, err := checkpoint.Open[int64](ctx, manager, "search-"+partition)
			if err != nil {
				return err
			}
			for {
				position, err := next(ctx, partition, cp.Value()) // reads the next event, and applies it
				if err != nil {
					return err
				}
				if err := cp.Note(position); err != nil {
					return err
				}
			}
		}),
	)
}

// docs/catchup.md shows divide. One node after the other follows all partitions: each goes on where the one before stopped.
func TestDivide(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		manager := memory.New()
		var mu sync.Mutex
		applied := map[string][]int64{}
		for range 3 {
			ctx, stop := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("it leaves"))
			err := divide(manager, func(ctx context.Context, partition string, after int64) (int64, error) {
				select {
				case <-time.After(10 * time.Second):
				case <-ctx.Done():
					return 0, context.Cause(ctx)
				}
				mu.Lock()
				defer mu.Unlock()
				applied[partition] = append(applied[partition], after+1)
				return after + 1, nil
			}).Run(ctx)
			stop()
			require.NoError(t, err)
		}
		for p := range 12 {
			positions := applied[strconv.Itoa(p)]
			require.GreaterOrEqual(t, len(positions), 12)
			for i, position := range positions {
				require.EqualValues(t, i+1, position)
			}
		}
	})
}
