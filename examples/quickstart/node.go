package main

import (
	"context"
	"flag"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/examples/internal/nodes"
	"github.com/cloudlease/leader/lease"
	_ "github.com/cloudlease/leader/lease/file"
)

const leaseName = "journal"

// node is one of the processes that want to lead. Your program would look like it, except for package nodes, by which
// the quickstart hears what happens in it and ends it.
func node(args []string) error {
	flags := flag.NewFlagSet("node", flag.ExitOnError)
	id := flags.String("id", "", "name of this node")
	store := flags.String("store", "", "URL of the lease store")
	path := flags.String("journal", "", "file that the leader writes to")
	length := flags.Duration("lease", 15*time.Second, "lease length")
	every := flags.Duration("every", time.Second, "how often the leader writes")
	_ = flags.Parse(args)

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	nodes.OnDismissal(stop)

	manager, err := lease.Open(ctx, *store)
	if err != nil {
		return err
	}
	return leader.New(
		leader.WithLeaseManager(manager),
		leader.WithLeaseName(leaseName),
		leader.WithNodeID(*id),
		leader.WithLeaseLength(*length),
		leader.WhenStarted(func(ctx context.Context) error { return keepJournal(ctx, *path, *id, *every) }),
		leader.WithObserver(tellEvent),
	).Run(ctx)
}

// keepJournal is the work: it writes a line at each interval until the context ends.
func keepJournal(ctx context.Context, path, id string, every time.Duration) error {
	term, _ := leader.TermFrom(ctx)
	defer func() { nodes.Tell(nodes.Message{Did: returned, Token: term.Token(), Why: text(term.Check())}) }()
	w, err := openJournal(path)
	if err != nil {
		return err
	}
	defer w.Close()
	for tick := time.Tick(every); ; {
		if err := term.Check(); err != nil { // right before the effect
			return err
		}
		if err := w.append(term.Token(), id); err != nil { // the token goes along
			return err
		}
		select {
		case <-tick:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// What a message says that the node did.
const (
	standsBy = "stands by"
	leads    = "leads"
	renewed  = "renewed the lease"
	stops    = "stops its work" // Why: the cause
	returned = "its work has returned"
	released = "released the lease"
)

func tellEvent(e leader.Event) {
	switch e := e.(type) {
	case leader.StateEvent:
		switch e.To {
		case leader.Standby:
			nodes.Tell(nodes.Message{Did: standsBy})
		case leader.Leading:
			nodes.Tell(nodes.Message{Did: leads, Token: e.Token})
		case leader.Stopping:
			nodes.Tell(nodes.Message{Did: stops, Token: e.Token, Why: text(e.Cause)})
		}
	case leader.RequestEvent:
		switch {
		case e.Err == nil && e.Op == leader.OpRenew:
			nodes.Tell(nodes.Message{Did: renewed})
		case e.Err == nil && e.Op == leader.OpRelease:
			nodes.Tell(nodes.Message{Did: released})
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
