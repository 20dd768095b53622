//go:build unix

// Command worker is one process of the elections, and of the fleets, that package chaos disturbs. It is a program like a user's, which also
// reports what it does (lines of JSON on its standard output) and lets its wall clock be shifted (lines on its standard
// input). It ends at once when its standard input ends, as then its parent is gone.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/internal/stress/chaos"
	"github.com/cloudlease/leader/lease"
	_ "github.com/cloudlease/leader/lease/azblob/byurl"
	_ "github.com/cloudlease/leader/lease/dynamodb"
	_ "github.com/cloudlease/leader/lease/file"
	_ "github.com/cloudlease/leader/lease/gcs"
	_ "github.com/cloudlease/leader/lease/s3"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

func run() error {
	node := flag.String("node", "", "who this is")
	process := flag.String("process", "", "which run of it")
	store := flag.String("store", "", "URL of the lease store")
	length := flag.Duration("lease", 15*time.Second, "lease length; renewed, and asked for, every third of it")
	fenced := flag.String("register", "", "file of the register")
	unfenced := flag.String("journal", "", "file of the journal")
	every := flag.Duration("every", time.Second, "how often the leader writes")
	careless := flag.Bool("careless", false, "write whatever Check says, and look at the context once in a batch of writes only")
	parts := flag.Int("parts", 0, "be a node of a fleet with so many parts, each with its register and journal, instead of one that leads")
	interval := flag.Duration("interval", 0, "of the fleet; 0: a third of the lease")
	flag.Parse()

	machine := &machine{Host: host.System}
	ctx, stop := signal.NotifyContext(host.With(context.Background(), machine), syscall.SIGTERM)
	defer stop()
	go func() { // it ends with the process
		obey(os.Stdin, machine)
		os.Exit(3)
	}()
	manager, err := lease.Open(ctx, *store)
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("process", *process)
	w := work{process: *process, every: *every, careless: *careless}
	if *parts > 0 {
		s := share{work: w, register: *fenced, journal: *unfenced, parts: *parts, length: *length, interval: *interval}
		return s.run(ctx, *node, manager, logger)
	}
	if err := w.open(*fenced, *unfenced); err != nil {
		return err
	}
	err = leader.New(
		leader.WithLeaseManager(manager),
		leader.WithLeaseName("chaos"),
		leader.WithNodeID(*node),
		leader.WithLeaseLength(*length),
		leader.WithLogger(logger),
		leader.WithObserver(tellEvent),
		leader.WhenStarted(w.lead),
	).Run(ctx)
	return errors.Join(err, w.close())
}

// tellEvent runs in a separate goroutine, so its messages are late by as long as that waits for a processor.
func tellEvent(e leader.Event) {
	switch e := e.(type) {
	case leader.StateEvent:
		if e.To == leader.Stopping {
			chaos.Message{Did: chaos.Stops, Token: e.Token, Lost: errors.Is(e.Cause, lease.ErrLost)}.Tell()
		}
	case leader.RequestEvent:
		switch {
		case e.Err != nil && !errors.Is(e.Err, lease.ErrHeld) && !errors.Is(e.Err, lease.ErrLost):
			chaos.Message{Did: chaos.Fails}.Tell()
		case errors.Is(e.Err, lease.ErrHeld):
			chaos.Message{Did: chaos.StandsBy}.Tell()
		case e.Err == nil && e.Op == leader.OpRenew:
			chaos.Message{Did: chaos.Renews}.Tell()
		case e.Err == nil && e.Op == leader.OpRelease:
			chaos.Message{Did: chaos.Releases}.Tell()
		}
	}
}
