// Command quickstart shows what a lease does when things go wrong, with real processes:
//
//	go run ./examples/quickstart
//
// It starts three nodes, each a separate process, on a lease store in a temporary directory. The leader writes
// numbered lines to a journal. Then its process is killed; the next leader is asked to stop; and the third is
// suspended for longer than its lease, and woken. In the end the journal is the evidence: if two nodes had led at once,
// it would show that.
//
// Your program would look like node.go. The rest is the experiment: story.go is its course, journal.go writes the evidence, and
// verdict.go judges it. Package nodes has the processes, package journal the rules of the evidence.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 && args[0] == "node" {
		return node(args[1:])
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "leader-quickstart-")
	if err != nil {
		return err
	}
	switch err := tellStory(ctx, os.Stdout, dir); {
	case ctx.Err() != nil:
		return errors.Join(errors.New("interrupted"), os.RemoveAll(dir))
	case err != nil:
		return fmt.Errorf("%w\nthe journal, the lease and the nodes' logs are in %s", err, dir)
	}
	return os.RemoveAll(dir)
}
