package checkpoint_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/checkpoint"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// A worker goes on where the one before it stopped, in another process or on another machine.
func Example() {
	manager := lease.NewManager(memory.NewStore()) // of a cloud's table or bucket, in earnest
	worker := func() error {
		return leader.New(
			leader.WithLeaseManager(manager),
			leader.WithLeaseName("orders"),
			leader.WithLogger(slog.New(slog.DiscardHandler)),
			leader.WhenStarted(func(ctx context.Context) error {
				cp, err := checkpoint.Open[int](ctx, manager, "orders-projection")
				if err != nil {
					return err
				}
				from := cp.Value()
				for position := from + 1; position <= from+3; position++ {
					fmt.Println("event", position)
					if err := cp.Save(ctx, position); err != nil {
						return err
					}
				}
				return nil
			}),
		).Run(context.Background())
	}
	for range 2 {
		if err := worker(); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// event 1
	// event 2
	// event 3
	// event 4
	// event 5
	// event 6
}
