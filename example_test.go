package leader_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/file"
	"github.com/cloudlease/leader/lease/memory"
)

// The README shows the pieces of this file.

// Start this program several times on one machine: one of them works, and when it ends, however it ends, another does.
func Example() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := leader.New(
		leader.WithLeaseManager(file.New("leases")),
		leader.WithLeaseName("orders"),
		leader.WhenStarted(process),
	).Run(ctx)
	if err != nil {
		log.Fatal(err)
	}
}

// process is the work. It runs while this process leads.
func process(ctx context.Context) error {
	term, _ := leader.TermFrom(ctx)
	for tick := time.Tick(time.Second); ; {
		if err := term.Check(); err != nil { // right before each effect
			return err
		}
		log.Println("I lead, with token", term.Token())
		select {
		case <-tick:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// The checkpoint of a projection: a row of a database that refuses what an older term writes.
func ExampleTermFrom() {
	save := func(ctx context.Context, tx *sql.Tx, position int64) error {
		term, ok := leader.TermFrom(ctx)
		if !ok {
			return errors.New("save: not called by a leader")
		}
		if err := term.Check(); err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx,
			`UPDATE checkpoint SET position = $1, token = $2 WHERE name = 'orders' AND token <= $2`,
			position, int64(term.Token()))
		if err != nil {
			return err
		}
		rows, err := result.RowsAffected()
		if err == nil && rows == 0 {
			err = fmt.Errorf("a newer term has written the checkpoint: %w", lease.ErrLost)
		}
		return err
	}
	_ = save
}

// A scheduled job is triggered on every machine, and done by one.
func ExampleLeader_RunOnce() {
	ctx := context.Background()
	sendReports := func(context.Context) error {
		fmt.Println("sending the reports")
		return nil
	}
	manager := memory.New()
	for range 2 { // two machines; the trigger reaches the second one late
		err := leader.New(
			leader.WithLeaseManager(manager),
			leader.WithLeaseName("reports"),
			leader.WithLeaseLength(time.Minute),
			leader.WithHoldAtLeast(time.Minute), // a trigger that comes later than the job took is still too late
			leader.WhenStarted(sendReports),
		).RunOnce(ctx)
		switch {
		case errors.Is(err, lease.ErrHeld):
			fmt.Println("another machine does it")
		case err != nil:
			log.Fatal(err) // not done, or not for sure
		}
	}
	// Output:
	// sending the reports
	// another machine does it
}

// A test decides who leads.
func TestExampleWithAssignedLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manager := memory.New()
		manager.AssignLeader("orders", "node-2")
		node1 := leader.New(leader.WithLeaseManager(manager), leader.WithLeaseName("orders"),
			leader.WithNodeID("node-1"), leader.WhenStarted(process))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- node1.Run(ctx) }()

		time.Sleep(time.Hour) // of the bubble's time
		if state := node1.Status().State; state != leader.Standby {
			t.Errorf("node-1 is %v while node-2 is assigned", state)
		}
		manager.AssignLeader("orders", "node-1")
		time.Sleep(10 * time.Second) // a standby asks every 5 s, by default
		if state := node1.Status().State; state != leader.Leading {
			t.Errorf("node-1 is %v, and it is assigned", state)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
