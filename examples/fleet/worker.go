package main

import (
	"context"
	"flag"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/cloudlease/leader/examples/internal/nodes"
	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/lease"
	_ "github.com/cloudlease/leader/lease/file"
)

const fleetName = "journals"

// node is one of the processes that divide the parts. Your program would look like it, except for package nodes, by which the
// experiment hears what happens in it and ends it.
func node(args []string) error {
	flags := flag.NewFlagSet("node", flag.ExitOnError)
	id := flags.String("id", "", "name of this node")
	store := flags.String("store", "", "URL of the lease store")
	dir := flags.String("journals", "", "directory of the journals")
	parts := flags.Int("parts", 64, "how many parts there are")
	length := flags.Duration("lease", 15*time.Second, "lease length")
	every := flags.Duration("every", time.Second, "how often a line is written to each journal")
	_ = flags.Parse(args)

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	nodes.OnDismissal(stop)

	manager, err := lease.Open(ctx, *store)
	if err != nil {
		return err
	}
	return fleet.New(
		fleet.WithLeaseManager(manager),
		fleet.WithName(fleetName),
		fleet.WithShards(*parts),
		fleet.WithNodeID(*id),
		fleet.WithLeaseLength(*length),
		fleet.WhenAssigned(func(ctx context.Context, part string) error {
			return keepJournal(ctx, filepath.Join(*dir, part), *id, *every)
		}),
		fleet.WithObserver(tellEvent),
	).Run(ctx)
}

// keepJournal is the work of one part: it writes a line at each interval until the context ends.
func keepJournal(ctx context.Context, path, node string, every time.Duration) error {
	term, _ := lease.TermFrom(ctx)
	w, err := claimJournal(path, term.Token(), node) // claim with the token, then read
	if err != nil {
		return err
	}
	defer w.Close()
	for tick := time.Tick(every); ; {
		select {
		case <-tick:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := term.Check(); err != nil { // right before the effect
			return err
		}
		if err := w.append(); err != nil { // refused if a newer term has claimed the journal
			return err
		}
	}
}

// What a message says that the node did.
const (
	sits       = "takes a seat"
	loses      = "has lost its seat" // Why: the error
	coordinate = "is the coordinator"
	begins     = "begins a part"
)

func tellEvent(e fleet.Event) {
	switch e := e.(type) {
	case fleet.SeatEvent:
		switch {
		case e.Held:
			nodes.Tell(nodes.Message{Did: sits, Token: e.Token})
		case e.Err != nil:
			nodes.Tell(nodes.Message{Did: loses, Token: e.Token, Why: e.Err.Error()})
		}
	case fleet.CoordinatorEvent:
		if e.Coordinates {
			nodes.Tell(nodes.Message{Did: coordinate, Token: e.Token})
		}
	case fleet.PartEvent:
		if e.To == fleet.Working && !e.Gone {
			nodes.Tell(nodes.Message{Did: begins, Part: e.Part, Token: e.Token})
		}
	}
}
