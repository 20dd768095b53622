package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
)

// numbers hands out numbers while this node leads.
type numbers struct {
	path string

	mu     sync.Mutex
	term   lease.Term // the zero Term, whose Check fails, while this node does not lead
	last   int
	ledger *os.File
}

// work is what the leader does: it takes the state over, serves from it until its context ends, and puts it down.
func (n *numbers) work(ctx context.Context) error {
	term, _ := leader.TermFrom(ctx)
	ledger, last, err := open(n.path)
	if err != nil {
		return err
	}
	n.set(term, ledger, last)
	<-ctx.Done()
	n.set(lease.Term{}, nil, 0) // after the request that is being answered
	return errors.Join(ledger.Sync(), ledger.Close())
}

func (n *numbers) set(term lease.Term, ledger *os.File, last int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.term, n.ledger, n.last = term, ledger, last
}

// ServeHTTP answers with a number that nobody has got yet.
func (n *numbers) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.term.Check(); err != nil { // right before the effect
		w.Header().Set("Retry-After", "1")
		http.Error(w, "this node does not lead: ask another", http.StatusServiceUnavailable)
		return
	}
	// The token goes along. Here, that shows in the ledger who has written; a database would refuse a token that is smaller
	// than the largest it has seen, and so a leader that has slept between Check and this line: see examples/script.
	if _, err := fmt.Fprintf(n.ledger, "%d %d\n", n.term.Token(), n.last+1); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	n.last++
	fmt.Fprintln(w, n.last)
}

// open opens the ledger to go on with it. Its lines are the token of who has written, and the number.
func open(path string) (ledger *os.File, last int, err error) {
	ledger, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, 0, err
	}
	for lines := bufio.NewReader(ledger); ; {
		var token uint64
		var number int
		_, err := fmt.Fscanf(lines, "%d %d\n", &token, &number)
		if errors.Is(err, io.EOF) {
			return ledger, last, nil
		}
		if err != nil {
			return nil, 0, errors.Join(fmt.Errorf("ledger %s: after the number %d: %w", path, last, err), ledger.Close())
		}
		last = number
	}
}
