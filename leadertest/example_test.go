package leadertest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/leadertest"
	"github.com/cloudlease/leader/lease"
)

// ship is the work that is to be tested: what a program passes to leader.WhenStarted. It sends each order along with its
// term's token, and sends none once the term is over.
func ship(ctx context.Context, orders []string, send func(order string, token uint64) error) error {
	term, ok := leader.TermFrom(ctx)
	if !ok {
		return errors.New("ship: not called by a leader")
	}
	for _, order := range orders {
		if err := term.Check(); err != nil {
			return err
		}
		if err := send(order, term.Token()); err != nil {
			return err
		}
	}
	return nil
}

func TestShipStopsWhenTheLeaseIsLost(t *testing.T) {
	ctx, lose := leadertest.Context(t, 7)
	var sent []string
	err := ship(ctx, []string{"apples", "pears", "plums"}, func(order string, token uint64) error {
		if token != 7 {
			t.Errorf("%s was sent with token %d, not 7", order, token)
		}
		if sent = append(sent, order); order == "pears" {
			lose(nil) // another node takes over, just now
		}
		return nil
	})
	if !errors.Is(err, lease.ErrLost) {
		t.Errorf("ship returned %v, not that the lease is lost", err)
	}
	if len(sent) != 2 {
		t.Errorf("sent %q, and the lease was lost after pears", sent)
	}
}
