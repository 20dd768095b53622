package fleet_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/file"
	"github.com/cloudlease/leader/lease/memory"
)

// Start this program on several machines: they divide 64 partitions.
func Example() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := fleet.New(
		fleet.WithLeaseManager(file.New("leases")),
		fleet.WithName("orders"),
		fleet.WithShards(64),
		fleet.WhenAssigned(project),
	).Run(ctx)
	if err != nil {
		log.Fatal(err)
	}
}

// project is the work of one partition. It runs while this node has the partition.
func project(ctx context.Context, part string) error {
	term, _ := lease.TermFrom(ctx)
	for tick := time.Tick(time.Second); ; {
		if err := term.Check(); err != nil { // right before each effect
			return err
		}
		log.Println("I work on partition", part, "with token", term.Token())
		select {
		case <-tick:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// The parts are rows of a table. A tenant that is added there has a node within a minute and an interval.
func ExampleWithPartsFrom() {
	var db *sql.DB
	f := fleet.New(
		fleet.WithLeaseManager(file.New("leases")),
		fleet.WithName("tenants"),
		fleet.WithPartsFrom(time.Minute, func(ctx context.Context) ([]string, error) { return tenants(ctx, db) }),
		fleet.WhenAssigned(project),
	)
	_ = f.Run
}

// tenants lists the parts. An error changes nothing: the fleet goes on with the list that it has.
func tenants(ctx context.Context, db *sql.DB) (names []string, err error) {
	rows, err := db.QueryContext(ctx, "SELECT name FROM tenants WHERE active")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// Any process that reaches the store can see which node has which part.
func ExampleInspect() {
	manager := memory.New() // a real fleet's is shared by all nodes: a table, a bucket
	begun := make(chan string)
	f := fleet.New(
		fleet.WithLeaseManager(manager),
		fleet.WithName("orders"),
		fleet.WithParts("eu", "us"),
		fleet.WithNodeID("node-a"),
		fleet.WithAttributes(map[string]string{"address": "10.0.0.7:8080"}),
		fleet.WithLeaseLength(time.Second),
		fleet.WithLogger(slog.New(slog.DiscardHandler)),
		fleet.WhenAssigned(func(ctx context.Context, part string) error {
			begun <- part
			<-ctx.Done()
			return nil
		}),
	)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- f.Run(ctx) }()
	<-begun
	<-begun

	show(ctx, manager)

	stop() // the node drains: it says so, and gives its seat back when its works have returned
	fmt.Println("ended:", <-ended)
	// Output:
	// eu is worked on by node-a, at 10.0.0.7:8080
	// us is worked on by node-a, at 10.0.0.7:8080
	// ended: <nil>
}

// show prints whose each part is.
func show(ctx context.Context, manager lease.Manager) {
	o, err := fleet.Inspect(ctx, manager, "orders")
	if err != nil {
		log.Fatal(err)
	}
	addresses := map[int]string{}
	for _, n := range o.Nodes {
		addresses[n.Seat] = n.Attrs["address"]
	}
	for _, p := range o.Parts {
		switch {
		case p.Why != "":
			fmt.Printf("nobody works on %s: %s\n", p.Part, p.Why)
		default:
			fmt.Printf("%s is worked on by %s, at %s\n", p.Part, p.Node, addresses[p.Seat])
		}
	}
}

// A node tells what it does, and ends in order when it is told to.
func ExampleFleet_Drain() {
	working := make(chan struct{})
	f := fleet.New(
		fleet.WithLeaseManager(memory.New()),
		fleet.WithName("orders"),
		fleet.WithShards(1),
		fleet.WithLeaseLength(time.Second),
		fleet.WithLogger(slog.New(slog.DiscardHandler)),
		fleet.WhenAssigned(func(ctx context.Context, part string) error {
			close(working)
			<-ctx.Done()
			return nil
		}),
	)
	go func() { _ = f.Run(context.Background()) }()
	<-working
	for _, p := range f.Status().Parts {
		fmt.Println("part", p.Part, "is", p.State)
	}
	fmt.Println("drained:", f.Drain(context.Background()))
	fmt.Println("running:", f.Status().Running)
	// Output:
	// part 0 is working
	// drained: <nil>
	// running: false
}
