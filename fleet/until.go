package fleet

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// until calls done until that reports true: four times in an interval of a lease, and at once when the manager tells that one of the named
// leases has changed (lease.Watcher), at most mostLooks times in an interval.
func until(ctx context.Context, m lease.Manager, of lease.Info, named []string, late string, done func() (bool, error)) error {
	hints, leave := hintsOf(ctx, m, named)
	defer leave()
	least := every(of) / mostLooks
	for {
		ok, err := done()
		if ok || err != nil && ctx.Err() == nil {
			return err
		}
		if err = pauseFor(ctx, least, nil); err == nil {
			err = pauseFor(ctx, every(of)/4-least, hints)
		}
		if err != nil {
			return fmt.Errorf("fleet: %s: %w", late, err)
		}
	}
}

// mostLooks bounds the looks in an interval. A fleet changes its leases a few times in an interval, whatever happens: the bound is for a
// store whose hints never end.
const mostLooks = 100

// hintsOf returns a channel that has a hint when one of the leases has changed, as far as the manager can tell. leave ends the goroutines
// that wait for hints.
func hintsOf(ctx context.Context, m lease.Manager, names []string) (hints <-chan struct{}, leave func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	of := make(chan struct{}, 1)
	for _, name := range names {
		changes, err := lease.Watch(ctx, m, name)
		if err != nil {
			continue // nothing depends on it: the leases are looked at all the same
		}
		running.Go(func() { passOn(ctx, changes, of) })
	}
	return of, func() {
		cancel()
		running.Wait()
	}
}

func passOn(ctx context.Context, from <-chan struct{}, to chan<- struct{}) {
	for {
		select {
		case _, open := <-from:
			if !open {
				return
			}
			select {
			case to <- struct{}{}:
			default: // there is one
			}
		case <-ctx.Done():
			return
		}
	}
}

// every is how often the holder of a lease renews it.
func every(of lease.Info) time.Duration {
	if of.RenewEvery > 0 {
		return of.RenewEvery
	}
	return max(of.Length, DefaultLeaseLength) / lease.IntervalsPerLength
}

// pauseFor waits so long, or until there is a hint.
func pauseFor(ctx context.Context, d time.Duration, hints <-chan struct{}) error {
	alarm := host.NewAlarm(host.From(ctx))
	defer alarm.Stop()
	alarm.Set(max(d, time.Millisecond))
	select {
	case <-alarm.C:
		return nil
	case <-hints:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
