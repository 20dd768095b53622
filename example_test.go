package leader_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"syscall"
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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
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

// The work sends its token with every request, the first of which claims: from then on, the other end refuses an older
// term's. What the work goes on from, it reads after that.
func ExampleTermFrom() {
	work := func(ctx context.Context) error {
		term, ok := leader.TermFrom(ctx)
		if !ok {
			return errors.New("not called by a leader")
		}
		position, err := claim(ctx, term.Token())
		for ; err == nil; position++ {
			if err = term.Check(); err == nil { // right before the effect
				err = apply(ctx, term.Token(), position)
			}
		}
		return err
	}
	_ = leader.New(leader.WhenStarted(work))
}

// claim writes the token where the effects go, commits that, and only then reads the position. See docs/fencing.md.
func claim(ctx context.Context, token uint64) (position int64, err error) { return 0, nil }

// apply has an effect, and moves the position, if the token is still this one.
func apply(ctx context.Context, token uint64, position int64) error { return nil }

// A scheduled job is triggered on every machine, and done by one.
func ExampleLeader_RunOnce() {
	manager := memory.New()
	for range 2 { // two machines; the trigger reaches the second one late
		if err := report(context.Background(), manager); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// sending the reports
	// another machine does it
}

// report does the job, unless another machine does it. It returns nil only if one of them does.
func report(ctx context.Context, manager lease.Manager) error {
	err := leader.New(
		leader.WithLeaseManager(manager),
		leader.WithLeaseName("reports"),
		leader.WithLeaseLength(time.Minute),
		leader.WithHoldAtLeast(time.Minute), // a trigger that comes later than the job took is still too late
		leader.WhenStarted(sendReports),
	).RunOnce(ctx)
	if errors.Is(err, lease.ErrHeld) {
		fmt.Println("another machine does it")
		return nil
	}
	return err
}

func sendReports(context.Context) error {
	fmt.Println("sending the reports")
	return nil
}

// A work keeps its position in the lease. Here, two nodes lead one after the other.
func ExampleSetValue() {
	manager := memory.New()
	for range 2 {
		node := leader.New(
			leader.WithLeaseManager(manager),
			leader.WithLogger(slog.New(slog.DiscardHandler)),
			leader.WhenStarted(count),
		)
		if err := node.Run(context.Background()); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// step 1
	// step 2
	// step 3
	// step 4
}

// count takes two steps, and goes on from where the term before stopped.
func count(ctx context.Context) error {
	step, _ := strconv.Atoi(leader.Value(ctx)) // no value yet: 0
	for range 2 {
		step++
		fmt.Println("step", step)
		if err := leader.SetValue(ctx, strconv.Itoa(step)); err != nil {
			return err // the lease is lost, for one
		}
	}
	return nil
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
