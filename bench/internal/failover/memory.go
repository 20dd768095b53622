package failover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/bench/internal/service"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// InMemory measures so many hand-overs between three leaders of this process, whose leases of the given length are in memory: from the
// moment at which one is told to end until the next leader's work begins, in milliseconds.
func InMemory(ctx context.Context, handovers int, length time.Duration) ([]float64, error) {
	var samples []float64
	store := memory.New()
	for n := range handovers {
		took, err := inMemory(ctx, store, fmt.Sprint("handover-", n), length)
		if err != nil {
			return samples, fmt.Errorf("hand-over %d in memory: %w", n+1, err)
		}
		samples = append(samples, tenth(took))
	}
	return samples, nil
}

// inMemory measures one hand-over.
func inMemory(ctx context.Context, store *memory.Manager, name string, length time.Duration) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*length)
	defer cancel()
	starts := make(chan int, candidates)
	watching := make(chan struct{}, candidates)
	ended := make(chan error, candidates)
	ends := make([]context.CancelFunc, candidates)
	for i := range candidates {
		var own context.Context
		own, ends[i] = context.WithCancel(ctx)
		defer ends[i]()
		l := leader.New(
			leader.WithLeaseManager(store), leader.WithLeaseName(name), leader.WithLeaseLength(length), leader.WithNodeID(fmt.Sprint(i)),
			leader.WithLogger(slog.New(slog.DiscardHandler)),
			leader.WithObserver(func(e leader.Event) {
				if e, ok := e.(leader.HolderEvent); ok && e.Seen.State == lease.Held && e.Seen.Holder != fmt.Sprint(i) {
					watching <- struct{}{}
				}
			}),
			leader.WhenStarted(func(ctx context.Context) error {
				starts <- i
				<-ctx.Done()
				return nil
			}),
		)
		go func() { ended <- l.Run(own) }()
	}
	first, err := receive(ctx, starts)
	for range candidates - 1 {
		if err == nil {
			_, err = receive(ctx, watching)
		}
	}
	if err == nil {
		err = service.Pause(ctx, time.Duration(rand.Float64()*float64(length)/100))
	}
	if err != nil {
		return 0, err
	}
	told := time.Now()
	ends[first]()
	_, err = receive(ctx, starts)
	took := time.Since(told)
	cancel()
	for range candidates {
		err = errors.Join(err, <-ended)
	}
	return took, err
}

func receive[T any](ctx context.Context, from <-chan T) (v T, err error) {
	select {
	case v = <-from:
		return v, nil
	case <-ctx.Done():
		return v, context.Cause(ctx)
	}
}
