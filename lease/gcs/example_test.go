package gcs_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/gcs"
)

// A program that leads while it holds a lease in a bucket.
func Example() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	client, err := gcs.NewClient(ctx) // application default credentials
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	err = leader.New(
		leader.WithLeaseManager(gcs.New(client, "my-leases", gcs.WithPrefix("prod/"))),
		leader.WithLeaseName("orders-projection"),
		leader.WhenStarted(func(ctx context.Context) error {
			<-ctx.Done() // the work
			return nil
		}),
	).Run(ctx)
	if err != nil {
		log.Fatal(err)
	}
}

// Who leads? The same bucket, by its URL.
func ExampleNew_inspect() {
	ctx := context.Background()
	m, err := lease.Open(ctx, "gs://my-leases/prod")
	if err != nil {
		log.Fatal(err)
	}
	defer lease.Close(m)
	info, err := lease.Inspect(ctx, m, "orders-projection")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.Holder, info.State)
}
