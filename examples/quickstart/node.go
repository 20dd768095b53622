package main

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
	_ "github.com/cloudlease/leader/lease/file"
)

const leaseName = "journal"

// node is one of the processes that want to lead. Your program would look like it, except for tell, by which
// the quickstart hears what happens in it.
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
	go func() { // it ends with the process
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop() // the quickstart wants this process to end, or has ended itself
	}()

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
	defer func() { tell(message{Did: returned, Token: term.Token(), Why: text(term.Check())}) }()
	j, err := openJournal(path)
	if err != nil {
		return err
	}
	defer j.Close()
	for tick := time.Tick(every); ; {
		if err := term.Check(); err != nil { // right before the effect
			return err
		}
		if err := j.append(term.Token(), id); err != nil { // the token goes along
			return err
		}
		select {
		case <-tick:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// A message goes from a node to the quickstart: a line of JSON on standard output.
type message struct {
	Did   string
	Token uint64 `json:",omitempty"`
	Why   string `json:",omitempty"`
}

// What a message says that the node did.
const (
	standsBy = "stands by"
	leads    = "leads"
	renewed  = "renewed the lease"
	stops    = "stops its work" // Why: the cause
	returned = "its work has returned"
	released = "released the lease"
	exited   = "exited" // the quickstart itself says so; Why: the exit status
)

func tell(m message) {
	line, _ := json.Marshal(m) // texts and a number: no error
	_, _ = os.Stdout.Write(append(line, '\n'))
}

func tellEvent(e leader.Event) {
	switch e := e.(type) {
	case leader.StateEvent:
		switch e.To {
		case leader.Standby:
			tell(message{Did: standsBy})
		case leader.Leading:
			tell(message{Did: leads, Token: e.Token})
		case leader.Stopping:
			tell(message{Did: stops, Token: e.Token, Why: text(e.Cause)})
		}
	case leader.RequestEvent:
		switch {
		case e.Err == nil && e.Op == leader.OpRenew:
			tell(message{Did: renewed})
		case e.Err == nil && e.Op == leader.OpRelease:
			tell(message{Did: released})
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
