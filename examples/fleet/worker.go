package main

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/lease"
	_ "github.com/cloudlease/leader/lease/file"
)

const fleetName = "journals"

// node is one of the processes that divide the parts. Your program would look like it, except for tell, by which the experiment
// hears what happens in it.
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
	go func() { // it ends with the process
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop() // the experiment wants this process to end, or has ended itself
	}()

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
	j, err := claimJournal(path, term.Token(), node) // claim with the token, then read
	if err != nil {
		return err
	}
	defer j.Close()
	for tick := time.Tick(every); ; {
		select {
		case <-tick:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := term.Check(); err != nil { // right before the effect
			return err
		}
		if err := j.append(); err != nil { // refused if a newer term has claimed the journal
			return err
		}
	}
}

// A message goes from a node to the experiment: a line of JSON on standard output.
type message struct {
	Did   string
	Part  string `json:",omitempty"`
	Token uint64 `json:",omitempty"`
	Why   string `json:",omitempty"`
}

// What a message says that the node did.
const (
	sits       = "takes a seat"
	loses      = "has lost its seat" // Why: the error
	coordinate = "is the coordinator"
	begins     = "begins a part"
	exited     = "exited" // the experiment itself says so; Why: the exit status
)

func tell(m message) {
	line, _ := json.Marshal(m) // texts and a number: no error
	_, _ = os.Stdout.Write(append(line, '\n'))
}

func tellEvent(e fleet.Event) {
	switch e := e.(type) {
	case fleet.SeatEvent:
		switch {
		case e.Held:
			tell(message{Did: sits, Token: e.Token})
		case e.Err != nil:
			tell(message{Did: loses, Token: e.Token, Why: e.Err.Error()})
		}
	case fleet.CoordinatorEvent:
		if e.Coordinates {
			tell(message{Did: coordinate, Token: e.Token})
		}
	case fleet.PartEvent:
		if e.To == fleet.Working && !e.Gone {
			tell(message{Did: begins, Part: e.Part, Token: e.Token})
		}
	}
}
