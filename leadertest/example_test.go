package leadertest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

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

// Two nodes, and the leader is cut off from the store. In a bubble, the minute takes no time.
func TestAnotherLeadsWhenTheLeaderIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := leadertest.NewManager(nil)
		way1, way2 := leadertest.NewManager(store), leadertest.NewManager(store)
		run := func(name string, way *leadertest.Manager) *leader.Leader {
			l := leader.New(leader.WithLeaseManager(way), leader.WithLeaseName("orders"), leader.WithNodeID(name),
				leader.WhenStarted(func(ctx context.Context) error { <-ctx.Done(); return nil }))
			go func() { _ = l.Run(t.Context()) }()
			synctest.Wait()
			return l
		}
		node1, node2 := run("node-1", way1), run("node-2", way2)

		way1.Set(leadertest.CutOff)
		time.Sleep(time.Minute)
		if state := node1.Status().State; state != leader.Standby {
			t.Errorf("node-1 is %v, and cut off", state)
		}
		if state := node2.Status().State; state != leader.Leading {
			t.Errorf("node-2 is %v, and node-1 is cut off", state)
		}
	})
}

// Each fault, as a program sees it that uses leases by hand.
func ExampleManager() {
	ctx := context.Background()
	m := leadertest.NewManager(nil)
	held, err := m.Acquire(ctx, lease.Request{Name: "orders", Holder: "node-1", Length: 15 * time.Second})
	fmt.Println("acquired, with token", held.Token, err)

	m.Set(leadertest.CutOff)
	_, err = m.Renew(ctx, held)
	fmt.Println("cut off:", err)

	m.Set(leadertest.Hang)
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	_, err = m.Renew(short, held)
	fmt.Println("no answer:", err)

	m.Set(leadertest.LoseAnswers, leadertest.Release) // everything else goes on hanging
	err = m.Release(ctx, held)
	fmt.Println("answer lost:", err)

	m.Set(leadertest.None)
	_, err = m.Renew(ctx, held)
	fmt.Println("well again:", err)
	// Output:
	// acquired, with token 1 <nil>
	// cut off: renew: leadertest: the connection to the store broke
	// no answer: renew: leadertest: the connection to the store broke: context deadline exceeded
	// answer lost: release: leadertest: the connection to the store broke
	// well again: lease "orders" with token 1 is lost: it was released
}

// Somebody deletes the record while a leader works. It finds that out at its next renewal.
func ExampleManager_Forget() {
	m := leadertest.NewManager(nil)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	work := func(ctx context.Context) error {
		term, _ := leader.TermFrom(ctx)
		fmt.Println("leads with token", term.Token())
		m.Forget("orders")
		<-ctx.Done()
		fmt.Println("stops:", context.Cause(ctx))
		stop()
		return nil
	}
	err := leader.New(
		leader.WithLeaseManager(m),
		leader.WithLeaseName("orders"),
		leader.WithLogger(slog.New(slog.DiscardHandler)),
		leader.WithRenewEvery(100*time.Millisecond),
		leader.WithLeaseLength(time.Minute),
		leader.WhenStarted(work),
	).Run(ctx)
	fmt.Println("ended:", err)
	// Output:
	// leads with token 1
	// stops: lease "orders" with token 1 is lost: its record is gone
	// ended: <nil>
}
