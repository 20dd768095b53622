package checkpoint_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/checkpoint"
	"github.com/cloudlease/leader/lease"
	_ "github.com/cloudlease/leader/lease/file"
	"github.com/cloudlease/leader/lease/memory"
)

// A whole program, which is run on several nodes. The effects are in another place than the position.
func Example_catchUp() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	manager, err := lease.Open(ctx, "file:leases")
	if err != nil {
		log.Fatal(err)
	}
	defer lease.Close(manager)
	err = leader.New(
		leader.WithLeaseManager(manager),
		leader.WithLeaseName("orders"),
		leader.WhenStarted(func(ctx context.Context) error { return project(ctx, manager) }),
	).Run(ctx)
	if err != nil {
		log.Fatal(err)
	}
}

// project is the work: it applies the events after the checkpoint, and notes how far it has come.
func project(ctx context.Context, manager lease.Manager) error {
	cp, err := checkpoint.Open[int64](ctx, manager, "orders-projection")
	if err != nil {
		return err
	}
	for position := cp.Value() + 1; ; position++ {
		event, err := next(ctx, position)
		if err != nil {
			return err
		}
		if err := apply(ctx, position, event); err != nil {
			return err
		}
		if err := cp.Note(position); err != nil {
			return err
		}
	}
}

// next waits for the event at a position: here, for a second. Yours reads your event store.
func next(ctx context.Context, position int64) (event string, err error) {
	select {
	case <-time.After(time.Second):
		return fmt.Sprint("event ", position), nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// apply has the effect of an event. It does no harm the second time: yours writes under the position as the key.
func apply(ctx context.Context, position int64, event string) error {
	term, _ := leader.TermFrom(ctx)
	if err := term.Check(); err != nil { // right before the effect
		return err
	}
	log.Println(position, event)
	return nil
}

// Each term of the example goes on where the one before it stopped.
func TestCatchUp(t *testing.T) {
	log.SetOutput(t.Output())
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	synctest.Test(t, func(t *testing.T) {
		manager := lease.NewManager(memory.NewStore())
		for term := range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second+time.Millisecond)
			err := leader.New(
				leader.WithLeaseManager(manager),
				leader.WithLeaseName("orders"),
				leader.WithLogger(slog.New(slog.DiscardHandler)),
				leader.WhenStarted(func(ctx context.Context) error { return project(ctx, manager) }),
			).Run(ctx)
			cancel()
			require.NoError(t, err)
			info, err := checkpoint.Inspect[int](t.Context(), manager, "orders-projection")
			require.NoError(t, err)
			require.Equal(t, 15*(term+1), info.Value)
			require.Equal(t, uint64(2), info.Count, "written after ten seconds, and at the end")
		}
	})
}
