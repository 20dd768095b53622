package dynamodb_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/cloudlease/leader/lease"
	leasedb "github.com/cloudlease/leader/lease/dynamodb"
)

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
