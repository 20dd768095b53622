// The race detector makes everything larger.
//go:build !race

package fleet_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/lease/memory"
)

// A part costs at most 1 KiB of memory besides its work. The work here is a goroutine that waits, and does not even ask for its
// context's channel. As many goroutines have come and gone before the measurement, and the runtime uses what they left.
func TestMemoryOfAPart(t *testing.T) {
	const parts = 10_000
	synctest.Test(t, func(t *testing.T) {
		over := make(chan struct{})
		wait := func(context.Context, string) error { <-over; return nil }
		for range parts {
			go func() { _ = wait(context.Background(), "") }()
		}
		synctest.Wait()
		close(over)
		synctest.Wait()

		over = make(chan struct{})
		var begun atomic.Int32
		f := fleet.New(fleet.WithLeaseManager(memory.New()), fleet.WithShards(parts), quiet(), fleet.WhenAssigned(func(ctx context.Context, part string) error {
			begun.Add(1)
			return wait(ctx, part)
		}))
		before := heap()
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- f.Run(ctx) }()
		time.Sleep(5 * interval)
		require.Equal(t, int32(parts), begun.Load())
		each := (heap().HeapAlloc - before.HeapAlloc) / parts
		close(over)
		stop()
		require.NoError(t, <-done)
		tell(t, "10,000 parts in one process: memory besides the work", "bytes a part", float64(each))
		require.LessOrEqual(t, each, uint64(1024))
	})
}
