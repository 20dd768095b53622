// Command catchup shows a catch-up subscription: workers that follow a log of events, of which one works at a time, and none applies
// an event twice or leaves one out.
//
//	go -C examples/catchup run .
//
// It starts PostgreSQL, three worker processes and a producer. For a minute, workers are killed, suspended and cut off from the network.
// In the end the database is the evidence.
//
//	go -C examples/catchup run . -fleet
//
// divides the log over the nodes: each follows some of its partitions.
//
// # What to copy
//
//   - worker.go: the program that runs on each node, and its two elections, or its part in the fleet.
//   - statement: a projection whose read model and position are in one database, which a fence protects: each event exactly once.
//   - search: a projection whose read model is elsewhere, and whose position is in a checkpoint: each event at least once.
//   - events: the event store. Its reader in PostgreSQL never passes an event that is not committed yet.
//
// The rest, internal/experiment, makes them go wrong.
//
// # By hand
//
//	go -C examples/catchup run . worker -help
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/cloudlease/leader/examples/catchup/internal/experiment"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "catchup:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch role, args := args[0], args[1:]; role {
		case "worker":
			return worker(ctx, args)
		case "node": // a worker of the experiment
			return experiment.Node(ctx, args, worker)
		case "producer":
			return experiment.Produce(args[0])
		}
	}
	return experiment.Run(ctx, os.Stdout, args)
}
