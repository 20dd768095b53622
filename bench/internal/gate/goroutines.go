package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease/memory"
)

const (
	leases = 100
	// still is how long the number has to stay the same. Then all goroutines have ended that were about to: that takes
	// microseconds.
	still = 200 * time.Millisecond
	// patience is how long this may take.
	patience = 20 * time.Second
)

// goroutines counts the goroutines of leaders at rest, including those that call Run and that run the work.
func goroutines(ctx context.Context) (map[string]int64, error) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	manager := memory.New()
	counts := map[string]int64{}
	for _, part := range []struct {
		name string
		node string
		want leader.State
	}{{"leading", "one", leader.Leading}, {"standing by", "two", leader.Standby}} {
		before, err := settled(ctx, func() bool { return true })
		if err != nil {
			return nil, err
		}
		var nodes []*leader.Leader
		for i := range leases {
			l := newNode(manager, fmt.Sprint("lease-", i), part.node)
			nodes = append(nodes, l)
			running.Go(func() { _ = l.Run(ctx) })
		}
		after, err := settled(ctx, func() bool {
			for _, l := range nodes {
				if s := l.Status(); s.State != part.want || s.Contact.IsZero() {
					return false
				}
			}
			return true
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
		counts[part.name] = int64(after - before)
	}
	return counts, nil
}

// newNode returns a leader with a lease so long that it sends nothing after the first request.
func newNode(manager *memory.Manager, name, node string) *leader.Leader {
	return leader.New(
		leader.WithLeaseManager(manager),
		leader.WithLeaseName(name),
		leader.WithNodeID(node),
		leader.WithLeaseLength(24*time.Hour),
		leader.WithLogger(slog.New(slog.DiscardHandler)),
		leader.WhenStarted(func(ctx context.Context) error {
			<-ctx.Done()
			return nil
		}),
	)
}

// settled waits until ready returns true and the number of goroutines has stayed the same for a while, and returns that number.
func settled(ctx context.Context, ready func() bool) (int, error) {
	deadline := time.Now().Add(patience)
	n, since := runtime.NumGoroutine(), time.Now()
	for tick := time.NewTicker(5 * time.Millisecond); ; {
		if now := runtime.NumGoroutine(); now != n || !ready() {
			n, since = now, time.Now()
		}
		switch {
		case time.Since(since) >= still:
			tick.Stop()
			return n, nil
		case time.Now().After(deadline):
			return 0, errors.New("the leaders do not come to rest")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}
