package s3_test

import (
	"context"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
	leases3 "github.com/cloudlease/leader/lease/s3"
)

func Example() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	err = leader.New(
		leader.WithLeaseManager(leases3.New(s3.NewFromConfig(cfg), "my-bucket", leases3.WithPrefix("leases/"))),
		leader.WithLeaseName("orders-projection"),
		leader.WhenStarted(func(ctx context.Context) error {
			<-ctx.Done() // lead
			return nil
		}),
	).Run(ctx)
	if err != nil {
		log.Fatal(err)
	}
}

// A URL will do as well, from a flag say.
func Example_open() {
	manager, err := lease.Open(context.Background(), "s3://my-bucket/leases?region=eu-west-1")
	if err != nil {
		log.Fatal(err)
	}
	defer lease.Close(manager)
}
