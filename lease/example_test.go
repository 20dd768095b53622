package lease_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/memory"
)

// A manager over any Store takes, renews and releases leases. Most programs leave that to package leader.
func ExampleNewManager() {
	ctx := context.Background()
	m := lease.NewManager(memory.NewStore())

	held, err := m.Acquire(ctx, lease.Request{Name: "orders-projection", Holder: "host-1", Length: 15 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("acquired with token", held.Token)

	_, err = m.Acquire(ctx, lease.Request{Name: "orders-projection", Holder: "host-2", Length: 15 * time.Second})
	if errors.Is(err, lease.ErrHeld) {
		fmt.Println(err)
	}

	if held, err = m.Renew(ctx, held); err != nil { // renew what Renew returned
		log.Fatal(err)
	}
	if err := m.Release(ctx, held); err != nil { // once the work has returned, not before
		log.Fatal(err)
	}
	// Output:
	// acquired with token 1
	// lease "orders-projection" is held by "host-1" with token 1
}

// Check right before each side effect, and send the token with it: a process may sleep between the two, and then only
// the other end can tell that another term has begun.
func ExampleTerm_Check() {
	var greatest uint64 // the other end keeps it beside what is written
	write := func(token uint64, row string) error {
		if token < greatest {
			return fmt.Errorf("token %d is older than %d", token, greatest)
		}
		greatest = token
		fmt.Println("wrote", row, "with token", token)
		return nil
	}
	work := func(ctx context.Context) error { // as leader.WhenStarted gets it
		term, _ := lease.TermFrom(ctx)
		if err := term.Check(); err != nil {
			return err
		}
		return write(term.Token(), "a row")
	}

	sent := lease.Now(context.Background()) // before the request, since the lease may begin when it is sent
	m := lease.NewManager(memory.NewStore())
	held, err := m.Acquire(context.Background(), lease.Request{Name: "orders-projection", Holder: "host-1", Length: 15 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	ctx, keeper := lease.StartTerm(context.Background(), held, sent)
	if err := work(ctx); err != nil {
		log.Fatal(err)
	}
	keeper.End(nil)
	fmt.Println(work(ctx))
	// Output:
	// wrote a row with token 1
	// lease "orders-projection" with token 1 is lost: it was released
}
