package leader_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// docs/migrating.md shows the pieces of this file.

// A controller that used client-go's LeaderElector.
func Example_elector() {
	ctx, stop := context.WithCancel(context.Background())
	told := make(chan struct{})
	err := elect(ctx, memory.New(), "node-1", func(ctx context.Context) error {
		<-told
		stop()
		<-ctx.Done()
		return nil
	}, func(isLeader bool) {
		fmt.Println("leads:", isLeader)
		if isLeader {
			close(told)
		}
	})
	fmt.Println(err)
	// Output:
	// leads: true
	// leads: false
	// <nil>
}

// elect does what a LeaderElector's Run does, and campaigns again after a loss. It returns once ctx has ended or the work has.
func elect(ctx context.Context, manager lease.Manager, id string, reconcile func(ctx context.Context) error, tell func(isLeader bool)) error {
	return leader.New(
		leader.WithLeaseManager(manager), // Lock
		leader.WithLeaseName("controller"),
		leader.WithNodeID(id),                  // LockConfig.Identity, but only a label
		leader.WithLeaseLength(15*time.Second), // LeaseDuration
		leader.WithRenewEvery(2*time.Second),   // RetryPeriod
		leader.WhenStarted(reconcile),          // OnStartedLeading
		leader.WhenElected(tell),               // OnStartedLeading and OnStoppedLeading, to be told
		leader.WithObserver(func(e leader.Event) { // OnNewLeader
			if found, ok := e.(leader.HolderEvent); ok {
				slog.Debug("found the holder", "id", found.Seen.Holder)
			}
		}),
	).Run(ctx)
}

// A program that took a lock for a piece of work, and gave up if it was taken.
func Example_lock() {
	manager := memory.New()
	fmt.Println(exclusively(context.Background(), manager, "customer-7", func(ctx context.Context) error {
		fmt.Println(exclusively(ctx, manager, "customer-7", func(context.Context) error { return errors.New("two at once") }))
		return nil
	}))
	// Output:
	// false <nil>
	// true <nil>
}

// A work's own error is no reason to say that it has not run, whatever it is.
func TestExclusively_AnotherLeaseIsHeld(t *testing.T) {
	t.Parallel()
	ran, err := exclusively(t.Context(), memory.New(), "customer-7", func(context.Context) error {
		return &lease.HeldError{Info: lease.Info{Name: "customer-8", State: lease.Held}}
	})
	require.True(t, ran)
	require.ErrorIs(t, err, lease.ErrHeld)
}

// exclusively runs the work unless another program runs it. The lease is renewed until the work returns, however long that takes.
func exclusively(ctx context.Context, manager lease.Manager, name string, work func(ctx context.Context) error) (ran bool, err error) {
	err = leader.New(
		leader.WithLeaseManager(manager),
		leader.WithLeaseName(name), // the lock's key
		leader.WhenStarted(func(ctx context.Context) error {
			ran = true
			return work(ctx)
		}),
	).RunOnce(ctx) // AcquireLock with FailIfLocked, or TryLock; at the end ReleaseLock, or Unlock
	if !ran && errors.Is(err, lease.ErrHeld) {
		return false, nil
	}
	return ran, err
}
