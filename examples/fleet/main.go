// Command fleet shows how a fleet divides its parts, with real processes:
//
//	go run ./examples/fleet
//
// It starts five nodes, each a separate process, on a lease store in a temporary directory. They divide 64 parts, and write to a
// journal for each part that they have. Then one node is killed; the coordinator is killed; a node is suspended for longer than its
// lease, and woken; two nodes come; one is asked to stop; and in the end all are replaced, one after the other. After each event it
// prints how many parts each node has, and how many parts have moved beside the least that had to. The journals are the evidence:
// if two nodes had worked on one part at once, they would show that.
//
// Your program would look like worker.go, with the journal in journal.go as an example of a place that refuses late writes. The
// rest is the experiment: story.go is its course, site.go and package nodes have the processes, balance.go counts, verify.go judges
// the journals by the rules of package journal.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 && args[0] == "node" {
		return node(args[1:])
	}
	flags := flag.NewFlagSet("fleet", flag.ExitOnError)
	length := flags.Duration("lease", 3*time.Second, "length of the leases")
	parts := flags.Int("parts", 64, "how many parts there are")
	_ = flags.Parse(args)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "leader-fleet-")
	if err != nil {
		return err
	}
	switch err := tellStory(ctx, os.Stdout, dir, *length, *parts); {
	case ctx.Err() != nil:
		return errors.Join(errors.New("interrupted"), os.RemoveAll(dir))
	case err != nil:
		return fmt.Errorf("%w\nthe journals, the leases and the nodes' logs are in %s", err, dir)
	}
	return os.RemoveAll(dir)
}
