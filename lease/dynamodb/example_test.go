package dynamodb_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
	leasedb "github.com/cloudlease/leader/lease/dynamodb"
)

// A program that leads while it holds a lease in a table.
func Example() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	client := dynamodb.NewFromConfig(cfg)
	if err := leasedb.CreateTable(ctx, client, "leases"); err != nil { // once; or as you make your other tables
		log.Fatal(err)
	}
	err = leader.New(
		leader.WithLeaseManager(leasedb.New(client, "leases", leasedb.WithPrefix("team-a/"))),
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

func ExampleNew() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	client := dynamodb.NewFromConfig(cfg)
	if err := leasedb.CreateTable(ctx, client, "leases"); err != nil { // once; or as you make your other tables
		log.Fatal(err)
	}
	manager := leasedb.New(client, "leases", leasedb.WithPrefix("team-a/"))

	held, err := manager.Acquire(ctx, lease.Request{Name: "orders", Holder: "worker-1", Length: 15 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("token", held.Token)
}

func ExampleCreateTable() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	err = leasedb.CreateTable(ctx, dynamodb.NewFromConfig(cfg), "leases", func(in *dynamodb.CreateTableInput) {
		in.DeletionProtectionEnabled = aws.Bool(true)
		in.Tags = []types.Tag{{Key: aws.String("team"), Value: aws.String("orders")}}
	})
	if err != nil {
		log.Fatal(err)
	}
}

// An existing table, with other keys.
func ExampleWithSortKey() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	manager := leasedb.New(dynamodb.NewFromConfig(cfg), "orders",
		leasedb.WithPartitionKey("pk"), leasedb.WithPrefix("LEASE#"), leasedb.WithSortKey("sk", "LEASE"))
	fmt.Println(manager) // dynamodb://orders?partition_key=pk&prefix=LEASE%23&region=eu-west-1&sort_key=sk&sort_value=LEASE
}

func Example_open() {
	ctx := context.Background()
	manager, err := lease.Open(ctx, "dynamodb://leases?region=eu-west-1")
	if err != nil {
		log.Fatal(err)
	}
	defer lease.Close(manager)

	for info, err := range lease.List(ctx, manager, "") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(info.Name, info.State, info.Holder)
	}
}
