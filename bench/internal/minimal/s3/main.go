// Command s3 leads once, by a lease in S3, as a user would write it. Its arguments are the bucket and the lease's name. It
// writes a line when it leads.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/cloudlease/leader"
	leases3 "github.com/cloudlease/leader/lease/s3"
)

func main() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	err = leader.New(
		leader.WithLeaseManager(leases3.New(s3.NewFromConfig(cfg), os.Args[1])),
		leader.WithLeaseName(os.Args[2]),
		leader.WhenStarted(func(context.Context) error {
			fmt.Println("leading")
			return nil
		}),
	).Run(ctx)
	if err != nil {
		log.Fatal(err)
	}
}
